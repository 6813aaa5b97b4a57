"""Pixel parametrization, optionally resized as a difference from the content image."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto import tensors
from impasto.image import Source
from impasto.parametrizations.base import Parametrization
from impasto.tiles import Size

# Weight of the squared excess over 0..1: large enough that clipping the result loses little, small enough
# that pixels may overshoot during optimization.
RANGE_WEIGHT = 10.0


class Pixels(Parametrization):
    """Parametrization in which every pixel is a parameter.

    Args:
        start: initial image.
        photo: content image. If given, only the *difference* from it is resized, and its detail at the new
            size is added back, so unchanged regions stay sharp (as in the octaves of Deep Dream).
        size: initial (height, width); default: that of ``start``.
        wraps: whether the image continues across its borders.
    """

    def __init__(
        self, start: Source, *, photo: Source | None = None, size: Size | None = None, wraps: bool = False
    ) -> None:
        super().__init__()
        self.wraps = wraps
        picture = tensors.from_source(start)
        self.photo = None if photo is None else tensors.from_source(photo)
        begin = size or (picture.shape[-2], picture.shape[-1])
        self.pixels = nn.Parameter(tensors.resize(picture, begin, wraps=wraps).clone())

    @property
    def size(self) -> Size:
        """Current (height, width) in pixels."""
        return self.pixels.shape[-2], self.pixels.shape[-1]

    def forward(self) -> Tensor:
        """Return the pixels, ``(1, 3, H, W)``."""
        return self.pixels

    @torch.no_grad()
    def resize(self, size: Size) -> None:
        """See :meth:`Parametrization.resize`."""
        if size == self.size:
            return
        if self.photo is None:
            moved = tensors.resize(self.pixels, size, wraps=self.wraps)
        else:
            photo = self.photo.to(self.pixels.device)
            painted = self.pixels - tensors.resize(photo, self.size, wraps=self.wraps)
            moved = tensors.resize(painted, size, wraps=self.wraps)
            moved = moved + tensors.resize(photo, size, wraps=self.wraps)
        self.pixels = nn.Parameter(moved.clone())

    def resize_state(self, state: Tensor, size: Size) -> Tensor:
        """See :meth:`Parametrization.resize_state`."""
        # Bilinear: the negative lobes of a bicubic kernel could make second moments negative.
        moved = F.interpolate(
            state.view_as(self.pixels), size, mode="bilinear", antialias=True, align_corners=False
        )
        return moved.flatten()

    def penalty(self) -> Tensor:
        """Return the weighted mean squared excess over 0..1."""
        excess = self.pixels - self.pixels.clamp(0, 1)
        return RANGE_WEIGHT * excess.square().mean()
