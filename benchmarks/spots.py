"""Spots of light that a night invents."""

from __future__ import annotations

import cv2
import numpy as np

from impasto import color
from impasto.looks.lights import Lamps
from impasto.looks.planes import Array, dilate
from impasto.looks.streetlight import case_box

OUTSHINES = 6.0  # ratio of a lamp to its surroundings, linear


def spots(result: Array, photo: Array, lamps: Lamps) -> int:
    """Count the spots of light that are in a result, but neither in the photo, nor at a lamp or its case.

    A spot outshines the median of its surroundings ``OUTSHINES`` times, in linear light, and three times as
    clearly as in the photo. For results of any method, which have no graded image.
    """
    (here, gray), (there, _) = (_outshines(picture) for picture in (result, photo))
    wide = max(3, round(0.012 * max(here.shape)))
    known = dilate(lamps.kinds > 0, 2 * wide + 1)
    for _, kind, box in lamps.parts():
        if kind == "signal":
            known[case_box(box, lamps.kinds.shape)] = True
    fresh = (here > OUTSHINES) & (here > 3 * there) & (gray > 0.15) & ~known
    count, _, stats, _ = cv2.connectedComponentsWithStats(fresh.astype(np.uint8), connectivity=8)
    return int((stats[1:count, cv2.CC_STAT_AREA] >= 6).sum())


def _outshines(picture: Array) -> tuple[Array, Array]:
    """Return the ratio of each pixel to the median around it, ``(H, W)``, and its luminance."""
    gray = np.asarray(color.luma(color.to_linear(picture)), np.float32)
    side = 2 * round(max(gray.shape) / 40) + 1
    levels = (np.sqrt(gray) * 255).clip(0, 255).astype(np.uint8)
    around = np.square(np.maximum(cv2.medianBlur(levels, side), 8).astype(np.float32) / 255)
    return np.asarray(gray / around, np.float32), gray
