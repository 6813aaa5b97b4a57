"""Windows of houses by day: dark upright quadrangles in a calm wall, alike and in line with others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from impasto import color
from impasto.looks.planes import Array, Bools, Place, shrink
from impasto.looks.skies import region
from impasto.looks.windows import pane

Box = tuple[int, int, int, int]
Part = tuple[Bools, Place, float]
"""A lamp: its pixels within a box, the box, and the confidence, 0..1."""

WORK, ENLARGED = 1920, 2.0  # long side in pixels at which windows are searched, and most enlarging to it
SIZES = (9, 16, 28, 50, 90)  # sizes of windows that are searched, in pixels of WORK
STEPS = (0.45, 0.8, 1.2, 1.7)  # stops by which glass is darker than its wall
LEAST = (6, 5)  # least height and width of a window, in pixels of WORK
ASPECT = (0.2, 2.8)  # width relative to height
FITS = 0.7  # least share in which a part and its parallelogram agree
CONTRAST = 0.3  # stops by which a wall is lighter on both sides, and above or below
UPRIGHT = 0.28  # least share of edges around a window that stand upright; of leaves an eighth does
STEP = 0.2  # stops in two pixels from which an edge is a step
LEAN = 0.21  # most slope of an upright edge
BUSY = 0.4  # most mean deviation of the wall around a window, in stops
FRAMED, LEVEL = 0.5, 0.2  # most gap between panes of a window, and difference of their heights, relative
CHROMA = 0.16  # most color of glass, as the range of its channels
ALIKE = 2.4  # sum of the confidences of windows alike from which one is sure, half of it itself
MOST = 0.8  # most confidence: dark boards look like windows, too


@dataclass(frozen=True, eq=False)
class Pane:
    """A part of a picture that may be a window.

    Args:
        box: left, top, width and height.
        inside: its pixels in the box, ``(h, w)``.
        glass, wall: log2 luminance in it, and around it.
        sure: how much it looks like one by itself, 0..1.
    """

    box: Box
    inside: Bools
    glass: float
    wall: float
    sure: float


class Front:
    """The part of an image above the horizon, at the size of the search, with sums over boxes."""

    def __init__(self, photo: Array, horizon: float) -> None:
        height, width = photo.shape[:2]
        self.scale = min(ENLARGED, WORK / max(height, width))
        rows = max(1, min(height, round(horizon * height)))
        size = (max(1, round(width * self.scale)), max(1, round(rows * self.scale)))
        way = cv2.INTER_CUBIC if self.scale > 1 else cv2.INTER_AREA
        self.rgb = np.asarray(cv2.resize(photo[:rows], size, interpolation=way).clip(0, 1), np.float32)
        self.log = np.log2(color.luma(self.rgb) + np.float32(0.05))
        across, down = (cv2.Sobel(self.log, cv2.CV_32F, *way) for way in ((1, 0), (0, 1)))
        edges = np.minimum(np.hypot(across, down), 2)
        upright = edges * (np.abs(down) < LEAN * np.abs(across))
        above = region(shrink(photo), horizon).astype(np.float32)
        sky = cv2.resize(cv2.resize(above, (width, height))[:rows], size) > 0.5
        self.sums = [cv2.integral(np.asarray(p, np.float32)) for p in (edges, upright, sky)]

    def share(self, boxes: NDArray[np.int_], which: int, *, of: int | None = None) -> NDArray[np.float64]:
        """Return the sums of a plane in boxes ``(N, 4)`` of left, top, right, bottom; or their ratio."""
        left, top, right, bottom = boxes.T
        sums = [s[bottom, right] - s[top, right] - s[bottom, left] + s[top, left] for s in self.sums]
        return np.asarray(sums[which] if of is None else sums[which] / np.maximum(sums[of], 1e-3))


def windows(photo: Array, horizon: float) -> list[Part]:
    """Find windows that are certain: glass is dark by day, in a wall that is lighter and calm.

    A part that is darker than its wall is a candidate if it is a parallelogram with upright sides, not
    colored, has edges on all four sides, and many edges around it stand upright, as in houses and unlike in
    trees. It is sure as far as others of its size and shade lie above, below or beside it. Arguments as for
    :func:`~impasto.looks.detectors.detect_lamps`.
    """
    front = Front(photo, horizon)
    panes = _apart([one for size in SIZES for one in _panes(front, size)])
    sure = [one.sure * _among(one, panes) for one in panes]
    return [_at_size(one, alike, front.scale, photo.shape) for one, alike in _casements(panes, sure)]


def _at_size(one: Pane, sure: float, scale: float, size: tuple[int, ...]) -> Part:
    left, top, width, height = (side / scale for side in one.box)
    rows = slice(int(top), min(size[0], int(np.ceil(top + height))))
    columns = slice(int(left), min(size[1], int(np.ceil(left + width))))
    own = (columns.stop - columns.start, rows.stop - rows.start)
    small = cv2.resize(one.inside.astype(np.float32), own, interpolation=cv2.INTER_AREA)
    return np.asarray(small > 0.5, np.bool_), (rows, columns), sure


def _panes(front: Front, size: int) -> Iterator[Pane]:
    """Yield the parts of about a size that are darker than what is around them."""
    levels = ((front.log + 5) * 40).clip(0, 255).astype(np.uint8)
    side = 2 * size + 1
    median = cv2.medianBlur(levels, side).astype(np.float32) / 40 - 5
    darker = np.maximum(median, cv2.blur(front.log, (side, side))) - front.log
    for step in STEPS:
        marks, stats = cv2.connectedComponentsWithStats((darker > step).astype(np.uint8), connectivity=4)[1:3]
        for number, wall in _upright(front, stats, size):
            left, top, width, height = (int(v) for v in stats[number, :4])
            inside = marks[top : top + height, left : left + width] == number
            found = _pane(front, (left, top, width, height), inside, wall)
            if found is not None:
                yield found


def _upright(front: Front, stats: NDArray[np.int32], size: int) -> Iterator[tuple[int, list[int]]]:
    """Yield the number, and the borders of the wall, of parts as large as windows among upright edges."""
    left, top, width, height, area = stats.T
    rows, columns = front.log.shape
    aside, above = np.maximum(3, width // 3), np.maximum(3, height // 4)
    fits = (height >= LEAST[0]) & (width >= LEAST[1]) & (area > 0.5 * width * height)
    fits &= (width > ASPECT[0] * height) & (width < ASPECT[1] * height)
    fits &= np.maximum(width, height) <= 2.2 * size
    wall = np.stack([left - aside, top - above, left + width + aside, top + height + above], 1)
    most = np.array([columns, rows, columns, rows])
    numbers = np.flatnonzero(fits & (wall.clip(0, most) == wall).all(1))
    wall = wall[numbers]
    house = np.stack([left - width, top - height, left + 2 * width, top + 2 * height], 1)[numbers]
    upright = front.share(house.clip(0, most), 1, of=0)
    sky = front.share(wall, 2)
    for at in np.flatnonzero((sky == 0) & (upright >= UPRIGHT)):
        yield int(numbers[at]), wall[at].tolist()


def _pane(front: Front, box: Box, inside: Bools, wall: list[int]) -> Pane | None:
    """Return a part as a window; None if its shape, its color or its wall is not that of one."""
    left, top, width, height = box
    inside = np.asarray(ndimage.binary_fill_holes(inside))
    glass = pane(inside, fits=0)[0] > 0.5
    fits = float((glass & inside).sum() / max(1, (glass | inside).sum()))
    own = front.rgb[top : top + height, left : left + width][inside]
    if fits < FITS or np.ptp(np.median(own, 0)) > CHROMA:
        return None
    log = front.log
    dark = float(np.median(log[top : top + height, left : left + width][inside]))
    sides = (
        log[top : top + height, wall[0] : left - 1],
        log[top : top + height, left + width + 1 : wall[2]],
        log[wall[1] : top - 1, left : left + width],
        log[top + height + 1 : wall[3], left : left + width],
    )
    light = np.array([np.median(side) for side in sides])
    busy = float(np.median([np.abs(side - own).mean() for side, own in zip(sides, light, strict=True)]))
    lighter = light - dark
    if lighter[:2].min() < CONTRAST or lighter[2:].max() < CONTRAST or busy > BUSY:
        return None
    contrast, bright = float(np.median(lighter)), float(np.median(light))
    sure = min(1.0, (fits - 0.65) / 0.2) * min(1.0, contrast / 0.7) * min(1.0, max(0.0, (bright + 2) / 0.6))
    return Pane(box, inside, dark, bright, MOST * sure * _outline_score(log, box))


def _outline_score(log: Array, box: Box) -> float:
    """Return how far all sides of a box are steps from light to dark, 0..1; leaves and bark have few."""
    left, top, width, height = box
    rows, columns = slice(top, top + height), slice(left, left + width)
    beside = (log[rows, left - 3 : left + 3], log[rows, left + width - 3 : left + width + 3][:, ::-1])
    ends = (log[top - 3 : top + 3, columns].T, log[top + height - 3 : top + height + 3, columns][::-1].T)
    upright, level = (
        min(float(((side[:, :-2] - side[:, 2:]).max(1) > STEP).mean()) for side in pair)
        for pair in (beside, ends)
    )
    return min(1.0, upright / 0.8) * min(1.0, 0.3 + level)


def _apart(panes: list[Pane]) -> list[Pane]:
    """Keep of parts that overlap the surest."""
    kept: list[Pane] = []
    for one in sorted(panes, key=lambda p: -p.sure * (p.box[2] * p.box[3]) ** 0.15):
        left, top, width, height = one.box
        for other in kept:
            x, y, wide, tall = other.box
            across = min(left + width, x + wide) - max(left, x)
            down = min(top + height, y + tall) - max(top, y)
            if across > 0 and down > 0 and across * down > 0.2 * min(width * height, wide * tall):
                break
        else:
            kept.append(one)
    return kept


def _among(one: Pane, panes: list[Pane]) -> float:
    """Return how sure a window is by those of its house, 0..1."""
    others = sum(other.sure for other in panes if other is not one and _alike(one, other))
    return min(1.0, (others + 0.5 * one.sure) / ALIKE)


def _alike(one: Pane, other: Pane) -> bool:
    """Say whether two windows are alike in size and shade, and one lies above or beside the other."""
    left, top, width, height = one.box
    x, y, wide, tall = other.box
    if not (0.55 < wide / width < 1.8 and 0.65 < tall / height < 1.55):
        return False
    if abs(one.wall - other.wall) > 0.8 or abs(one.glass - other.glass) > 1.2:
        return False
    across, down = abs(x + wide / 2 - left - width / 2), abs(y + tall / 2 - top - height / 2)
    above = across < 0.4 * width + 0.06 * down and 1.1 * height < down < 6 * height
    beside = down < 0.45 * across and down < 2.2 * height and 1.05 * width < across < 9 * width
    return above or beside


def _casements(panes: list[Pane], sure: list[float]) -> list[tuple[Pane, float]]:
    """Join panes that only a frame parts: one room is lit behind them."""
    joined: list[tuple[Pane, float]] = []
    for one, own in sorted(zip(panes, sure, strict=True), key=lambda pair: pair[0].box[0]):
        left, top, width, height = one.box
        for place, (other, best) in enumerate(joined):
            x, y, wide, tall = other.box
            gap, level = left - x - wide, max(abs(y - top), abs(y + tall - top - height))
            if 0 <= gap < FRAMED * min(width, wide) and level < LEVEL * min(height, tall):
                box = (x, min(y, top), left + width - x, max(y + tall, top + height) - min(y, top))
                inside = np.zeros((box[3], box[2]), np.bool_)
                for (across, down, w, h), mask in ((other.box, other.inside), (one.box, one.inside)):
                    inside[down - box[1] : down - box[1] + h, across - x : across - x + w] |= mask
                inside[max(y, top) - box[1] : min(y + tall, top + height) - box[1], wide : wide + gap] = True
                both = Pane(box, inside, other.glass, other.wall, max(one.sure, other.sure))
                joined[place] = (both, max(own, best))
                break
        else:
            joined.append((one, own))
    return joined
