"""Optimization loop, schedules, optimizers, gradient transforms and checkpoints."""

from __future__ import annotations

from impasto.optim.adam import Adam
from impasto.optim.ascent import Ascent
from impasto.optim.checkpoint import Checkpoint
from impasto.optim.evaluation import Evaluation, evaluate
from impasto.optim.lbfgs import Lbfgs
from impasto.optim.loop import Cut, OptimizationResult, Optimizer, minimize
from impasto.optim.schedule import Schedule, Stage, octaves, scales
from impasto.optim.transforms import BlurGradient, Compose, Decorrelate, Jitter, RandomAffine, Transform

__all__ = [
    "Adam",
    "Ascent",
    "BlurGradient",
    "Checkpoint",
    "Compose",
    "Cut",
    "Decorrelate",
    "Evaluation",
    "Jitter",
    "Lbfgs",
    "OptimizationResult",
    "Optimizer",
    "RandomAffine",
    "Schedule",
    "Stage",
    "Transform",
    "evaluate",
    "minimize",
    "octaves",
    "scales",
]
