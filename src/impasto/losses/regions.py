"""Style loss by region: each region of the image matches the statistics of its class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto import tensors
from impasto.errors import InputError
from impasto.jobs.base import pluralize
from impasto.losses.base import Loss
from impasto.losses.bound import Bound, Features, Sums
from impasto.losses.context import BindContext
from impasto.tiles import Window

_LEAST = 1e-12
_LEAST_COUNT = 0.5  # positions that a class needs in a layer to be compared

Statistics = Mapping[str, Tensor]
"""Channel means and standard deviations by layer, ``(2, C)``."""


class RegionMoments(Loss):
    """``(|m - m'|^2 + |s - s'|^2) / (|m'|^2 + |s'|^2)`` of channel means and deviations, in each class.

    The distance of Huang and Belongie 2017 under masks, averaged over layers and over classes by area.
    Targets are statistics, not images, so they can come from one style image, from several or from a file.

    Args:
        targets: statistics of each class; None: the class is left unchanged.
        alphas: mask of each class, ``(K, H, W)``, 0..1.

    Raises:
        InputError: the number of targets and alphas differs, or all targets are None.
    """

    name = "style"

    def __init__(
        self, targets: Sequence[Statistics | None], alphas: Tensor, layers: Mapping[str, float]
    ) -> None:
        if len(targets) != len(alphas) or all(target is None for target in targets):
            given = pluralize(len(targets), "target")
            raise InputError(f"{given} for {pluralize(len(alphas), 'region')}: give one for each region")
        self.targets, self.alphas, self.layers = targets, alphas, dict(layers)
        self.needs = frozenset(layers)

    def bind(self, context: BindContext) -> Bound:
        """See :meth:`Loss.bind`."""
        used = [(t, a) for t, a in zip(self.targets, self.alphas, strict=True) if t is not None]
        alphas = F.adaptive_avg_pool2d(torch.stack([a for _, a in used]).to(context.device), context.size)
        wanted = {layer: torch.stack([t[layer] for t, _ in used]).to(context.device) for layer in self.layers}
        strides = {layer: context.backbone.stride(layer) for layer in self.layers}
        masks = {layer: F.avg_pool2d(alphas[None], stride)[0] for layer, stride in strides.items()}
        return _BoundRegions(wanted, masks, strides, self.layers, alphas.mean((1, 2)))


@dataclass(eq=False)
class _BoundRegions(Bound):
    wanted: Mapping[str, Tensor]
    masks: Mapping[str, Tensor]
    strides: Mapping[str, int]
    weights: Mapping[str, float]
    areas: Tensor
    name = "style"

    def __post_init__(self) -> None:
        self.layers = frozenset(self.wanted)

    def measure(self, features: Features, window: Window) -> Sums:
        sums: Sums = {}
        for layer, mask in self.masks.items():
            found = tensors.precise(window.trim_halo(features[layer], self.strides[layer])).flatten(2)
            part = window.part(mask, self.strides[layer]).flatten(1).to(found.dtype)
            sums[f"{layer}.count"] = part.sum(1).expand(found.shape[0], -1)
            sums[f"{layer}.first"] = found @ part.mT
            sums[f"{layer}.second"] = found.square() @ part.mT
        return sums

    def each(self, sums: Sums) -> Tensor:
        total = torch.zeros_like(sums[f"{next(iter(self.wanted))}.count"][:, 0])
        for layer, wanted in self.wanted.items():
            total = total + self.weights[layer] * self._layer(layer, wanted, sums)
        return total / sum(self.weights.values())

    def _layer(self, layer: str, wanted: Tensor, sums: Sums) -> Tensor:
        """Compute the distance in one layer, ``(B,)``, averaged over the classes present there."""
        count = sums[f"{layer}.count"]  # (B, K)
        safe = count.clamp_min(_LEAST_COUNT)[:, None]
        mean = sums[f"{layer}.first"] / safe  # (B, C, K)
        deviation = (sums[f"{layer}.second"] / safe - mean.square()).clamp_min(_LEAST).sqrt()
        squares = (mean.mT - wanted[:, 0]).square().sum(-1) + (deviation.mT - wanted[:, 1]).square().sum(-1)
        relative = squares / wanted.square().sum((1, 2)).clamp_min(_LEAST)
        areas = torch.where(count > _LEAST_COUNT, self.areas, 0.0)
        return (relative * areas).sum(-1) / areas.sum(-1).clamp_min(_LEAST)
