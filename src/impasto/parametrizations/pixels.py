"""The picture as its pixels, alone or as a difference from a photograph."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto import tensors
from impasto.image import Source
from impasto.parametrizations.base import Parametrization
from impasto.tiles import Size

# Weight of the squared excess over 0..1: strong enough that little is lost when the result is clipped,
# weak enough that the pixels may swing through while they settle.
RANGE_WEIGHT = 10.0


class Pixels(Parametrization):
    """Every pixel is a parameter.

    Args:
        start: the picture to begin with.
        photo: if given, what is carried from size to size is the *difference* from this photograph: its
            own detail at the new size is added back, so whatever is not painted over stays as sharp as it
            was (the way of Deep Dream's octaves).
        size: (height, width) to begin at; default: that of ``start``.
    """

    def __init__(self, start: Source, *, photo: Source | None = None, size: Size | None = None) -> None:
        super().__init__()
        picture = tensors.from_source(start)
        self.photo = None if photo is None else tensors.from_source(photo)
        begin = size or (picture.shape[-2], picture.shape[-1])
        self.pixels = nn.Parameter(tensors.resize(picture, begin).clone())

    @property
    def size(self) -> Size:
        """(height, width), pixels."""
        return self.pixels.shape[-2], self.pixels.shape[-1]

    def forward(self) -> Tensor:
        """The pixels, ``(1, 3, H, W)``."""
        return self.pixels

    @torch.no_grad()
    def resize(self, size: Size) -> None:
        """See :meth:`Parametrization.resize`."""
        if size == self.size:
            return
        if self.photo is None:
            moved = tensors.resize(self.pixels, size)
        else:
            photo = self.photo.to(self.pixels.device)
            painted = self.pixels - tensors.resize(photo, self.size)
            moved = tensors.resize(painted, size) + tensors.resize(photo, size)
        self.pixels = nn.Parameter(moved.clone())

    def resize_state(self, state: Tensor, size: Size) -> Tensor:
        """See :meth:`Parametrization.resize_state`."""
        # Bilinear, because the negative lobes of the bicubic kernel would make squares negative.
        moved = F.interpolate(
            state.view_as(self.pixels), size, mode="bilinear", antialias=True, align_corners=False
        )
        return moved.flatten()

    def penalty(self) -> Tensor:
        """Mean squared excess over 0..1, weighted."""
        excess = self.pixels - self.pixels.clamp(0, 1)
        return RANGE_WEIGHT * excess.square().mean()
