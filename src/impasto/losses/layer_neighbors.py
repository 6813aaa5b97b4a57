"""Per-layer neural neighbors: the final pass of Kolkin et al. 2022, arXiv 2203.13215."""

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
from impasto.losses.context import BindContext
from impasto.losses.matching import CELL, LEAST, STRIP
from impasto.losses.neighbors import LENGTH, MatchingLoss, along
from impasto.tiles import Size, Window

POSITIONS = 4096  # sampled in each layer, of the image and of each style image


class LayerNeighbors(MatchingLoss):
    """Distance to the nearest style features, searched in each layer separately.

    ``sum_l mean_p (1 - cos(F_p - m, T_p - m)) + LENGTH mean_p ((|F_p - m| - |T_p - m|) / mean |T - m|)^2``,
    where m is the mean of the style image in the layer ("feature splitting" in the paper). The search uses
    the image at the time the loss is bound, so bind it again every few evaluations. Each binding samples
    ``POSITIONS`` new positions.

    Takes the arguments of :class:`impasto.losses.Neighbors` except ``search``.
    """

    name = "layers"
    _kept: tuple[Size, dict[str, list[Tensor]], Tensor] | None = None

    def bind(self, context: BindContext) -> Bound:
        """See :meth:`Loss.bind`."""
        if context.present is None:
            raise InputError("LayerNeighbors needs the current image: pass present= to the BindContext")
        generator = torch.Generator().manual_seed(self.seed + context.stage)
        drawn = {k: _Positions.drawn(context, k, POSITIONS, generator) for k in sorted(self.layers)}
        found = _features_at(drawn, context, context.present)
        keys, division = self._at(context)
        targets = {k: _nearest(found[k], keys[k], positions, division) for k, positions in drawn.items()}
        return _BoundLayers(drawn, targets)

    def _at(self, context: BindContext) -> tuple[dict[str, list[Tensor]], Tensor]:
        """Return features ``(C, M)`` of each style image by layer, and the division of the cells."""
        if self._kept is None or self._kept[0] != context.size:
            keys: dict[str, list[Tensor]] = {layer: [] for layer in self.layers}
            for painting, scale in zip(self.paintings, self.scales, strict=True):
                for layer, found in self._keys_of(context, painting, scale).items():
                    keys[layer].append(found)
            self._kept = (context.size, keys, self.division(context))
        return self._kept[1:]

    def _keys_of(self, context: BindContext, painting: Tensor, scale: float) -> dict[str, Tensor]:
        """Return about ``POSITIONS`` features of a style image and its rotations by layer, ``(C, M)``."""
        views = self.views(context, painting, scale)
        parts: dict[str, list[Tensor]] = {layer: [] for layer in self.layers}
        generator = torch.Generator().manual_seed(self.seed)
        for view, size in views:
            here = BindContext(context.backbone, size, cut=context.cut)
            most = POSITIONS // len(views)
            drawn = {k: _Positions.drawn(here, k, most, generator) for k in sorted(self.layers)}
            with context.backbone.bounded():
                found = _features_at(drawn, here, view)
            for layer, own in found.items():
                parts[layer].append(own)
        return {layer: torch.cat(several, 1) for layer, several in parts.items()}


@dataclass(frozen=True)
class _Positions:
    """Stratified positions of a layer: one random position in each cell of a grid.

    A regular grid would leave a visible pattern in the image.

    Args:
        stride: stride of the layer, in pixels.
        rows, columns: coordinates of the positions, ``(N,)``.
    """

    stride: int
    rows: Tensor
    columns: Tensor

    @classmethod
    def drawn(cls, context: BindContext, layer: str, most: int, generator: torch.Generator) -> _Positions:
        """Sample about ``most`` positions of a context."""
        stride = context.backbone.stride(layer)
        height, width = context.size[0] // stride, context.size[1] // stride
        step = max(1, math.ceil((height * width / most) ** 0.5))
        tall, wide = -(-height // step), -(-width // step)
        # Positions outside the image, in a partial cell, are clamped to its border.
        y, x = (torch.randint(step, (tall, wide), generator=generator) for _ in range(2))
        rows = (torch.arange(tall)[:, None] * step + y).clamp_max(height - 1)
        columns = (torch.arange(wide)[None, :] * step + x).clamp_max(width - 1)
        return cls(stride, rows.flatten(), columns.flatten())

    def __len__(self) -> int:
        return len(self.rows)

    def inside(self, window: Window) -> Tensor:
        """Return the indices of the positions that a window owns."""
        (top, bottom), (left, right) = (s.positions(self.stride) for s in (window.rows, window.columns))
        down = (self.rows >= top) & (self.rows < bottom)
        return (down & (self.columns >= left) & (self.columns < right)).nonzero()[:, 0]

    def of(self, owned: Tensor, window: Window, numbers: Tensor) -> Tensor:
        """Gather a window's owned features ``(1, C, h, w)`` at positions: ``(C, n)``, float32 or wider."""
        rows = self.rows[numbers] - window.rows.own // self.stride
        columns = self.columns[numbers] - window.columns.own // self.stride
        index = (rows * owned.shape[-1] + columns).to(owned.device)
        flat = owned[0].flatten(1)
        return tensors.precise(flat.gather(1, index.expand(len(flat), -1)))

    def places(self) -> tuple[Tensor, Tensor]:
        """Return the row and the column of the cell that contains each position."""
        return self.rows * self.stride // CELL, self.columns * self.stride // CELL


def _features_at(drawn: Mapping[str, _Positions], context: BindContext, picture: Tensor) -> dict[str, Tensor]:
    """Return an image's features at the positions by layer, ``(C, N)``."""
    found: dict[str, Tensor] = {}
    for window, features in context.pieces(picture, frozenset(drawn), context.size):
        for layer, positions in drawn.items():
            numbers = positions.inside(window)
            part = positions.of(features[layer], window, numbers)
            if layer not in found:
                found[layer] = part.new_empty((len(part), len(positions)))
            found[layer][:, numbers.to(part.device)] = part
    return found


@dataclass(frozen=True)
class _Target:
    """Centered nearest features of one layer, and the mean of their style image: ``(C, N)`` each."""

    nearest: Tensor
    mean: Tensor
    lengths: Tensor  # (N,)


def _nearest(found: Tensor, keys: Sequence[Tensor], positions: _Positions, division: Tensor) -> _Target:
    """Find, for each of ``found (C, N)``, the nearest key of the style image assigned to its cell."""
    rows, columns = (at.to(division.device) for at in positions.places())
    painting = division[rows, columns]
    means = torch.stack([each.mean(1) for each in keys], 1)  # (C, paintings)
    target = torch.empty_like(found)
    for k, each in enumerate(keys):
        mine = (painting == k).nonzero()[:, 0]
        if len(mine) == 0:
            continue
        asked = found[:, mine]
        asked = F.normalize(asked - asked.mean(1, keepdim=True), dim=0)
        centered = each - means[:, k : k + 1]
        directions = F.normalize(centered, dim=0)
        index = torch.cat([(part.mT @ directions).argmax(1) for part in torch.split(asked, STRIP, 1)])
        target[:, mine] = centered[:, index]
    return _Target(target, means[:, painting], target.norm(dim=0).clamp_min(LEAST))


class _BoundLayers(Bound):
    name = "layers"

    def __init__(self, drawn: Mapping[str, _Positions], targets: Mapping[str, _Target]) -> None:
        self.drawn, self.targets, self.layers = drawn, targets, frozenset(targets)

    def measure(self, features: Features, window: Window) -> Sums:
        sums: Sums = {}
        for layer, target in self.targets.items():
            positions = self.drawn[layer]
            numbers = positions.inside(window)
            here = numbers.to(target.mean.device)
            owned = window.owned(features[layer], positions.stride)
            found = positions.of(owned, window, numbers) - target.mean[:, here]
            dots, squares = along(found[None], target.nearest[None, :, here])
            length, wanted = squares.clamp_min(LEAST).sqrt(), target.lengths[here]
            sums[f"{layer}.angle"] = (1 - dots / (length * wanted)).sum(1)
            sums[f"{layer}.length"] = (length - wanted).square().sum(1)
        return sums

    def each(self, sums: Sums) -> Tensor:
        parts = []
        for layer, target in self.targets.items():
            unit = target.lengths.mean().square()
            found = sums[f"{layer}.angle"] + LENGTH * sums[f"{layer}.length"] / unit
            parts.append(found / len(target.lengths))
        return torch.stack(parts).sum(0)
