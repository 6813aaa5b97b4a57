"""Helpers of the tests of video."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


Bytes = NDArray[np.uint8]


def texture(height: int, width: int, seed: int) -> Bytes:
    """Noise of many sizes: every place looks like no other."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for size in (4, 8, 16, 32):
        coarse = rng.random((height // size + 2, width // size + 2, 3)).astype(np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(255 * (total - total.min()) / (total.max() - total.min())).astype(np.uint8)


BACK, FRONT = texture(140, 240, 1), texture(60, 60, 2)


def scene(number: int) -> Bytes:
    """A background that moves left by 2 pixels a frame, and a square before it that moves right by 3."""
    frame = BACK[10:130, 20 + 2 * number : 180 + 2 * number].copy()
    left = 30 + 3 * number
    frame[40:100, left : left + 60] = FRONT
    return frame


def true_flow(number: int) -> tuple[Array, NDArray[np.bool_]]:
    """The flow from frame ``number`` to the one before, and what was hidden there."""
    flow = np.zeros((120, 160, 2), np.float32)
    flow[..., 0] = 2
    left = 30 + 3 * number
    flow[40:100, left : left + 60, 0] = -3
    hidden = np.zeros((120, 160), bool)
    # Background now at x was at x + 2, under the square (which reached from left - 3 to left + 57).
    hidden[40:100, max(0, left - 5) : left] = True
    hidden[:, 158:] = True  # came in from outside
    return flow, hidden


def _exact(first: Bytes, second: Bytes) -> Array:
    numbers = {scene(n).tobytes(): n for n in range(6)}
    one, other = numbers[first.tobytes()], numbers[second.tobytes()]
    flow = np.zeros((120, 160, 2), np.float32)
    flow[..., 0] = -2 * (other - one)
    left = 30 + 3 * one
    flow[40:100, left : left + 60, 0] = 3 * (other - one)
    return flow
