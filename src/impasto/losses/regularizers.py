"""Regularizers: terms that depend on the image alone."""

from __future__ import annotations

from torch import Tensor

from impasto.backbones import PIXELS
from impasto.losses.base import Loss
from impasto.losses.bound import Bound, Features, Sums
from impasto.losses.context import BindContext
from impasto.tiles import Window


class TotalVariation(Loss):
    """Mean squared difference of horizontally and vertically adjacent pixels (Mahendran and Vedaldi 2015)."""

    name = "tv"
    needs = frozenset({PIXELS})

    def bind(self, context: BindContext) -> Bound:
        """See :meth:`Loss.bind`."""
        height, width = context.size
        return _BoundTotalVariation(height * width)


class _BoundTotalVariation(Bound):
    name = "tv"
    layers = frozenset({PIXELS})

    def __init__(self, pixels: int) -> None:
        self.pixels = pixels

    def measure(self, features: Features, window: Window) -> Sums:
        own = window.trim_halo(features[PIXELS], 1)
        more = window.trim_halo(features[PIXELS], 1, reach=1)
        height, width = own.shape[-2:]
        down = more[..., 1:, :width] - more[..., :-1, :width]
        across = more[..., :height, 1:] - more[..., :height, :-1]
        return {"squares": down.square().sum((1, 2, 3)) + across.square().sum((1, 2, 3))}

    def each(self, sums: Sums) -> Tensor:
        return sums["squares"] / (3 * self.pixels)
