"""Number plates: light rectangles between the rear lamps of one car, which throw the own beam back."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from impasto import color
from impasto.looks.beam import Road, brightest
from impasto.looks.cars import PAIR, REACH, CarLamp
from impasto.looks.planes import Array, Place, chroma

SIGN = 4.0  # light that a sign or a plate throws back, relative to what it scatters
STRAY = 0.02  # light of a low beam above its cut-off, of its largest: 625 of 30000 cd (ECE regulation 112)
HIGHEST, LOWEST = 0.25, -0.75  # where a plate may be, in metres above the lamps
MIDDLE = 0.32  # the same to the side, relative to the distance of the lamps: 0.43 m
LIGHTER, PALE, FULL = 1.6, 0.3, 0.7  # ratio to the car; most chroma by value; share of its box that is light
WIDTH, ASPECT = (0.18, 0.5), (1.6, 6.5)  # 0.24 to 0.68 m; plates are from 0.30 x 0.15 to 0.52 x 0.11 m
LEAST = (2, 6)  # smallest (height, width) in pixels


def plate_reflection(found: Sequence[CarLamp], road: Road, photo: Array | None = None) -> Array:
    """Compute the own beam that plates throw back, ``(H, W)``, in units of the beam.

    It is at most 1, as on the road. A plate hangs above the cut-off, in the stray light ``SIGN STRAY / z^2``.

    Args:
        found: the lamps of cars that are on.
        photo: image by day ``(H, W, 3)``, sRGB, 0..1. Default: every place where a plate may be.
    """
    light = np.zeros(road.size, np.float32)
    for lamp in found:
        if lamp.kind != "rear" or lamp.apart <= 0 or lamp.ahead > REACH:
            continue  # once for both lamps
        metre, middle = lamp.apart / PAIR, lamp.column + lamp.apart / 2
        top, bottom = lamp.row - HIGHEST * metre, lamp.row - LOWEST * metre
        left, right = middle - MIDDLE * lamp.apart, middle + MIDDLE * lamp.apart
        rows, columns = (slice(max(0, round(a)), max(0, round(b))) for a, b in ((top, bottom), (left, right)))
        part = light[rows, columns]
        if min(part.shape) < 2 + LEAST[0]:
            continue
        share = np.float32(min(1.0, SIGN * STRAY / lamp.ahead**2 / brightest(road)))
        place = ... if photo is None else _plate(photo[rows, columns], lamp.apart)
        if place is not None:
            part[place] = share
    return light


def _plate(part: Array, apart: float) -> Place | None:
    """Return where the plate is in the back of a car ``(h, w, 3)``; None: nowhere.

    It is lighter than the car, has hardly a color, and the size of a plate, to which the distance ``apart``
    of the lamps in pixels is the scale. Of several, it is the one in the middle.
    """
    gray = color.luma(part)
    pale = chroma(part) < PALE * part.max(2)
    light = (pale & (gray > LIGHTER * np.median(gray))).astype(np.uint8)
    # Letters are dark.
    light = cv2.morphologyEx(light, cv2.MORPH_CLOSE, np.ones((2 * round(apart / 50) + 1,) * 2, np.uint8))
    count, _, boxes, middles = cv2.connectedComponentsWithStats(light, connectivity=4)
    best, chosen = np.inf, None
    for (left, top, wide, high, area), (across, _) in zip(boxes[1:count], middles[1:count], strict=True):
        inside = left > 0 and top > 0 and left + wide < part.shape[1] and top + high < part.shape[0]
        fits = WIDTH[0] <= wide / apart <= WIDTH[1] and ASPECT[0] <= wide / high <= ASPECT[1]
        large = high >= LEAST[0] and wide >= LEAST[1] and area >= FULL * wide * high
        away = abs(across - (part.shape[1] - 1) / 2)
        if inside and fits and large and away < best:
            best, chosen = away, (slice(top, top + high), slice(left, left + wide))
    return chosen
