"""Skies by day: where they are, what lies behind the leaves, and what the leaves are without the sky.

A sky that turns dark shows every pixel in which it was mixed with something else. So the mix is undone: each
pixel is ``alpha * behind + (1 - alpha) * front``, and the two parts are relit on their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from impasto import color
from impasto.looks.planes import (
    Array,
    Bools,
    chroma,
    dilate,
    erode,
    largest,
    number_parts,
    parts_at,
    parts_of,
    shrink,
    small_size,
)

EDGE = 0.012  # mean luma gradient per pixel at which sky ends
OPEN = 0.45  # openness from which a pixel is a seed
BRIGHT = 0.30  # least luma of a sky by day
NEAR = 0.085  # distance from the local color of the sky, per channel, at which a pixel still belongs to it
HOLE = 0.08  # the same distance for gaps between leaves, which are mixed pixels
HOLES = 0.0003  # largest gap, as a share of the image
REACH = 0.1  # distance of gaps from the open sky, relative to the long side
LEAST = 0.004  # share of the image below which there is no sky
PALE = 0.25  # saturation of a cloud, as the range of its channels
CLOUD = 0.4  # most distance of a cloud from the color of the sky around it
RIM = 0.012  # width of the rim of a grade along the sky, relative to the long side
ISLAND = 0.55  # share of the border of a cloud that must border on sky
ROUNDS = 16  # most rounds of growing
WIDE = 1 / 40  # width of the local color of the sky, relative to the long side
BAND = 0.012  # half-width of the band in which pixels are unmixed, relative to the long side
BLUE = 0.08  # blue minus red from which a part is a blue sky, and below whose negative a wall
DEEP = 0.15  # blue minus red from which a sky is known by its color alone
TOLERANT = 0.2  # distance from the color of such a sky at which a gap still belongs to it
LOWEST = 0.85  # height below which no sky is looked for, relative to the height
LARGE = 0.01  # largest gap in front of such a sky, as a share of the image
MIRRORS = 0.07  # height above the horizon up to which cars mirror a blue sky, relative to the height
STEEP = 0.05  # slope of luma per pixel that ends the sky
SLACK = 0.12  # how far below the horizon the open sky may reach, relative to the height
FAINT = 0.02  # squared distance of sky and front below which colors cannot be unmixed
SOLID = 0.85  # alpha from which a front is taken from its surroundings


@dataclass(frozen=True, eq=False)
class Sky:
    """The sky of an image.

    ``alpha (H, W)`` is its share of each pixel, 0..1; ``front (H, W, 3)`` the image without it, sRGB, 0..1.
    """

    alpha: Array
    front: Array

    @property
    def share(self) -> float:
        """Share of the image covered by the sky."""
        return float(self.alpha.mean())


def sky(rgb: Array, *, horizon: float = 0.75, known: Bools | None = None) -> Sky:
    """Find the sky of an image by day and remove it from what stands before it.

    The sky is what is bright, of the color of the sky around it, and connected to the top of the image, with
    the gaps between leaves near it. In a band along its border, ``alpha`` is the position of the pixel on the
    line between the local colors of sky and front (as in Levin et al. 2008, with both colors known), and
    ``front = (pixel - alpha * behind) / (1 - alpha)``.

    Args:
        rgb: image ``(H, W, 3)``, sRGB, 0..1.
        horizon: height of the horizon from the top, relative to the height; no gap is found below it, and
            no sky ``SLACK`` below it.
        known: where the sky is, from labels, ``(h, w)`` of any size. Default: found.
    """
    small = shrink(rgb)
    if known is None:
        inside = region(small, horizon)
    else:
        inside = cv2.resize(known.astype(np.uint8), small.shape[1::-1], interpolation=cv2.INTER_AREA) > 0
    if inside.mean() < LEAST:
        return Sky(np.zeros(rgb.shape[:2], np.float32), rgb)
    return _solve_matte(rgb, inside, *_local(small, inside))


def openness(rgb: Array) -> Array:
    """Compute how well each pixel is connected to the top of the image without edges, ``(H, W)``, 0..1."""
    soft = np.asarray(cv2.GaussianBlur(rgb, (0, 0), max(rgb.shape[:2]) / 300), np.float32)
    luma = color.luma(soft)
    down, across = np.gradient(luma)
    slope = cv2.boxFilter(np.hypot(down, across), -1, (5, 5), borderType=cv2.BORDER_REFLECT)
    met = np.maximum.accumulate(slope, axis=0)
    # Average over columns, so that a lamp post does not end the sky below it.
    reach = max(3, rgb.shape[1] // 24) | 1
    met = cv2.blur(met, (reach, 1), borderType=cv2.BORDER_REFLECT)
    open_to = np.exp(-np.square(met / EDGE)).astype(np.float32)
    # Blur: the exact border comes from the features and the matting.
    return np.asarray(cv2.GaussianBlur(open_to, (0, 0), max(rgb.shape[:2]) / 40), np.float32)


def region(small: Array, horizon: float) -> Bools:
    """Return where the sky is ``(h, w)`` in an image of at most ``SMALL`` pixels, ``(h, w, 3)``."""
    gray = color.luma(small)
    found: Bools = (openness(small) > OPEN) & (gray > BRIGHT)
    found = _light_parts(small, gray, found)
    if found.mean() < LEAST:
        return found
    wide = WIDE * max(gray.shape)
    apart = _blue_gaps(small, found, wide, least=LARGE, tolerant=NEAR)
    apart[round(horizon * len(apart)) :] = False
    found = found | apart
    down, across = np.gradient(gray)
    flat = (np.hypot(down, across) < STEEP) & (gray > BRIGHT)
    spread = chroma(small)
    for number in range(ROUNDS):
        # A sunset turns red within a few degrees: the last rounds follow the color of what is nearest.
        behind = _local_mean(small, found, wide if number < ROUNDS // 2 else wide / 3)
        away = largest(np.abs(small - behind))
        # A cloud is lighter than the sky around it, and pale; its border is soft, that of a wall is not.
        cloud = (gray > color.luma(behind)) & (spread < PALE) & (away < CLOUD)
        near = ((away < NEAR) | cloud) & flat
        grown = parts_at(near, found)
        if (grown == found).all() and number >= ROUNDS // 2:
            break
        found = grown
        if not found.any():
            return found
    found = _without_islands(small, found, flat)
    # The open sky ends at its edge even if the horizon was found too high; a gap has no such edge.
    horizon = max(horizon, min(_lower_edge(found), LOWEST))
    blue = _blue_gaps(small, found, wide, tolerant=0.0)
    blue[max(0, round((horizon - MIRRORS) * len(blue))) :] = False
    gaps = _gaps(small, found, wide) | blue
    gaps[round(horizon * len(gaps)) :] = False
    found[round(min(1.0, horizon + SLACK) * len(found)) :] = False
    return found | gaps


def _without_islands(small: Array, found: Bools, flat: Bools) -> Bools:
    """Add light and smooth parts that border mostly on sky: clouds, and the blue between them."""
    touched = dilate(found, 5)
    added = found.copy()
    for part, box in parts_of(flat & ~found, neighbors=4):
        if part.sum() < 12:
            continue
        rim = part & ~erode(part, 3)
        if (touched[box] & rim).sum() > ISLAND * max(int(rim.sum()), 1):
            added[box] |= part
    # Their soft borders, which are too steep to grow through, lie between sky and sky.
    kernel = np.ones((7, 7), np.uint8)
    closed = cv2.morphologyEx(added.astype(np.uint8), cv2.MORPH_CLOSE, kernel) > 0
    # What is clearly darker than the sky around it is none.
    behind = _local_mean(small, added, WIDE * max(added.shape))
    return added | (closed & (color.luma(small) > BRIGHT) & (largest(behind - small) <= HOLE))


def _light_parts(small: Array, gray: Array, found: Bools) -> Bools:
    """Keep the parts that are as light or blue as skies are; a wall up to the top of the image is neither."""
    marks, count = ndimage.label(found)
    lower = float(gray[len(gray) // 2 :].mean())
    kept = np.zeros(count + 1, np.bool_)
    tones = [(float(gray[marks == i].mean()), small[marks == i].mean(0)) for i in range(1, count + 1)]
    most = max((tone for tone, _ in tones), default=0.0)
    for index, (tone, mean) in enumerate(tones, 1):
        blue = float(mean[2] - mean[0])
        kept[index] = blue > BLUE or (blue > -BLUE and tone > 1.1 * lower and tone > 0.6 * most)
    return np.asarray(kept[marks])


def _gaps(small: Array, found: Bools, wide: float) -> Bools:
    """Return the gaps between leaves and wires: small parts of the color of the sky, near the sky."""
    away = largest(np.abs(small - _local_mean(small, found, wide)))
    reach = max(2, round(REACH * max(found.shape)))
    parts = (away < HOLE) & dilate(found, 2 * reach + 1) & ~found
    marks, sizes = number_parts(parts)
    # A gap is lighter than what is around it; a white wall or a window frame has light neighbors.
    gray = color.luma(small)
    dark = gray < cv2.blur(gray, (9, 9)) + 0.02
    shares = np.bincount(marks.ravel(), weights=dark.ravel()) / np.maximum(sizes, 1)
    kept = (sizes <= HOLES * found.size) & (shares < 0.35)
    return np.asarray(kept[marks] & parts)


def _blue_gaps(small: Array, found: Bools, wide: float, *, least: float = 0.0, tolerant: float) -> Bools:
    """Return the gaps before a blue sky, whose color nothing else has but a pane that mirrors it.

    They take ``least`` of the image; those of more than ``LARGE`` have the color within ``tolerant`` on the
    mean.
    """
    behind = _local_mean(small, found, wide)
    away = largest(np.abs(small - behind))
    blue, deep = (picture[..., 2] - picture[..., 0] for picture in (small, behind))
    parts = (away < TOLERANT) & (deep > DEEP) & (blue > 0.5 * deep) & ~found
    marks, sizes = number_parts(parts)
    means = np.bincount(marks.ravel(), weights=away.ravel()) / np.maximum(sizes, 1)
    kept = (sizes >= least * found.size) & ((sizes <= LARGE * found.size) | (means < tolerant))
    return np.asarray(kept[marks] & parts)


def _lower_edge(found: Bools) -> float:
    """Return the relative height to which the sky of most columns reaches down without a break."""
    reach = np.where(found.all(0), len(found), found.argmin(0))
    return float(np.quantile(reach, 0.4)) / len(found)


def _local_mean(picture: Array, where: Bools, wide: float) -> Array:
    """Return the local mean color of the pixels ``where``, everywhere, by normalized convolution."""
    weight = where.astype(np.float32)
    total, sums = np.full(weight.shape, 1e-9, np.float32), np.zeros_like(picture)
    for scale, share in ((1.0, 1.0), (4.0, 1e-3)):
        total += np.float32(share) * _blur(weight, wide * scale)
        sums += np.float32(share) * _blur(picture * weight[..., None], wide * scale)
    return np.asarray(sums / total[..., None], np.float32)


def _blur(plane: Array, sigma: float) -> Array:
    """Blur by three box filters, which approximate a Gaussian at any width for the same cost."""
    side = max(1, round((4 * sigma**2 + 1) ** 0.5)) | 1
    for _ in range(3):
        plane = np.asarray(cv2.blur(plane, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)
    return plane


def _local(small: Array, inside: Bools) -> tuple[Array, Array]:
    """Return the local colors of the sky, and of what is before it."""
    long = max(inside.shape)
    sure, front = erode(inside, 3), ~dilate(inside, 3)
    behind = _local_mean(small, sure if sure.any() else inside, WIDE * long / 2)
    near = _local_mean(small, front, 0.01 * long) if front.any() else np.zeros_like(small)
    return behind, near


def _solve_matte(rgb: Array, inside: Bools, behind: Array, near: Array) -> Sky:
    """Solve the matte at full size and take the sky out of the mixed pixels."""
    size = (rgb.shape[1], rgb.shape[0])
    rough, behind, near = (
        np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR), np.float32)
        for plane in (inside.astype(np.float32), behind, near)
    )
    reach = max(2, round(BAND * max(size)))
    kernel = np.ones((2 * reach + 1,) * 2, np.uint8)
    band = cv2.dilate(rough, kernel) - cv2.erode(rough, kernel) > 0.01
    line = behind - near
    length = np.square(line).sum(2)
    key = (((rgb - near) * line).sum(2) / np.maximum(length, 1e-4)).clip(0, 1)
    # Where both colors are alike, the position on the line is noise: keep the label.
    trust = length / (length + FAINT)
    solved = rough + trust * (key - rough)
    # Within the open sky, whatever is darker than the sky is a wire or a lamp.
    apart = (largest(behind - rgb) - 0.05).clip(0, None) / np.maximum(largest(behind), 0.2)
    open_sky = 1 - (2.5 * apart).clip(0, 1)
    matte = np.where(band, solved, np.where(rough > 0.5, open_sky, 0)).astype(np.float32)
    matte = np.asarray(((matte - 0.04) / 0.9).clip(0, 1), np.float32)
    front = (rgb - matte[..., None] * behind) / np.maximum(1 - matte, 1e-3)[..., None]
    # What is nearly all sky says nothing of its front; and no front is lighter than the pixel.
    front = np.where((matte > SOLID)[..., None], np.minimum(near, rgb), front)
    return Sky(matte, np.asarray(np.minimum(front, rgb).clip(0, 1), np.float32))


def composite_sky(graded: Array, above: Sky, most: Array) -> Array:
    """Grade sky, front, and the pixels that they share apart; linear light ``(H, W, 3)``.

    A grade maps a mixed pixel as a color of its own, and classes end beside the edge: both leave a rim. Here
    what is near the edge becomes ``alpha`` times the graded sky near it plus ``1 - alpha`` times its front,
    relit in the ratio of the front further in, where that is darker. The sky has one hue, and no cloud.

    Args:
        graded: graded image ``(H, W, 3)``, sRGB, 0..1.
        above: sky of the photo by day.
        most: light of a sky at night, above which that of the grade is compressed, ``(H, 1, 3)``, linear.
    """
    result = color.to_linear(graded)
    if above.share < LEAST:
        return result
    height, width = above.alpha.shape
    small = small_size(above.alpha.shape)
    day = color.to_linear(above.front)
    planes = [cv2.resize(plane, small, interpolation=cv2.INTER_AREA) for plane in (result, day, above.alpha)]
    after, before, alpha = (np.asarray(plane, np.float32) for plane in planes)
    wide = WIDE * max(small)
    kernel = np.ones((2 * round(RIM * max(small)) + 1,) * 2, np.uint8)
    near, inner = cv2.dilate(alpha, kernel), cv2.erode(alpha, kernel)
    solid = near < 0.1
    lifted = _local_mean(after, solid, wide) / np.maximum(_local_mean(before, solid, wide), 0.004)
    gain, rim = (
        np.asarray(cv2.resize(p, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
        for p in (lifted, (2 * _blur(near - inner, wide / 8)).clip(0, 1))
    )
    share = above.alpha[..., None]
    middle = np.median(after[inner > 0.9], 0) if (inner > 0.9).any() else most.mean((0, 1))
    dark = _night_sky(result, np.asarray(middle, np.float32), most)
    front = result + rim[..., None] * (np.minimum(day * gain.clip(0, 4), result) - result)
    return np.asarray(share * dark + (1 - share) * front, np.float32)


def _night_sky(result: Array, middle: Array, most: Array) -> Array:
    """Return a graded sky in the hue of its median, compressed to at most 2.5 times ``most``."""
    limit = np.float32(2) * color.luma(most)
    gray = color.luma(result)
    over = np.maximum(gray - limit, 0)
    held = np.minimum(gray, limit) + limit / 2 * (1 - np.exp(-over / (limit / 2)))
    tint = middle / max(float(color.luma(middle)), 1e-5)
    return np.asarray(held[..., None] * tint, np.float32)
