"""Image type, conversions of arrays, and resizing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import InputError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class Picture:
    """Image in sRGB, upright, as floats.

    Attributes:
        rgb: ``(H, W, 3)`` float32, 0..1, not premultiplied by alpha; undefined where alpha is 0.
        alpha: ``(H, W)`` float32, 0..1, or None for an image without transparency.
        name: stem of the file name, or "picture".
        path: source file, if any.
        bits: bit depth of the source, 8 or 16.
        gray: whether the source was gray; ``rgb`` has three channels in any case.

    Examples:
        >>> Picture(np.zeros((4, 6, 3), np.float32)).size
        (4, 6)
    """

    rgb: NDArray[np.float32]
    alpha: NDArray[np.float32] | None = None
    name: str = "picture"
    path: Path | None = None
    bits: int = 8
    gray: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.rgb.shape[0], self.rgb.shape[1]

    def flat(self, background: Sequence[float] | None = None) -> NDArray[np.float32]:
        """Composite the image over a uniform color.

        The default color is the mean of the visible part. White or black would put a hard outline around a
        cut-out subject, which counts as content and distorts the style statistics. The mean adds the weakest
        edge and keeps the mean color.

        Args:
            background: red, green and blue, 0..1; None: the mean visible color (white if nothing is
                visible).

        Returns:
            ``(H, W, 3)`` float32, 0..1; ``rgb`` itself if there is no alpha.

        Source: the operator "over" of Porter and Duff 1984, on stored values, as in browsers.
        """
        if self.alpha is None:
            return self.rgb
        weight = self.alpha[..., None]
        if background is not None:
            color = np.asarray(background, np.float64)
        elif self.alpha.any():
            color = (self.rgb * weight).sum(axis=(0, 1), dtype=np.float64) / self.alpha.sum(dtype=np.float64)
        else:
            color = np.ones(3)
        laid: NDArray[np.float32] = self.rgb * weight + color.astype(np.float32) * (1 - weight)
        return np.clip(laid, 0, 1)


def unit(values: NDArray[Any], *, name: str) -> NDArray[np.float32]:
    """Scale integers to 0..1 and leave floats unchanged; reject other types and non-finite values."""
    if values.dtype == bool:
        return values.astype(np.float32)
    if values.dtype in (np.uint8, np.uint16):
        return np.asarray(values / np.float32(np.iinfo(values.dtype).max), np.float32)
    if not np.issubdtype(values.dtype, np.floating):
        raise InputError(f"{name} has values of type {values.dtype}: give uint8, uint16, or floats in 0..1")
    wrong = int((~np.isfinite(values)).sum())
    if wrong:
        raise InputError(f"{name} has {wrong} values that are not numbers (NaN or infinite)")
    return values.astype(np.float32)


def planes_last(tensor: torch.Tensor) -> NDArray[Any]:
    """Convert a tensor ``(3, H, W)`` or ``(1, 3, H, W)`` to an array ``(H, W, 3)``."""
    planes = tensor.detach().cpu()
    if planes.ndim == 4 and planes.shape[0] == 1:
        planes = planes[0]
    if planes.ndim != 3 or planes.shape[0] != 3:
        raise InputError(f"a tensor of a picture is (3, H, W) or (1, 3, H, W), not {tuple(tensor.shape)}")
    if planes.is_floating_point():
        planes = planes.float()  # NumPy has no bfloat16
    array: NDArray[Any] = planes.permute(1, 2, 0).numpy()
    return array


def colors_of(values: NDArray[Any], *, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Split an array ``(H, W)``, ``(H, W, 1)``, ``(H, W, 3)`` or ``(H, W, 4)`` into colors and alpha."""
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if not (values.ndim == 2 or (values.ndim == 3 and values.shape[2] in (3, 4))) or not values.size:
        raise InputError(f"{name} has the shape {values.shape}, not (H, W), (H, W, 3) or (H, W, 4)")
    floats = unit(values, name=name)
    low, high = float(floats.min()), float(floats.max())
    # A small excess is rounding or filter overshoot; more means another range.
    if low < -1e-3 or high > 1 + 1e-3:
        raise InputError(f"{name} has floats from {low:.3g} to {high:.3g}: scale them to 0..1")
    np.clip(floats, 0, 1, out=floats)
    if floats.ndim == 2:
        return np.repeat(floats[..., None], 3, axis=2), None
    alpha = np.ascontiguousarray(floats[..., 3]) if floats.shape[2] == 4 else None
    return np.ascontiguousarray(floats[..., :3]), alpha


def fit(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """Scale a size to the long side ``long_side``, keeping the aspect ratio; no side becomes less than 1.

    Args:
        size: height and width in pixels.
        long_side: long side of the result in pixels, at least 1; it may be larger than the original.

    Raises:
        InputError: a side below 1.

    Examples:
        >>> fit((600, 800), 512)
        (384, 512)
    """
    if min(*size, long_side) < 1:
        raise InputError(f"a side must have at least 1 pixel, got {size} and {long_side}")
    height, width = (max(1, round(side * long_side / max(size))) for side in size)
    return height, width


def shrink(rgb: NDArray[Any], long_side: int) -> NDArray[Any]:
    """Return an image ``(H, W, 3)`` reduced to the long side ``long_side``; a smaller one as it is."""
    size = (rgb.shape[0], rgb.shape[1])
    return resize(rgb, fit(size, long_side)) if max(size) > long_side else rgb


def floats(rgb: NDArray[Any]) -> NDArray[np.float32]:
    """Convert values to float32, 0..1; uint8 is divided by 255."""
    values: NDArray[np.float32] = rgb.astype(np.float32)
    return values * np.float32(1 / 255) if rgb.dtype == np.uint8 else values


def as_bytes(rgb: NDArray[Any]) -> NDArray[np.uint8]:
    """Round values of 0..1 to uint8; values beyond are clipped, uint8 is returned as it is."""
    if rgb.dtype == np.uint8:
        return rgb
    rounded: NDArray[np.uint8] = np.rint(rgb.clip(0, 1) * 255).astype(np.uint8)
    return rounded


def resize(rgb: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float32]:
    """Resize with a Lanczos-3 filter, antialiased when reducing.

    Args:
        rgb: ``(H, W, 3)`` or ``(H, W)`` floats, 0..1, or uint8.
        size: height and width of the result, each at least 1.

    Returns:
        float32 of the new size, with the overshoot at edges clipped to 0..1.

    Raises:
        InputError: a side is below 1, or the array has another shape.

    Examples:
        >>> resize(np.ones((8, 6, 3)), (4, 3)).shape
        (4, 3, 3)
    """
    if min(size) < 1:
        raise InputError(f"a side must have at least 1 pixel, got {size[0]} x {size[1]}")
    if rgb.ndim not in (2, 3) or not rgb.size:
        raise InputError(f"a picture to resize is (H, W) or (H, W, channels), not {rgb.shape}")
    height, width = size
    planes = rgb[..., None] if rgb.ndim == 2 else rgb
    resized = np.empty((height, width, planes.shape[2]), np.float32)
    for channel in range(planes.shape[2]):
        # One channel at a time in Pillow's float mode, as its multichannel modes have 8 bits.
        values = np.ascontiguousarray(planes[..., channel], np.float32)
        if rgb.dtype == np.uint8:
            values *= np.float32(1 / 255)
        plane = Image.fromarray(values)
        resized[..., channel] = np.asarray(plane.resize((width, height), Image.Resampling.LANCZOS))
    np.clip(resized, 0, 1, out=resized)
    return resized[..., 0] if rgb.ndim == 2 else resized
