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

from impasto.looks import cholesky
from impasto.looks.laplacian import laplacian_rows
from impasto.looks.planes import Array, Bools, erode, shrink

Labels = NDArray[np.int16]

WORK = 640  # long side for solving the mattes, in pixels
BAND = 0.0085  # half-width of the unknown band, relative to the long side
DOUBT = 0.03  # distance from a border within which labels can be corrected, relative to the long side
CLEARLY = 16.0  # cost difference required to correct a label, in squared deviations
NARROW = 6.0  # least deviation of a Gaussian on a reduced image, in its pixels
LEAST_DEVIATION = 0.025  # least color deviation of a class, 0..1
EPSILON = 1e-6  # regularization of the Laplacian for colors 0..1; 1e-7 in Levin et al.
FOUND = 1e-4  # the same for automatic classes, whose borders cross skies with noise and JPEG blocks
RIDGE = 1e-8  # added to the diagonal, for unknown regions without a known pixel
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
        sure: Bools | None = None,
    ) -> Mattes:
        """Solve the mattes of an image.

        Args:
            rgb: image ``(H, W, 3)``, 0..1, of any size.
            labels: class of each pixel, ``(h, w)``, with the aspect ratio of the image.
            count: number of classes.
            sure: pixels with reliable labels, ``(h, w)``; the others are solved, with smooth transitions
                where the image has no edges. Default: all pixels except near borders.
        """
        guide = shrink(rgb, WORK)
        size = guide.shape[1::-1]
        near = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST_EXACT)
        own: Labels = np.asarray(near, np.int16)
        if sure is None:
            return cls(solve(guide, own, count), guide)
        held = cv2.resize(sure.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST_EXACT) > 0
        hard = np.stack([own == index for index in range(count)])
        return cls(_solve_alphas(guide, hard, hard & held, epsilon=FOUND), guide)

    def at(self, rgb: Array) -> Array:
        """Return the mattes ``(K, H, W)`` at the size of ``rgb (H, W, 3)``, following its edges.

        They are 0..1, and sum to about 1.
        """
        size = rgb.shape[:2]
        if size == self.alphas.shape[1:]:
            return self.alphas
        planes = np.zeros((len(self.alphas), *size), np.float32)
        for plane, alpha, model in zip(planes, self.alphas, self._models, strict=True):
            if alpha.any():
                large = cv2.resize(model, size[::-1], interpolation=cv2.INTER_LINEAR)
                large[..., :3] *= rgb
                plane[:] = cv2.transform(large, np.ones((1, 4), np.float32)).clip(0, 1)
        return planes

    @cached_property
    def _models(self) -> Array:
        return _linear_models(self.guide, self.alphas)

    def shrink(self, size: tuple[int, int]) -> Array:
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
    inner = np.stack([erode(plane, 2 * radius + 1) for plane in hard])
    # Keep all labels of a class too thin to have an interior; otherwise it would vanish.
    for index in range(count):
        if hard[index].any() and inner[index].sum() < 0.1 * hard[index].sum():
            inner[index] = hard[index]
    return _solve_alphas(rgb, hard, inner)


def _solve_alphas(
    rgb: Array,
    hard: Bools,
    inner: Bools,
    *,
    epsilon: float = EPSILON,
) -> Array:
    """Solve alphas ``(K, H, W)`` of classes that are fixed in their ``inner`` parts."""
    known = np.asarray(inner.any(0))
    alphas = hard.astype(np.float32)
    if known.all() or not known.any():
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
    colors, own = rgb[band], labels[band]
    costs = np.full((count, len(own)), np.inf, np.float32)
    for index in range(count):
        inside = (labels == index) & ~band
        if not inside.any():
            inside = labels == index
        near, mean, square = _local_moments(rgb, inside.astype(np.float32), 1.5 * reach, band)
        variance = np.maximum(square - mean * mean, 0).mean(-1) + np.float32(LEAST_DEVIATION**2)
        cost = np.square(colors - mean).sum(-1) / variance + 3 * np.log(variance)
        costs[index] = np.where(near > 0.01, cost, np.inf)
    given = np.take_along_axis(costs, own[None].astype(np.intp), 0)[0]
    with np.errstate(invalid="ignore"):
        fits = np.asarray(np.isfinite(given) & (given - costs.min(0) > CLEARLY))
    best, moves = labels.copy(), np.zeros_like(band)
    best[band], moves[band] = costs.argmin(0), fits
    # Ignore single pixels, which are small details and noise.
    moves = cv2.medianBlur(moves.astype(np.uint8), 5) > 0
    result: Labels = np.where(moves, best, labels).astype(np.int16)
    return result


def _local_moments(rgb: Array, inside: Array, deviation: float, where: Bools) -> tuple[Array, Array, Array]:
    """Compute the moments of the colors of a class around the ``N`` pixels ``where``, weighted by a Gaussian.

    Return the share of the class ``(N,)``, means of its colors ``(N, 3)`` and of their squares ``(N, 3)``.
    """
    # A wide Gaussian is computed on a reduced image, with a deviation of at least NARROW there.
    factor = max(1, int(deviation / NARROW))
    size = [max(1, side // factor) for side in inside.shape[::-1]]
    seen = inside[..., None] * rgb
    large = []
    for part in (np.concatenate([inside[..., None], seen], -1), seen * rgb):  # OpenCV takes four channels
        small = part if factor == 1 else cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        blurred = cv2.GaussianBlur(small, (0, 0), deviation / factor)
        large.append(cv2.resize(blurred, inside.shape[::-1], interpolation=cv2.INTER_LINEAR)[where])
    found: Array = np.concatenate(large, -1).astype(np.float32, copy=False)
    near = found[:, 0]
    moments = np.asarray(found[:, 1:] / np.maximum(near, 1e-6)[:, None], np.float32)
    return near, moments[:, :3], moments[:, 3:]


def _unknown(rgb: Array, hard: Bools, known: Bools, *, epsilon: float) -> NDArray[np.float64]:
    """Solve alphas ``(K, N)`` of the unknown pixels under the Laplacian, with the known ones fixed."""
    from scipy import sparse
    from scipy.sparse.linalg import splu

    rows = laplacian_rows(rgb, ~known, epsilon=epsilon)
    free, held = np.flatnonzero(~known), np.flatnonzero(known)
    planes = hard.reshape(len(hard), -1)[:-1, held].astype(np.float64)
    right = -(rows[:, held] @ planes.T)
    system = sparse.csc_matrix(rows[:, free] + RIDGE * sparse.identity(len(free)))
    # Positive definite, so no pivots are needed. Direct, because iterations stop early where edges isolate a
    # region, and all classes share the factors.
    factors = splu(system, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    found = factors.solve(right).T
    # The Laplacian annihilates constants, so the last alpha is 1 minus the others.
    return np.concatenate([found, 1 - found.sum(0, keepdims=True)])


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
    cov = np.empty((3, 3, *guide.shape[:2]), np.float32)
    for one in range(3):
        for other in range(one + 1):
            product = mean(guide[..., one] * guide[..., other])
            cov[one, other] = product - center[..., one] * center[..., other]
        cov[one, one] += np.float32(FLATNESS)
    factors = cholesky.factor(cov)
    right = np.stack(cross).transpose(3, 0, 1, 2)
    slopes = cholesky.solve_upper(factors, cholesky.solve_lower(factors, right)).transpose(1, 2, 3, 0)
    offsets = targets - (slopes * center).sum(-1)
    models = np.concatenate([slopes, offsets[..., None]], -1).astype(np.float32)
    return np.stack([mean(model) for model in models])
