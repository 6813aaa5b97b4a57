"""Lamps found without labels: signals, rear lamps of cars and windows, and only those that are certain."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from impasto import color
from impasto.looks.fronts import Part, windows
from impasto.looks.lights import NUMBERS
from impasto.looks.planes import Array, Bools, Bytes, Place, chroma, has_hue, hue_and_chroma, middle, parts_of

LEAST, AGAIN = 0.4, 0.4  # confidence below which nothing is lit, and the part of it that a known lamp needs
SMALL, LARGE = 0.000012, 0.0012  # least and largest area of a lamp, as a share of the image
DARK = 0.33  # most luma of the case of a signal
GLOWS = 0.42  # least value of its lamp
VIVID = 0.35  # least saturation of its lamp, as the range of its channels
# Least red of a rear lamp, and by how much, and how many times it exceeds green and blue.
RED = (0.24, 0.12, 1.5)
REDDER = 0.25  # by how much it is redder than what is around it, relative to its red
SHADOW = (0.6, 0.4)  # luma of the ground under a car relative to the road behind it: none, and certain


def detect_lamps(photo: Array, *, horizon: float, before: Bytes | None = None) -> Bytes:
    """Find the lamps that are certain in an image by day: signals, pairs of rear lamps, windows of houses.

    Headlights and street lamps are not searched: by day they look like other things, and what is lit wrongly
    is invented.

    Args:
        photo: image ``(H, W, 3)``, sRGB, 0..1.
        horizon: height of the horizon from the top, relative to the height.
        before: kinds ``(H, W)`` of the frame before, at their places in this one. A lamp that was one needs
            ``AGAIN`` of the confidence ``LEAST``, so that none goes on and off.

    Returns:
        Kinds ``(H, W)`` as in :class:`~impasto.looks.lights.Lamps`.
    """
    kinds = np.zeros(photo.shape[:2], np.uint8)
    for name, search in (("window", windows), ("signal", signals), ("rear", rears)):
        own = NUMBERS[name]
        for inside, box, sure in search(photo, horizon):
            known = before is not None and (before[box][inside] == own).any()
            if sure >= (AGAIN * LEAST if known else LEAST):
                kinds[box][inside] = own
    return kinds


def signals(photo: Array, horizon: float) -> list[Part]:
    """Find the lamps of signals that are on: a small vivid spot of red, amber or green in a dark case.

    The confidence is the share of the case that is dark and gray, times the contrast of the lamp to it. The
    case is what lies beside the lamp within its own width, and above or below it within three heights.
    Arguments as for :func:`detect_lamps`.
    """
    height = len(photo)
    gray = color.luma(photo)
    dark = (gray < DARK) & (chroma(photo) < 0.22)
    hue, vividness, value = hue_and_chroma(photo)
    vivid = (value > GLOWS) & (vividness > VIVID)
    found: list[Part] = []
    for hues in ([(0, 16), (344, 360)], [(25, 52)], [(135, 195)]):
        for inside, box in parts_of(has_hue(hue, hues) & vivid):
            tall, wide = inside.shape
            area = int(inside.sum())
            if not SMALL * gray.size <= area <= LARGE * gray.size or max(tall, wide) > 2.6 * min(tall, wide):
                continue
            # Signals hang above the height of the camera, lamps of cars below it.
            if box[0].start <= (horizon - 0.005) * height and area >= 0.35 * tall * wide:
                found.append((inside, box, _case_score(dark, gray, box)))
    return found


def _case_score(dark: Bools, gray: Array, box: Place) -> float:
    """Return how surely a spot lies in the case of a signal, 0..1."""
    (top, tall), (left, wide) = ((part.start, part.stop - part.start) for part in box)
    side = max(tall, wide)
    beside = max(2, side // 2)

    def share(rows: tuple[int, int], columns: tuple[int, int]) -> float:
        part = dark[max(0, rows[0]) : max(0, rows[1]), max(0, columns[0]) : max(0, columns[1])]
        return float(part.mean()) if part.size else 0.0

    down, across = (top, top + tall), (left, left + wide)
    columns = (left - beside - 1, left - 1), (left + wide + 1, left + wide + 1 + beside)
    sides = min(share(down, part) for part in columns)
    ends = [share((top - k * side - 1, top - 1), across) for k in (1, 2)]
    ends += [share((top + tall + 1, top + tall + 1 + k * side), across) for k in (1, 2)]
    # A case of three lamps is dark on at least one side for two lamps, and a little on the other.
    length = max(min(ends[0], ends[1]), min(ends[2], ends[3]))
    around = gray[max(0, top - side) : top + tall + side, max(0, left - beside) : left + wide + beside]
    lamp = float(gray[top : top + tall, left : left + wide].max())
    contrast = min(1.0, max(0.0, lamp - float(np.median(around))) / 0.2)
    return float(min(1.0, sides * 1.15) * min(1.0, length * 1.15) * contrast)


def rears(photo: Array, horizon: float) -> list[Part]:
    """Find pairs of red lamps at the same height, of the same size, above the shadow that a car casts.

    The ground under a car is darker than the road behind it, whatever its own color (Tzomakas and von Seelen
    1998). The confidence falls with the difference in height and size, and with the light of that ground.
    Arguments as for :func:`detect_lamps`.
    """
    first, other = photo[..., 0], photo[..., 1:].max(2)
    red = (first > RED[0]) & (first - other > RED[1]) & (first > RED[2] * other)
    gray = color.luma(photo)
    parts = _red_parts(red, (first - other) / (first + np.float32(0.1)), horizon)
    pairs = []
    for i, (one, place) in enumerate(parts):
        for j, (inside, second) in enumerate(parts[:i]):
            if sure := _pair_score(one, place, inside, second) * _shadow_score(gray, red, place, second):
                pairs.append((sure, i, j))
    found: dict[int, float] = {}
    for sure, i, j in sorted(pairs, reverse=True):
        if i not in found and j not in found:
            found[i] = found[j] = sure
    return [(*parts[i], sure) for i, sure in found.items()]


def _red_parts(red: Bools, redness: Array, horizon: float) -> list[tuple[Bools, Place]]:
    """Return the parts below the horizon that have the size of lamps and are redder than what is around."""
    height = len(red)
    marks, _ = ndimage.label(red, np.ones((3, 3)))
    found = []
    for index, box in enumerate(ndimage.find_objects(marks), 1):
        inside = marks[box] == index
        area, (tall, wide) = int(inside.sum()), inside.shape
        fits = SMALL * red.size <= area <= 2 * LARGE * red.size and area > 0.35 * tall * wide
        if not (fits and max(tall, wide) < 4 * min(tall, wide)):
            continue
        if not (horizon - 0.005) * height < box[0].start < 0.9 * height:
            continue
        sides = [(box[k].start - n // 2 - 1, box[k].stop + n // 2 + 1) for k, n in enumerate(inside.shape)]
        near = tuple(slice(max(0, low), high) for low, high in sides)
        around = redness[near][marks[near] != index]
        if around.size and np.median(redness[box][inside]) - np.median(around) > REDDER:
            found.append((np.asarray(inside, np.bool_), box))
    return found


def _pair_score(one: Bools, first: Place, other: Bools, second: Place) -> float:
    """Return how surely two red parts are alike enough for the rear lamps of one car, 0..1."""
    tall, wide = (max(one.shape[k], other.shape[k]) for k in (0, 1))
    level, apart = (abs(a - b) for a, b in zip(middle(first), middle(second), strict=True))
    if not max(6.0, 1.6 * wide, 1.6 * (tall * wide) ** 0.5) < apart < 16 * tall:
        return 0.0
    size = np.log(max(one.sum(), other.sum()) / min(one.sum(), other.sum()))
    return float(np.exp(-((level / (0.35 * tall + 0.03 * apart)) ** 2) / 2 - (size / 1.1) ** 2))


def _shadow_score(gray: Array, red: Bools, first: Place, second: Place) -> float:
    """Return how surely the shadow of a car lies below a pair, and the car between them is not red, 0..1."""
    (row, left), (other, right) = sorted((middle(first), middle(second)), key=lambda place: place[1])
    low, apart = max(row, other), right - left
    columns = slice(int(left + 0.2 * apart), int(right - 0.2 * apart) + 1)
    under = gray[int(low + 0.25 * apart) : int(low + 1.15 * apart), columns]
    behind = gray[int(low + 1.2 * apart) : int(low + 1.6 * apart) + 1, columns]
    between = red[first[0].start : first[0].stop, columns]
    if not (under.size and behind.size and between.size) or between.mean() > 0.1:
        return 0.0
    dark = float(np.median(under, 1).min()) / max(float(np.median(behind)), 0.05)
    return float(np.clip((SHADOW[0] - dark) / (SHADOW[0] - SHADOW[1]), 0, 1))
