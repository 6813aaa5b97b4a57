"""Run jobs: choose a painter for the style and compute the result. Importing this does not load PyTorch."""

from __future__ import annotations

from impasto.painters.inputs import BUDGETS as BUDGETS
from impasto.painters.inputs import Budget as Budget
from impasto.painters.inputs import target_size as target_size
from impasto.painters.stylize import run as run
