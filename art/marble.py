"""Marbled paper: drops of color on a bath, then combed, by exact formulas.

A drop of radius r at c moves every point p to c + (p - c) sqrt(1 + r^2 / |p - c|^2). A tine drawn along a
line shifts points along it, less with the distance (Lu and others, "Mathematical Marbling", 2012).
The image is computed backwards: inverse moves map each pixel to the bath of drops.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from art.canvas import OVERSAMPLE
from art.sheet import Array, Rng, mix, noise, plane, rgb, shrink, step

_BATH, _DROPS = 900, 260
_COLORS = rgb(
    "14284f", "f3e7cf", "b3261e", "1f6f78", "e8a838", "f3e7cf", "3a5fa0", "d9683a", "14284f", "8fb8a8"
)


def marbling(size: int, rng: Rng) -> Array:
    """Marble a sheet of paper: drops, raked across, combed fine, then curled with a few whirls."""
    n = size * OVERSAMPLE
    x, y = plane(n)
    for cx, cy, turn in (
        (0.27, 0.3, 1.0),
        (0.73, 0.36, -1.0),
        (0.5, 0.72, 1.0),
        (0.08, 0.8, -0.8),
        (0.94, 0.84, 0.8),
        (0.5, 0.04, -0.7),
    ):
        x, y = _whirl(x, y, (cx + rng.normal(0, 0.015), cy), turn * 3.0, 0.07)
    x = x + 0.018 * np.sin(2 * np.pi * 2 * y + 1.0)
    y = _comb(y, x, 0.047, 0.055, rng.random())
    x = _rake(x, y, 0.15, 0.42, rng.random())
    y = _rake(y, x, 0.33, 0.3, rng.random())
    bath, rims = _bath(rng, min(_BATH, 2 * n))
    # Blur where the combs stretch the bath below one pixel, to avoid broken veins.
    pull = np.hypot(*np.gradient(x)) + np.hypot(*np.gradient(y))
    fine = step(pull * bath.shape[0], 1.5, 4.0)
    blurred = ndimage.gaussian_filter(bath, (2.5, 2.5, 0))
    ink = mix(_picture(bath, x, y), _picture(blurred, x, y), fine)
    veins = _read(rims, x, y) ** 4
    paper = 1 + 0.02 * noise(rng, n, 210, octaves=1) + 0.015 * noise(rng, n, 40)
    ink = ink * (1 + 0.045 * noise(rng, n, 6) + 0.05 * veins)[..., None]
    return shrink((ink * paper[..., None]).astype(np.float32), OVERSAMPLE)


def _picture(bath: Array, x: Array, y: Array) -> Array:
    """Sample all three colors of the bath at points."""
    return np.stack([_read(bath[..., c], x, y) for c in range(3)], -1)


def _read(bath: Array, x: Array, y: Array) -> Array:
    """Sample a plane of the bath at points, reflected beyond its border."""
    at = np.stack([y, x]) * bath.shape[0] - 0.5
    return np.asarray(ndimage.map_coordinates(bath, at, order=1, mode="mirror", output=np.float32))


def _comb(moved: Array, across: Array, spacing: float, pull: float, start: float) -> Array:
    """Undo a comb: teeth ``spacing`` apart along ``across``, each of which drags the bath by ``pull``."""
    offset = np.abs(np.mod(across / spacing + start, 1) - 0.5) * spacing
    return np.asarray(moved - pull * np.exp(-offset / (0.3 * spacing)))


def _rake(moved: Array, across: Array, spacing: float, pull: float, start: float) -> Array:
    """Undo a rake: wide teeth that drag smoothly, alternately in opposite directions."""
    return np.asarray(moved - pull * 0.5 * np.sin(2 * np.pi * (across / spacing + start)))


def _whirl(x: Array, y: Array, at: tuple[float, float], turn: float, reach: float) -> tuple[Array, Array]:
    """Undo a whirl of the stylus: a rotation about ``at`` that decreases with distance."""
    dx, dy = x - at[0], y - at[1]
    angle = -turn * np.exp(-np.hypot(dx, dy) / reach)
    return at[0] + dx * np.cos(angle) - dy * np.sin(angle), at[1] + dx * np.sin(angle) + dy * np.cos(angle)


def _bath(rng: Rng, pixels: int) -> tuple[Array, Array]:
    """Return the bath after all drops, and the closeness of each point to the border of its drop."""
    x, y = (axis.reshape(-1).copy() for axis in plane(pixels))
    colors = np.tile(_COLORS[0], (x.size, 1))
    rims = np.zeros(x.size, np.float32)
    todo = np.arange(x.size)
    # Backwards: the last drop is on top, and it has only moved the points that it does not cover.
    for k in range(_DROPS):
        cx, cy = rng.random(2)
        radius = rng.uniform(0.025, 0.07) * (0.5 if k < _DROPS // 3 else 1.0)
        dx, dy = x - cx, y - cy
        d2 = np.maximum(dx * dx + dy * dy, 1e-9)
        inside = d2 < radius * radius
        colors[todo[inside]] = _COLORS[k % len(_COLORS)]
        rims[todo[inside]] = np.sqrt(d2[inside]) / radius
        free = ~inside
        pull = np.sqrt(1 - radius * radius / d2[free])
        x, y, todo = cx + dx[free] * pull, cy + dy[free] * pull, todo[free]
    return colors.reshape(pixels, pixels, 3), rims.reshape(pixels, pixels)
