"""Nearest-neighbor search between the cells of an image and of several style images.

A *place* is a cell of :data:`CELL` x :data:`CELL` pixels. Its *hypercolumn* concatenates the features of
several layers, each divided by its number of channels (Kolkin et al. 2022, arXiv 2203.13215). Hypercolumns
are compared by cosine similarity after subtracting the mean of each side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.backbones import Backbone
from impasto.losses.context import BindContext
from impasto.tensors import precise
from impasto.tiles import Size, Window

CELL = 4  # side of a place, in pixels
BASIS = 256  # principal directions in which hypercolumns are compared
SAMPLE = 4096  # places from which the directions are estimated
STRIP = 1024  # places compared at a time
ROUNDS = 60  # iterations of the auction between several style images
LEAST = 1e-8

Columns = dict[str, Tensor]  # by layer, (C, places)
View = tuple[Tensor, Size]  # a style image, possibly rotated, and its size
OnFeatures = Callable[[int, Window, Columns], None]  # number of the view, window, features that it owns


def grid(size: Size) -> Size:
    """Return the rows and columns of places in an image of ``size``; the last ones may be partial."""
    return -(-size[0] // CELL), -(-size[1] // CELL)


def window_places(window: Window) -> tuple[slice, slice]:
    """Return the rows and columns of places that a window owns."""
    rows, columns = (slice(s.own // CELL, -(-s.own_end // CELL)) for s in (window.rows, window.columns))
    return rows, columns


def hypercolumns(features: Columns, backbone: Backbone, size: Size) -> Columns:
    """Resample owned features ``(B, C, h, w)`` of a window to its places ``(B, C, rows, columns)``."""
    return {
        layer: _on_grid(features[layer], backbone.stride(layer), size) / features[layer].shape[1]
        for layer in sorted(features)
    }


def _on_grid(features: Tensor, stride: int, size: Size) -> Tensor:
    """Average finer layers and repeat coarser ones; a partial last place may copy its neighbor."""
    if stride < CELL:
        features = F.avg_pool2d(features, CELL // stride, ceil_mode=True, count_include_pad=False)
    elif stride > CELL:
        features = F.interpolate(features, scale_factor=stride // CELL, mode="nearest")
    features = features[..., : size[0], : size[1]]
    rows, columns = features.shape[-2:]
    if (rows, columns) == size:
        return features
    return F.pad(features, (0, size[1] - columns, 0, size[0] - rows), mode="replicate")


def arrange_columns(columns: Tensor, backbone: Backbone) -> Tensor:
    """Return columns ``(C, M)`` in the order in memory of the backbone's features."""
    if backbone.memory_format == torch.channels_last:
        return columns.mT.contiguous().mT
    return columns.contiguous()


def gather_columns(columns: Tensor, index: Tensor) -> Tensor:
    """Gather columns ``(C, M)`` at an index ``(n,)``, in the same order in memory: ``(C, n)``."""
    if columns.stride(0) == 1:
        return columns.mT.index_select(0, index).mT
    return columns.gather(1, index.expand(len(columns), -1))


def places(
    context: BindContext,
    picture: Tensor,
    layers: frozenset[str],
    size: Size,
    *,
    also: Callable[[Window, Columns], None] | None = None,
) -> Iterator[tuple[Tensor, Columns]]:
    """Yield, for each window of an image at ``size``, the indices of its places and their hypercolumns.

    ``also`` is called with each window and the features that it owns.
    """
    rows, columns = grid(size)
    numbers = torch.arange(rows * columns).view(rows, columns)
    for window, found in context.pieces(picture, layers, size):
        if also is not None:
            also(window, found)
        owned = numbers[window_places(window)]
        parts = hypercolumns(found, context.backbone, (owned.shape[0], owned.shape[1]))
        yield owned.flatten(), {layer: part[0].flatten(1) for layer, part in parts.items()}


@dataclass(frozen=True)
class Keys:
    """Hypercolumns of one style image, including its rotations.

    Args:
        columns: hypercolumns by layer, ``(C, M)``.
        lengths: norms of the hypercolumns, ``(M,)``.
    """

    columns: Columns
    lengths: Tensor

    @classmethod
    def of(
        cls,
        context: BindContext,
        views: Sequence[View],
        layers: frozenset[str],
        *,
        most: int,
        seed: int,
        also: OnFeatures | None = None,
    ) -> Keys:
        """Compute the keys of all places of the views, or of a random ``most`` of them.

        The order does not depend on the tiling. ``also`` is called with the features of each view.
        """
        counts = [math.prod(grid(size)) for _, size in views]
        drawn = sample(sum(counts), most, seed)
        rank = torch.full((sum(counts),), -1)
        rank[drawn] = torch.arange(len(drawn))
        kept: Columns = {}
        first = 0
        with context.backbone.disable_wrapping():
            for view, ((picture, size), count) in enumerate(zip(views, counts, strict=True)):
                seen = None if also is None else partial(also, view)
                for numbers, parts in places(context, picture, layers, size, also=seen):
                    place = rank[numbers + first]
                    wanted = place >= 0
                    for layer, part in parts.items():
                        if layer not in kept:
                            kept[layer] = part.new_empty((part.shape[0], len(drawn)))
                        kept[layer][:, place[wanted].to(part.device)] = part[:, wanted.to(part.device)]
                first += count
        squares = [precise(part).square().sum(0) for part in kept.values()]
        return cls(kept, torch.stack(squares).sum(0).sqrt())

    def sample_hypercolumns(self, most: int, seed: int) -> Tensor:
        """Return at most ``most`` centered hypercolumns, ``(D, M)``, float32 or wider."""
        drawn = sample(len(self.lengths), most, seed).to(self.lengths.device)
        parts = self.columns.values()
        return torch.cat([precise(p[:, drawn]) - precise(p).mean(1, keepdim=True) for p in parts])


def sample(count: int, most: int, seed: int) -> Tensor:
    """Return the indices below ``count``, sorted: all, or a random ``most`` of them."""
    if count <= most:
        return torch.arange(count)
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:most].sort().values


class Matcher:
    """Nearest-neighbor search in the places of several style images.

    Queries and keys are projected to the leading principal directions of the keys, which preserve the dot
    products closely. The directions are computed by randomized subspace iteration (Halko, Martinsson and
    Tropp 2011, arXiv 0909.4061).
    """

    def __init__(self, keys: Sequence[Keys], *, seed: int) -> None:
        self.widths = {layer: len(part) for layer, part in keys[0].columns.items()}
        self.basis = _directions([each.sample_hypercolumns(SAMPLE // len(keys), seed) for each in keys], seed)
        self.keys = []
        for each in keys:
            means = {layer: precise(part).mean(1) for layer, part in each.columns.items()}
            middle = self.project({layer: mean[:, None] for layer, mean in means.items()})
            # Layer by layer: concatenated they would take more memory than the image itself.
            rests = (precise(part) - means[layer][:, None] for layer, part in each.columns.items())
            squares = [rest.square().sum(0) for rest in rests]
            lengths = torch.stack(squares).sum(0).sqrt().clamp_min(LEAST)
            self.keys.append((self.project(each.columns) - middle).mT / lengths)

    def project(self, columns: Columns) -> Tensor:
        """Project hypercolumns ``(C, places)`` by layer to the basis: ``(places, directions)``."""
        parts = torch.split(self.basis, list(self.widths.values()))
        found = [precise(columns[layer]).mT @ part for layer, part in zip(self.widths, parts, strict=True)]
        return torch.stack(found).sum(0)

    def queries(self, context: BindContext, picture: Tensor) -> Tensor:
        """Return centered, projected places of an image at the context's size, ``(places, directions)``."""
        found = self.basis.new_empty((math.prod(grid(context.size)), self.basis.shape[1]))
        for numbers, parts in places(context, picture, frozenset(self.widths), context.size):
            found[numbers.to(found.device)] = self.project(parts)
        return found - found.mean(0)

    def nearest(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Return the nearest key of each style image to each query, and its cosine similarity.

        Both are ``(paintings, places)``. Ties resolve to the first key.
        """
        queries = F.normalize(queries, dim=1)
        best = [[(part @ keys).max(1) for part in torch.split(queries, STRIP)] for keys in self.keys]
        return (
            torch.stack([torch.cat([found.indices for found in each]) for each in best]),
            torch.stack([torch.cat([found.values for found in each]) for each in best]),
        )


def _directions(centered: Sequence[Tensor], seed: int) -> Tensor:
    """Return the leading directions of hypercolumns ``(D, M)`` as orthonormal ``(D, at most BASIS)``."""
    columns = torch.cat(list(centered), 1)
    width, count = columns.shape
    if width <= BASIS:
        return torch.eye(width, dtype=columns.dtype, device=columns.device)
    if count <= BASIS:
        return _orthonormal(columns)
    start = torch.randn((count, BASIS), generator=torch.Generator().manual_seed(seed)).to(columns)
    found = _orthonormal(columns @ start)
    for _ in range(2):
        found = _orthonormal(columns @ (columns.mT @ found))
    return found


def _orthonormal(columns: Tensor) -> Tensor:
    found: Tensor = torch.linalg.qr(columns).Q
    return found


def divide(scores: Tensor, weights: Sequence[float], counted: Tensor | None = None) -> Tensor:
    """Assign each place to its best style image, subject to the share of each; return ``(places,)``.

    Runs an auction: adds an offset to all scores of one style image until its share of the places is right,
    then continues with the next style image, for ``ROUNDS`` rounds.

    Args:
        scores: similarity of each style image to each place, ``(paintings, places)``.
        weights: shares, with sum 1.
        counted: indices of the places that the shares count. Default: all.
    """
    # No offset separates places with equal scores. Break ties with slopes too small to matter.
    slopes = torch.arange(len(scores), device=scores.device)[:, None]
    scores = scores + 1e-5 * slopes * torch.linspace(0, 1, scores.shape[1], device=scores.device)
    part = scores if counted is None else scores[:, counted]
    offsets, count = scores.new_zeros((len(scores), 1)), part.shape[1]
    wanted = [round(weight * count) for weight in weights]
    for _ in range(ROUNDS if len(scores) > 1 else 0):
        for k, places_wanted in enumerate(wanted):
            raised = part + offsets
            others = torch.cat([raised[:k], raised[k + 1 :]]).max(0).values
            needed = (others - part[k]).sort().values  # offset needed to win each place
            if places_wanted <= 0:
                offsets[k] = -torch.inf
            elif places_wanted >= count:
                offsets[k] = needed[-1] + 1
            else:
                offsets[k] = (needed[places_wanted - 1] + needed[places_wanted]) / 2
    return (scores + offsets).argmax(0)
