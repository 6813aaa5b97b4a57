"""Losses: add them with ``+`` and scale them with ``*``.

>>> loss = Content("photo.jpg", "relu4_2") + 10 * Gram("starry.jpg")  # doctest: +SKIP
"""

from __future__ import annotations

from impasto.losses.activation import Activation as Activation
from impasto.losses.activation import Target as Target
from impasto.losses.base import BoundSum as BoundSum
from impasto.losses.base import Loss as Loss
from impasto.losses.base import Relative as Relative
from impasto.losses.base import Sum as Sum
from impasto.losses.bound import Bound as Bound
from impasto.losses.bound import Features as Features
from impasto.losses.bound import Level as Level
from impasto.losses.bound import Sums as Sums
from impasto.losses.content import Content as Content
from impasto.losses.content import Unit as Unit
from impasto.losses.context import BindContext as BindContext
from impasto.losses.context import FeatureCache as FeatureCache
from impasto.losses.layer_neighbors import LayerNeighbors as LayerNeighbors
from impasto.losses.neighbors import Neighbors as Neighbors
from impasto.losses.pyramid import Pyramid as Pyramid
from impasto.losses.regions import RegionMoments as RegionMoments
from impasto.losses.regularizers import TotalVariation as TotalVariation
from impasto.losses.stages import ByStage as ByStage
from impasto.losses.style import LAYERS as LAYERS
from impasto.losses.style import Blend as Blend
from impasto.losses.style import Gram as Gram
from impasto.losses.style import MeanVariance as MeanVariance
from impasto.losses.style import StyleLoss as StyleLoss
from impasto.losses.style import Wasserstein as Wasserstein
from impasto.losses.temporal import Temporal as Temporal
from impasto.losses.temporal import fill_holes as fill_holes
