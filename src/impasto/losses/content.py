"""Content loss: squared distance of feature maps (Gatys et al. 2015, equation 1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from impasto import tensors
from impasto.errors import InputError
from impasto.image import Source
from impasto.losses.base import Loss
from impasto.losses.bound import Bound, Features, Sums
from impasto.losses.context import BindContext
from impasto.tiles import Window

Unit = Literal["relative", "absolute"]


class Content(Loss):
    """``mean |F - P|^2`` over positions and channels of each layer, summed over layers.

    Args:
        picture: content image, anything :func:`impasto.image.read` takes.
        unit: ``relative`` divides by ``mean P^2``; ``absolute`` is the plain mean squared error.

    Raises:
        InputError: no layer.

    Examples:
        >>> loss = Content("photo.jpg", "relu4_2")  # doctest: +SKIP
    """

    name = "content"

    def __init__(
        self, picture: Source, layers: str | Sequence[str] = "relu4_2", *, unit: Unit = "relative"
    ) -> None:
        self.picture = tensors.from_source(picture)
        self.needs = frozenset((layers,) if isinstance(layers, str) else layers)
        self.unit = unit
        if not self.needs:
            raise InputError("the content loss has no layer: give one, such as relu4_2")

    def bind(self, context: BindContext) -> Bound:
        """See :meth:`Loss.bind`."""
        targets = context.features(self.picture, self.needs)
        energy = {k: _energy(v) if self.unit == "relative" else 1.0 for k, v in targets.items()}
        return _BoundContent(targets, energy, {k: context.backbone.stride(k) for k in targets})


def _energy(features: Tensor) -> float:
    """Compute the mean square of features, 64 channels at a time to avoid a full float32 copy."""
    parts = [float(tensors.precise(part).square().sum()) for part in torch.split(features, 64, dim=1)]
    return sum(parts) / features.numel()


class _BoundContent(Bound):
    name = "content"

    def __init__(self, targets: dict[str, Tensor], energy: dict[str, float], strides: dict[str, int]) -> None:
        self.targets, self.energy, self.strides = targets, energy, strides
        self.layers = frozenset(targets)

    def measure(self, features: Features, window: Window) -> Sums:
        sums: Sums = {}
        for layer, whole in self.targets.items():
            target = tensors.precise(window.part(whole, self.strides[layer]))
            found = tensors.precise(window.trim_halo(features[layer], self.strides[layer]))
            sums[layer] = (found - target).square().sum((1, 2, 3))
        return sums

    def each(self, sums: Sums) -> Tensor:
        total = torch.zeros_like(sums[next(iter(sums))])
        for layer, squares in sums.items():
            count = self.targets[layer][0].numel()
            total = total + squares / (count * max(self.energy[layer], 1e-12))
        return total
