"""What a loss is, and how losses add up.

A loss is *declared* with pictures and layer names and *bound* to its targets anew at each size. Bound, it
``measure``s additive sums in a window of the picture and takes its ``value`` from the sums of all windows:
so a picture in one piece and a picture in tiles give the same number, and the same gradient.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto import tensors
from impasto.backbones import Backbone
from impasto.tiles import Size, Window

Sums = dict[str, Tensor]
Features = Mapping[str, Tensor]

# A term measured against another picture is divided by no less than this, of its own relative unit: when
# photo and painting are one picture there is nothing to paint, and noise must not be blown up.
FLOOR = 1e-2


@dataclass(frozen=True)
class Scene:
    """Where a loss is bound: the network that sees, and the size, in pixels, at which it sees."""

    backbone: Backbone
    size: Size

    def fit(self, picture: Tensor) -> Tensor:
        """A picture brought to the size and the device of the scene."""
        device = next(self.backbone.buffers()).device
        return tensors.resize(picture.to(device), self.size)

    def features(self, picture: Tensor, layers: frozenset[str]) -> dict[str, Tensor]:
        """Features of a picture of any size, in float32 at least, without gradient."""
        device = next(self.backbone.buffers()).device
        with torch.no_grad():
            found = self.backbone.features(picture.to(device), layers)
            return {layer: tensors.precise(value) for layer, value in found.items()}


class Bound(ABC):
    """A loss with its targets at one size."""

    layers: frozenset[str]
    name: str
    whole_only: tuple[str, ...] = ()
    """Names of the terms whose value is not a function of additive sums: they cannot work in tiles."""

    @abstractmethod
    def measure(self, features: Features, window: Window) -> Sums:
        """Additive sums over what ``window`` owns; ``features`` are of what it reads, ``(B, C, h, w)``."""

    @abstractmethod
    def value(self, sums: Sums) -> Tensor:
        """The scalar loss of a picture, from the sums of all its windows (mean over a batch)."""

    def terms(self, sums: Sums) -> dict[str, Tensor]:
        """The named parts of :meth:`value`, for logs and curves."""
        return {self.name: self.value(sums)}


class Loss(ABC):
    """A loss as declared; adds with ``+`` and scales with ``*``."""

    name: str = "loss"

    @abstractmethod
    def bind(self, scene: Scene) -> Bound:
        """The same loss with its targets computed at the size of the scene."""

    def relative(self, picture: Tensor) -> Loss:
        """This loss divided by its value at ``picture (1, 3, H, W)`` in the same scene, floored.

        The rule of scale: a term measured between content and style is 1 there, so weights mean the same
        for every painting, loss and size.
        """
        return Relative(self, picture)

    def __add__(self, other: Loss) -> Loss:
        return Sum(((1.0, self), (1.0, other)))

    def __mul__(self, weight: float) -> Loss:
        return Sum(((float(weight), self),))

    __rmul__ = __mul__


class Sum(Loss):
    """Weighted sum of losses."""

    name = "sum"

    def __init__(self, parts: tuple[tuple[float, Loss], ...]) -> None:
        # Nested sums are flattened, so that every term keeps its own name and weight in the log.
        flat: list[tuple[float, Loss]] = []
        for weight, loss in parts:
            inner = loss.parts if isinstance(loss, Sum) else ((1.0, loss),)
            flat += [(weight * w, part) for w, part in inner]
        self.parts: tuple[tuple[float, Loss], ...] = tuple(flat)

    def bind(self, scene: Scene) -> Bound:
        """See :meth:`Loss.bind`."""
        return _BoundSum([(weight, loss.bind(scene)) for weight, loss in self.parts])


class _BoundSum(Bound):
    def __init__(self, parts: list[tuple[float, Bound]]) -> None:
        self.parts = parts
        self.layers = frozenset[str]().union(*(part.layers for _, part in parts))
        self.name = "sum"
        self.whole_only = tuple(name for _, part in parts for name in part.whole_only)

    def measure(self, features: Features, window: Window) -> Sums:
        sums: Sums = {}
        for index, (_, part) in enumerate(self.parts):
            sums |= {f"{index}/{key}": value for key, value in part.measure(features, window).items()}
        return sums

    def value(self, sums: Sums) -> Tensor:
        return torch.stack(list(self._weighted(sums).values())).sum()

    def terms(self, sums: Sums) -> dict[str, Tensor]:
        named: dict[str, Tensor] = {}
        for index, value in self._weighted(sums).items():
            name = self.parts[index][1].name
            named[name] = named[name] + value if name in named else value
        return named

    def _weighted(self, sums: Sums) -> dict[int, Tensor]:
        return {
            index: weight
            * part.value({k.split("/", 1)[1]: v for k, v in sums.items() if k.startswith(f"{index}/")})
            for index, (weight, part) in enumerate(self.parts)
        }


class Relative(Loss):
    """A loss divided by its value at a given picture; see :meth:`Loss.relative`."""

    def __init__(self, loss: Loss, picture: Tensor) -> None:
        self.loss, self.picture, self.name = loss, picture, loss.name

    def bind(self, scene: Scene) -> Bound:
        """See :meth:`Loss.bind`."""
        bound = self.loss.bind(scene)
        features = scene.features(scene.fit(self.picture), bound.layers)
        with torch.no_grad():
            reference = float(bound.value(bound.measure(features, Window.full(scene.size))))
        return _BoundRelative(bound, max(reference, FLOOR))


class _BoundRelative(Bound):
    def __init__(self, bound: Bound, reference: float) -> None:
        self.bound, self.reference = bound, reference
        self.layers, self.name, self.whole_only = bound.layers, bound.name, bound.whole_only

    def measure(self, features: Features, window: Window) -> Sums:
        return self.bound.measure(features, window)

    def value(self, sums: Sums) -> Tensor:
        return self.bound.value(sums) / self.reference
