"""Helpers of the tests of tiles."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto import losses
from impasto.backbones import PIXELS
from impasto.losses import Content, Gram, Loss, MeanVariance, Wasserstein


def picture(seed: int, height: int, width: int) -> Tensor:
    """Soft shapes with some grain, 0..1."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 3, 5, 5), generator=generator)
    soft = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    return (0.8 * soft + 0.2 * torch.rand((1, 3, height, width), generator=generator)).clamp(0, 1)


def terms(
    size: tuple[int, int], layers: tuple[str, ...], dtype: torch.dtype = torch.float32
) -> dict[str, Loss]:
    """One loss of every kind for a picture of this size."""
    mask = torch.zeros(1, 1, *size)
    mask[..., size[0] // 3 :, : size[1] // 2] = 1
    mask[..., :9, :] = 0.3
    photo, one, two = (picture(*p).to(dtype) for p in ((1, *size), (2, 40, 52), (3, 48, 40)))
    style: dict[str, Any] = {"layers": layers}
    return {
        "content": Content(photo, layers),
        "content of pixels": Content(photo, PIXELS, unit="absolute"),
        "gram": Gram(one, **style),
        "meanvar": MeanVariance(one, **style),
        "wasserstein": Wasserstein(one, **style),
        "masked gram": Gram(one, **style, mask=mask),
        "masked meanvar": MeanVariance(one, **style, mask=mask),
        "masked wasserstein": Wasserstein(one, **style, mask=mask),
        "blend": Gram([one, two], **style, weights=[0.3, 0.7]),
        "tv": losses.TotalVariation(),
        "relative": Gram(one, **style).relative(photo),
        "sum": Content(photo, layers).relative(one)
        + 3 * Wasserstein(one, **style, mask=mask).relative(photo)
        + 0.5 * losses.TotalVariation(),
    }
