"""Helpers of the tests of looks."""

from __future__ import annotations

import numpy as np

from impasto.looks.masks import COLORS

Array = np.ndarray


def towers(size: tuple[int, int] = (96, 160), *, sky: float = 0.8) -> tuple[Array, Array]:
    """White towers before a sky that is nearly as light, with a little grain; and where the sky is."""
    height, width = size
    draw = np.random.default_rng(0)
    rgb = np.empty((height, width, 3))
    rgb[:] = np.linspace(sky, sky - 0.1, height)[:, None, None] * [0.9, 0.97, 1.0]
    labels = np.zeros(size, np.int16)
    for left, right, top in ((10, 34, 30), (50, 70, 14), (96, 140, 44)):
        x = slice(left * width // 160, right * width // 160)
        rgb[top * height // 96 :, x] = [0.93, 0.92, 0.9]
        labels[top * height // 96 :, x] = 1
    rgb += draw.normal(0, 0.01, rgb.shape)
    return rgb.clip(0, 1).astype(np.float32), labels


def night(size: tuple[int, int] = (80, 120)) -> tuple[Array, Array]:
    """A dark blue sky over lit walls."""
    draw = np.random.default_rng(1)
    labels = np.zeros(size, np.int16)
    labels[size[0] // 2 :] = 1
    rgb = np.where(labels[..., None] == 0, [0.03, 0.05, 0.14], [0.5, 0.38, 0.2])
    rgb = rgb + draw.normal(0, 0.03, (*size, 1)) + draw.normal(0, 0.01, rgb.shape)
    return rgb.clip(0, 1).astype(np.float32), labels


def painted(labels: Array, colors: tuple[str, ...]) -> Array:
    """A mask in flat colors."""
    return np.asarray(np.array([COLORS[c] for c in colors], np.uint8)[labels])
