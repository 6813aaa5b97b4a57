"""Per-layer neural neighbors: the final pass of Kolkin et al. 2022, arXiv 2203.13215."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto import tensors
from impasto.backbones import Backbone
from impasto.errors import InputError
from impasto.losses.bound import Bound, Features, Sums
from impasto.losses.context import BindContext
from impasto.losses.matching import CELL, LEAST, STRIP, OnFeatures, View, arrange_columns, gather_columns
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

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        # By the number of the style image, at the largest size so far.
        self._sampled: dict[int, _Samples] = {}

    def bind(self, context: BindContext) -> Bound:
        """See :meth:`Loss.bind`."""
        if context.present is None:
            raise InputError("LayerNeighbors needs the current image: pass present= to the BindContext")
        generator = torch.Generator().manual_seed(self.seed + context.stage)
        strides = {k: context.backbone.stride(k) for k in sorted(self.needs)}
        drawn = {k: _Positions.sample(context.size, s, POSITIONS, generator) for k, s in strides.items()}
        now = _Samples(context.size, [drawn])
        for window, features in context.pieces(context.present, frozenset(drawn), context.size):
            now(0, window, features)
        found = now.columns
        keys = [self._samples_of(context, number).columns for number in range(len(self.paintings))]
        division = self.division(context)
        targets = {k: _nearest(found[k], [each[k] for each in keys], drawn[k], division) for k in drawn}
        return _BoundLayers(context.backbone, drawn, targets)

    def _samples_of(self, context: BindContext, painting: int) -> _Samples:
        """Return features of a style image at the context's size, computed unless that was done before."""
        known = self._sampled.get(painting)
        if known is None or known.size != context.size:
            views = self.views(context, painting)
            known = self._sampled[painting] = self._sampling(context, views)
            with context.backbone.disable_wrapping():
                for number, (view, size) in enumerate(views):
                    for window, features in context.pieces(view, self.needs, size):
                        known(number, window, features)
        return known

    def feature_callback(
        self, context: BindContext, painting: int, views: Sequence[View]
    ) -> OnFeatures | None:
        """See :meth:`MatchingLoss.feature_callback`; the final pass is at the largest size."""
        known = self._sampled.get(painting)
        if known is not None and math.prod(known.size) >= math.prod(context.size):
            return None
        self._sampled[painting] = self._sampling(context, views)
        return self._sampled[painting]

    def _sampling(self, context: BindContext, views: Sequence[View]) -> _Samples:
        """Sample about ``POSITIONS`` positions of a style image and its rotations in each layer."""
        generator = torch.Generator().manual_seed(self.seed)
        most, backbone = POSITIONS // len(views), context.backbone
        layers = sorted(self.needs)
        drawn = [
            {k: _Positions.sample(size, backbone.stride(k), most, generator) for k in layers}
            for _, size in views
        ]
        return _Samples(context.size, drawn)


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
    def sample(cls, size: Size, stride: int, most: int, generator: torch.Generator) -> _Positions:
        """Sample about ``most`` positions of an image of ``size``."""
        height, width = size[0] // stride, size[1] // stride
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
        return tensors.precise(gather_columns(owned.squeeze(0).flatten(1), index))

    def places(self) -> tuple[Tensor, Tensor]:
        """Return the row and the column of the cell that contains each position."""
        return self.rows * self.stride // CELL, self.columns * self.stride // CELL


class _Samples:
    """Features of several images at their positions; called with the features of each of their windows.

    Args:
        size: size of the context in which they are used.
        drawn: positions by layer, of each image.
    """

    def __init__(self, size: Size, drawn: Sequence[Mapping[str, _Positions]]) -> None:
        self.size, self.drawn = size, drawn
        self._found: list[dict[str, Tensor]] = [{} for _ in drawn]

    def __call__(self, image: int, window: Window, features: Features) -> None:
        """Take the features ``(1, C, h, w)`` that a window of an image owns."""
        for layer, positions in self.drawn[image].items():
            numbers = positions.inside(window)
            part = positions.of(features[layer], window, numbers)
            found = self._found[image].setdefault(layer, part.new_empty((len(part), len(positions))))
            found[:, numbers.to(part.device)] = part

    @property
    def columns(self) -> dict[str, Tensor]:
        """All features by layer, ``(C, M)``."""
        return {layer: torch.cat([found[layer] for found in self._found], 1) for layer in self.drawn[0]}


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

    def __init__(
        self, backbone: Backbone, drawn: Mapping[str, _Positions], targets: Mapping[str, _Target]
    ) -> None:
        self.drawn, self.layers = drawn, frozenset(targets)
        self.targets = {}
        for layer, each in targets.items():
            nearest, mean = (arrange_columns(columns, backbone) for columns in (each.nearest, each.mean))
            self.targets[layer] = _Target(nearest, mean, each.lengths)

    def measure(self, features: Features, window: Window) -> Sums:
        sums: Sums = {}
        for layer, target in self.targets.items():
            positions = self.drawn[layer]
            numbers = positions.inside(window)
            here = numbers.to(target.mean.device)
            owned = window.trim_halo(features[layer], positions.stride)
            found = positions.of(owned, window, numbers) - gather_columns(target.mean, here)
            dots, squares = along(found[None], gather_columns(target.nearest, here)[None])
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
