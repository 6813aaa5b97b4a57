"""Windows at night: a lit room behind the glass, with the frames and curtains that the photo shows."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto.looks.planes import Array, Bools, erode, parts_at

LEAST = 4  # side in pixels from which a window has an inside
FITS = 0.8  # share of a label and its parallelogram that agree, from which the window is one
CLEAR = 0.06  # luma by which a front must be lighter than its glass, for its frames to be told
FRAME = 0.12  # light of frames and walls in a label, relative to the glass
SHOP = 2.0  # width of a window, relative to its height, from which it has no curtains


def window(gray: Array, inside: Bools, draw: np.random.Generator) -> Array:
    """Return the light of a window ``(h, w)``, at most about 1.

    A label by hand has a ragged edge: a parallelogram with upright sides takes its place where the two agree.
    A window is a room with its lamps under the ceiling, with dark things on the floor; or has curtains at its
    sides, or a blind that is let down a part of the way. Which of them, is drawn. Frames are what is light
    and narrow by day, or light like the wall at the edge of the label: they stay dark.

    Args:
        gray: luma by day in the box of the window, ``(h, w)``, 0..1.
        inside: its label, ``(h, w)``.
    """
    glass, across, down = pane(inside)
    within = glass > 0.5
    if min(inside.shape) < LEAST or not within.any():
        return np.asarray(inside * draw.uniform(0.5, 1.0), np.float32)
    aspect = inside.shape[1] / inside.shape[0]
    light = _room(across, down, aspect, draw)
    kind = draw.choice(["room", "curtain", "blind"], p=[0.45, 0.35, 0.2]) if aspect < SHOP else "room"
    if kind == "curtain":
        # They hang at the sides, or over all of the window, and glow evenly, in folds.
        folds = 0.5 + 0.1 * np.sin(across * draw.uniform(25, 60) + draw.uniform(0, 6))
        left, right = draw.uniform(0.1, 0.6, 2)
        light = np.asarray(np.where((across < left) | (across > 1 - right), folds, light), np.float32)
    elif kind == "blind":
        light = np.where(down < draw.uniform(0.4, 1.1), np.float32(0.45) + np.float32(0.1) * across, light)
    own = max(float(np.percentile(gray[within], 85)), 0.02)
    light *= np.asarray(0.45 + 0.55 * (gray / own).clip(0, 1.3) ** 1.5)
    return np.asarray(light * glass * (1 - (1 - FRAME) * frames(gray, within)), np.float32)


def pane(inside: Bools, *, fits: float = FITS) -> tuple[Array, Array, Array]:
    """Return the coverage of a window ``(h, w)``, and the place of each pixel across and down, 0..1.

    Args:
        inside: its label.
        fits: share in which a parallelogram and the label must agree for it to take its place.
    """
    height, width = inside.shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    tall = inside.sum(0)
    full = np.flatnonzero(tall >= 0.5 * np.median(tall[tall > 0]))
    left, right = float(full[0]), float(full[-1] + 1)
    first, last = inside[:, full].argmax(0), height - inside[::-1, full].argmax(0)
    top, bottom = (_line(full, side, width) for side in (first, last))
    down = (rows + 0.5 - top) / np.maximum(bottom - top, 1)
    across = (columns + 0.5 - left) / max(right - left, 1)
    soft = np.minimum.reduce([columns + 1 - left, right - columns, rows + 1 - top, bottom - rows])
    glass = soft.clip(0, 1)
    both = np.logical_and(glass > 0.5, inside).sum() / max(1, np.logical_or(glass > 0.5, inside).sum())
    if both < fits:
        glass = ((cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 1.0) - 0.3) / 0.4).clip(0, 1)
    return np.asarray(glass, np.float32), across.clip(0, 1), down.clip(0, 1)


def _line(columns: NDArray[np.intp], rows: NDArray[np.intp], width: int) -> Array:
    """Fit a line through an edge, by the median slope of its halves; rows for each column, ``(1, width)``."""
    half = max(1, len(columns) // 2)
    steps = columns[half:] - columns[: len(columns) - half]
    slope = float(np.median((rows[half:] - rows[: len(rows) - half]) / steps)) if len(steps) else 0.0
    base = float(np.median(rows - slope * columns))
    return (base + slope * np.arange(width, dtype=np.float32))[None]


def _room(across: Array, down: Array, aspect: float, draw: np.random.Generator) -> Array:
    """Return the light of a room: one lamp for each square of its front, and dark things before its back."""
    light = np.float32(0.4) * np.ones_like(across)
    count = max(1, round(aspect))
    for place in (np.arange(count) + draw.uniform(0.25, 0.75, count)) / count:
        away = np.square((across - place) * count / 0.45) + np.square((down - draw.uniform(0.05, 0.3)) / 0.4)
        light += np.float32(draw.uniform(0.4, 0.75)) * np.exp(-away)
    light *= 1.1 - 0.45 * down
    steps = 2 * count + int(draw.integers(1, 4))
    edge = np.interp(across, np.linspace(0, 1, 2 * steps), draw.uniform(0.6, 1.15, steps).repeat(2))
    dark = ((down - edge) / 0.06).clip(0, 1)
    return np.asarray(light * (1 - 0.55 * dark), np.float32)


def frames(gray: Array, within: Bools) -> Array:
    """Return the share of frames and wall in a window, ``(h, w)``, 0..1.

    Light is what is nearer to the wall at the edge, or to the lightest part, than to the glass. Of it, what
    is broad hangs behind the glass, as does what is not joined to the edge. ``gray (h, w)`` is luma by day.
    """
    rim = within & ~erode(np.pad(within, 1), 3)[1:-1, 1:-1]
    dark = float(np.median(gray[within]))
    wall = max(float(np.percentile(gray[rim], 75)), float(np.percentile(gray[within], 95)))
    if wall - dark < CLEAR:
        return np.zeros_like(gray)
    share = ((gray - dark) / (wall - dark) * 2 - 1).clip(0, 1)
    side = max(3, min(gray.shape) // 3) | 1
    padded = cv2.copyMakeBorder(share, side, side, side, side, cv2.BORDER_CONSTANT, value=0)
    broad = cv2.morphologyEx(padded, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))[side:-side, side:-side]
    share = (share - np.where(rim, 0, broad)).clip(0, 1)
    return np.asarray(share * parts_at((share > 0.3) & within, rim), np.float32)
