"""Settings of the verbs: one frozen dataclass per verb, plain data.

The command line derives its options from these fields, Python takes them as keyword arguments, image metadata
stores them and ``replay`` runs them again. Jobs neither load nor process anything.
"""

from __future__ import annotations

from impasto.jobs.base import (
    BackboneName,
    Blend,
    Color,
    Job,
    Method,
    NetworkName,
    OptimiserName,
    Pooling,
    Precision,
    Preset,
    Statistics,
    StyleLossName,
    parse_memory,
    parse_seconds,
    parse_size,
)
from impasto.jobs.compare import CompareJob, MeasureJob
from impasto.jobs.dream import VGG_LAYERS, DreamJob, LayersJob, VisualizeJob, usual_layers
from impasto.jobs.learn import LearnJob
from impasto.jobs.live import LiveJob
from impasto.jobs.photoreal import LOOK, PhotorealJob
from impasto.jobs.stylize import StylizeJob
from impasto.jobs.video import FILMS, WRITABLE, VideoJob

__all__ = [
    "FILMS",
    "LOOK",
    "VGG_LAYERS",
    "WRITABLE",
    "BackboneName",
    "Blend",
    "Color",
    "CompareJob",
    "DreamJob",
    "Job",
    "LayersJob",
    "LearnJob",
    "LiveJob",
    "MeasureJob",
    "Method",
    "NetworkName",
    "OptimiserName",
    "PhotorealJob",
    "Pooling",
    "Precision",
    "Preset",
    "Statistics",
    "StyleLossName",
    "StylizeJob",
    "VideoJob",
    "VisualizeJob",
    "parse_memory",
    "parse_seconds",
    "parse_size",
    "usual_layers",
]
