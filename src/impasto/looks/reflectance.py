"""Reflectance: a picture by day with the light and the shadows of its day divided out."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto import color, image
from impasto.looks.skies import sky

Array = NDArray[np.float32]

EVEN = 0.65  # share of the daylight's own shading that is removed
NEAR = 1 / 14  # width of the median of that shading, relative to the long side
WORK = 480  # long side in pixels at which it is found
MIDDLE = 0.13  # reflectance of the median of a street
SUNLIT = 0.35  # stops by which what the sun lit may stay above the median
SKYLIGHT = 4.0  # ratio of blue to red up to which a gray thing is blue only by the light of the sky


def surface(front: Array, alpha: Array, *, middle: float | None = None) -> Array:
    """Estimate the reflectance ``(H, W, 3)`` of what is in a picture by day, linear.

    The light of the day is the local luminance, of which the power ``EVEN`` is divided out (as in the retinex
    of Jobson, Rahman and Woodell 1997), and what is above the median is held within ``SUNLIT`` stops
    of it; so sunlit fronts and shadows come nearer to each other. Shadows lose the blue of the sky.

    Args:
        front: image without its sky, ``(H, W, 3)``, sRGB, 0..1.
        alpha: share of the sky, ``(H, W)``.
        middle: its median without shading, see :func:`brightness`. Default: its own.
    """
    even = _even(front, alpha)
    middle = _median(even, alpha) if middle is None else middle
    return np.asarray((even * np.float32(MIDDLE / max(middle, 1e-4))).clip(0, 0.9), np.float32)


def brightness(photo: Array, horizon: float) -> float:
    """Return the median of an image by day ``(H, W, 3)`` without shading and sky, to keep for a shot."""
    above = sky(photo, horizon=horizon)
    return _median(_even(above.front, above.alpha), above.alpha)


def _even(front: Array, alpha: Array) -> Array:
    """Return linear light with most of the daylight divided out."""
    linear = _without_skylight(np.asarray(color.to_linear(front), np.float32))
    light = np.log2(np.maximum(_daylight(color.luma(linear), 1 - alpha), 0.006))
    ground = light[alpha < 0.5]
    over = np.float32(1 - EVEN) * (light - np.float32(np.median(ground) if ground.size else 0.0))
    kept = np.where(over > 0, np.float32(SUNLIT) * np.tanh(over / np.float32(SUNLIT)), over)
    return np.asarray(linear * np.exp2(kept - light)[..., None], np.float32)


def _without_skylight(linear: Array) -> Array:
    """Take the blue of the sky out of what is gray but for it, and leave what is blue itself.

    Shadows are lit by the sky, 8000 K and more; a beam lights them white. A ratio of blue to red of up to
    ``SKYLIGHT``, with green in between, is taken for the light; from three times that, for the thing itself.
    """
    red, green, blue = (linear[..., i] + np.float32(0.01) for i in range(3))
    part = 1 - (np.log(blue / red / np.float32(SKYLIGHT)) / np.float32(np.log(3))).clip(0, 1)
    between = (10 * (np.float32(1.1) - green / blue)).clip(0, 1) * (
        10 * (green / red - np.float32(0.95))
    ).clip(0, 1)
    share = (np.float32(0.85) * part * between * (8 * (blue / red - 1)).clip(0, 1)).astype(np.float32)
    gray = np.asarray(color.luma(linear), np.float32)[..., None]
    return np.asarray(linear + share[..., None] * (gray - linear), np.float32)


def _median(even: Array, alpha: Array) -> float:
    ground = alpha < 0.5
    return float(np.median(color.luma(even)[ground])) if ground.any() else 1.0


def _daylight(gray: NDArray[np.floating[Any]], solid: Array) -> Array:
    """Estimate the light of the day ``(H, W)`` as the local median of luminance.

    A median keeps the edge of a shadow and drops what is narrow, such as lane paint; a guided filter with the
    image itself (He, Sun and Tang 2010) puts the edge back to its pixel.
    """
    height, width = gray.shape
    size = image.fit((height, width), min(WORK, max(height, width)))[::-1]
    log = np.log2(np.maximum(np.asarray(gray, np.float32), 1e-3))
    small = np.asarray(cv2.resize(log, size, interpolation=cv2.INTER_AREA), np.float32)
    ground = np.asarray(cv2.resize(solid, size, interpolation=cv2.INTER_AREA), np.float32)
    # The sky takes the tone of what is next to it.
    fill = cv2.blur(small * ground, (31, 31)) / np.maximum(cv2.blur(ground, (31, 31)), 1e-3)
    small = np.asarray(np.where(ground > 0.7, small, fill), np.float32)
    window = 2 * round(NEAR * max(size) / 2) + 1
    levels = ((small + 10) * np.float32(25)).clip(0, 255).astype(np.uint8)
    calm = cv2.medianBlur(levels, window).astype(np.float32) / np.float32(25) - 10
    side = (2 * round(0.012 * max(size)) + 1,) * 2
    mean, target = cv2.blur(small, side), cv2.blur(calm, side)
    slope = (cv2.blur(small * calm, side) - mean * target) / (
        cv2.blur(small * small, side) - mean * mean + 0.02
    )
    model = np.stack([cv2.blur(slope, side), cv2.blur(target - slope * mean, side)], 2)
    large = cv2.resize(model, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.exp2(large[..., 0] * log + large[..., 1]), np.float32)
