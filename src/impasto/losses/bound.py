"""Interface of a bound loss: measure sums in each window, then combine them into a value."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from impasto.tiles import Size, Window

Sums = dict[str, Tensor]
Features = Mapping[str, Tensor]


@dataclass(frozen=True)
class Level:
    """A loss of the reduced image, and its weight in the whole; ``size`` is (height, width), in pixels."""

    weight: float
    bound: Bound
    size: Size
    windows: Sequence[Window]


class Bound(ABC):
    """A loss with its targets at one image size."""

    layers: frozenset[str]
    name: str
    whole_only: tuple[str, ...] = ()
    """Names of terms that are not a function of additive sums, and so cannot be computed in tiles."""
    measures: Hashable = None
    """Key of the measured sums: terms with equal keys share one measurement. None: not shared."""
    levels: tuple[Level, ...] = ()
    """Losses of reduced images, which :meth:`measure` and :meth:`each` leave out."""

    @abstractmethod
    def measure(self, features: Features, window: Window) -> Sums:
        """Compute additive sums over the owned part of ``window``.

        Args:
            features: features of the part that the window reads, ``(B, C, h, w)`` by layer.
        """

    @abstractmethod
    def each(self, sums: Sums) -> Tensor:
        """Compute the loss of each image of a batch, ``(B,)``, from the sums over all windows."""

    def value(self, sums: Sums) -> Tensor:
        """Return the scalar loss: the mean of :meth:`each`."""
        return self.each(sums).mean()

    def terms(self, sums: Sums) -> dict[str, Tensor]:
        """Return the terms of :meth:`value` by name, for logs and plots."""
        return {self.name: self.value(sums)}
