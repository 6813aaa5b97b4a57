"""Training of style networks: photos, batches, objective, training loop and ``learn``."""

from __future__ import annotations

from impasto.training.distillation import Distillation as Distillation
from impasto.training.learning import LearnResult as LearnResult
from impasto.training.learning import learn as learn
from impasto.training.objective import Objective as Objective
from impasto.training.objective import StyleRow as StyleRow
from impasto.training.photos import Photos as Photos
from impasto.training.trainer import FitResult as FitResult
from impasto.training.trainer import TrainingConfig as TrainingConfig
from impasto.training.trainer import fit as fit
from impasto.training.tuning import tune as tune
