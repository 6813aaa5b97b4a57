"""Tools for all sample styles: coordinates from 0 to 1, colors, noise, shapes, shading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.interpolate import CubicSpline

Array: TypeAlias = npt.NDArray[Any]
Rng: TypeAlias = np.random.Generator


def rgb(*codes: str) -> Array:
    """Convert hexadecimal codes such as "1b2a49" to colors of shape (N, 3), or (3,) for a single code."""
    colors = np.array([[int(code[i : i + 2], 16) for i in (0, 2, 4)] for code in codes], np.float32) / 255
    return colors[0] if len(codes) == 1 else colors


def plane(pixels: int) -> tuple[Array, Array]:
    """Return x and y of every pixel's center of a square sheet, from 0 at the left and at the top."""
    axis = (np.arange(pixels, dtype=np.float32) + 0.5) / pixels
    x, y = np.meshgrid(axis, axis)
    return x, y


def step(value: Array, low: float | Array, high: float | Array) -> Array:
    """Return a smooth step from 0 at ``low`` to 1 at ``high``; falling if ``low`` is above ``high``."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def mix(under: Array, over: Array, share: Array | float) -> Array:
    """Blend a color or an image over another; a share of shape (H, W) applies per pixel."""
    amount = share[..., None] if isinstance(share, np.ndarray) else share
    return under + (over - under) * amount


def ramp(colors: Array, value: Array) -> Array:
    """Look up colors (N, 3) along 0..1, with smooth transitions."""
    stops, fine = np.linspace(0, 1, len(colors)), np.linspace(0, 1, 1024)
    table = np.stack([np.interp(fine, stops, colors[:, c]) for c in range(3)], -1).astype(np.float32)
    return np.asarray(table[(np.clip(value, 0, 1) * 1023).astype(np.int32)])


def noise(rng: Rng, pixels: int, cells: float, *, octaves: int = 3, stretch: float = 1.0) -> Array:
    """Return smooth noise of mean 0 and deviation 1 with ``cells`` bumps across; ``stretch`` widens in x."""
    total = np.zeros((pixels, pixels), np.float32)
    for octave in range(octaves):
        rows = max(2, round(cells * 2**octave))
        columns = max(2, round(rows / stretch))
        grid = rng.standard_normal((rows + 2, columns + 2)).astype(np.float32)
        image = Image.fromarray(grid)
        box = (1.0, 1.0, columns + 1.0, rows + 1.0)
        total += np.asarray(image.resize((pixels, pixels), Image.Resampling.BICUBIC, box=box)) * 0.5**octave
    return np.asarray((total - total.mean()) / max(float(total.std()), 1e-6), np.float32)


def polygon(pixels: int, points: Sequence[tuple[float, float]] | Array) -> Array:
    """Return the mask 0..1 of a polygon in 0..1 coordinates, with soft edges."""
    image = Image.new("L", (2 * pixels, 2 * pixels))
    corners = [(2 * pixels * float(px), 2 * pixels * float(py)) for px, py in points]
    ImageDraw.Draw(image).polygon(corners, fill=255)
    return np.asarray(image.reduce(2), np.float32) / 255


def disc(x: Array, y: Array, center: tuple[float, float], radius: float, soft: float = 0.002) -> Array:
    """Return the mask of a disc, which falls from 1 to 0 over ``soft`` at its border."""
    return step(np.hypot(x - center[0], y - center[1]), radius + soft, radius - soft)


def spline(points: Sequence[tuple[float, float]], count: int) -> Array:
    """Return a smooth curve through points: (count, 2), evenly spaced along its length."""
    knots = np.asarray(points, float)
    t = np.r_[0, np.cumsum(np.hypot(*np.diff(knots, axis=0).T))]
    fine = CubicSpline(t, knots)(np.linspace(0, t[-1], 20 * len(knots)))
    length = np.r_[0, np.cumsum(np.hypot(*np.diff(fine, axis=0).T))]
    even = np.linspace(0, length[-1], count)
    return np.stack([np.interp(even, length, fine[:, i]) for i in (0, 1)], -1).astype(np.float32)


def sample(picture: Array, points: Array) -> Array:
    """Sample an image, (H, W) or (H, W, C), at points (..., 2) in 0..1, clamped to the border."""
    pixels = picture.shape[0]
    index = np.clip((points * pixels).astype(np.int32), 0, pixels - 1)
    return np.asarray(picture[index[..., 1], index[..., 0]])


def scatter(rng: Rng, count: int, margin: float = 0.03) -> Array:
    """Return about ``count`` evenly spread random points, slightly beyond the border, in random order."""
    side = max(1, round(np.sqrt(count)))
    x, y = np.meshgrid(np.arange(side), np.arange(side))
    points = np.stack([x, y], -1).reshape(-1, 2) + rng.random((side * side, 2)) * 1.3 - 0.15
    return rng.permutation(points / side * (1 + 2 * margin) - margin).astype(np.float32)


def segment(labels: Array) -> Array:
    """Return the distance of each pixel to the nearest border between labels, in fractions of the sheet."""
    border = np.zeros(labels.shape, bool)
    border[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    border[1:, :] |= labels[1:, :] != labels[:-1, :]
    return np.asarray(ndimage.distance_transform_edt(~border) / labels.shape[0], np.float32)


def lit(height: Array, strength: float) -> Array:
    """Shade a surface from the upper left: about -1 in shadow, 0 where it is flat, 1 facing the light."""
    down, right = np.gradient(height)
    return np.asarray(np.tanh((down + right) * strength * height.shape[0] / 1536), np.float32)


def shrink(picture: Array, factor: int) -> Array:
    """Average blocks of pixels, which antialiases the oversampled painting."""
    side = picture.shape[0] // factor
    blocks = picture.reshape(side, factor, side, factor, -1).mean((1, 3))
    return np.asarray(np.clip(blocks, 0, 1), np.float32)


def smear(picture: Array, field: Array, length: float, steps: int = 24) -> Array:
    """Blur an image along a field of angles, over ``length`` of the sheet: bands that follow the flow."""
    x, y = plane(picture.shape[0])
    total = picture.astype(np.float32).copy()
    for sign in (-1.0, 1.0):
        point = np.stack([x, y], -1)
        for _ in range(steps):
            angle = sample(field, point)
            point = point + np.stack([np.cos(angle), np.sin(angle)], -1) * np.float32(
                sign * length / steps / 2
            )
            total += sample(picture, point)
    return np.asarray(total / (2 * steps + 1))
