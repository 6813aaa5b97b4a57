"""What the optimiser moves, and the picture it stands for."""

from __future__ import annotations

from impasto.parametrizations.base import Parametrization
from impasto.parametrizations.pixels import Pixels

__all__ = ["Parametrization", "Pixels"]
