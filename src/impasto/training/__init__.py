"""Training of style networks: photos, batches, objective, training loop and ``learn``."""

from __future__ import annotations

from impasto.training.distillation import Distillation
from impasto.training.learning import Learned, learn
from impasto.training.objective import Objective, Row
from impasto.training.photos import Photos
from impasto.training.trainer import Course, Trained, fit
from impasto.training.tuning import tune

__all__ = [
    "Course",
    "Distillation",
    "Learned",
    "Objective",
    "Photos",
    "Row",
    "Trained",
    "fit",
    "learn",
    "tune",
]
