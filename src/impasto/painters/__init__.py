"""From a job to a picture: what a style is decides how it is painted. Importing this loads no PyTorch."""

from __future__ import annotations

from impasto.painters.inputs import BUDGETS, Budget, Inputs, target_size
from impasto.painters.painting import run, stylize
from impasto.painters.relighting import photoreal

__all__ = ["BUDGETS", "Budget", "Inputs", "photoreal", "run", "stylize", "target_size"]
