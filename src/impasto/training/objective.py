"""Training objective of a style network: the losses of ``stylize``, with a target for each image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.backbones import Backbone
from impasto.losses import BindContext, Bound, Content, Gram, MeanVariance, StyleLoss, TotalVariation
from impasto.losses.base import BoundSum, Scaled
from impasto.moments import Moments
from impasto.tiles import Window
from impasto.training.batches import CropPosition

# A style image of scale 1 has the area of a square of this side, that of a photo of 512 pixels.
REFERENCE = 448
CONTENT_LAYER = "relu4_1"
LAYERS: Mapping[str, float] = {"relu1_1": 0.3, "relu2_1": 1.0, "relu3_1": 1.0, "relu4_1": 2.0}
KINDS: tuple[tuple[type[StyleLoss], float], ...] = ((Gram, 0.8), (MeanVariance, 0.2))
STRENGTH_POWER = 2.0  # as in ``stylize``
SMOOTHNESS = 3.0  # weight of total variation; at 1, flat areas fill with a periodic pattern
FLOOR = 1e-2


@dataclass(frozen=True)
class StyleRow:
    """One row to learn: a style image ``(1, 3, H, W)`` at a scale, and its share of the style weight."""

    picture: Tensor
    scale: float = 1.0
    weight: float = 1.0


class Objective:
    """Loss of a batch, for any blend of rows.

    Each term is relative: content is divided by its mean between two photos, each style by its mean between
    photos and the style image, both over ``photos``. So a new style image needs no weight of its own.

    Args:
        rows: target of each row after row 0.
        photos: ``(N, 3, S, S)``, N >= 2, RGB 0..1, on which the terms are balanced.
        style_weight: weight of the style terms at strength 1; the content term has weight 1.
        layers: layers of the style terms, with their weights.
        content_layer: layer of the content term, one of ``layers``.
    """

    def __init__(
        self,
        rows: Sequence[StyleRow],
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
            # One context per row: a context caches features, and each style image is used only once.
            context = BindContext(backbone, (REFERENCE, REFERENCE), wanted=self.wanted)
            found.append(Gram(row.picture, layers, scales=[row.scale]).targets(context))
        self.mean = {name: torch.cat([targets[name].mean for targets in found]) for name in layers}
        self.second = {name: torch.cat([targets[name].second for targets in found]) for name in layers}
        self._balance(photos)

    @property
    def rows(self) -> int:
        """Number of rows without row 0."""
        return self.mean[self.content_layer].shape[0]

    def _balance(self, photos: Tensor) -> None:
        """Set the scale of each term to its mean value for unpainted photos."""
        size = (photos.shape[-2], photos.shape[-1])
        count = self.rows
        content, styles = [], torch.zeros(len(self.kinds), count)
        for number in range(len(photos)):
            context = BindContext(self.backbone, size, wanted=self.wanted)
            photo = photos[number : number + 1]
            features = context.features(photo, self.wanted)
            other = self._content(photos[number - 1 : number or None]).bind(context)
            content.append(float(other.value(other.measure(features, Window.full(size)))))
            bound = self._styles(context, torch.eye(count, device=photo.device))
            for index, part in enumerate(bound):
                styles[index] += part.each(part.measure(features, Window.full(size))).cpu()
        self.content_scale = max(sum(content) / len(content), FLOOR)
        self.style_scale = list((styles / len(photos)).clamp_min(FLOOR))

    def _styles(self, context: BindContext, shares: Tensor) -> list[Bound]:
        """Return bound style terms whose target for each image is the blend of rows by ``shares``."""
        targets = {}
        for name, means in self.mean.items():
            mean = shares @ means
            second = torch.einsum("br,rcd->bcd", shares, self.second[name])
            targets[name] = Moments(mean, second - mean.unsqueeze(-1) * mean.unsqueeze(-2))
        return [loss.bind_targets(context, targets) for loss, _ in self.kinds]

    def _content(self, photos: Tensor) -> Content:
        # In absolute units, which do not depend on the images of the batch.
        return Content(photos, self.content_layer, unit="absolute")

    def bind(self, photos: Tensor, weights: Tensor, *, place: CropPosition | None = None) -> Bound:
        """Return the loss for ``photos (B, 3, H, W)`` and ``weights (B, rows + 1)``, row 0 first.

        For an image of strength s, which is 1 minus the weight of row 0, the style terms have the weight
        ``s ** 2``. ``place`` is ignored: the loss does not depend on the position of brush strokes.
        """
        context = BindContext(self.backbone, (photos.shape[-2], photos.shape[-1]), wanted=self.wanted)
        strength = 1 - weights[:, 0]
        shares = weights[:, 1:] / weights[:, 1:].sum(1, keepdim=True).clamp_min(1e-6)
        pull = (shares @ self.style_weights) * strength.clamp_min(0) ** STRENGTH_POWER
        parts: list[tuple[float, Bound]] = [
            (1 / self.content_scale, self._content(photos).bind(context)),
            (1.0, Scaled(TotalVariation().bind(context), pull * SMOOTHNESS)),
        ]
        bound = self._styles(context, shares)
        for part, (_, share), scale in zip(bound, self.kinds, self.style_scale, strict=True):
            parts.append((share, Scaled(part, pull / (shares @ scale.to(shares.device)))))
        return BoundSum(parts)
