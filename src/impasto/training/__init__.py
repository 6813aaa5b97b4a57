"""Training of style networks: photos, batches, objective, training loop and ``learn``."""

from __future__ import annotations

from impasto.training.distillation import Distillation
from impasto.training.learning import LearnResult, learn
from impasto.training.objective import Objective, StyleRow
from impasto.training.photos import Photos
from impasto.training.trainer import FitResult, TrainingConfig, fit
from impasto.training.tuning import tune

__all__ = [
    "Distillation",
    "FitResult",
    "LearnResult",
    "Objective",
    "Photos",
    "StyleRow",
    "TrainingConfig",
    "fit",
    "learn",
    "tune",
]
