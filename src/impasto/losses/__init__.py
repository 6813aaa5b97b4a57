"""What a picture should be like: losses that add with ``+`` and scale with ``*``.

>>> loss = Content("photo.jpg", "relu4_2") + 10 * Gram("starry.jpg")  # doctest: +SKIP
"""

from __future__ import annotations

from impasto.losses.base import Bound, BoundSum, Features, Loss, Relative, Scene, Sum, Sums
from impasto.losses.content import Content, Unit
from impasto.losses.regions import RegionMoments
from impasto.losses.regularizers import TotalVariation
from impasto.losses.style import LAYERS, Blend, Gram, MeanVariance, StyleLoss, Wasserstein

__all__ = [
    "LAYERS",
    "Blend",
    "Bound",
    "BoundSum",
    "Content",
    "Features",
    "Gram",
    "Loss",
    "MeanVariance",
    "RegionMoments",
    "Relative",
    "Scene",
    "StyleLoss",
    "Sum",
    "Sums",
    "TotalVariation",
    "Unit",
    "Wasserstein",
]
