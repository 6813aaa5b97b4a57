"""Style losses: distances between feature statistics, pooled over all positions.

Three distances between the moments of the image and the style image, all functions of the same additive
sums: Gram (Gatys et al. 2015), mean and standard deviation (Li et al. 2017, Huang and Belongie 2017) and the
2-Wasserstein distance of Gaussians.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto import tensors
from impasto.errors import InputError
from impasto.image import Source
from impasto.losses.base import Loss
from impasto.losses.bound import Bound, Features, Sums
from impasto.losses.content import Unit
from impasto.losses.context import BindContext
from impasto.moments import Moments, barycenter, mixture, root, shares, wasserstein2
from impasto.tiles import Window

Blend = Literal["moments", "barycenter"]
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
# Number of pixels from which matrix roots are computed in float64. At this size their cost is negligible, and
# float32 roots make tiled and whole gradients differ in the fourth digit.
LARGE = 250_000
_LEAST = 1e-12
_LEAST_COUNT = 1e-6  # mask sum below which a region counts as empty


class StyleLoss(Loss):
    """Distance of feature moments between the image and one style image or a blend of several.

    Args:
        pictures: a style image or a list of them.
        layers: a layer name, a sequence of names with weight 1 each, or ``{name: weight}``.
        weights: share of each style image; normalized to sum 1. Default: equal.
        scales: area of each style image relative to the image (1: the same area; never enlarged).
        blend: ``moments`` targets the moments of the style images side by side, ``barycenter`` their
            Wasserstein barycenter.
        mask: region of the image to compare, ``(1, 1, H, W)``, 0..1.
        unit: ``relative`` divides each layer by the norm of its target; ``absolute`` does not.

    Raises:
        InputError: no style image; no layer with a weight; weights or scales that do not match the number of
            style images, are negative, or are all zero.
    """

    def __init__(
        self,
        pictures: Source | Sequence[Source],
        layers: str | Sequence[str] | Mapping[str, float] = LAYERS,
        *,
        weights: Sequence[float] | None = None,
        scales: Sequence[float] | None = None,
        blend: Blend = "moments",
        mask: Tensor | None = None,
        unit: Unit = "relative",
    ) -> None:
        several = tensors.several(pictures)
        self.pictures = [tensors.from_source(p) for p in several]
        self.weights = shares(weights, count=len(several))
        self.scales = [1.0] * len(several) if scales is None else list(scales)
        if len(self.scales) != len(several) or not all(scale > 0 for scale in self.scales):
            raise InputError(
                f"scales {', '.join(map(str, self.scales))} are not valid: give one above 0 for each style"
            )
        names = (layers,) if isinstance(layers, str) else layers
        self.layers = dict(names) if isinstance(names, Mapping) else dict.fromkeys(names, 1.0)
        self.needs = frozenset(self.layers)
        if not any(self.layers.values()):
            raise InputError(f"style layers {self.layers} are not valid: give one a weight other than 0")
        self.blend, self.mask, self.unit = blend, mask, unit

    distance: type[Distance]

    def bind(self, context: BindContext) -> Bound:
        """See :meth:`Loss.bind`."""
        return self.bind_targets(context, self.targets(context))

    def targets(self, context: BindContext) -> dict[str, Moments]:
        """Compute the target moments by layer at the size of the context, with batch axis 1."""
        each: list[dict[str, Moments]] = []
        for picture, scale in zip(self.pictures, self.scales, strict=True):
            size = tensors.same_area((picture.shape[-2], picture.shape[-1]), context.size, scale=scale)
            each.append(context.moments(picture, self.needs, size=size))
        mix = mixture if self.blend == "moments" else barycenter
        return {layer: mix([found[layer] for found in each], self.weights) for layer in self.layers}

    def bind_targets(self, context: BindContext, targets: Mapping[str, Moments]) -> Bound:
        """Bind this loss to given targets: one for all images (batch axis 1) or one for each (``B``)."""
        strides = {layer: context.backbone.stride(layer) for layer in targets}
        device = next(iter(targets.values())).mean.device
        masks = None
        if self.mask is not None:
            mask = F.adaptive_avg_pool2d(self.mask.to(device), context.size)
            masks = {layer: F.avg_pool2d(mask, stride) for layer, stride in strides.items()}
        large = context.size[0] * context.size[1] >= LARGE
        if self.distance.rooted and large and device.type != "mps":  # has no float64
            targets = {k: Moments(t.mean.double(), t.cov.double()) for k, t in targets.items()}
        distances = {layer: self.distance(target, self.unit) for layer, target in targets.items()}
        bound = _BoundStyle(self.name, distances, self.layers, strides, masks)
        kinds = tuple(sorted((layer, distance.diagonal) for layer, distance in distances.items()))
        # The id of the mask is a safe key: the loss that holds the mask outlives the bound loss.
        bound.measures = ("moments", kinds, None if self.mask is None else id(self.mask))
        return bound


class Distance(ABC):
    """Distance from the moments of an image to a target, divided by the size of the target."""

    diagonal = False  # whether the distance needs only the diagonal of the second moment
    rooted = False  # whether it takes a matrix root, whose gradient needs high precision

    def __init__(self, target: Moments, unit: Unit) -> None:
        self.target = target
        size = self.size()
        self.norm = size.clamp_min(_LEAST) if unit == "relative" else torch.ones_like(size)

    def size(self) -> Tensor:
        """Return the size of the target in the unit of the distance, ``(B,)``."""
        return self.target.second.diagonal(dim1=-2, dim2=-1).sum(-1)

    @abstractmethod
    def __call__(self, count: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Compute the distance, ``(B,)``, from weighted count, first and second sums."""


class _GramDistance(Distance):
    def size(self) -> Tensor:
        return self.target.second.square().sum((-1, -2))

    def __call__(self, count: Tensor, first: Tensor, second: Tensor) -> Tensor:
        return (second / count[..., None, None] - self.target.second).square().sum((-1, -2)) / self.norm


class _MeanVarianceDistance(Distance):
    diagonal = True

    def __call__(self, count: Tensor, first: Tensor, second: Tensor) -> Tensor:
        mean = first / count[..., None]
        deviation = (second / count[..., None] - mean.square()).clamp_min(_LEAST).sqrt()
        wanted = self.target.cov.diagonal(dim1=-2, dim2=-1).clamp_min(0).sqrt()
        squares = (mean - self.target.mean).square() + (deviation - wanted).square()
        return squares.sum(-1) / self.norm


class _WassersteinDistance(Distance):
    rooted = True

    def __init__(self, target: Moments, unit: Unit) -> None:
        super().__init__(target, unit)
        self.half = root(target.cov)

    def __call__(self, count: Tensor, first: Tensor, second: Tensor) -> Tensor:
        wide = torch.promote_types(count.dtype, self.target.mean.dtype)
        found = Moments.from_sums(count.to(wide), first.to(wide), second.to(wide))
        return (wasserstein2(found, self.half, self.target) / self.norm).to(count.dtype)


class Gram(StyleLoss):
    """``|G - A|^2`` of Gram matrices divided by the number of positions (Gatys et al. 2015, equation 4)."""

    name, distance = "gram", _GramDistance


class MeanVariance(StyleLoss):
    """``|m - m'|^2 + |s - s'|^2`` of channel means and standard deviations (Huang and Belongie 2017)."""

    name, distance = "meanvar", _MeanVarianceDistance


class Wasserstein(StyleLoss):
    """Squared 2-Wasserstein distance of Gaussians with the means and covariances of the features.

    Dowson and Landau 1982; as a style loss after K. Crowson's style-transfer-pytorch. The gradient has a
    closed form, see :func:`impasto.moments.trace_root`.
    """

    name, distance = "wasserstein", _WassersteinDistance


@dataclass(eq=False)
class _BoundStyle(Bound):
    name: str
    distances: Mapping[str, Distance]
    weights: Mapping[str, float]
    strides: Mapping[str, int]
    masks: Mapping[str, Tensor] | None

    def __post_init__(self) -> None:
        self.layers = frozenset(self.distances)

    def measure(self, features: Features, window: Window) -> Sums:
        sums: Sums = {}
        for layer, distance in self.distances.items():
            found = tensors.precise(window.trim_halo(features[layer], self.strides[layer])).flatten(2)
            mask, weighted = None, found
            count = found.new_full((found.shape[0],), found.shape[-1])
            if self.masks is not None:
                mask = window.part(self.masks[layer], self.strides[layer]).flatten(2).to(found.dtype)
                count, weighted = mask.sum((1, 2)).expand(found.shape[0]), found * mask
            sums[f"{layer}.count"] = count
            sums[f"{layer}.first"] = weighted.sum(-1)
            if distance.diagonal:
                sums[f"{layer}.second"] = (weighted * found).sum(-1)
            else:
                sums[f"{layer}.second"] = _SecondSum.apply(found, mask)  # type: ignore[no-untyped-call]
        return sums

    def each(self, sums: Sums) -> Tensor:
        layers = [self.weights[layer] * self.layer_values(layer, sums) for layer in self.distances]
        return torch.stack(layers).sum(0) / sum(abs(w) for w in self.weights.values())

    def layer_values(self, layer: str, sums: Sums) -> Tensor:
        """Compute the distance in one layer, ``(B,)``."""
        count = sums[f"{layer}.count"]
        given = (count.clamp_min(_LEAST_COUNT), sums[f"{layer}.first"], sums[f"{layer}.second"])
        distance = self.distances[layer](*given)
        # A region that is empty at the resolution of the layer does not count.
        return torch.where(count > _LEAST_COUNT, distance, 0.0)


class _SecondSum(torch.autograd.Function):
    """``sum_n w_n f_n f_n^T`` with a gradient of one matrix product, where autograd takes two."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, mask: Tensor | None) -> Tensor:
        ctx.mask = mask  # a target, never an input with a gradient
        ctx.save_for_backward(features)
        return (features if mask is None else features * mask) @ features.mT

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (features,) = ctx.saved_tensors
        both = grads[0] + grads[0].mT
        # Match the memory layout of the features: the result is added to their gradient from deeper layers.
        last = features.stride(1) == 1
        gradient: Tensor = (features.mT @ both).mT if last else both @ features
        return gradient if ctx.mask is None else gradient * ctx.mask, None
