"""Activation objective of Deep Dream (Mordvintsev, Olah and Tyka 2015).

The term of a layer is the norm of its activations, ``|a|``, not its square: the gradient at the layer,
``a / |a|``, has unit norm in every layer, so weights are comparable. It equals the usual
``<a, stop(a / |a|)>`` in value and in gradient. It is the root of a sum of squares, so it is exact in tiles.
Every term is divided by the square root of the number of pixels, so the value does not depend on the size.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto import tensors
from impasto.backbones import Backbone
from impasto.errors import InputError
from impasto.image import Source
from impasto.losses.base import Loss
from impasto.losses.bound import Bound, Features, Sums
from impasto.losses.context import BindContext
from impasto.tiles import Window

# Weight of the mean of a single channel, beside its norm. The norm of a channel with no positive activation
# has no gradient; the mean before the ReLU still has one.
LEAK = 0.5
LONGEST_GUIDE = 384  # pixels; matching against more positions is slow and gains little
_LEAST = 1e-12
_ENTRY = re.compile(r"(?P<layer>[a-z]\w*)(\[(?P<channel>\d+)\])?(:(?P<weight>[-+]?\d*\.?\d+(e[-+]?\d+)?))?")


@dataclass(frozen=True)
class Target:
    """A layer or one of its channels, with a weight."""

    layer: str
    channel: int | None = None
    weight: float = 1.0

    @property
    def name(self) -> str:
        """Name without the weight, such as ``relu5_2[113]``."""
        return self.layer if self.channel is None else f"{self.layer}[{self.channel}]"

    @classmethod
    def parse(cls, text: str) -> Target:
        """Parse ``LAYER``, ``LAYER:WEIGHT``, ``LAYER[CHANNEL]`` or ``LAYER[CHANNEL]:WEIGHT``.

        Raises:
            InputError: the text has another form.

        Examples:
            >>> Target.parse("relu5_2[113]:0.5")
            Target(layer='relu5_2', channel=113, weight=0.5)
        """
        found = _ENTRY.fullmatch(text.strip())
        if found is None:
            raise InputError(
                f"layer '{text}' is not valid: write relu4_3, relu5_2:0.5 (half the weight) or "
                f"relu5_2[113] (one channel)"
            )
        channel, weight = found["channel"], found["weight"]
        return cls(found["layer"], None if channel is None else int(channel), float(weight or 1))


class Activation(Loss):
    """Activation strength, ``sum_l w_l |a_l| / sqrt(H W)``. Subtract it to *maximize* it.

    With a guide image, each position is matched to the guide position with the highest normalized dot
    product, and the dot product with that feature vector is maximized (guided dreams, same authors).

    Args:
        layers: targets, or strings in the syntax of :meth:`Target.parse`.
        guide: image whose features the dream should take up.

    Raises:
        InputError: no layer, an invalid layer string, or a guide combined with single channels.

    Examples:
        >>> loss = -1 * Activation("relu4_3")  # doctest: +SKIP
    """

    name = "activation"

    def __init__(self, layers: str | Sequence[str | Target], *, guide: Source | None = None) -> None:
        given = [layers] if isinstance(layers, str) else list(layers)
        self.targets = [t if isinstance(t, Target) else Target.parse(t) for t in given]
        if not any(target.weight for target in self.targets):
            raise InputError("a dream needs a layer with a weight other than 0, such as relu4_3")
        if guide is not None and any(target.channel is not None for target in self.targets):
            raise InputError("a guide works with whole layers only: leave out the [channel]")
        self.guide = None if guide is None else tensors.from_source(guide)
        self.needs = frozenset(target.layer for target in self.targets)

    def bind(self, context: BindContext) -> Bound:
        """See :meth:`Loss.bind`."""
        context.backbone.check(target.layer for target in self.targets)
        if self.guide is not None:
            return _BoundGuide(self.targets, _answers(self.guide, context, self.needs), context)
        return _BoundActivation(self.targets, context)


class _BoundActivation(Bound):
    name = "activation"

    def __init__(self, targets: Sequence[Target], context: BindContext) -> None:
        self.targets, self.strides, self.seen = targets, {}, {}
        for target in targets:
            self.seen[target.name] = before_relu(target, context.backbone)
            self.strides[target.name] = context.backbone.stride(target.layer)
        self.layers = frozenset(self.seen.values())
        height, width = context.size
        self.root = (height * width) ** 0.5
        self.positions = {n: max(1, (height // s) * (width // s)) for n, s in self.strides.items()}

    def measure(self, features: Features, window: Window) -> Sums:
        sums: Sums = {}
        for target in self.targets:
            name = target.name
            found = window.trim_halo(features[self.seen[name]], self.strides[name])
            if target.channel is not None:
                found = _channel(found, target)
                sums[f"{name}.sum"] = tensors.precise(found).sum((1, 2, 3))
            sums[f"{name}.squares"] = tensors.precise(found).relu().square().sum((1, 2, 3))
        return sums

    def each(self, sums: Sums) -> Tensor:
        parts = []
        for target in self.targets:
            length = sums[f"{target.name}.squares"].clamp_min(_LEAST).sqrt()
            if target.channel is not None:
                length = length + LEAK * sums[f"{target.name}.sum"] / self.positions[target.name] ** 0.5
            parts.append(target.weight * length)
        total: Tensor = torch.stack(parts).sum(0) / self.root
        return total


class _BoundGuide(Bound):
    name = "activation"

    def __init__(self, targets: Sequence[Target], guide: dict[str, Tensor], context: BindContext) -> None:
        self.targets, self.layers = targets, frozenset(guide)
        self.strides = {layer: context.backbone.stride(layer) for layer in guide}
        self.root = (context.size[0] * context.size[1]) ** 0.5
        self.guide = {layer: found[0].flatten(1) for layer, found in guide.items()}
        # Normalized, otherwise the few strongest positions of the guide would match everything.
        self.directions = {k: found / found.norm(dim=0).clamp_min(_LEAST) for k, found in self.guide.items()}

    def measure(self, features: Features, window: Window) -> Sums:
        sums: Sums = {}
        for layer, guide in self.guide.items():
            own = tensors.precise(window.trim_halo(features[layer], self.strides[layer])).flatten(2)
            with torch.no_grad():
                best = torch.einsum("bcn,cm->bnm", own, self.directions[layer]).argmax(2)
                matched = guide[:, best].transpose(0, 1)  # (B, C, positions)
            sums[f"{layer}.along"] = (own * matched).sum((1, 2))
            sums[f"{layer}.squares"] = matched.square().sum((1, 2))
        return sums

    def each(self, sums: Sums) -> Tensor:
        parts = [
            t.weight * sums[f"{t.layer}.along"] / sums[f"{t.layer}.squares"].clamp_min(_LEAST).sqrt()
            for t in self.targets
        ]
        total: Tensor = torch.stack(parts).sum(0) / self.root
        return total


def before_relu(target: Target, backbone: Backbone) -> str:
    """Return the layer to read for a target: for a single channel, the one before the ReLU if available."""
    before = "conv" + target.layer.removeprefix("relu")
    return before if target.channel is not None and before in backbone.layers else target.layer


def _answers(guide: Tensor, context: BindContext, layers: frozenset[str]) -> dict[str, Tensor]:
    """Compute the guide's features at the area of the context, at most ``LONGEST_GUIDE`` pixels a side."""
    own = (guide.shape[-2], guide.shape[-1])
    size = tensors.same_area(own, context.size)
    if max(size) > LONGEST_GUIDE:
        size = tensors.long_side(size, LONGEST_GUIDE)
    return context.features(guide, layers, size=size)


def _channel(features: Tensor, target: Target) -> Tensor:
    count = features.shape[1]
    if target.channel is None or target.channel >= count:
        raise InputError(f"layer {target.layer} has channels 0 to {count - 1}: there is no {target.channel}")
    return features[:, target.channel : target.channel + 1]
