"""Class by class, the least change that gives a photograph the colours of a look: one affine map a class.

The map is the linear optimal transport between Gaussians (Pitie and Kokaram 2007), with limits a photograph
sets: no gain that only raises noise, no shadow or light pressed flat against the end of the range. The maps
are joined by mattes, so that each pixel depends on its own colour, place and matte and nothing else: no
edge moves, and no halo can form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto import color
from impasto.looks.look import Look, Statistics, statistics
from impasto.looks.masks import Regions
from impasto.looks.mattes import Mattes

Array = NDArray[np.float32]

RIDGE = 1e-4  # added to variances: a flat sky is not stretched into its own grain
LEAST_GAIN = 0.03  # of any direction of colour
MOST_GAIN = (2.5, 10.0)  # the limit for a photo full of grain, and for one without
GRAIN = 0.05  # deviation that its grain may have in the end; the limit lies between those two
DARK, LIGHT = 0.12, 0.85  # where the curves begin that bring what falls off either end back into the range
TAIL = 3.0  # percent of a class that may still be clipped
QUIET = 1.25  # gain from which the grain of a photograph is held back
STRIP = 256  # rows at a time


@dataclass(frozen=True, eq=False)
class Grade:
    """What is done to each class.

    ``maps (K, 3, 4)`` take ``(r, g, b, 1)``; ``ends (K, 2)`` are the darkest and the lightest value that come
    of it, bent back into 0..1 where they lie beyond; ``grain (K,)`` is the share of its finest detail that a
    class keeps.
    """

    maps: Array
    ends: Array
    grain: Array


def shift(rgb: Array, regions: Regions, look: Look) -> tuple[Grade, list[Statistics | None]]:
    """The grade that gives a photo a look, and the photo's own statistics by class.

    Args:
        rgb: ``(H, W, 3)``, 0..1; a small copy of the photo is enough.
        regions: its classes, at the same size, with the look's names.
        look: what it shall look like. A class that either side lacks takes the map of the whole pictures.
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
    """``(3, 4)``: the transport with its gains limited, still taking mean to mean."""
    one, other = ((s.mean.astype(np.float64), s.cov.astype(np.float64)) for s in (source, target))
    matrix, _ = color.linear_map(one, other, ridge=RIDGE)
    values, vectors = np.linalg.eigh(matrix)
    matrix = (vectors * values.clip(LEAST_GAIN, most)) @ vectors.T
    return np.concatenate([matrix, (other[0] - matrix @ one[0])[:, None]], 1).astype(np.float32)


def _ends(pixels: Array, matrix: Array) -> tuple[float, float]:
    """The darkest and the lightest value of a class after its map; 0 and 1 unless they lie beyond."""
    if not len(pixels):
        return 0.0, 1.0
    moved = pixels @ matrix[:, :3].T + matrix[:, 3]
    low = float(np.percentile(moved.min(1), TAIL))
    high = float(np.percentile(moved.max(1), 100 - TAIL))
    return min(low, 0.0), max(high, 1.0)


def bend(values: Array, ends: Sequence[float] | Array) -> Array:
    """Brings what lies between 0 and a darker end, or 1 and a lighter one, into 0..1 without a hard stop.

    The identity where the ends are 0 and 1; in any case between ``DARK`` and ``LIGHT``; smooth and rising.
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
    """Applies a grade to a photograph of any size.

    Args:
        rgb: ``(H, W, 3)``, float32, 0..1.
        mattes: of the same picture, found at any size.
        given: the grade.
        strength: 0 gives the photo back, 1 the whole grade.

    Returns:
        ``(H, W, 3)``, float32, 0..1.
    """
    total = np.zeros_like(rgb)
    weight = np.zeros(rgb.shape[:2], np.float32)
    planes = mattes.at(rgb)
    quiet = quieted(rgb, planes, given.grain)
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
    return mixed(rgb, total, strength)


def mixed(photo: Array, result: Array, strength: float) -> Array:
    """A share of the change, 0..1; more than 1 exaggerates it."""
    if strength != 1:
        result = photo + np.float32(strength) * (result.clip(0, 1) - photo)
    return np.asarray(result.clip(0, 1), np.float32)


def quieted(rgb: Array, alphas: Array, grain: Array) -> Array:
    """The photo with that share of its grain ``(K,)`` in each class, of mattes ``(K, H, W)``.

    The photo itself where all is kept.
    """
    if (grain >= 1).all():
        return np.ascontiguousarray(rgb)
    keep = np.zeros(rgb.shape[:2], np.float32)
    for share, plane in zip(grain, alphas, strict=True):
        keep += np.float32(share) * plane
    calm = denoised(rgb)
    grainy: Array = rgb - calm
    grainy *= keep.clip(0, 1)[..., None]
    grainy += calm
    return grainy


def noise(rgb: Array) -> float:
    """Standard deviation of the grain of ``rgb (H, W, 3)``, 0..1.

    Source: Immerkaer 1996, "Fast noise variance estimation", with the median for the mean, which edges spoil.
    """
    grey = cv2.transform(rgb, np.full((1, 3), 1 / 3, np.float32))
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    answers = np.abs(cv2.filter2D(grey, -1, kernel, borderType=cv2.BORDER_REFLECT))
    return float(np.median(answers) / 0.6745 / 6)


def denoised(rgb: Array) -> Array:
    """The picture without its grain, its edges kept: the guided filter of the picture by itself.

    Source: He, Sun and Tang 2010, "Guided image filtering"; He and Sun 2015 on thin samples.
    """
    flat = np.float32((4 * noise(rgb)) ** 2 + 1e-6)  # of colours: grain is larger in each than in their mean
    reach = max(2, max(rgb.shape[:2]) // 250)
    # Windows are sampled thinly where they are wide, as the mean of a window hardly knows the difference.
    step = max(1, reach // 4)
    thin = np.ascontiguousarray(rgb[::step, ::step])
    side = 2 * round(reach / step) + 1

    def mean(picture: Array) -> Array:
        return np.asarray(cv2.boxFilter(picture, -1, (side, side), borderType=cv2.BORDER_REFLECT))

    middle = mean(thin)
    variance = np.maximum(mean(thin * thin) - middle * middle, 0)
    slope = np.asarray(variance / (variance + flat), np.float32)
    model = np.concatenate([mean(slope), mean(middle - slope * middle)], 2)
    large: Array = np.asarray(cv2.resize(model, (rgb.shape[1], rgb.shape[0])), np.float32)
    calm: Array = large[..., :3] * rgb
    calm += large[..., 3:]
    return calm


NO_LIGHT, HARDLY = 0.03, 0.08  # luma under which a photo shows nothing, and next to nothing
SEEN = 0.2  # luma from which a result shows something


def without_signal(photo: Array, result: Array, *, least: float = NO_LIGHT) -> float:
    """Share of a picture that shows something where the photo has less luma than ``least``: it is made up."""
    dark = color.luma(photo) < least
    return float((dark & (color.luma(result) > SEEN)).mean())
