"""Neural neighbors: the target of each place is the nearest feature vector of the style image.

After Kolkin, Kucera, Paris, Sykora, Shechtman and Shakhnarovich 2022, *Neural Neighbor Style Transfer*
(arXiv 2203.13215). Targets are fixed when the loss is bound, so it is a sum over places: smooth, and exact
in tiles.

The paper compares directions only, which lets contrast drift; the authors correct it by matching colors
afterwards. Here the norms count as well, with weight ``LENGTH``, which keeps the contrast and colors of the
style image.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto import tensors
from impasto.errors import InputError
from impasto.image import Source
from impasto.losses import matching
from impasto.losses.base import Loss
from impasto.losses.bound import Bound, Features, Sums
from impasto.losses.context import BindContext
from impasto.losses.matching import CELL, LEAST, Keys, Matcher, OnFeatures, View, grid
from impasto.moments import shares
from impasto.tiles import Size, Window

LAYERS = (
    *("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu3_2", "relu3_3"),
    *("relu4_1", "relu4_2", "relu4_3"),
)
LENGTH = 0.3
KEYS = 16_384  # most places of one style image in the search
DIVIDED = 192  # long side at which the places are divided among style images, in pixels


class MatchingLoss(Loss):
    """Base class of losses whose targets are places of style images."""

    _division: Tensor | None = None

    def __init__(
        self,
        photo: Source,
        paintings: Source | Sequence[Source],
        layers: Sequence[str] = LAYERS,
        *,
        weights: Sequence[float] | None = None,
        scales: Sequence[float] | None = None,
        masks: Sequence[Tensor | None] | None = None,
        border: int = 0,
        turned: bool = True,
        seed: int = 0,
    ) -> None:
        several = tensors.several(paintings)
        self.photo = tensors.from_source(photo)
        self.paintings = [tensors.from_source(p) for p in several]
        self.needs = frozenset(layers)
        self.weights = shares(weights, count=len(several))
        self.scales = [1.0] * len(several) if scales is None else list(scales)
        self.masks: list[Tensor | None] = [None] * len(several) if masks is None else list(masks)
        self.border, self.turned, self.seed = border, turned, seed
        if not len(several) == len(self.scales) == len(self.masks):
            raise InputError(f"{len(several)} paintings need as many scales and masks")

    def views(self, context: BindContext, number: int) -> list[View]:
        """Return a style image at the context's area times its scale, with its rotations if enabled."""
        painting, scale = self.paintings[number], self.scales[number]
        size = tensors.same_area((painting.shape[-2], painting.shape[-1]), context.size, scale=scale)
        upright = tensors.resize(painting, size)
        views = [torch.rot90(upright, turn, (2, 3)) for turn in range(4 if self.turned else 1)]
        return [(view, (view.shape[-2], view.shape[-1])) for view in views]

    def keys_and_matcher(self, context: BindContext) -> tuple[list[Keys], Matcher]:
        """Return the places of each style image at the context's size, and the search among them."""
        what = f"places at {self.scales}, turned {self.turned}, seed {self.seed}"
        look = partial(self._search, context)
        return context.seen.once(what, self.paintings, self.needs, context.size, look)

    def _search(self, context: BindContext) -> tuple[list[Keys], Matcher]:
        keys = []
        for number in range(len(self.paintings)):
            views = self.views(context, number)
            also = self.feature_callback(context, number, views)
            keys.append(Keys.of(context, views, self.needs, most=KEYS, seed=self.seed, also=also))
        return keys, Matcher(keys, seed=self.seed)

    def feature_callback(
        self, context: BindContext, painting: int, views: Sequence[View]
    ) -> OnFeatures | None:
        """Return what else takes features of a style image while its places are computed; None: nothing."""
        return None

    def division(self, context: BindContext) -> Tensor:
        """Assign each place to a style image by masks, else by weights; return ``(rows, columns)``.

        Weights divide the places of the content image at one size. Each size would divide them otherwise, and
        the losses of an image and of its reductions would pull towards different style images.
        """
        if len(self.paintings) == 1:
            return torch.zeros(grid(context.size), dtype=torch.long, device=context.device)
        if any(mask is not None for mask in self.masks):
            maps = [_on_grid(mask, context.size) for mask in self.masks]
            return torch.stack(maps).argmax(0).to(context.device)
        if self._division is None:
            own = (self.photo.shape[-2], self.photo.shape[-1])
            there = context.at(tensors.long_side(own, min(DIVIDED, max(own))))
            _, matcher = self.keys_and_matcher(there)
            _, scores = matcher.nearest(matcher.queries(there, self.photo))
            rows, columns = grid(there.size)
            numbers = torch.arange(rows * columns, device=scores.device).view(rows, columns)
            cut = round(self.border * there.size[0] / own[0] / CELL)
            inside = numbers[cut : rows - cut, cut : columns - cut].flatten()
            self._division = matching.divide(scores, self.weights, inside).view(1, 1, rows, columns)
        return F.interpolate(self._division.float(), grid(context.size), mode="nearest")[0, 0].long()


class Neighbors(MatchingLoss):
    """Distance to the style features that are nearest to the content image at each place.

    ``mean_p (1 - cos(F_p, T_p)) + LENGTH mean_p (|F_p| / |T_p| - 1)^2`` with hypercolumns F of the image and
    T of the style image, see :mod:`impasto.losses.matching`.

    Args:
        photo: content image, anything :func:`impasto.image.read` takes.
        weights: share of the places for each style image; normalized to sum 1. Default: equal.
        scales: area of each style image relative to the image (1: the same area; never enlarged).
        masks: region of each style image, ``(1, 1, H, W)``, 0..1; None: everywhere. Masks override weights.
        border: pixels at each side of ``photo`` that the weights do not count, as the result is cropped.
        search: share of the current image in the query of the search; the rest is the content image.
        later: loss of the final pass, which takes its features of the style images in the same pass.
        turned: also search the style image rotated by 90, 180 and 270 degrees.
        seed: random seed for sampling the places of a large style image.

    Raises:
        InputError: the number of weights, scales or masks is not that of the style images.
    """

    name = "neighbors"

    def __init__(
        self,
        photo: Source,
        paintings: Source | Sequence[Source],
        layers: Sequence[str] = LAYERS,
        *,
        search: float = 0.25,
        later: MatchingLoss | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(photo, paintings, layers, **settings)
        self.search, self.later = search, later

    def feature_callback(
        self, context: BindContext, painting: int, views: Sequence[View]
    ) -> OnFeatures | None:
        """See :meth:`MatchingLoss.feature_callback`."""
        return None if self.later is None else self.later.feature_callback(context, painting, views)

    def bind(self, context: BindContext) -> Bound:
        """See :meth:`Loss.bind`."""
        keys, matcher = self.keys_and_matcher(context)
        division = self.division(context)
        index, _ = matcher.nearest(matcher.queries(context, self._query_image(context)))
        return _BoundNeighbors(context, keys, index.gather(0, division.view(1, -1))[0], division)

    def _query_image(self, context: BindContext) -> Tensor:
        """Blend the content image with the current image plus the content's finest detail."""
        wraps = context.backbone.wraps
        photo = tensors.resize(self.photo, context.size, wraps=wraps)
        if context.present is None or not self.search:
            return photo
        half = (max(1, context.size[0] // 2), max(1, context.size[1] // 2))
        broad = tensors.resize(tensors.resize(photo, half, wraps=wraps), context.size, wraps=wraps)
        return torch.lerp(photo, context.present.to(photo.device) + (photo - broad), self.search)


def _on_grid(mask: Tensor | None, size: Size) -> Tensor:
    """Resample a mask to the places; None becomes 0.5, so any mask above half takes precedence."""
    if mask is None:
        return torch.full(grid(size), 0.5)
    return F.adaptive_avg_pool2d(mask.cpu(), grid(size))[0, 0]


class _BoundNeighbors(Bound):
    name = "neighbors"

    def __init__(self, context: BindContext, keys: Sequence[Keys], index: Tensor, division: Tensor) -> None:
        self.backbone, self.layers = context.backbone, frozenset(keys[0].columns)
        # One table with the matched places of all style images, indexed by the places of the image.
        firsts = torch.tensor([0, *(len(each.lengths) for each in keys[:-1])]).cumsum(0).to(index.device)
        chosen = index.view(division.shape) + firsts[division]
        matched = torch.bincount(chosen.flatten()).nonzero()[:, 0]
        self.index = torch.searchsorted(matched, chosen)
        self.columns = {}
        for layer in self.layers:
            found = torch.cat([each.columns[layer] for each in keys], 1)[:, matched]
            self.columns[layer] = matching.arrange_columns(found, context.backbone)
        self.lengths = torch.cat([each.lengths for each in keys])[matched].clamp_min(LEAST)

    def measure(self, features: Features, window: Window) -> Sums:
        index = self.index[matching.window_places(window)]
        own = {k: window.trim_halo(features[k], self.backbone.stride(k)) for k in self.layers}
        dots, squares = [], []
        size = (index.shape[0], index.shape[1])
        for layer, found in matching.hypercolumns(own, self.backbone, size).items():
            target = matching.gather_columns(self.columns[layer], index.flatten())
            dot, square = along(found, target.mT.view(1, *index.shape, -1).permute(0, 3, 1, 2))
            dots.append(dot)
            squares.append(square)
        length = torch.stack(squares).sum(0).clamp_min(LEAST).sqrt()
        wanted = self.lengths[index]
        return {
            "angle": (1 - torch.stack(dots).sum(0) / (length * wanted)).sum((1, 2)),
            "length": (length / wanted - 1).square().sum((1, 2)),
        }

    def each(self, sums: Sums) -> Tensor:
        return (sums["angle"] + LENGTH * sums["length"]) / self.index.numel()


def along(found: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Compute dot products with the target, and squared norms, over channels: ``(B, h, w)`` each."""
    result: tuple[Tensor, Tensor] = _Along.apply(found, target)  # type: ignore[no-untyped-call]
    return result


class _Along(torch.autograd.Function):
    """Fused dot product and squared norm: one pass forward and one backward, where autograd takes six."""

    @staticmethod
    def forward(ctx: Any, found: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(found, target)
        wide = tensors.precise(found)
        return (wide * target).sum(1), wide.square().sum(1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        found, target = ctx.saved_tensors
        gradient = target * grads[0].unsqueeze(1)
        return gradient.addcmul_(found, 2 * grads[1].unsqueeze(1)).to(found.dtype), None
