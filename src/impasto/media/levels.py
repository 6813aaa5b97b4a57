"""Frames with more than 8 bits, and frames with transparency."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto import image

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]

GROUND = 255  # 8-bit value of the constant background of transparent frames: white
_CLEAR = (".webm", ".mov", ".gif", ".webp", "")  # suffixes of outputs that hold transparency; "" is a folder
_REACH = 0.02  # distance over which colors are extended, relative to the long side
_FAINT = 0.02  # weight of a constant color in extended colors: it shows far from all visible pixels


def levels_of(target: Path) -> dict[str, bool]:
    """Return whether an output holds transparency (``clear``) and 16 bits (``deep``)."""
    suffix = target.suffix.lower()
    return {"clear": suffix in _CLEAR, "deep": suffix == ""}


def top(frame: NDArray[Any]) -> int:
    """Return the maximum value of a frame's type: 255 or 65535."""
    return int(np.iinfo(frame.dtype).max)


def pixel_format(*, clear: bool, deep: bool = False) -> str:
    """Return FFmpeg's name of the format of arrays, with alpha (``clear``) and 16 bits (``deep``) or not."""
    if clear:
        return "rgba64le" if deep else "rgba"
    return "rgb48le" if deep else "rgb24"


def pixels_of(frame: NDArray[Any]) -> str:
    """Return FFmpeg's name of the format of a frame: 3 channels, or 4 with alpha; 8 or 16 bits."""
    return pixel_format(clear=frame.shape[2] == 4, deep=top(frame) > 255)


def unit(frame: NDArray[Any]) -> Array:
    """Return a frame of 8 or 16 bits as floats, 0..1."""
    floats: Array = frame.astype(np.float32)
    floats *= np.float32(1 / top(frame))
    return floats


def eight(frame: NDArray[Any]) -> Bytes:
    """Return a frame with 8 bits."""
    if frame.dtype == np.uint8:
        return frame
    return np.asarray((frame.astype(np.uint32) * 255 + 32767) // 65535, np.uint8)


def round_levels(levels: Array, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return values ``(H, W, 3)`` rounded and limited to the range of a type of 8 or 16 bits."""
    depth = cv2.CV_8U if dtype == np.uint8 else cv2.CV_16U
    return np.asarray(cv2.add(levels, np.zeros(4), dtype=depth))


def resize_deep(frame: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Return a frame of 16 bits, or a plane of transparency, resized to (height, width), with its type."""
    if frame.shape[:2] == size:
        return frame
    return np.asarray(np.rint(image.resize(unit(frame), size) * top(frame)), frame.dtype)


def extend_colors(frame: NDArray[Any], alpha: NDArray[Any], ground: Array) -> NDArray[Any]:
    """Replace the background of a frame by the colors of the nearest visible pixels.

    Processing then adds no outline to a cut-out subject, and the color of the background does not show in
    pixels that are partly transparent.

    Args:
        frame: ``(H, W, 3)``, composited over white.
        alpha: ``(H, W)``, of the same type.
        ground: ``(3,)``, 0..1, color far from all visible pixels.
    """
    share = unit(alpha)[..., None]
    own = np.maximum(unit(frame) - (1 - share), 0)  # premultiplied
    sigma = max(1.0, _REACH * max(frame.shape[:2]))
    light, weight = (cv2.GaussianBlur(plane, (0, 0), sigma) for plane in (own, share))
    near = (light + _FAINT * ground) / (weight[..., None] + _FAINT)
    return np.asarray(np.rint((own + (1 - share) * near).clip(0, 1) * top(frame)), frame.dtype)


def ground_of(frame: NDArray[Any], alpha: NDArray[Any]) -> Array | None:
    """Return the mean visible color ``(3,)``, 0..1, of a frame over white; None if nothing is visible."""
    share = unit(alpha)
    seen = float(share.sum(dtype=np.float64))
    if seen < 1:
        return None
    own = np.maximum(unit(frame) - (1 - share[..., None]), 0).sum((0, 1), dtype=np.float64)
    return np.asarray(own / seen, np.float32)
