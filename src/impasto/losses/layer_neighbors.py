"""Neural neighbours layer by layer: the last pass of Kolkin et al. 2022, arXiv 2203.13215."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto import tensors
from impasto.errors import InputError
from impasto.losses.bound import Bound, Features, Sums
from impasto.losses.matching import CELL, LEAST, STRIP
from impasto.losses.neighbors import LENGTH, Matched, along
from impasto.losses.scene import Scene
from impasto.tiles import Size, Span, Window

POSITIONS = 4096  # of one layer, in the picture and in a painting


class LayerNeighbors(Matched):
    """In each layer by itself, positions of the picture should look like the nearest ones of the painting.

    ``sum_l mean_p (1 - cos(F_p - m, T_p - m)) + LENGTH mean_p ((|F_p - m| - |T_p - m|) / mean |T - m|)^2``,
    m being the painting's mean in the layer ("feature splitting" in the paper). Nearest to the picture as it
    is when the loss is bound, so bind it anew every few evaluations: it looks at a regular grid of positions,
    at another one each time.

    The arguments are those of :class:`impasto.losses.Neighbors`, but for ``search``.
    """

    name = "layers"
    _kept: tuple[Size, dict[str, list[Tensor]], Tensor] | None = None

    def bind(self, scene: Scene) -> Bound:
        """See :meth:`Loss.bind`."""
        if scene.present is None:
            raise InputError("neighbours layer by layer are those of a picture: this scene shows none")
        generator = torch.Generator().manual_seed(self.seed + scene.stage)
        lattices = {k: _Lattice.of(scene, k, POSITIONS, generator) for k in sorted(self.layers)}
        found: dict[str, Tensor] = {}
        for window, features in scene.pieces(scene.present, self.layers, scene.size):
            for layer, lattice in lattices.items():
                part = tensors.precise(lattice.owned(features[layer], window))
                if layer not in found:
                    found[layer] = part.new_empty((1, part.shape[1], *lattice.size))
                lattice.part(found[layer], window).copy_(part)
        keys, division = self._at(scene)
        targets = {
            layer: _nearest(found[layer][0], keys[layer], lattices[layer], division) for layer in lattices
        }
        return _BoundLayers(lattices, targets)

    def _at(self, scene: Scene) -> tuple[dict[str, list[Tensor]], Tensor]:
        """By layer, positions ``(C, M)`` of each painting; and the division of the places."""
        if self._kept is None or self._kept[0] != scene.size:
            keys: dict[str, list[Tensor]] = {layer: [] for layer in self.layers}
            for painting, scale in zip(self.paintings, self.scales, strict=True):
                for layer, found in self._positions(scene, painting, scale).items():
                    keys[layer].append(found)
            self._kept = (scene.size, keys, self.division(scene))
        return self._kept[1:]

    def _positions(self, scene: Scene, painting: Tensor, scale: float) -> dict[str, Tensor]:
        """By layer, about ``POSITIONS`` positions of a painting and its turned views, ``(C, M)``."""
        views = self.views(scene, painting, scale)
        parts: dict[str, list[Tensor]] = {layer: [] for layer in self.layers}
        for view, size in views:
            here = Scene(scene.backbone, size, cut=scene.cut)
            lattices = {k: _Lattice.of(here, k, POSITIONS // len(views)) for k in self.layers}
            for window, features in here.pieces(view, self.layers, size):
                for layer, lattice in lattices.items():
                    parts[layer].append(tensors.precise(lattice.owned(features[layer], window))[0].flatten(1))
        return {layer: torch.cat(found, 1) for layer, found in parts.items()}


@dataclass(frozen=True)
class _Lattice:
    """A regular grid of the positions of a layer.

    Args:
        stride: of the layer, pixels.
        step: positions from one to the next, both ways.
        first: row and column of the first one.
        size: rows and columns of it.
    """

    stride: int
    step: int
    first: Size
    size: Size

    @classmethod
    def of(cls, scene: Scene, layer: str, most: int, generator: torch.Generator | None = None) -> _Lattice:
        """About ``most`` positions of a scene; the first is drawn, or it is the corner."""
        stride = scene.backbone.stride(layer)
        rows, columns = scene.size[0] // stride, scene.size[1] // stride
        step = max(1, math.ceil((rows * columns / most) ** 0.5))
        most_first = min(step, rows, columns)
        top, left = torch.randint(most_first, (2,), generator=generator).tolist() if generator else (0, 0)
        return cls(stride, step, (top, left), (-(-(rows - top) // step), -(-(columns - left) // step)))

    def owned(self, features: Tensor, window: Window) -> Tensor:
        """Of a window's owned features ``(1, C, h, w)`` those on the grid."""
        (top, _), (left, _) = self._range(window.rows, 0), self._range(window.columns, 1)
        y = self.first[0] + top * self.step - window.rows.own // self.stride
        x = self.first[1] + left * self.step - window.columns.own // self.stride
        return features[..., y :: self.step, x :: self.step]

    def part(self, whole: Tensor, window: Window) -> Tensor:
        """The same positions of a map ``(..., rows, columns)`` of all the grid."""
        (top, bottom), (left, right) = self._range(window.rows, 0), self._range(window.columns, 1)
        return whole[..., top:bottom, left:right]

    def _range(self, span: Span, axis: int) -> tuple[int, int]:
        begin, end = span.positions(self.stride)
        return -(-max(0, begin - self.first[axis]) // self.step), -(
            -max(0, end - self.first[axis]) // self.step
        )

    def places(self) -> tuple[Tensor, Tensor]:
        """The row and the column of the place that each position lies in."""
        return tuple(  # type: ignore[return-value]
            (torch.arange(count) * self.step + first) * self.stride // CELL
            for count, first in zip(self.size, self.first, strict=True)
        )


@dataclass(frozen=True)
class _Target:
    """The nearest positions of one layer less the mean of their painting, and that mean: ``(1, C, h, w)``."""

    nearest: Tensor
    mean: Tensor
    lengths: Tensor  # (1, rows, columns)


def _nearest(found: Tensor, keys: Sequence[Tensor], lattice: _Lattice, division: Tensor) -> _Target:
    """For each position of ``found (C, h, w)`` the nearest key of the painting that its place is given."""
    rows, columns = (at.to(division.device) for at in lattice.places())
    painting = division[rows[:, None], columns[None, :]].flatten()
    mean = torch.stack([each.mean(1) for each in keys], 1)  # (C, paintings)
    queries = found.flatten(1)
    target = torch.empty_like(queries)
    for k, each in enumerate(keys):
        mine = (painting == k).nonzero()[:, 0]
        if len(mine) == 0:
            continue
        asked = queries[:, mine]
        asked = F.normalize(asked - asked.mean(1, keepdim=True), dim=0)
        centred = each - mean[:, k : k + 1]
        directions = F.normalize(centred, dim=0)
        index = torch.cat([(part.mT @ directions).argmax(1) for part in torch.split(asked, STRIP, 1)])
        target[:, mine] = centred[:, index]
    target = target.view(1, *found.shape)
    return _Target(target, mean[:, painting].view(1, *found.shape), target.norm(dim=1).clamp_min(LEAST))


class _BoundLayers(Bound):
    name = "layers"

    def __init__(self, lattices: Mapping[str, _Lattice], targets: Mapping[str, _Target]) -> None:
        self.lattices, self.targets, self.layers = lattices, targets, frozenset(targets)

    def measure(self, features: Features, window: Window) -> Sums:
        sums: Sums = {}
        for layer, target in self.targets.items():
            lattice = self.lattices[layer]
            owned = window.owned(features[layer], lattice.stride)
            found = tensors.precise(lattice.owned(owned, window)) - lattice.part(target.mean, window)
            along_target, squares = along(found, lattice.part(target.nearest, window))
            length, wanted = squares.clamp_min(LEAST).sqrt(), lattice.part(target.lengths, window)
            sums[f"{layer}.angle"] = (1 - along_target / (length * wanted)).sum((1, 2))
            sums[f"{layer}.length"] = (length - wanted).square().sum((1, 2))
        return sums

    def each(self, sums: Sums) -> Tensor:
        parts = []
        for layer, target in self.targets.items():
            unit = target.lengths.mean().square()
            parts.append(
                (sums[f"{layer}.angle"] + LENGTH * sums[f"{layer}.length"] / unit) / target.lengths.numel()
            )
        return torch.stack(parts).sum(0)
