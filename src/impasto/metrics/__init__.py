"""Metrics of style similarity and content preservation, as pure functions.

They share no code with :mod:`impasto.losses`, so they can evaluate it independently. Distances are 0 for
equal images and relative where possible (1 is the size of the target itself); similarities are 1 for equal
images.

    >>> from impasto import backbones, metrics
    >>> network = backbones.load("vgg19", precision="float32")  # doctest: +SKIP
    >>> metrics.measure("out.png", content="photo.jpg", styles="wave.jpg", backbone=network)  # doctest: +SKIP
"""

from __future__ import annotations

from impasto.metrics.content import content_distance
from impasto.metrics.edges import sharpness
from impasto.metrics.halo import halo_index
from impasto.metrics.measurement import Measurement, measure
from impasto.metrics.palette import palette_distance, sliced_wasserstein, spread_directions
from impasto.metrics.structure import edge_ssim, ssim
from impasto.metrics.style import HELD_OUT, LAYERS, StyleDistance, style_distance

__all__ = [
    "HELD_OUT",
    "LAYERS",
    "Measurement",
    "StyleDistance",
    "content_distance",
    "edge_ssim",
    "halo_index",
    "measure",
    "palette_distance",
    "sharpness",
    "sliced_wasserstein",
    "spread_directions",
    "ssim",
    "style_distance",
]
