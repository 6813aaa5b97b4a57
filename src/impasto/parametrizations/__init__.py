"""What the optimiser moves, and the picture it stands for."""

from __future__ import annotations

from impasto.parametrizations.base import Parametrization
from impasto.parametrizations.bilateral_grid import BilateralGrid
from impasto.parametrizations.pixels import Pixels

__all__ = ["BilateralGrid", "Parametrization", "Pixels"]
