"""Base class of losses, and their weighted sums.

A loss is *declared* with images and layer names, and *bound* to its targets at each image size. A bound loss
``measure``s additive sums in each window of the image and computes its ``value`` from the sums over all
windows, so a whole image and a tiled image give the same value and the same gradient.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable
from dataclasses import replace

import torch
from torch import Tensor

from impasto.losses.bound import Bound, Features, Sums
from impasto.losses.context import BindContext
from impasto.tiles import Window

# Lower bound of the divisor of a relative term. If content and style are the same image, the divisor is near
# zero and would amplify noise.
FLOOR = 1e-2


class Loss(ABC):
    """A declared loss; add with ``+``, scale with ``*``."""

    name: str = "loss"
    needs: frozenset[str]
    """Names of the layers the loss reads."""

    @abstractmethod
    def bind(self, context: BindContext) -> Bound:
        """Compute the targets at the size of the context and return the bound loss."""

    def relative(self, picture: Tensor) -> Loss:
        """Return this loss divided by its value at ``picture (1, 3, H, W)``, at least ``FLOOR``.

        With content and style as the two images, every term is 1 at that point, so a weight has the same
        effect for every style image, loss and size.
        """
        return Relative(self, picture)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}{' of ' * bool(self.needs)}{', '.join(sorted(self.needs))}>"

    def __add__(self, other: Loss) -> Loss:
        return Sum(((1.0, self), (1.0, other)))

    def __sub__(self, other: Loss) -> Loss:
        return Sum(((1.0, self), (-1.0, other)))

    def __mul__(self, weight: float) -> Loss:
        return Sum(((float(weight), self),))

    __rmul__ = __mul__


class Sum(Loss):
    """Weighted sum of losses."""

    name = "sum"

    def __init__(self, parts: tuple[tuple[float, Loss], ...]) -> None:
        # Flatten nested sums, so that every term has its own name and weight in the log.
        flat: list[tuple[float, Loss]] = []
        for weight, loss in parts:
            inner = loss.parts if isinstance(loss, Sum) else ((1.0, loss),)
            flat += [(weight * w, part) for w, part in inner]
        self.parts: tuple[tuple[float, Loss], ...] = tuple(flat)
        self.needs = frozenset[str]().union(*(loss.needs for _, loss in flat))

    def __repr__(self) -> str:
        return " + ".join(f"{weight:g} * {loss!r}" for weight, loss in self.parts)

    def bind(self, context: BindContext) -> Bound:
        """See :meth:`Loss.bind`."""
        return BoundSum([(weight, loss.bind(context)) for weight, loss in self.parts])


class BoundSum(Bound):
    """Weighted sum of bound losses."""

    def __init__(self, parts: list[tuple[float, Bound]]) -> None:
        levels = ((level, weight * level.weight) for weight, part in parts for level in part.levels)
        self.levels = tuple(replace(level, weight=weight) for level, weight in levels)
        parts = [(weight, part) for weight, part in parts if part.layers]
        self.parts, self.sources = parts, _sources(parts)
        self.layers = frozenset[str]().union(*(part.layers for _, part in parts))
        self.name = "sum"
        self.whole_only = tuple(name for _, part in parts for name in part.whole_only)

    def measure(self, features: Features, window: Window) -> Sums:
        """See :meth:`Bound.measure`."""
        sums: Sums = {}
        for index in sorted(set(self.sources)):
            part = self.parts[index][1]
            sums |= {f"{index}/{key}": value for key, value in part.measure(features, window).items()}
        return sums

    def each(self, sums: Sums) -> Tensor:
        """See :meth:`Bound.each`."""
        return torch.stack(list(self._weight_parts(sums).values())).sum(0)

    def terms(self, sums: Sums) -> dict[str, Tensor]:
        """See :meth:`Bound.terms`."""
        named: dict[str, Tensor] = {}
        for index, each in self._weight_parts(sums).items():
            name, value = self.parts[index][1].name, each.mean()
            named[name] = named[name] + value if name in named else value
        return named

    def _weight_parts(self, sums: Sums) -> dict[int, Tensor]:
        own: dict[int, Sums] = {index: {} for index in self.sources}
        for key, value in sums.items():
            index, name = key.split("/", 1)
            own[int(index)][name] = value
        return {
            index: weight * part.each(own[source])
            for index, ((weight, part), source) in enumerate(zip(self.parts, self.sources, strict=True))
        }


def _sources(parts: list[tuple[float, Bound]]) -> list[int]:
    """Return, for each part, the index of the first part that measures the same sums (usually itself)."""
    first: dict[Hashable, int] = {}
    return [
        index if part.measures is None else first.setdefault(part.measures, index)
        for index, (_, part) in enumerate(parts)
    ]


class Relative(Loss):
    """A loss divided by its value at a given image; see :meth:`Loss.relative`."""

    def __init__(self, loss: Loss, picture: Tensor) -> None:
        self.loss, self.picture = loss, picture
        self.name, self.needs = loss.name, loss.needs

    def bind(self, context: BindContext) -> Bound:
        """See :meth:`Loss.bind`."""
        bound = self.loss.bind(context)
        with torch.no_grad():
            reference = float(bound.value(context.sums(bound, self.picture)))
        return Scaled(bound, divisor=max(reference, FLOOR))


class Scaled(Bound):
    """A bound loss times one factor per image of the batch, ``(B,)``, or divided by a number."""

    def __init__(self, bound: Bound, factors: Tensor | float = 1.0, *, divisor: float = 1.0) -> None:
        self.bound, self.factors, self.divisor = bound, factors, divisor
        self.layers, self.name, self.whole_only = bound.layers, bound.name, bound.whole_only
        self.measures = bound.measures

    def measure(self, features: Features, window: Window) -> Sums:
        """See :meth:`Bound.measure`."""
        return self.bound.measure(features, window)

    def each(self, sums: Sums) -> Tensor:
        """See :meth:`Bound.each`."""
        return self.bound.each(sums) * self.factors / self.divisor
