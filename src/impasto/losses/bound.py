"""Interface of a bound loss: measure sums in each window, then combine them into a value."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping

from torch import Tensor

from impasto.tiles import Window

Sums = dict[str, Tensor]
Features = Mapping[str, Tensor]


class Bound(ABC):
    """A loss with its targets at one image size."""

    layers: frozenset[str]
    name: str
    whole_only: tuple[str, ...] = ()
    """Names of terms that are not a function of additive sums, and so cannot be computed in tiles."""
    measures: Hashable = None
    """Key of the measured sums: terms with equal keys share one measurement. None: not shared."""

    @abstractmethod
    def measure(self, features: Features, window: Window) -> Sums:
        """Compute additive sums over the owned part of ``window``.

        Args:
            features: features of the part that the window reads, ``(B, C, h, w)`` by layer.
            window: the window.
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
