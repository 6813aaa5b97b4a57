"""Lamps of labeled boxes: the lens of a signal, the rear lamps of a vehicle, signs; and windows outside them.

A box says that a thing may have lamps; the photo must show them. A vehicle without red lamps on both sides
stays dark, because a box does not tell its front from its side. Headlights are not searched: by day, chrome
and paint shine like them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from impasto import color
from impasto.looks.detectors import LEAST as CERTAIN
from impasto.looks.fronts import windows
from impasto.looks.labeled import Thing
from impasto.looks.lights import NUMBERS
from impasto.looks.planes import Array, Bools, Bytes, Place, chroma, dilate, has_hue, hue_and_chroma, middle

SIGNALS = frozenset({"traffic light", "traffic_light", "trafficlight"})
SIGNS = frozenset({"traffic sign", "traffic_sign", "stop sign", "trafficsign"})
VEHICLES = frozenset({"car", "truck", "bus", "van", "train", "tram", "caravan", "trailer", "other vehicle"})
HUES = {"red": [(0, 24), (335, 360)], "yellow": [(20, 65)], "green": [(80, 200)]}  # degrees

LENS = 0.25  # range of the channels of a lens that is lit
RED = 0.22  # the same of a rear lamp by day
LEAST = 6  # shortest side of a box in pixels in which anything is searched
MOST = 200  # red parts of a box that are compared
SURE = 0.5  # confidence below which a pair of rear lamps is left dark


def lamps_in_boxes(photo: Array, things: Sequence[Thing], horizon: float) -> Bytes:
    """Find the lamps of labeled objects, and the windows of houses that no object hides.

    Args:
        photo: image by day, ``(H, W, 3)``, sRGB, 0..1.
        horizon: height of the horizon from the top, relative to the height.

    Returns:
        Kinds ``(H, W)`` as in :class:`~impasto.looks.lights.Lamps`: signals, rear lamps, signs and windows.
    """
    kinds = np.zeros(photo.shape[:2], np.uint8)
    inside_box = np.zeros(kinds.shape, np.bool_)
    # What is near covers what is far, and its box ends lower.
    for thing in sorted(things, key=lambda thing: thing.box[3]):
        place = _place(thing, kinds.shape)
        if place is None:
            continue
        part = photo[place]
        inside_box[place] = True
        if thing.name in SIGNS:
            kinds[place][_round(part)] = NUMBERS["sign"]
        elif thing.name in VEHICLES:
            kinds[place][kinds[place] == NUMBERS["rear"]] = 0
            kinds[place][rear_lamps(part)] = NUMBERS["rear"]
        elif thing.name in SIGNALS:
            kinds[place][lens(part, thing.color)] = NUMBERS["signal"]
    for inside, place, sure in windows(photo, horizon):
        if sure >= CERTAIN and not inside_box[place].any():
            kinds[place][inside] = NUMBERS["window"]
    return kinds


def _place(thing: Thing, size: tuple[int, ...]) -> Place | None:
    """Return the pixels of a box within an image; None if it is too small."""
    left, top, right, bottom = thing.box
    if not all(np.isfinite(thing.box)):
        return None
    rows = slice(max(0, int(top)), min(size[0], int(np.ceil(bottom))))
    columns = slice(max(0, int(left)), min(size[1], int(np.ceil(right))))
    return None if min(rows.stop - rows.start, columns.stop - columns.start) < LEAST else (rows, columns)


def lens(part: Array, color: str = "") -> Bools:
    """Return the lens of a signal that is lit, ``(h, w)``: the brightest saturated blob; none if none is.

    Args:
        part: image of the signal, ``(h, w, 3)``, sRGB, 0..1.
        color: its color if a label tells: red, yellow or green.
    """
    hue, vividness, value = hue_and_chroma(part)
    fits = has_hue(hue, [pair for name in ([color] if color in HUES else HUES) for pair in HUES[name]])
    score = np.where(fits, vividness * value, 0)
    most = float(score.max())
    vivid = fits & (score > 0.45 * most) & (vividness > LENS)
    marks, count = ndimage.label(vivid, np.ones((3, 3)))
    if count == 0:
        return np.zeros(vivid.shape, np.bool_)
    sums = ndimage.sum_labels(score, marks, np.arange(1, count + 1))
    found = dilate(marks == 1 + int(np.argmax(sums)), 3) & fits & (vividness > LENS / 2)
    # A signal is mostly case: what fills its box is a thing of one color.
    return found if found.mean() < 0.4 else np.zeros(vivid.shape, np.bool_)


def rear_lamps(part: Array) -> Bools:
    """Return the rear lamps ``(h, w)`` in an image of a vehicle ``(h, w, 3)``: the two red parts most alike.

    The confidence is that of likeness in height and in size; below ``SURE`` nothing is found. The two lie a
    quarter of the width or more apart. A red vehicle has no red parts of the size of lamps.
    """
    height, width = part.shape[:2]
    hue, vividness, _ = hue_and_chroma(part)
    red = ((hue < 16) | (hue > 340)) & (vividness > RED)
    marks, _ = ndimage.label(red, np.ones((3, 3)))
    found: list[tuple[int, float, float, int]] = []
    for index, box in enumerate(ndimage.find_objects(marks)[:MOST], 1):
        area = int((marks[box] == index).sum())
        row, column = middle(box)
        if max(3.0, 0.0015 * red.size) <= area <= 0.06 * red.size and 0.2 < row / height < 0.8:
            found.append((index, row / height, column / width, area))
    best, chosen = SURE, (0, 0)
    for place, (one, row, column, area) in enumerate(found):
        for other, second, across, large in found[:place]:
            level, size = (row - second) / 0.07, np.log(area / large) / 1.2
            sure = float(np.exp(-(level**2) - size**2)) * float(abs(column - across) > 0.25)
            if sure > best:
                best, chosen = sure, (one, other)
    return np.asarray(np.isin(marks, [mark for mark in chosen if mark]))


def _round(part: Array) -> Bools:
    """Return the ellipse within a box whose pixels are as light as a sign, ``(h, w)``."""
    height, width = part.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    inside = np.hypot((rows + 0.5) / height * 2 - 1, (columns + 0.5) / width * 2 - 1) < 0.95
    gray = color.luma(part)
    return np.asarray(inside & ((chroma(part) > LENS) | (gray > np.percentile(gray, 40))))
