"""What a style network is trained for: the losses of ``stylize``, with a target for each picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.backbones import Backbone
from impasto.losses import (
    Bound,
    BoundSum,
    Content,
    Features,
    Gram,
    MeanVariance,
    Scene,
    StyleLoss,
    Sums,
    TotalVariation,
)
from impasto.moments import Moments
from impasto.tiles import Window

# A style picture of scale 1 is seen at this side (its area squared): that of a photo of 512 pixels.
REFERENCE = 448
CONTENT_LAYER = "relu4_1"
LAYERS: Mapping[str, float] = {"relu1_1": 0.3, "relu2_1": 1.0, "relu3_1": 1.0, "relu4_1": 2.0}
KINDS: tuple[tuple[type[StyleLoss], float], ...] = ((Gram, 0.8), (MeanVariance, 0.2))
STRENGTH_POWER = 2.0  # as in ``stylize``
SMOOTHNESS = 3.0  # of total variation; at 1 flat places were filled with a weave
FLOOR = 1e-2


@dataclass(frozen=True)
class Row:
    """One row to learn: a painting ``(1, 3, H, W)`` at a scale, and its share of the style weight."""

    picture: Tensor
    scale: float = 1.0
    weight: float = 1.0


class Objective:
    """The loss of a batch, for any mixture of rows.

    Each term is relative: content is divided by its mean between two photos, each style by its mean between
    photos and the painting, both over ``photos``. So no weight needs to be found for a new painting.

    Args:
        rows: what each row after the photograph's own is to paint like.
        backbone: the network that looks.
        photos: ``(N, 3, S, S)``, N >= 2, to find the balance with.
        style_weight: of the style terms at strength 1; the content term weighs 1.
        layers: of the style terms, with their weights.
        content_layer: one of them.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        *,
        backbone: Backbone,
        photos: Tensor,
        style_weight: float,
        layers: Mapping[str, float] = LAYERS,
        content_layer: str = CONTENT_LAYER,
    ) -> None:
        self.backbone = backbone
        self.style_weights = style_weight * torch.tensor([row.weight for row in rows], device=photos.device)
        self.wanted, self.content_layer = frozenset(layers), content_layer
        self.kinds = [(kind(rows[0].picture, layers), share) for kind, share in KINDS]
        found = []
        for row in rows:
            # A scene a row: it remembers what it saw, and a painting is seen only once.
            scene = Scene(backbone, (REFERENCE, REFERENCE), wanted=self.wanted)
            found.append(Gram(row.picture, layers, scales=[row.scale]).targets(scene))
        self.mean = {name: torch.cat([targets[name].mean for targets in found]) for name in layers}
        self.second = {name: torch.cat([targets[name].second for targets in found]) for name in layers}
        self._balance(photos)

    @property
    def rows(self) -> int:
        """How many rows there are beside the photograph's own."""
        return self.mean[self.content_layer].shape[0]

    def _balance(self, photos: Tensor) -> None:
        """The mean value of each term before anything is painted."""
        size = (photos.shape[-2], photos.shape[-1])
        count = self.rows
        content, styles = [], torch.zeros(len(self.kinds), count)
        for number in range(len(photos)):
            scene = Scene(self.backbone, size, wanted=self.wanted)
            photo = photos[number : number + 1]
            features = scene.features(photo, self.wanted)
            other = self._content(photos[number - 1 : number or None]).bind(scene)
            content.append(float(other.value(other.measure(features, Window.full(size)))))
            bound = self._styles(scene, torch.eye(count, device=photo.device))
            for index, part in enumerate(bound):
                styles[index] += part.each(part.measure(features, Window.full(size))).cpu()
        self.content_scale = max(sum(content) / len(content), FLOOR)
        self.style_scale = list((styles / len(photos)).clamp_min(FLOOR))

    def _styles(self, scene: Scene, shares: Tensor) -> list[Bound]:
        """Bound style terms whose target is, for each picture, the mixture with these shares of rows."""
        targets = {}
        for name, means in self.mean.items():
            mean = shares @ means
            second = torch.einsum("br,rcd->bcd", shares, self.second[name])
            targets[name] = Moments(mean, second - mean.unsqueeze(-1) * mean.unsqueeze(-2))
        return [loss.bound(scene, targets) for loss, _ in self.kinds]

    def _content(self, photos: Tensor) -> Content:
        # In absolute units, which are those of every batch, whatever pictures it happens to hold.
        return Content(photos, self.content_layer, unit="absolute")

    def bind(self, photos: Tensor, weights: Tensor) -> Bound:
        """The loss of painting ``photos (B, 3, H, W)`` with ``weights (B, rows + 1)``, the photo's first.

        A picture of strength s, which is 1 less the weight of the photo's own row, feels the style with the
        weight ``s ** 2``.
        """
        scene = Scene(self.backbone, (photos.shape[-2], photos.shape[-1]), wanted=self.wanted)
        strength = 1 - weights[:, 0]
        shares = weights[:, 1:] / weights[:, 1:].sum(1, keepdim=True).clamp_min(1e-6)
        pull = (shares @ self.style_weights) * strength.clamp_min(0) ** STRENGTH_POWER
        parts: list[tuple[float, Bound]] = [
            (1 / self.content_scale, self._content(photos).bind(scene)),
            (1.0, Scaled(TotalVariation().bind(scene), pull * SMOOTHNESS)),
        ]
        bound = self._styles(scene, shares)
        for part, (_, share), scale in zip(bound, self.kinds, self.style_scale, strict=True):
            parts.append((share, Scaled(part, pull / (shares @ scale.to(shares.device)))))
        return BoundSum(parts)


class Scaled(Bound):
    """A bound loss times a factor of its own for each picture of the batch."""

    def __init__(self, bound: Bound, factors: Tensor) -> None:
        self.bound, self.factors = bound, factors
        self.layers, self.name, self.whole_only = bound.layers, bound.name, bound.whole_only
        self.measures = bound.measures

    def measure(self, features: Features, window: Window) -> Sums:
        """See :meth:`Bound.measure`."""
        return self.bound.measure(features, window)

    def each(self, sums: Sums) -> Tensor:
        """See :meth:`Bound.each`."""
        return self.bound.each(sums) * self.factors
