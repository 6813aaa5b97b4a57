"""What a picture is here, and how its size changes."""

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
    """A picture as the painters need it: upright, in sRGB, as floats.

    Attributes:
        rgb: `(H, W, 3)` float32, 0..1, not multiplied by alpha; where alpha is 0 it may be anything.
        alpha: `(H, W)` float32, 0..1, or None for a picture without transparency.
        name: the stem of the file's name, or "picture".
        path: the file it came from, if any.
        bits: the depth of a channel in the source, 8 or 16.
        grey: whether the source was grey; `rgb` has three channels all the same.

    Examples:
        >>> Picture(np.zeros((4, 6, 3), np.float32)).size
        (4, 6)
    """

    rgb: NDArray[np.float32]
    alpha: NDArray[np.float32] | None = None
    name: str = "picture"
    path: Path | None = None
    bits: int = 8
    grey: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.rgb.shape[0], self.rgb.shape[1]

    def flat(self, background: Sequence[float] | None = None) -> NDArray[np.float32]:
        """Lay the picture over one colour, so that nothing of it is transparent.

        The default colour is the mean of what is visible. White or black would put a hard outline
        around a cut-out subject, which a painter takes for content and a style's statistics for
        colour; the mean adds the least edge and leaves the mean colour as it was.

        Args:
            background: red, green and blue, 0..1; None for the mean visible colour (white where
                nothing is visible).

        Returns:
            `(H, W, 3)` float32, 0..1; `rgb` itself where there is no alpha.

        Source: the operator "over" of Porter and Duff 1984, on values as stored, as browsers do.
        """
        if self.alpha is None:
            return self.rgb
        weight = self.alpha[..., None]
        if background is not None:
            colour = np.asarray(background, np.float64)
        elif self.alpha.any():
            colour = (self.rgb * weight).sum(axis=(0, 1), dtype=np.float64) / self.alpha.sum(dtype=np.float64)
        else:
            colour = np.ones(3)
        laid: NDArray[np.float32] = self.rgb * weight + colour.astype(np.float32) * (1 - weight)
        return np.clip(laid, 0, 1)


def unit(values: NDArray[Any], *, name: str) -> NDArray[np.float32]:
    """Scale whole numbers to 0..1 and leave floats; refuse other types and what is not a number."""
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
    """A tensor `(3, H, W)` or `(1, 3, H, W)` as an array `(H, W, 3)`."""
    planes = tensor.detach().cpu()
    if planes.ndim == 4 and planes.shape[0] == 1:
        planes = planes[0]
    if planes.ndim != 3 or planes.shape[0] != 3:
        raise InputError(f"a tensor of a picture is (3, H, W) or (1, 3, H, W), not {tuple(tensor.shape)}")
    if planes.is_floating_point():
        planes = planes.float()  # NumPy has no bfloat16
    array: NDArray[Any] = planes.permute(1, 2, 0).numpy()
    return array


def colours_of(values: NDArray[Any], *, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Check an array `(H, W)`, `(H, W, 1)`, `(H, W, 3)` or `(H, W, 4)`; return its colours and its alpha."""
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if not (values.ndim == 2 or (values.ndim == 3 and values.shape[2] in (3, 4))) or not values.size:
        raise InputError(f"{name} has the shape {values.shape}, not (H, W), (H, W, 3) or (H, W, 4)")
    floats = unit(values, name=name)
    low, high = float(floats.min()), float(floats.max())
    # A little beyond is rounding or the overshoot of a filter; more means another range.
    if low < -1e-3 or high > 1 + 1e-3:
        raise InputError(f"{name} has floats from {low:.3g} to {high:.3g}: scale them to 0..1")
    np.clip(floats, 0, 1, out=floats)
    if floats.ndim == 2:
        return np.repeat(floats[..., None], 3, axis=2), None
    alpha = np.ascontiguousarray(floats[..., 3]) if floats.shape[2] == 4 else None
    return np.ascontiguousarray(floats[..., :3]), alpha


def fit(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """Return the size with the same aspect whose longer side is `long_side`; no side below 1.

    Args:
        size: height and width in pixels.
        long_side: pixels, at least 1. It may be longer than the picture is.

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


def floats(rgb: NDArray[Any]) -> NDArray[np.float32]:
    """The values as float32, 0..1; bytes are divided by 255."""
    values: NDArray[np.float32] = rgb.astype(np.float32)
    return values * np.float32(1 / 255) if rgb.dtype == np.uint8 else values


def resize(rgb: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float32]:
    """Resize by Lanczos of three lobes, widened where the picture shrinks, so nothing aliases.

    Args:
        rgb: `(H, W, 3)` or `(H, W)` floats, 0..1, or bytes.
        size: height and width of the result, each at least 1.

    Returns:
        float32 of the new size. The overshoot of Lanczos at edges is clipped to 0..1.

    Raises:
        InputError: a side below 1, or an array of another shape.

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
        # A channel at a time in Pillow's float mode: its modes of several channels have 8 bits.
        values = np.ascontiguousarray(planes[..., channel], np.float32)
        if rgb.dtype == np.uint8:
            values *= np.float32(1 / 255)
        plane = Image.fromarray(values)
        resized[..., channel] = np.asarray(plane.resize((width, height), Image.Resampling.LANCZOS))
    np.clip(resized, 0, 1, out=resized)
    return resized[..., 0] if rgb.ndim == 2 else resized
