"""Skies by night, where they are.

A sky is what is smooth *relative to its light*: the glow of a lamp fades as a power of the distance, which is
smooth, while the edge of a roof against the night is not, however dark both are.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

from impasto import color
from impasto.looks.planes import Array, Bools, Place, dilate, erode, largest, number_parts, parts_of, shrink

TOP = 4  # rows of the upper border that a sky touches
LOWEST = 0.6  # height below which no sky is looked for, relative to the height
SHORTEST = 48  # least short side of an image whose sky is searched, in pixels
NIGHT = 0.3  # largest median luma of a photo by night
DARK = 0.15  # largest median luma of a sky by night
BLACK = 0.02  # luma of a bar; and what is added to luma before parts of a sky are compared
WHOLE = 0.3  # least share of a row beside a bar that is not black
FADED = 0.06  # least luma of the lightest hundredth of an image that shows something
DAY = 0.35  # luma from which nothing is sky by night
NOISE = 0.03  # luma added before a slope is divided by it, so that noise in the dark is no slope
SMOOTH = 0.07  # largest slope of a sky per pixel, relative to its luma
ALIKE = 0.5  # largest log ratio of luma between two parts of a sky, where they are nearest
BORDER = 10  # width of the strip in which they are compared, in pixels
LEAST = 0.003  # smallest part of a sky, as a share of the image
GLOWS = 2.2  # luma from which a part of the sky must be near a lamp, relative to the median
NEAR = 0.12  # distance from a lamp at which the sky may glow, relative to the long side
APART = 0.03  # difference of luma from the sky around it at which a pixel is not sky
EDGE = 5  # largest distance from the smooth sky to the edge that ends it, in pixels
LAMP, LARGEST = 0.5, 0.01  # least luma of a lamp, and its largest share of the image
HALO, RIM = 2.5, 4  # radius of its halo: relative to the lamp, and more in pixels
ISLAND = 0.025  # largest part without sky that is one lamp and its halo, as a share of the image
STREAK = 0.03  # largest island in the sky without a lamp that belongs to it, as a share of the image
CLOUDY = 0.085  # largest median slope of a cloud, relative to its luma
UNLIT = 0.5  # least luma of a cloud, relative to the sky
BRANCH = 0.7  # least luma of such an island at the border of the image, relative to the sky
AROUND, BELOW = 0.6, 0.5  # least share of sky around, and below, the halo of a lamp on a wire or a pole
RED, GREEN = 2.2, 1.4  # red to green from which a lamp is a red signal; green to red: a green one


def night_sky(rgb: Array) -> Bools:
    """Return where the sky is ``(h, w)`` in an image by night ``(H, W, 3)``, sRGB, 0..1; else all False.

    Lamps that stand in the sky belong to it, but for red and green ones, which are signals.
    """
    small = shrink(rgb)
    gray = color.luma(small)
    within = _within_bars(gray)
    found = np.zeros(gray.shape, np.bool_)
    lit = gray[within]
    # As black as the start of a fade, it shows no night.
    if min(lit.shape) < SHORTEST or np.median(lit) > NIGHT or np.quantile(lit, 0.99) <= FADED:
        return found
    found[within] = _sky_in(small[within], lit)
    return found


def _within_bars(gray: Array) -> Place:
    """Return the rows and columns within black bars, which end in a line, as a black sky does not."""
    slices = []
    for lit in (gray > BLACK, (gray > BLACK).T):
        shares = lit.mean(1)
        first, last = (int(np.argmax(part > 0)) for part in (shares, shares[::-1]))
        ends = [min(end + 1, len(shares) - 1) for end in (first, last)]
        top = first if shares[ends[0]] > WHOLE else 0
        bottom = last if shares[::-1][ends[1]] > WHOLE else 0
        slices.append(slice(top, len(shares) - bottom))
    return slices[0], slices[1]


def _sky_in(small: Array, gray: Array) -> Bools:
    """Return where the sky is in a small image by night ``(h, w, 3)`` of luma ``gray``."""
    quiet = np.asarray(cv2.bilateralFilter(gray, 9, 0.025, 3), np.float32)
    smooth = cv2.dilate(_slope(quiet, 1.0), np.ones((3, 3))) < SMOOTH
    smooth &= quiet < DAY
    smooth[round(LOWEST * len(smooth)) :] = False
    smooth = erode(smooth, 3)
    inner = _seed(smooth, np.asarray(cv2.GaussianBlur(gray, (0, 0), 2), np.float32))
    if not inner.any():
        return inner
    found = _up_to_edges(inner, smooth, quiet)
    found |= _lamps(small, gray, found)
    found |= _clouds(quiet, found)
    return found | _streaks(small, gray, found)


def _slope(gray: Array, sigma: float) -> Array:
    """Return the slope of luma relative to luma, per pixel."""
    down, across = np.gradient(cv2.GaussianBlur(gray, (0, 0), sigma))
    return np.asarray(np.hypot(down, across) / (gray + NOISE), np.float32)


def _seed(smooth: Bools, gray: Array) -> Bools:
    """Return the smooth parts that touch the top, are alike where they are near, and glow only near lamps."""
    marks, count = ndimage.label(smooth)
    at_top = np.bincount(marks[:TOP].ravel(), minlength=count + 1)
    at_top[0] = 0
    if not at_top.any():
        return np.zeros_like(smooth)
    widest = int(at_top.argmax())
    median = float(np.median(gray[marks == widest]))
    if median > DARK:
        return np.zeros_like(smooth)
    away, near = ndimage.distance_transform_edt(marks != widest, return_indices=True)
    steps = np.abs(np.log((gray + BLACK) / (gray[tuple(near)] + BLACK)))
    alike = [widest]
    for part in np.flatnonzero(at_top):
        beside = (marks == part) & (away < away[marks == part].min() + BORDER)
        if part != widest and np.median(steps[beside]) < ALIKE:
            alike.append(int(part))
    median = max(median, BLACK)
    lit = cv2.distanceTransform((gray < LAMP).astype(np.uint8), cv2.DIST_L2, 3) < NEAR * max(gray.shape)
    kept = np.isin(marks, alike) & (lit | (gray < GLOWS * median))
    marks, sizes = number_parts(kept)
    return np.asarray((sizes > LEAST * kept.size)[marks] & kept)


def _up_to_edges(inner: Bools, smooth: Bools, gray: Array) -> Bools:
    """Grow the smooth sky to the steepest slope around it, by a watershed."""
    weight = cv2.GaussianBlur(inner.astype(np.float32), (0, 0), EDGE)
    around = cv2.GaussianBlur(gray * inner, (0, 0), EDGE) / np.maximum(weight, 1e-6)
    other = ~dilate(inner, 2 * EDGE + 1) | ((smooth | (abs(gray - around) > APART)) & ~inner)
    other[round(LOWEST * len(other)) :] = True
    markers = np.where(inner, 1, np.where(other, 2, 0)).astype(np.int16)
    slopes = (_slope(gray, 0.7) * (255 / 0.6)).clip(0, 255).astype(np.uint8)
    return np.asarray(ndimage.watershed_ift(slopes, markers) == 1)


def _lamps(small: Array, gray: Array, sky: Bools) -> Bools:
    """Return the lamps in the sky with their halos, without signals."""
    found = np.zeros_like(sky)
    marks, _ = ndimage.label(gray > LAMP)
    islands, sizes = number_parts(~sky)
    for index, box in enumerate(ndimage.find_objects(marks), 1):
        core = marks[box] == index
        if core.sum() > LARGEST * sky.size:
            continue
        middle = tuple(round((part.start + part.stop - 1) / 2) for part in box)
        radius = round(HALO * (core.sum() / np.pi) ** 0.5) + RIM
        rows, columns = (slice(max(0, at - radius), at + radius) for at in middle)
        if not sky[rows, columns].any():
            continue
        drawn = [np.zeros(sky.shape, np.uint8) for _ in range(2)]
        cv2.circle(drawn[0], middle[::-1], radius, 1, -1)
        cv2.circle(drawn[1], middle[::-1], radius + 2, 1, 2)
        disk, ring = (plane > 0 for plane in drawn)
        red, green, _ = small[disk & (marks != index)].mean(0)
        if red > RED * green or green > GREEN * red:
            continue
        island = islands == islands[middle]
        if islands[middle] and sizes[islands[middle]] < ISLAND * sky.size:
            found |= dilate(island, 3)
        elif sky[ring].mean() > AROUND and _below(sky, ring, middle, radius) > BELOW:
            found |= disk
    return found


def _clouds(gray: Array, sky: Bools) -> Bools:
    """Return clouds: parts in the sky that do not reach the ground, have no lamp, and are nearly smooth.

    Leaves are not smooth, and what stands out against the sky of a night is darker than it.
    """
    slopes, least = _slope(gray, 1.0), UNLIT * np.median(gray[sky])
    found = np.zeros_like(sky)
    for part, box in parts_of(~sky, neighbors=4):
        ends = box[0].stop < LOWEST * len(sky) and gray[box][part].max() < DAY
        if ends and gray[box][part].mean() > least and np.median(slopes[box][part]) < CLOUDY:
            found[box] |= part
    return found


def _streaks(small: Array, gray: Array, sky: Bools) -> Bools:
    """Return small islands in the sky, away from all else, without lamps: wires, glare of the lens, clouds.

    Those at the border of the image must be as light as the sky, which branches are not.
    """
    islands, sizes = number_parts(dilate(~sky, EDGE + 2))
    red, green = small[..., 0], small[..., 1]
    colored = (largest(small) > LAMP) & ((red > RED * green) | (green > GREEN * red))
    filled = sizes < STREAK * sky.size
    filled[islands[colored | (gray > LAMP)]] = False
    border = np.unique(np.concatenate([islands[0], islands[-1], islands[:, 0], islands[:, -1]]))
    for index in border[filled[border]]:
        filled[index] = gray[islands == index].mean() > BRANCH * np.median(gray[sky])
    filled[0] = False
    return np.asarray(filled[islands] & ~sky)


def _below(sky: Bools, ring: Bools, middle: tuple[int, ...], radius: int) -> float:
    """Return the share of sky below a lamp, where a tower would be whose top is lit."""
    row, column = middle
    left = max(0, column - radius // 2)
    part = (slice(row + 1, None), slice(left, column + radius // 2 + 1))
    return float(sky[part][ring[part]].mean()) if ring[part].any() else 0.0
