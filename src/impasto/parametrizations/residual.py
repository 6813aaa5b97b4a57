"""Parametrization as a content image plus a difference."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto import tensors
from impasto.image import Source
from impasto.parametrizations.base import Parametrization
from impasto.tiles import Size

# Weight of the squared excess over 0..1. Larger than for plain pixels: the gradient of an unbounded objective
# ends up ten to twenty times larger than that of a minimized loss.
RANGE_WEIGHT = 200.0
STRIP = 256  # rows


class Residual(Parametrization):
    """``photo + mask * difference`` with the difference as the parameter (the octaves of Deep Dream, 2015).

    The content image is always resized from the original, never from a smaller size.

    Args:
        photo: content image, unchanged where the difference is zero.
        mask: region in which the difference is applied, ``(1, 1, H, W)``, 0..1; None: everywhere.
        difference: initial difference, ``(1, 3, H, W)``; None: zero.
        distance: weight of the mean squared difference, which prevents saturated colors.
        size: initial (height, width); default: that of the content image.
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
        self.difference = nn.Parameter(_resize(start, begin).clone())
        self._at(begin)

    @property
    def size(self) -> Size:
        """Current (height, width) in pixels."""
        return self.difference.shape[-2], self.difference.shape[-1]

    def forward(self) -> Tensor:
        """Return the content image plus the masked difference, ``(1, 3, H, W)``."""
        shown = self.difference if self._mask is None else self._mask * self.difference
        return self._photo + shown

    @torch.no_grad()
    def resize(self, size: Size) -> None:
        """See :meth:`Parametrization.resize`."""
        if size != self.size:
            self.difference = nn.Parameter(_resize(self.difference, size).clone())
        self._at(size)

    def resize_state(self, state: Tensor, size: Size) -> Tensor:
        """See :meth:`Parametrization.resize_state`."""
        # Bilinear: the negative lobes of a bicubic kernel could make second moments negative.
        moved = F.interpolate(
            state.view_as(self.difference), size, mode="bilinear", antialias=True, align_corners=False
        )
        return moved.flatten()

    def penalty(self) -> Tensor:
        """Return the weighted mean squared excess over 0..1 plus the weighted mean squared difference."""
        penalty: Tensor = _Penalty.apply(self.difference, self._photo, self._mask, self.distance)  # type: ignore[no-untyped-call]
        return penalty

    def _at(self, size: Size) -> None:
        """Compute content image and mask at a size from the originals."""
        device = self.difference.device
        photo, mask = self.photo.to(device), self.mask
        self._photo = tensors.resize(photo, size)
        self._mask = None if mask is None else F.interpolate(mask.to(device), size, mode="area")


class _Penalty(torch.autograd.Function):
    """Penalty and gradient in strips of rows, where autograd would keep eight copies of the image."""

    @staticmethod
    def forward(ctx: Any, difference: Tensor, photo: Tensor, mask: Tensor | None, distance: float) -> Tensor:
        gradient, total = torch.empty_like(difference), difference.new_zeros((), dtype=torch.float64)
        shown = difference.new_ones(1, 1, difference.shape[-2], 1) if mask is None else mask
        for top in range(0, difference.shape[-2], STRIP):
            moved, under, over = (p[..., top : top + STRIP, :] for p in (difference, photo, shown))
            picture = under + over * moved
            # Only excess that the difference can correct counts: none outside the mask.
            excess = (picture - picture.clamp(0, 1)) * (over > 0)
            total += RANGE_WEIGHT * excess.square().sum() + distance * moved.square().sum()
            slope = RANGE_WEIGHT * over * excess + distance * moved
            gradient[..., top : top + STRIP, :] = 2 / difference.numel() * slope
        ctx.gradient = gradient
        return (total / difference.numel()).to(difference.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        whole = bool(grads[0] == 1)  # the usual case, in which no copy is needed
        return ctx.gradient if whole else ctx.gradient * grads[0], None, None, None


def _resize(difference: Tensor, size: Size) -> Tensor:
    if difference.shape[-2:] == (1, 1):
        return difference.expand(-1, -1, *size)
    return tensors.resize(difference, size)
