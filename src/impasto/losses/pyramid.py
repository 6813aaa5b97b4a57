"""Losses of the image reduced 4, 16, 64 times, optimized together with those of the image itself.

Features of a network see a part of the image that is fixed in pixels. In a large image they see single
strokes and no large forms. Terms of the reduced images keep the forms of the smaller sizes ("simultaneously
optimized scales" of Galerne, Wang, Raad and Morel 2024, arXiv 2412.03371).
"""

from __future__ import annotations

from torch import Tensor

from impasto.errors import InputError
from impasto.losses.base import Loss
from impasto.losses.bound import Bound, Features, Level, Sums
from impasto.losses.context import BindContext
from impasto.tiles import Size, Window


class Pyramid(Loss):
    """Sum of a loss over the image reduced 4, 16, 64 times; targets are computed at each size.

    The last factor is 2 if 4 would make the image too small. A small image has no reduced ones: the network
    sees its large forms.

    Args:
        coarsest: loss that is added at the smallest size.
        least: least long side of a reduced image, in pixels. An image below four times this side has none.
    """

    name = "pyramid"

    def __init__(self, loss: Loss, coarsest: Loss | None = None, *, least: int = 112) -> None:
        self.loss, self.coarsest, self.least = loss, coarsest, least
        self.needs = loss.needs | (coarsest.needs if coarsest else frozenset())

    def relative(self, picture: Tensor) -> Loss:
        """See :meth:`Loss.relative`; each term is divided by its own value."""
        coarsest = self.coarsest.relative(picture) if self.coarsest else None
        return Pyramid(self.loss.relative(picture), coarsest, least=self.least)

    def bind(self, context: BindContext) -> Bound:
        """See :meth:`Loss.bind`."""
        levels = []
        sizes = reductions(context.size, self.least)
        for size in sizes:
            there = context.at(size)
            loss = self.loss if self.coarsest is None or size != sizes[-1] else self.loss + self.coarsest
            levels.append(Level(1.0, loss.bind(there), size, there.windows(size)))
        return BoundPyramid(tuple(levels))


def reductions(size: Size, least: int) -> list[Size]:
    """Return the sizes of the reduced images, from large to small, in pixels."""
    sizes: list[Size] = []
    factor = 1
    while max(size) >= (2 if sizes else 4) * factor * least:
        # Factors of 2 take a tenth more time, and look the same. The smallest size keeps the large forms.
        factor *= 4 if max(size) >= 4 * factor * least else 2
        sizes.append((max(1, round(size[0] / factor)), max(1, round(size[1] / factor))))
    return sizes


class BoundPyramid(Bound):
    """Losses of reduced images; there are no terms at the size of the image."""

    name = "pyramid"
    layers: frozenset[str] = frozenset()

    def __init__(self, levels: tuple[Level, ...]) -> None:
        self.levels = levels
        self.whole_only = tuple(name for level in levels for name in level.bound.whole_only)

    def measure(self, features: Features, window: Window) -> Sums:
        """See :meth:`Bound.measure`."""
        return {}

    def each(self, sums: Sums) -> Tensor:
        """Raise an error: the value is that of reduced images, see :func:`impasto.optim.evaluate`."""
        raise InputError("losses of reduced images have no value at the size of the image")
