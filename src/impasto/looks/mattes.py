"""Class mattes by closed-form matting.

Labels are fixed away from their borders; in a band along the borders the matting Laplacian of the image
decides (Levin, Lischinski and Weiss 2008, "A closed-form solution to natural image matting"). The system is
solved on a small image and upsampled by the local linear model underlying the Laplacian (He and Sun 2015,
"Fast guided filter", arXiv 1505.00996), so a matte follows the edges of the large image.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto import image
from impasto.looks.laplacian import laplacian_rows

Array = NDArray[np.float32]
Labels = NDArray[np.int16]

WORK = 640  # long side for solving the mattes, in pixels
BAND = 0.0085  # half-width of the unknown band, relative to the long side
DOUBT = 0.03  # distance from a border within which labels can be corrected, relative to the long side
CLEARLY = 16.0  # cost difference required to correct a label, in squared deviations
LEAST_DEVIATION = 0.025  # least color deviation of a class, 0..1
EPSILON = 1e-6  # regularization of the Laplacian for colors 0..1; 1e-7 in Levin et al.
FOUND = 1e-4  # the same for automatic classes, whose borders cross skies with noise and JPEG blocks
FADE = 0.04  # width of the initial transition between classes, relative to the long side
TOLERANCE = 1e-4  # relative residual, sufficient for 8 bits
MOST_STEPS = 400  # most conjugate gradient steps
SPREAD = 3  # window radius of the local linear model, in pixels
FLATNESS = 1e-4  # color variance below which a window counts as flat


@dataclass(frozen=True, eq=False)
class Mattes:
    """Mattes of the classes of one image.

    ``alphas (K, h, w)`` sum to 1; ``guide (h, w, 3)`` is the small image they were solved on.
    """

    alphas: Array
    guide: Array

    @classmethod
    def of(
        cls,
        rgb: Array,
        labels: Labels,
        count: int,
        *,
        sure: NDArray[np.bool_] | None = None,
    ) -> Mattes:
        """Solve the mattes of an image.

        Args:
            rgb: image ``(H, W, 3)``, 0..1, of any size.
            labels: class of each pixel, ``(h, w)``, with the aspect ratio of the image.
            count: number of classes.
            sure: pixels with reliable labels, ``(h, w)``; the others are solved, with smooth transitions
                where the image has no edges. Default: all pixels except near borders.
        """
        size = image.fit((rgb.shape[0], rgb.shape[1]), min(WORK, max(rgb.shape[:2])))
        guide = rgb if rgb.shape[:2] == size else image.resize(rgb, size)
        near = cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        own: Labels = np.asarray(near, np.int16)
        if sure is None:
            return cls(solve(guide, own, count), guide)
        held = cv2.resize(sure.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST_EXACT) > 0
        hard = np.stack([own == index for index in range(count)])
        return cls(_solved(guide, hard, hard & held, epsilon=FOUND), guide)

    def at(self, rgb: Array) -> Array:
        """Return the mattes ``(K, H, W)`` at the size of ``rgb (H, W, 3)``, following its edges."""
        return np.stack([self.plane(index, rgb) for index in range(len(self.alphas))])

    def plane(self, index: int, rgb: Array) -> Array:
        """Return one matte ``(H, W)`` at the size of ``rgb``, 0..1; all classes sum to about 1."""
        alpha: Array = self.alphas[index]
        if rgb.shape[:2] == alpha.shape:
            return alpha
        large = cv2.resize(self._models[index], (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_LINEAR)
        plane = np.asarray(large[..., 3], np.float32)
        for channel in range(3):
            plane += np.asarray(large[..., channel], np.float32) * rgb[..., channel]
        return plane.clip(0, 1)

    @cached_property
    def _models(self) -> Array:
        return _linear_models(self.guide, self.alphas)

    def shrunk(self, size: tuple[int, int]) -> Array:
        """Return the mattes ``(K, h, w)`` at a smaller size."""
        if self.alphas.shape[1:] == size:
            return self.alphas
        planes = [cv2.resize(p, size[::-1], interpolation=cv2.INTER_AREA) for p in self.alphas]
        return np.stack(planes).astype(np.float32)


def solve(rgb: Array, labels: Labels, count: int) -> Array:
    """Solve alphas ``(K, H, W)``, 0..1, with sum 1, from labels ``(H, W)`` on ``rgb (H, W, 3)``."""
    labels = correct_labels(rgb, labels, count)
    hard = np.stack([labels == index for index in range(count)])
    radius = max(2, round(BAND * max(labels.shape)))
    kernel = np.ones((2 * radius + 1,) * 2, np.uint8)
    inner = np.stack([cv2.erode(plane.astype(np.uint8), kernel, borderValue=1) for plane in hard]) > 0
    # Keep all labels of a class too thin to have an interior; otherwise it would vanish.
    for index in range(count):
        if hard[index].any() and inner[index].sum() < 0.1 * hard[index].sum():
            inner[index] = hard[index]
    return _solved(rgb, hard, inner)


def _solved(
    rgb: Array,
    hard: NDArray[np.bool_],
    inner: NDArray[np.bool_],
    *,
    epsilon: float = EPSILON,
) -> Array:
    """Solve alphas ``(K, H, W)`` of classes that are fixed in their ``inner`` parts."""
    known = np.asarray(inner.any(0))
    alphas = hard.astype(np.float32)
    if known.all():
        return alphas
    alphas[:, ~known] = _unknown(rgb, hard, known, epsilon=epsilon)
    alphas = alphas.clip(0, 1)
    result: Array = alphas / alphas.sum(0)
    return result


def correct_labels(rgb: Array, labels: Labels, count: int) -> Labels:
    """Correct labels ``(H, W)`` near the borders of an inaccurate mask.

    A pixel near a border moves to the neighboring class if its color clearly fits the local interior of
    that class and not that of its own. For example, a strip of sky labeled as roof would glow at night.
    """
    reach = max(3, round(DOUBT * max(labels.shape)))
    kernel = np.ones((2 * reach + 1,) * 2, np.uint8)
    plane = labels.astype(np.uint8)
    band = cv2.dilate(plane, kernel) != cv2.erode(plane, kernel)
    if not band.any():
        return labels
    costs = np.full((count, *labels.shape), np.inf, np.float32)
    for index in range(count):
        inside = ((labels == index) & ~band).astype(np.float32)
        if not inside.any():
            inside = (labels == index).astype(np.float32)
        near = cv2.GaussianBlur(inside, (0, 0), 1.5 * reach)
        weight = np.maximum(near, 1e-6)[..., None]
        mean = cv2.GaussianBlur(inside[..., None] * rgb, (0, 0), 1.5 * reach) / weight
        square = cv2.GaussianBlur(inside[..., None] * rgb * rgb, (0, 0), 1.5 * reach) / weight
        variance = np.maximum(square - mean * mean, 0).mean(-1) + np.float32(LEAST_DEVIATION**2)
        cost = np.square(rgb - mean).sum(-1) / variance + 3 * np.log(variance)
        costs[index] = np.where(near > 0.01, cost, np.inf)
    best = costs.argmin(0)
    own = np.take_along_axis(costs, labels[None].astype(np.intp), 0)[0]
    with np.errstate(invalid="ignore"):
        moves = np.asarray(band & np.isfinite(own) & (own - costs.min(0) > CLEARLY))
    # Ignore single pixels, which are small details and noise.
    moves = cv2.medianBlur(moves.astype(np.uint8), 5) > 0
    result: Labels = np.where(moves, best, labels).astype(np.int16)
    return result


def _unknown(
    rgb: Array, hard: NDArray[np.bool_], known: NDArray[np.bool_], *, epsilon: float
) -> NDArray[np.float64]:
    """Solve alphas ``(K, N)`` of the unknown pixels under the Laplacian, with the known ones fixed."""
    from scipy import sparse

    rows = laplacian_rows(rgb, ~known, epsilon=epsilon)
    free, held = np.flatnonzero(~known), np.flatnonzero(known)
    system = sparse.csr_matrix(rows[:, free] + 1e-8 * sparse.identity(len(free)))
    preconditioner = sparse.diags(1 / system.diagonal())
    # In wide unknown regions without edges the solution is smooth: start from blurred labels.
    width = max(0.5, FADE * max(known.shape) * min(1.0, 2 * float((~known).mean())))
    soft = np.stack([cv2.GaussianBlur(p.astype(np.float32), (0, 0), width) for p in hard]).reshape(
        len(hard), -1
    )
    flat = hard.reshape(len(hard), -1)
    found = np.zeros((len(hard), len(free)))
    for index, plane in enumerate(flat[:-1]):
        if plane.any():
            right = -rows[:, held] @ plane[held].astype(np.float64)
            found[index], _ = sparse.linalg.cg(
                system,
                right,
                x0=soft[index, free].astype(np.float64),
                rtol=TOLERANCE,
                maxiter=MOST_STEPS,
                M=preconditioner,
            )
    # The Laplacian annihilates constants, so the last alpha is 1 minus the others.
    found[-1] = 1 - found[:-1].sum(0)
    return found


def _linear_models(guide: Array, alphas: Array) -> Array:
    """Fit ``alpha = a . rgb + b`` in the window around each pixel; return ``(a_r, a_g, a_b, b)``."""

    def mean(plane: Array) -> Array:
        return np.asarray(cv2.boxFilter(plane, -1, (2 * SPREAD + 1,) * 2, borderType=cv2.BORDER_REFLECT))

    center = mean(guide)
    targets = np.stack([mean(alpha) for alpha in alphas])
    cross = [
        mean(guide * alpha[..., None]) - center * target[..., None]
        for alpha, target in zip(alphas, targets, strict=True)
    ]
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    cov = np.empty((*guide.shape, 3), np.float32)
    for one, other in pairs:
        entry = mean(guide[..., one] * guide[..., other]) - center[..., one] * center[..., other]
        cov[..., one, other] = cov[..., other, one] = entry + (FLATNESS if one == other else 0)
    slopes = np.moveaxis(np.linalg.solve(cov, np.stack(cross, -1)), -1, 0)
    offsets = targets - (slopes * center).sum(-1)
    models = np.concatenate([slopes, offsets[..., None]], -1).astype(np.float32)
    return np.stack([mean(model) for model in models])
