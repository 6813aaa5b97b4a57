"""Images of the tests of losses."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def soft_picture(seed: int, size: tuple[int, int]) -> Tensor:
    """Soft shapes with some grain, ``(1, 3, H, W)``, 0..1, float64."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 3, 4, 4), generator=generator, dtype=torch.float64)
    soft = F.interpolate(coarse, size, mode="bilinear", align_corners=False)
    return 0.7 * soft + 0.3 * torch.rand((1, 3, *size), generator=generator, dtype=torch.float64)
