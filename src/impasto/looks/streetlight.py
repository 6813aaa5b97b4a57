"""The light of street lamps on a street: pools on the road, fronts that darken with height, and poles."""

from __future__ import annotations

import cv2
import numpy as np

from impasto import color
from impasto.looks import beam as roads
from impasto.looks.beam import Road
from impasto.looks.lights import Draws, Lamps
from impasto.looks.planes import Array, Bools, Place, dilate, middle, parts_at

POLE = 0.012  # most width of a pole, relative to the width
APART = 0.05  # width around a pole that is sky but for it, relative to the width
LONG = 0.08  # least length of a pole, relative to the height
EVEN = 0.2  # part of the light on fronts that is the same everywhere
CASE = 4.5  # half the height in which the case of a signal is searched, relative to its lens
SIDE = 2.0  # half the width
THROWN = 1.2  # light on a case relative to a pole: its board throws back what comes from headlights
DARK, WHITE = 0.33, 0.4  # most luma of a case, and least of the board around it


def near_lamps(photo: Array, alpha: Array, lamps: Lamps, road: Road) -> Array:
    """Return the share of things that stand at the road and under its lamps ``(H, W)``, 0..1.

    The light on a front falls with the angle above the horizon, as a front is far and high. A pole before the
    sky and the case of a signal are near, and lower than street lamps: they have the light of the road.
    ``alpha (H, W)`` is the share of the sky in the ``photo (H, W, 3)`` by day.
    """
    height, width = road.size
    last = max(1, min(height, int(road.horizon)))
    solid = 1 - alpha[:last]
    wide, around, long = round(POLE * width) | 1, round(APART * width) | 1, round(LONG * height) | 1
    narrow = solid - cv2.morphologyEx(solid, cv2.MORPH_OPEN, np.ones((1, wide), np.uint8))
    alone = np.asarray(narrow * (cv2.blur(solid, (around, 1)) < 0.3), np.float32)
    poles = cv2.morphologyEx(alone, cv2.MORPH_OPEN, np.ones((long, 1), np.uint8))
    found = np.zeros(road.size, np.float32)
    found[:last] = poles
    gray = color.luma(photo)
    for number, kind, lens in lamps.parts():
        if kind == "signal":
            box = case_box(lens, road.size)
            case = _case(gray[box], alpha[box], lamps.ids[box] == number)
            found[box] = np.maximum(found[box], np.float32(THROWN) * case)
    soft = max(0.7, width / 1200)
    return np.asarray(cv2.GaussianBlur(found, (0, 0), soft), np.float32)


def case_box(lens: Place, size: tuple[int, int]) -> Place:
    """Return the pixels around the lens of a signal in which its case and board may be."""
    wide = max(2, *(side.stop - side.start for side in lens))
    row, column = middle(lens)
    return (
        slice(max(0, round(row - CASE * wide)), min(size[0], round(row + CASE * wide))),
        slice(max(0, round(column - SIDE * wide)), min(size[1], round(column + SIDE * wide))),
    )


def _case(gray: Array, alpha: Array, lens: Bools) -> Bools:
    """Return the case of a signal, which is dark, and the white board around it; ``(h, w)``."""
    case = parts_at((gray < DARK) | lens, dilate(lens, 3))
    # What is white and larger than that is a house behind it.
    board = (gray > WHITE) & (alpha < 0.5) & ~case
    return case | parts_at(board, dilate(case, 5), most=0.7 * float(case.sum()))


def city(
    road: Road, lamps: Lamps, draws: Draws, *, near: Array, low: float, wall: float, fall: float
) -> Array:
    """Return the light of the street lamps ``(H, W)``: 1 on the road below a lamp.

    Args:
        lamps: the lamps, of which those above the road have a pool each.
        near: what stands at the road, see :func:`near_lamps`.
        low, wall, fall: see :class:`impasto.looks.night.Night`.
    """
    draw = draws.of_part("street")
    found = []
    for _, kind, box in lamps.parts():
        if kind == "lamp":
            row, column = middle(box)
            place = road.place(column, row)
            if place is not None and place[1] < roads.FAR:
                found.append((*place, 1.0))
    # A street that is lit is lit here too: by a lamp above the picture, which cannot be seen in it.
    first = road.focal * (roads.POLE - road.height) / max(road.horizon, 1.0)
    side = float(draw.choice([-1, 1])) * 3.5
    found.append((side, float(draw.uniform(0.3, 0.9)) * first, float(draw.uniform(0.5, 0.9))))
    light = np.float32(low) + np.float32(1 - low) * roads.pools(road, found)
    up = (np.float32(road.horizon) - np.arange(road.size[0], dtype=np.float32)[:, None]) / road.focal
    front = np.float32(wall) * np.exp(-np.maximum(up, 0) / np.float32(fall))
    ground = 1 / (1 + np.exp((up / np.float32(0.02)).clip(-30, 30)))
    light = ground * light + (1 - ground) * front * (np.float32(EVEN) + np.float32(1 - EVEN) * light)
    return np.asarray(light + near * (np.float32(wall) - light).clip(0, None), np.float32)
