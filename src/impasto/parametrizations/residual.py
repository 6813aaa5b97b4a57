"""A photograph and what is painted over it, kept apart."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto import tensors
from impasto.image import Source
from impasto.parametrizations.base import Parametrization
from impasto.tiles import Size

# Weight of the squared excess over 0..1. Larger than that of plain pixels: what is raised without end pulls
# ten and twenty times harder in the end than what is brought to a minimum.
RANGE_WEIGHT = 200.0


class Residual(Parametrization):
    """``photo + mask * difference``, the difference being what is moved (the octaves of Deep Dream, 2015).

    The photo itself is never carried through a smaller size: at each it is made anew from the original.

    Args:
        photo: the photograph, untouched where there is no difference.
        mask: ``(1, 1, H, W)``, 0..1: where the difference may show; everywhere if None.
        difference: ``(1, 3, H, W)``, to begin with; none if None.
        distance: weight of the mean squared difference, which holds colours back from saturation.
        size: (height, width) to begin at; default: that of the photo.
    """

    def __init__(
        self,
        photo: Source,
        *,
        mask: Tensor | None = None,
        difference: Tensor | None = None,
        distance: float = 0.0,
        size: Size | None = None,
    ) -> None:
        super().__init__()
        picture = tensors.from_source(photo)
        self.distance = distance
        self.photo: Tensor
        self.mask: Tensor | None
        self.register_buffer("photo", picture, persistent=False)
        self.register_buffer("mask", mask, persistent=False)
        begin = size or (picture.shape[-2], picture.shape[-1])
        start = picture.new_zeros(1, 3, 1, 1) if difference is None else difference
        self.difference = nn.Parameter(_brought(start, begin).clone())
        self._at(begin)

    @property
    def size(self) -> Size:
        """(height, width), pixels."""
        return self.difference.shape[-2], self.difference.shape[-1]

    def forward(self) -> Tensor:
        """The photo with the difference over it, ``(1, 3, H, W)``."""
        shown = self.difference if self._mask is None else self._mask * self.difference
        return self._photo + shown

    @torch.no_grad()
    def resize(self, size: Size) -> None:
        """See :meth:`Parametrization.resize`."""
        if size != self.size:
            self.difference = nn.Parameter(_brought(self.difference, size).clone())
        self._at(size)

    def resize_state(self, state: Tensor, size: Size) -> Tensor:
        """See :meth:`Parametrization.resize_state`."""
        # Bilinear, because the negative lobes of the bicubic kernel would make squares negative.
        moved = F.interpolate(
            state.view_as(self.difference), size, mode="bilinear", antialias=True, align_corners=False
        )
        return moved.flatten()

    def penalty(self) -> Tensor:
        """Mean squared excess over 0..1, and mean squared difference, weighted."""
        picture = self()
        # One tensor where two ReLUs would make four: posters are large.
        excess = picture - picture.detach().clamp(0, 1)
        if self._mask is not None:
            # A photo's own excess is none; elsewhere only what may be mended is held against it.
            excess = excess * (self._mask > 0)
        penalty: Tensor = RANGE_WEIGHT * excess.square().mean()
        return penalty + self.distance * self.difference.square().mean()

    def _at(self, size: Size) -> None:
        """Photo and mask at a size; the originals stay."""
        device = self.difference.device
        photo, mask = self.photo.to(device), self.mask
        self._photo = tensors.resize(photo, size)
        self._mask = None if mask is None else F.interpolate(mask.to(device), size, mode="area")


def _brought(difference: Tensor, size: Size) -> Tensor:
    if difference.shape[-2:] == (1, 1):
        return difference.expand(-1, -1, *size)
    return tensors.resize(difference, size)
