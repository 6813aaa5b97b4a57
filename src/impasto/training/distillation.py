"""Learning from a network in place of a painting: a small one that paints as a large one does.

The student sees what the teacher makes of each photo, pixel by pixel. So a step needs the loss network for
its first layers only; they keep the student's texture sharp where squared error alone would blur it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.backbones import PIXELS, Backbone
from impasto.losses import Bound, BoundSum, Content, Scene
from impasto.networks.packs import Pack
from impasto.networks.torch_engine import StyleNetwork

LAYERS = ("relu1_1", "relu2_1")
PIXEL_WEIGHT = 1.0
FLOOR = 1e-6


class Distillation:
    """The distance of a student's painting to its teacher's, relative to that of the photo itself.

    Args:
        teacher: the pack to learn from; the student has as many rows.
        backbone: the network that looks.
        photos: ``(N, 3, S, S)`` by which the terms are balanced.
    """

    def __init__(self, teacher: Pack, *, backbone: Backbone, photos: Tensor) -> None:
        self.backbone = backbone
        self.teacher = StyleNetwork(teacher.plan, rows=len(teacher.rows)).to(photos.device).eval()
        self.teacher.load(teacher.trunk, teacher.rows)
        self.scales = dict.fromkeys((PIXELS, *LAYERS), 1.0)
        self.scales = self._balance(photos)

    def _balance(self, photos: Tensor) -> dict[str, float]:
        """The mean distance of photos to what the teacher makes of them, by layer."""
        count = self.teacher.rows.shape[0]
        weights = torch.zeros(len(photos), count, device=photos.device)
        weights[torch.arange(len(photos)), 1 + torch.arange(len(photos)) % (count - 1)] = 1
        painted = self._painted(photos, weights)
        with torch.no_grad():
            own, theirs = (self.backbone.features(p, {PIXELS, *LAYERS}) for p in (photos, painted))
        return {layer: max(float((own[layer] - theirs[layer]).square().mean()), FLOOR) for layer in own}

    def _painted(self, photos: Tensor, weights: Tensor) -> Tensor:
        height, width = photos.shape[-2:]
        multiple = self.teacher.plan.multiple
        wide = F.pad(photos, (0, -width % multiple, 0, -height % multiple), mode="replicate")
        with torch.no_grad():
            painted: Tensor = self.teacher(wide, weights)
        return painted[..., :height, :width].contiguous()

    def bind(self, photos: Tensor, weights: Tensor) -> Bound:
        """The loss of painting ``photos (B, 3, H, W)`` with ``weights (B, rows)``."""
        painted = self._painted(photos, weights)
        size = (photos.shape[-2], photos.shape[-1])
        scene = Scene(self.backbone, size, wanted=frozenset(LAYERS))
        parts: list[tuple[float, Bound]] = []
        for layer in (PIXELS, *LAYERS):
            share = PIXEL_WEIGHT if layer == PIXELS else 1.0
            parts.append((share / self.scales[layer], Content(painted, layer, unit="absolute").bind(scene)))
        return BoundSum(parts)
