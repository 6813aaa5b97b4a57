"""Distillation: train a small network on the outputs of a large one instead of style images.

The target of each photo is the teacher's output, pixel by pixel. A step therefore needs only the first layers
of the loss network; they keep the student's texture sharp where squared error alone would blur it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.backbones import PIXELS, Backbone
from impasto.losses import BindContext, Bound, BoundSum, Content
from impasto.networks.packs import Pack
from impasto.networks.torch_engine import StyleNetwork
from impasto.training.batches import CropPosition

LAYERS = ("relu1_1", "relu2_1")
FLOOR = 1e-6
HOME = CropPosition(0, (0.0, 0.0))  # default position in the noise plane


class Distillation:
    """Objective: distance of the student's output to the teacher's, relative to that of the photo.

    Args:
        teacher: pack to learn from; the student has as many rows.
        photos: ``(N, 3, S, S)``, RGB 0..1, on which the terms are balanced.
    """

    def __init__(self, teacher: Pack, *, backbone: Backbone, photos: Tensor) -> None:
        self.backbone = backbone
        self.teacher = StyleNetwork(teacher.plan, rows=len(teacher.rows)).to(photos.device).eval()
        self.teacher.load(teacher.trunk, teacher.rows)
        self.scales = self._balance(photos)

    def _balance(self, photos: Tensor) -> dict[str, float]:
        """Return the mean squared distance of photos to the teacher's outputs, by layer."""
        count = self.teacher.rows.shape[0]
        weights = torch.zeros(len(photos), count, device=photos.device)
        weights[torch.arange(len(photos)), 1 + torch.arange(len(photos)) % (count - 1)] = 1
        painted = self._paint_targets(photos, weights, HOME)
        with torch.no_grad():
            own, theirs = (self.backbone.features(p, {PIXELS, *LAYERS}) for p in (photos, painted))
        return {layer: max(float((own[layer] - theirs[layer]).square().mean()), FLOOR) for layer in own}

    def _paint_targets(self, photos: Tensor, weights: Tensor, place: CropPosition) -> Tensor:
        height, width = photos.shape[-2:]
        multiple = self.teacher.plan.multiple
        wide = F.pad(photos, (0, -width % multiple, 0, -height % multiple), mode="replicate")
        noise = place.field(self.teacher.plan, (wide.shape[-2], wide.shape[-1]))
        noise = noise.to(photos.device) if noise is not None else None
        with torch.no_grad():
            painted: Tensor = self.teacher(wide, weights, noise=noise)
        return painted[..., :height, :width].contiguous()

    def bind(self, photos: Tensor, weights: Tensor, *, place: CropPosition = HOME) -> Bound:
        """Return the loss for ``photos (B, 3, H, W)``, ``weights (B, rows)`` and a position of the noise."""
        painted = self._paint_targets(photos, weights, place)
        size = (photos.shape[-2], photos.shape[-1])
        context = BindContext(self.backbone, size, wanted=frozenset(LAYERS))
        losses = {layer: Content(painted, layer, unit="absolute") for layer in (PIXELS, *LAYERS)}
        return BoundSum([(1 / self.scales[layer], loss.bind(context)) for layer, loss in losses.items()])
