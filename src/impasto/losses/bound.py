"""A loss with its targets: what is measured in a window, and what comes of the sums."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping

from torch import Tensor

from impasto.tiles import Window

Sums = dict[str, Tensor]
Features = Mapping[str, Tensor]


class Bound(ABC):
    """A loss with its targets at one size."""

    layers: frozenset[str]
    name: str
    whole_only: tuple[str, ...] = ()
    """Names of the terms whose value is not a function of additive sums: they cannot work in tiles."""
    measures: Hashable = None
    """Terms with the same key measure the same sums; a sum of losses does so once. None: only its own."""

    @abstractmethod
    def measure(self, features: Features, window: Window) -> Sums:
        """Additive sums over what ``window`` owns; ``features`` are of what it reads, ``(B, C, h, w)``."""

    @abstractmethod
    def each(self, sums: Sums) -> Tensor:
        """The loss of each picture of a batch, ``(B,)``, from the sums of all its windows."""

    def value(self, sums: Sums) -> Tensor:
        """The scalar loss: the mean of :meth:`each`."""
        return self.each(sums).mean()

    def terms(self, sums: Sums) -> dict[str, Tensor]:
        """The named parts of :meth:`value`, for logs and curves."""
        return {self.name: self.value(sums)}
