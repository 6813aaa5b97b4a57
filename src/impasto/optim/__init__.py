"""Optimization loop, schedules, optimizers, gradient transforms and checkpoints."""

from __future__ import annotations

from impasto.optim.adam import Adam as Adam
from impasto.optim.ascent import Ascent as Ascent
from impasto.optim.checkpoint import Checkpoint as Checkpoint
from impasto.optim.evaluation import Evaluation as Evaluation
from impasto.optim.evaluation import evaluate as evaluate
from impasto.optim.lbfgs import Lbfgs as Lbfgs
from impasto.optim.loop import Cut as Cut
from impasto.optim.loop import OptimizationResult as OptimizationResult
from impasto.optim.loop import Optimizer as Optimizer
from impasto.optim.loop import minimize as minimize
from impasto.optim.schedule import Schedule as Schedule
from impasto.optim.schedule import Stage as Stage
from impasto.optim.schedule import octaves as octaves
from impasto.optim.schedule import scales as scales
from impasto.optim.transforms import BlurGradient as BlurGradient
from impasto.optim.transforms import Compose as Compose
from impasto.optim.transforms import Decorrelate as Decorrelate
from impasto.optim.transforms import Jitter as Jitter
from impasto.optim.transforms import RandomAffine as RandomAffine
from impasto.optim.transforms import Transform as Transform
