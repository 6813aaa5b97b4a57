"""Reflectance: a picture by day with the light and the shadows of its day divided out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from impasto import color
from impasto.looks.planes import Array, small_size
from impasto.looks.shadows import Shade, guided_filter, local_median, shade_of, without_shadows
from impasto.looks.skies import sky

EVEN = 0.65  # share of the daylight's own shading that is removed
NEAR = 1 / 14  # width of the median of that shading, relative to the long side
MIDDLE = 0.13  # reflectance of the median of a street
SUNLIT = 0.35  # stops by which what the sun lit may stay above the median
SKYLIGHT = 4.0  # ratio of blue to red up to which a gray thing is blue only by the light of the sky


@dataclass(frozen=True)
class Day:
    """Light of the day in a picture or a shot.

    Args:
        middle: median of the picture without shading.
        shade: sun and shadow on the road; None: there are none.
    """

    middle: float
    shade: Shade | None = None

    @classmethod
    def of_shot(cls, photos: Sequence[Array], horizon: float) -> Day:
        """Return the light of the day in a shot: the median of its key frames; shadows if most have them."""
        above = [sky(photo, horizon=horizon) for photo in photos]
        days = [_even(one.front, one.alpha, horizon)[1] for one in above]
        shades = [day.shade for day in days if day.shade is not None]
        shade = None
        if 2 * len(shades) > len(days):
            lit, ratio = (np.median([getattr(s, name) for s in shades], 0) for name in ("lit", "ratio"))
            shade = Shade(lit.astype(np.float32), ratio.astype(np.float32))
        return cls(float(np.median([day.middle for day in days])), shade)


def surface(front: Array, alpha: Array, *, horizon: float = 0.6, day: Day | None = None) -> Array:
    """Estimate the reflectance ``(H, W, 3)`` of what is in a picture by day, linear.

    The light of the day is the local luminance, of which the power ``EVEN`` is divided out (as in the retinex
    of Jobson, Rahman and Woodell 1997), and what is above the median is held within ``SUNLIT`` stops
    of it; so sunlit fronts and shadows come nearer to each other. Shadows of the sun on the road go before
    that, and all shadows lose the blue of the sky.

    Args:
        front, alpha: the picture without its sky, and the share of that, as in ``Sky``.
        horizon: height of the horizon from the top, relative to the height.
        day: light of its day. Default: found.
    """
    even, day = _even(front, alpha, horizon, day)
    return np.asarray((even * np.float32(MIDDLE / max(day.middle, 1e-4))).clip(0, 0.9), np.float32)


def _even(front: Array, alpha: Array, horizon: float, day: Day | None = None) -> tuple[Array, Day]:
    """Return linear light with most of the daylight divided out, and that daylight."""
    linear = color.to_linear(front)
    shade = shade_of(linear, horizon) if day is None else day.shade
    if shade is not None:
        linear = without_shadows(linear, shade, horizon)
    linear = _without_skylight(linear)
    light = np.log2(np.maximum(_daylight(color.luma(linear), 1 - alpha), 0.006))
    ground = alpha < 0.5
    over = np.float32(1 - EVEN) * (light - np.float32(np.median(light[ground]) if ground.any() else 0.0))
    kept = np.where(over > 0, np.float32(SUNLIT) * np.tanh(over / np.float32(SUNLIT)), over)
    even = np.asarray(linear * np.exp2(kept - light)[..., None], np.float32)
    if day is None:
        day = Day(float(np.median(color.luma(even)[ground])) if ground.any() else 1.0, shade)
    return even, day


def _without_skylight(linear: Array) -> Array:
    """Take the blue of the sky out of what is gray but for it, and leave what is blue itself.

    Shadows are lit by the sky, 8000 K and more; a beam lights them white. A ratio of blue to red of up to
    ``SKYLIGHT``, with green in between, is taken for the light; from three times that, for the thing itself.
    """
    red, green, blue = (linear[..., i] + np.float32(0.01) for i in range(3))
    part = 1 - (np.log(blue / red / np.float32(SKYLIGHT)) / np.float32(np.log(3))).clip(0, 1)
    below, above = np.float32(1.1) - green / blue, green / red - np.float32(0.95)
    between = (10 * below).clip(0, 1) * (10 * above).clip(0, 1)
    share = (np.float32(0.85) * part * between * (8 * (blue / red - 1)).clip(0, 1)).astype(np.float32)
    gray = color.luma(linear)[..., None]
    return np.asarray(linear + share[..., None] * (gray - linear), np.float32)


def _daylight(gray: Array, solid: Array) -> Array:
    """Estimate the light of the day ``(H, W)`` as the local median of luminance.

    A median keeps the edge of a shadow and drops what is narrow, such as lane paint; a guided filter with the
    image itself puts the edge back to its pixel.
    """
    size = small_size(gray.shape)
    log = np.log2(np.maximum(gray, 1e-3))
    small = np.asarray(cv2.resize(log, size, interpolation=cv2.INTER_AREA), np.float32)
    ground = np.asarray(cv2.resize(solid, size, interpolation=cv2.INTER_AREA), np.float32)
    # The sky takes the tone of what is next to it.
    fill = cv2.blur(small * ground, (31, 31)) / np.maximum(cv2.blur(ground, (31, 31)), 1e-3)
    small = np.asarray(np.where(ground > 0.7, small, fill), np.float32)
    return np.asarray(np.exp2(guided_filter(log, local_median(small, NEAR * max(size)))), np.float32)
