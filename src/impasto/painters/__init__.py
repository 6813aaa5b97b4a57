"""Run jobs: choose a painter for the style and compute the result. Importing this does not load PyTorch."""

from __future__ import annotations

from impasto.painters.inputs import BUDGETS, Budget, Inputs, target_size
from impasto.painters.painting import run, stylize
from impasto.painters.relighting import photoreal

__all__ = ["BUDGETS", "Budget", "Inputs", "photoreal", "run", "stylize", "target_size"]
