"""Metrics of style similarity and content preservation, as pure functions.

They share no code with :mod:`impasto.losses`, so they can evaluate it independently. Distances are 0 for
equal images and relative where possible (1 is the size of the target itself); similarities are 1 for equal
images.

    >>> from impasto import backbones, metrics
    >>> network = backbones.load("vgg19", precision="float32")  # doctest: +SKIP
    >>> metrics.measure("out.png", content="photo.jpg", styles="wave.jpg", backbone=network)  # doctest: +SKIP
"""

from __future__ import annotations

from impasto.metrics.content_distances import content_distance as content_distance
from impasto.metrics.edges import sharpness as sharpness
from impasto.metrics.halo import halo_index as halo_index
from impasto.metrics.measurement import Measurement as Measurement
from impasto.metrics.measurement import measure as measure
from impasto.metrics.palette import palette_distance as palette_distance
from impasto.metrics.palette import sliced_wasserstein as sliced_wasserstein
from impasto.metrics.palette import spread_directions as spread_directions
from impasto.metrics.structure import edge_ssim as edge_ssim
from impasto.metrics.structure import ssim as ssim
from impasto.metrics.style_distances import HELD_OUT as HELD_OUT
from impasto.metrics.style_distances import LAYERS as LAYERS
from impasto.metrics.style_distances import StyleDistance as StyleDistance
from impasto.metrics.style_distances import style_distance as style_distance
