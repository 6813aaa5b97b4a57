"""Color grading by class: one affine color map for each class, blended by mattes.

The map is the linear optimal transport between Gaussians (Pitie and Kokaram 2007), with limits on gain
(noise) and on clipping of shadows and highlights. The result at a pixel depends only on its color and its
mattes, so edges cannot move and halos cannot form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from impasto import color
from impasto.looks.look import Look, Statistics, statistics
from impasto.looks.masks import Regions
from impasto.looks.mattes import Mattes
from impasto.looks.planes import Array

RIDGE = 1e-4  # added to variances, so that the grain of a flat sky is not amplified
LEAST_GAIN = 0.03  # least gain in any color direction
MOST_GAIN = (2.5, 10.0)  # limit of the gain for a very noisy image and for a noise-free one
GRAIN = 0.05  # largest noise deviation of the result, which sets the limit between these two
DARK, LIGHT = 0.12, 0.85  # where the shadow and highlight compression start
TAIL = 3.0  # percentage of a class that may be clipped
QUIET = 1.25  # gain above which noise is attenuated
STRIP = 256  # rows processed at a time


@dataclass(frozen=True, eq=False)
class Grade:
    """Color maps of the classes.

    ``maps (K, 3, 4)`` apply to ``(r, g, b, 1)``. ``ends (K, 2)`` are the darkest and the lightest value of
    the result, which are compressed into 0..1 if they lie outside. ``grain (K,)`` is the fraction of the
    finest detail that a class keeps.
    """

    maps: Array
    ends: Array
    grain: Array


@dataclass(frozen=True, eq=False)
class Subject:
    """Content image prepared for grading: full size, small copy with its regions, and the look.

    ``styles`` holds the regions of the style images, if any. ``given`` is the photo as it was given if lamps
    were taken out of ``photo``.
    """

    photo: Array
    small: Array
    regions: Regions
    look: Look
    styles: tuple[Regions, ...] = ()
    given: Array | None = None


def shift(rgb: Array, regions: Regions, look: Look) -> tuple[Grade, list[Statistics | None]]:
    """Compute the grade from an image to a look; return it and the statistics of the image by class.

    Args:
        rgb: content image ``(H, W, 3)``, 0..1; a small copy is enough.
        regions: its regions at the same size, with the class names of the look.
        look: target look. A class missing on either side uses the map of the whole images.
    """
    *classes, whole = statistics(rgb, regions)
    assert whole is not None
    most = float(np.clip(GRAIN / max(noise(rgb), 1e-6), *MOST_GAIN))
    common = _map(whole, look.whole, most)
    maps, ends, grain = [], [], []
    for index, (own, wanted) in enumerate(zip(classes, look.classes, strict=True)):
        matrix = common if own is None or wanted is None else _map(own, wanted, most)
        pixels = rgb[regions.labels == index]
        maps.append(matrix)
        ends.append(_ends(pixels, matrix))
        gain = float(np.linalg.norm(matrix[:, :3] @ np.ones(3)) / 3**0.5)
        grain.append(min(1.0, QUIET / max(gain, 1e-6)))
    return Grade(np.stack(maps), np.asarray(ends, np.float32), np.asarray(grain, np.float32)), classes


def _map(source: Statistics, target: Statistics, most: float) -> Array:
    """Return the transport with limited gains as ``(3, 4)``; it still maps mean to mean."""
    one, other = ((s.mean.astype(np.float64), s.cov.astype(np.float64)) for s in (source, target))
    matrix, _ = color.gaussian_transport(one, other, ridge=RIDGE)
    values, vectors = np.linalg.eigh(matrix)
    matrix = (vectors * values.clip(LEAST_GAIN, most)) @ vectors.T
    return np.concatenate([matrix, (other[0] - matrix @ one[0])[:, None]], 1).astype(np.float32)


def _ends(pixels: Array, matrix: Array) -> tuple[float, float]:
    """Return the darkest and the lightest mapped value of a class, at most 0 and at least 1."""
    if not len(pixels):
        return 0.0, 1.0
    moved = pixels @ matrix[:, :3].T + matrix[:, 3]
    low = float(np.percentile(moved.min(1), TAIL))
    high = float(np.percentile(moved.max(1), 100 - TAIL))
    return min(low, 0.0), max(high, 1.0)


def bend(values: Array, ends: Sequence[float] | Array) -> Array:
    """Compress values between ``ends`` into 0..1 by smooth, increasing curves.

    It is the identity between ``DARK`` and ``LIGHT``, and everywhere if the ends are 0 and 1.
    """
    low, high = float(ends[0]), float(ends[1])
    result = values
    if low < 0:
        depth = np.maximum(DARK - result, 0)
        bent = DARK - depth / (1 + depth * np.float32(1 / DARK - 1 / (DARK - low)))
        result = np.where(result < DARK, bent, result)
    if high > 1:
        height = np.maximum(result - LIGHT, 0)
        bent = LIGHT + height / (1 + height * np.float32(1 / (1 - LIGHT) - 1 / (high - LIGHT)))
        result = np.where(result > LIGHT, bent, result)
    return np.asarray(result, np.float32)


def grade(rgb: Array, mattes: Mattes, given: Grade, *, strength: float = 1.0) -> Array:
    """Apply a grade to an image of any size.

    Args:
        rgb: content image ``(H, W, 3)``, float32, 0..1.
        mattes: mattes of the same image, computed at any size.
        given: the grade.
        strength: 0 returns the content image, 1 applies the full grade.

    Returns:
        ``(H, W, 3)``, float32, 0..1.
    """
    total = np.zeros_like(rgb)
    weight = np.zeros(rgb.shape[:2], np.float32)
    planes = mattes.at(rgb)
    quiet = attenuate_noise(rgb, planes, given.grain)
    for index, plane in enumerate(planes):
        for top in range(0, len(rgb), STRIP):
            rows = slice(top, top + STRIP)
            alpha = plane[rows]
            if not alpha.any():
                continue
            moved = bend(
                np.asarray(cv2.transform(quiet[rows], given.maps[index]), np.float32), given.ends[index]
            )
            total[rows] += alpha[..., None] * moved
            weight[rows] += alpha
    total /= np.maximum(weight, 1e-6)[..., None]
    return mix(rgb, total, strength)


def mix(photo: Array, result: Array, strength: float) -> Array:
    """Scale the change by ``strength``; values above 1 exaggerate it. The result is clipped to 0..1."""
    if strength != 1:
        result = photo + np.float32(strength) * (result.clip(0, 1) - photo)
    return np.asarray(result.clip(0, 1), np.float32)


def attenuate_noise(rgb: Array, alphas: Array, grain: Array) -> Array:
    """Attenuate the noise of each class to the fraction ``grain (K,)``, with mattes ``(K, H, W)``.

    Returns the image itself if all noise is kept.
    """
    if (grain >= 1).all():
        return np.ascontiguousarray(rgb)
    keep = np.zeros(rgb.shape[:2], np.float32)
    for share, plane in zip(grain, alphas, strict=True):
        keep += np.float32(share) * plane
    calm = denoise(rgb)
    grainy: Array = rgb - calm
    grainy *= keep.clip(0, 1)[..., None]
    grainy += calm
    return grainy


def noise(rgb: Array) -> float:
    """Estimate the standard deviation of the noise of ``rgb (H, W, 3)``, 0..1.

    Source: Immerkaer 1996, "Fast noise variance estimation", with the median, which is robust to edges.
    """
    gray = cv2.transform(rgb, np.full((1, 3), 1 / 3, np.float32))
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    answers = np.abs(cv2.filter2D(gray, -1, kernel, borderType=cv2.BORDER_REFLECT))
    return float(np.median(answers) / 0.6745 / 6)


def denoise(rgb: Array) -> Array:
    """Denoise an image with a self-guided filter, which keeps edges.

    Source: He, Sun and Tang 2010, "Guided image filtering"; He and Sun 2015 on subsampling.
    """
    flat = np.float32((4 * noise(rgb)) ** 2 + 1e-6)  # noise is larger in a channel than in the gray mean
    reach = max(2, max(rgb.shape[:2]) // 250)
    # Subsample wide windows; their means hardly change.
    step = max(1, reach // 4)
    thin = np.ascontiguousarray(rgb[::step, ::step])
    side = 2 * round(reach / step) + 1

    def mean(picture: Array) -> Array:
        return np.asarray(cv2.boxFilter(picture, -1, (side, side), borderType=cv2.BORDER_REFLECT))

    middle = mean(thin)
    variance = np.maximum(mean(thin * thin) - middle * middle, 0)
    slope = np.asarray(variance / (variance + flat), np.float32)
    model = np.concatenate([mean(slope), mean(middle - slope * middle)], 2)
    large: Array = model if step == 1 else np.asarray(cv2.resize(model, rgb.shape[1::-1]), np.float32)
    calm: Array = large[..., :3] * rgb
    calm += large[..., 3:]
    return calm


NO_LIGHT, HARDLY = 0.03, 0.08  # luma below which an image has no signal, and little signal
SEEN = 0.2  # luma above which a result is visible

FADE = (0.03, 0.1)  # mean luma of a class from which features count, and from which they count in full


def signal(photo: Array, alphas: Array) -> Array:
    """Return how far the features of each class can be trusted, 0..1, ``(K,)``: not in the dark.

    Args:
        photo: ``(H, W, 3)``, 0..1.
        alphas: mattes of the classes, ``(K, H, W)``.
    """
    luma = color.luma(photo).ravel()
    planes = alphas.reshape(len(alphas), -1)
    area = planes.sum(1)
    means = np.where(area > 0, planes @ luma / np.maximum(area, 1e-6), 1)
    step = ((means - FADE[0]) / (FADE[1] - FADE[0])).clip(0, 1)
    return np.asarray(step * step * (3 - 2 * step), np.float32)


MOST_CHROMA = 1.5  # largest gain of the color of an image whose tone is replaced
FLOOR = 0.02  # added to both lumas, so that the color of black does not decide


def replace_chroma(tone: Array, colored: Array) -> Array:
    """Return the luma of one image ``(H, W, 3)`` with the hue and saturation of another."""
    own, other = (color.luma(picture)[..., None] for picture in (tone, colored))
    gain = np.minimum((own + FLOOR) / (other + FLOOR), MOST_CHROMA)
    return np.asarray(own + gain * (colored - other), np.float32)


def without_signal(photo: Array, result: Array, *, least: float = NO_LIGHT) -> float:
    """Return the fraction of pixels visible in the result whose content luma is below ``least``."""
    dark = color.luma(photo) < least
    return float((dark & (color.luma(result) > SEEN)).mean())
