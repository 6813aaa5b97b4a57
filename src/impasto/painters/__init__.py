"""Run jobs: choose a painter for the style and compute the result. Importing this does not load PyTorch."""

from __future__ import annotations

from impasto.painters.inputs import BUDGETS, Budget, Inputs, target_size
from impasto.painters.stylize import run

__all__ = ["BUDGETS", "Budget", "Inputs", "run", "target_size"]
