"""Shadows of the sun on a road: found only where they are certain, and lit like the road in the sun."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from impasto import color
from impasto.looks.planes import Array, Bools, Bytes, parts_at, small_size

NARROW = 1 / 28  # width of the median that drops lane paint, relative to the long side
REACH = 0.012  # radius of the guided filter, relative to the long side
STOPS = (1.2, 4.0)  # range of the ratio of sun and sky to sky alone, in green
BLUER = (0.5, 2.6)  # range of what the shadow is bluer, blue to red, in stops
NEUTRAL = 0.7  # most color of the road in the sun, in stops from green
DARKEST = 0.002  # linear light below which a pixel says nothing
SURE = 1.4  # share of shadow by the color alone, from which its reciprocal is taken for all of it


@dataclass(frozen=True, eq=False)
class Shade:
    """Daylight on a road: log2 color in the sun, ``lit (3,)``, and the stops of shadow, ``ratio (3,)``."""

    lit: Array
    ratio: Array


def shade_of(linear: Array, horizon: float) -> Shade | None:
    """Find the light of sun and shadow on the road of an image by day; None if it is not certain.

    The road before the camera is split in two by its luminance (Otsu 1979). They are sun and shadow if their
    ratio is that of sun and sky to sky alone: 1.2 to 4 stops in green, the most in red and the least in blue,
    because the sky is blue, on a gray road. It is one ratio for the picture, as in Finlayson, Hordley, Lu and
    Drew 2006. Two kinds of asphalt, paint, or a dark car do not have it.

    Args:
        linear: linear image ``(H, W, 3)``.
        horizon: height of the horizon from the top, relative to the height.
    """
    tones = _tones(linear)
    seeds = _ahead(tones.shape[:2], horizon)
    if not seeds.any():
        return None
    own = tones[seeds]
    levels = _levels(_brightness(own))
    most, _ = cv2.threshold(levels[None], 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    sunny = levels > most
    if not 0.04 < sunny.mean() < 0.96:
        return None
    lit, dark = (np.median(own[part], 0).astype(np.float32) for part in (sunny, ~sunny))
    ratio = lit - dark
    certain = (
        STOPS[0] <= ratio[1] <= STOPS[1]
        and ratio[0] >= ratio[1] >= ratio[2]
        and BLUER[0] <= ratio[0] - ratio[2] <= BLUER[1]
        and float(np.abs(lit - lit[1]).max()) < NEUTRAL
        and abs(float(dark[0] - dark[1])) < NEUTRAL
    )
    return Shade(lit, ratio) if certain else None


def without_shadows(linear: Array, shade: Shade, horizon: float) -> Array:
    """Light what lies in a shadow on the ground like the road in the sun; ``(H, W, 3)``, linear.

    The ground is what has the color of the road in sun or shadow, joined to the road before the camera. A
    pixel that is no bluer than the road in the sun lies in the sun: penumbrae, and lane paint by an edge.
    Arguments as for :func:`shade_of`, which finds ``shade``.
    """
    top = max(0, round(horizon * len(linear)) - 2)
    tones = _tones(linear)
    bright, sun = _brightness(tones), float(_brightness(shade.lit[None])[0])
    least = float(_brightness((shade.lit - shade.ratio)[None])[0])
    share = ((sun - bright) / (sun - least)).clip(0, 1)
    away = tones - (shade.lit - share[..., None] * shade.ratio)
    near = (np.abs(away[..., 0] - away[..., 2]) < 0.9) & (np.abs(away[..., 0] - away[..., 1]) < 0.5)
    near[: round(horizon * len(near))] = False
    ground = parts_at(near, _ahead(near.shape, horizon), neighbors=4)
    dark = (ground & (share > 0.5)).astype(np.float32)
    gray = np.log2(np.maximum(color.luma(linear), DARKEST))
    mask = ((guided_filter(gray, dark)[top:] - 0.1) / np.float32(0.8)).clip(0, 1)
    mask = np.minimum(mask, _bluer(linear[top:], shade))
    found = linear.copy()
    found[top:] *= np.exp2(mask[..., None] * shade.ratio)
    return found


def _bluer(linear: Array, shade: Shade) -> Array:
    """Return the share of shadow on gray things by their color alone, ``(H, W)``, 0..1."""
    soft = np.log2(np.maximum(cv2.blur(linear, (3, 3)), np.float32(DARKEST)))
    warm = soft[..., 0] - soft[..., 2]
    span = shade.ratio[0] - shade.ratio[2]
    share = (shade.lit[0] - shade.lit[2] - warm) / span
    return np.asarray((share * np.float32(SURE)).clip(0, 1), np.float32)


def guided_filter(gray: Array, target: Array) -> Array:
    """Bring a plane ``(h, w)`` to the size and the edges of an image ``(H, W)``, by a guided filter.

    Source: He, Sun and Tang 2010, with the linear models computed at the size of the plane, as in "Fast
    guided filter", He and Sun 2015.
    """
    size = (target.shape[1], target.shape[0])
    small = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.float32)
    side = (2 * round(REACH * max(size)) + 1,) * 2
    mean, goal = cv2.blur(small, side), cv2.blur(target, side)
    spread = cv2.blur(small * small, side) - mean * mean
    slope = (cv2.blur(small * target, side) - mean * goal) / (spread + 0.02)
    model = np.stack([cv2.blur(slope, side), cv2.blur(goal - slope * mean, side)], 2)
    large = cv2.resize(model, (gray.shape[1], gray.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large[..., 0] * gray + large[..., 1], np.float32)


def _tones(linear: Array) -> Array:
    """Return the log2 color ``(h, w, 3)`` without what is narrow."""
    size = small_size(linear.shape)
    small = np.log2(np.maximum(cv2.resize(linear, size, interpolation=cv2.INTER_AREA), DARKEST))
    return local_median(small, NARROW * max(size))


def local_median(log: Array, wide: float) -> Array:
    """Return the median of log2 light ``(h, w)`` or ``(h, w, 3)`` in squares of about ``wide`` pixels."""
    calm = cv2.medianBlur(_levels(log), 2 * round(wide / 2) + 1)
    return np.asarray(calm.astype(np.float32) / np.float32(25) - 10, np.float32)


def _levels(log: Array) -> Bytes:
    return ((log + 10) * np.float32(25)).clip(0, 255).astype(np.uint8)


def _brightness(tones: Array) -> Array:
    return np.asarray(np.log2(np.maximum(color.luma(np.exp2(tones)), DARKEST)), np.float32)


def _ahead(size: tuple[int, ...], horizon: float) -> Bools:
    """Return the part of an image that the road before the camera takes, widening towards it."""
    height, width = size
    rows, columns = np.mgrid[:height, :width]
    below = (rows / height - horizon) / max(1 - horizon, 1e-6)
    near = np.abs(columns - width / 2) < width * (0.05 + 0.45 * below)
    return np.asarray((below > 0.1) & (below < 0.95) & near)
