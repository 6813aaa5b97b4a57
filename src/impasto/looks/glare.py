"""Glare: the light of lamps scattered in the lens and in the air, as a pyramid of Gaussians."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from impasto.looks.planes import Array

LEVELS = 8  # Gaussians, each twice as wide as the one before
FIRST = 0.9  # deviation of the narrowest, in pixels
SHARE = 0.3  # share of the light that is scattered; a clean lens has less, a wet windscreen more


@lru_cache(maxsize=64)
def fit_point_spread(degrees: float) -> tuple[float, ...]:
    """Fit the point spread function of glare by ``LEVELS`` Gaussians; return their shares, with sum 1.

    The function is the photopic one of Spencer, Shirley, Zimmerman and Greenberg 1995, "Physically-based
    glare effects for digital images", over the angle ``a`` in degrees::

        0.478 f1 + 0.138 f2,  f1 = 20.91 / (a + 0.02)^3,  f2 = 72.37 / (a + 0.02)^2

    without its core ``f0``, which is narrower than a pixel. Fitted by non-negative least squares of the
    energy in rings, so that near and far glare count alike.

    Args:
        degrees: angle of one pixel, in degrees.
    """
    from scipy.optimize import nnls  # slow to import, and needed for nights only

    away = np.geomspace(0.5, FIRST * 2.0**LEVELS, 200)
    angle = away * degrees + 0.02
    energy = (0.478 * 20.91 / angle**3 + 0.138 * 72.37 / angle**2) * away
    widths = FIRST * 2.0 ** np.arange(LEVELS)
    columns = np.exp(-np.square(away[:, None] / widths) / 2) / (2 * np.pi * widths**2) * away[:, None]
    weights, _ = nnls(columns / energy[:, None], np.ones(len(away)))
    return tuple((weights / weights.sum()).tolist())


def glare(light: Array, degrees: float) -> Array:
    """Scatter light: convolve it with the point spread function of glare.

    Args:
        light: linear light of the sources ``(H, W, 3)``, 0 and up.
        degrees: angle of one pixel, in degrees.

    Returns:
        Scattered light ``(H, W, 3)``; its sum is about that of ``light``, less what leaves the image.
    """
    total = np.zeros_like(light)
    part, factor = light, 1
    for level, share in enumerate(fit_point_spread(round(degrees, 5))):
        wide = FIRST * 2**level
        while wide / factor > 2.5 and min(part.shape[:2]) > 8:
            part = _halve(part)
            factor *= 2
        if share <= 0:
            continue
        soft = cv2.GaussianBlur(part, (0, 0), wide / factor, borderType=cv2.BORDER_CONSTANT)
        if factor > 1:
            soft = cv2.resize(soft, (light.shape[1], light.shape[0]), interpolation=cv2.INTER_LINEAR)
        total += np.float32(share) * np.asarray(soft, np.float32).reshape(light.shape)
    return total


def _halve(part: Array) -> Array:
    """Return an image of half the size, each pixel the mean of four; odd sides are continued by zeros."""
    height, width = part.shape[:2]
    even = np.pad(part, ((0, height % 2), (0, width % 2), (0, 0)))
    half = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    return np.asarray(half / np.float32(4), np.float32)
