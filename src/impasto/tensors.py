"""Images as tensors, ``(B, 3, H, W)``, RGB, 0..1: conversion and resizing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from impasto import image
from impasto.image import Source
from impasto.tiles import Size

LEAST_SIDE = 16  # least side of a resized style image, in pixels: the largest stride of VGG-19's layers


def from_source(source: Source) -> Tensor:
    """Convert anything :func:`impasto.image.read` takes to ``(1, 3, H, W)``; keep a batch tensor as is."""
    if isinstance(source, Tensor) and source.ndim == 4 and source.shape[1] == 3:
        return source
    return from_array(image.read(source).flat())


def several(sources: Source | Sequence[Source]) -> list[Source]:
    """Return one source or several as a list."""
    return list(sources) if isinstance(sources, (list, tuple)) else [cast("Source", sources)]


def from_array(rgb: NDArray[np.float32]) -> Tensor:
    """Convert ``(H, W, 3)`` or ``(H, W)`` to ``(1, 3 or 1, H, W)``."""
    rgb = rgb if rgb.ndim == 3 else rgb[:, :, None]
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None]


def to_array(picture: Tensor) -> NDArray[np.float32]:
    """Convert ``(1, 3, H, W)`` to ``(H, W, 3)``, float32, clipped to 0..1."""
    array: NDArray[np.float32] = picture[0].detach().float().clamp(0, 1).permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(array)


def resize(picture: Tensor, size: Size, *, wraps: bool = False) -> Tensor:
    """Resize bicubically, with antialiasing; linear in the input, so it works for differences too.

    With ``wraps``, the image continues across its borders.
    """
    if tuple(picture.shape[-2:]) == size:
        return picture
    if wraps:
        height, width = size
        whole = resize(picture.repeat(1, 1, 3, 3), (3 * height, 3 * width))
        return whole[..., height : 2 * height, width : 2 * width].contiguous()
    return F.interpolate(picture, size, mode="bicubic", antialias=True, align_corners=False)


def precise(features: Tensor) -> Tensor:
    """Convert half precision to float32, for sums over many positions; leave wider types unchanged."""
    return features.float() if features.dtype in (torch.bfloat16, torch.float16) else features


def long_side(size: Size, length: int) -> Size:
    """Scale ``size`` to the long side ``length``; no side becomes less than one pixel."""
    scale = length / max(size)
    height, width = size
    return max(1, round(height * scale)), max(1, round(width * scale))


def same_area(size: Size, other: Size, *, scale: float = 1.0) -> Size:
    """Scale ``size`` to the area of ``other`` times ``scale`` squared, without enlarging it.

    No side becomes less than ``LEAST_SIDE``, so that every layer has a position.
    """
    factor = min(1.0, scale * (other[0] * other[1] / (size[0] * size[1])) ** 0.5)
    return max(LEAST_SIDE, round(size[0] * factor)), max(LEAST_SIDE, round(size[1] * factor))
