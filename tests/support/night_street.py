"""A street by night, whose sky, lamp, wall and signal are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from impasto import color

Array = NDArray[np.float32]
HEIGHT, WIDTH = 320, 480
LAMP, SIGNAL = (70, 150), (130, 40)
WALL = (slice(110, 190), slice(300, 450))
AMBER, RED = (1.0, 0.7, 0.35), (1.0, 0.05, 0.05)


def street(lamp: tuple[float, float, float] = AMBER) -> Array:
    """Return a street by night: a sky with a lamp, a wall hardly lighter than it, a signal, the ground."""
    draw = np.random.default_rng(0)
    down, across = np.mgrid[:HEIGHT, :WIDTH]
    light = np.full((HEIGHT, WIDTH, 3), 0.004)
    light[WALL] = 0.014 + 0.008 * (draw.random((80, 150, 1)) > 0.7)
    light[190:] = 0.05 + 0.03 * draw.random((HEIGHT - 190, WIDTH, 1))
    light[115:190, 36:45] = 0.03
    for (row, column), tint, strength in ((LAMP, lamp, 1.0), (SIGNAL, RED, 0.05)):
        away = np.hypot(down - row, across - column)
        light += strength * np.minimum(12 / (1 + away**2), 4)[..., None] * np.array(tint)
    noisy = color.to_srgb(light.clip(0, 1)) + 0.004 * draw.standard_normal(light.shape)
    return np.asarray(noisy.clip(0, 1), np.float32)


def true_sky() -> NDArray[np.bool_]:
    """Return where the sky of the street is, lamp and signal apart."""
    sky = np.zeros((HEIGHT, WIDTH), bool)
    sky[:190] = True
    sky[WALL] = sky[100:190, 25:56] = False
    return sky


def clear_day() -> Array:
    """Return a style by day: a light sky over a darker ground with grain."""
    day = np.full((HEIGHT, WIDTH, 3), 0.8, np.float32)
    day[170:] = 0.35 + 0.2 * np.random.default_rng(1).random((150, WIDTH, 1)).astype(np.float32)
    return day
