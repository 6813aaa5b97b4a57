"""Helpers of the tests of film kinds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


CARD = np.array(
    [(180, 30, 30), (30, 160, 40), (30, 40, 170), (170, 150, 40), (150, 40, 150), (40, 150, 150)], np.uint8
)


HEIGHT, WIDTH, FIELD = 64, 96, 16


def picture(number: int) -> Bytes:
    """Six fields of color, and below them a gray that says which picture of a film it is."""
    rgb = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    rgb[:32] = np.repeat(CARD, FIELD, axis=0)
    rgb[32:] = gray(number)
    return rgb


def gray(number: int) -> int:
    return 20 + 7 * number
