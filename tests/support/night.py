"""A street by day, drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
SIZE = (180, 320)
HORIZON = 0.5
SIGNAL, LAMP, WINDOW = (slice(52, 60), slice(40, 48)), (30, 200), (slice(40, 56), slice(250, 270))


def street() -> Array:
    """A street by day: sky, a house with a window, a road to the middle, a signal, a pair of rear lamps."""
    height, width = SIZE
    rgb = np.zeros((height, width, 3), np.float32)
    rgb[:90] = np.linspace(0.62, 0.9, 90)[:, None, None] * np.array([0.9, 0.96, 1.0])
    rgb[90:] = 0.35
    rgb[20:95, 230:] = (0.45, 0.36, 0.28)
    rgb[WINDOW] = (0.12, 0.13, 0.15)
    rgb[82:92, :230] = (0.12, 0.2, 0.08)
    for offset in (-150, -90, 90, 150):  # lane paint, which meets at the horizon
        for row in range(100, height):
            column = round(width / 2 + offset * (row - 90) / 60)
            rgb[row, max(0, column - 1) : max(0, column + 2)] = 0.85
    rgb[28:64, 36:52] = 0.06  # the case of a signal
    rgb[SIGNAL] = (0.1, 0.85, 0.6)
    rgb[LAMP[0] - 1 : LAMP[0] + 2, LAMP[1] - 3 : LAMP[1] + 4] = 0.3
    rgb[96:112, 96:130] = 0.1  # a car
    for left in (99, 122):
        rgb[100:105, left : left + 5] = (0.8, 0.1, 0.08)
    return rgb
