"""Losses: add them with ``+`` and scale them with ``*``.

>>> loss = Content("photo.jpg", "relu4_2") + 10 * Gram("starry.jpg")  # doctest: +SKIP
"""

from __future__ import annotations

from impasto.losses.activation import Activation, Target
from impasto.losses.base import BoundSum, Loss, Relative, Sum
from impasto.losses.bound import Bound, Features, Level, Sums
from impasto.losses.content import Content, Unit
from impasto.losses.context import BindContext, FeatureCache
from impasto.losses.layer_neighbors import LayerNeighbors
from impasto.losses.neighbors import Neighbors
from impasto.losses.pyramid import Pyramid
from impasto.losses.regions import RegionMoments
from impasto.losses.regularizers import TotalVariation
from impasto.losses.stages import ByStage
from impasto.losses.style import LAYERS, Blend, Gram, MeanVariance, StyleLoss, Wasserstein
from impasto.losses.temporal import Temporal, fill_holes

__all__ = [
    "LAYERS",
    "Activation",
    "BindContext",
    "Blend",
    "Bound",
    "BoundSum",
    "ByStage",
    "Content",
    "FeatureCache",
    "Features",
    "Gram",
    "LayerNeighbors",
    "Level",
    "Loss",
    "MeanVariance",
    "Neighbors",
    "Pyramid",
    "RegionMoments",
    "Relative",
    "StyleLoss",
    "Sum",
    "Sums",
    "Target",
    "Temporal",
    "TotalVariation",
    "Unit",
    "Wasserstein",
    "fill_holes",
]
