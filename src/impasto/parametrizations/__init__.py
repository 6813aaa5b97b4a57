"""Image parametrizations: optimized parameters, and the image they represent."""

from __future__ import annotations

from impasto.parametrizations.base import Parametrization
from impasto.parametrizations.bilateral_grid import BilateralGrid
from impasto.parametrizations.fourier import Fourier
from impasto.parametrizations.pixels import Pixels
from impasto.parametrizations.residual import Residual

__all__ = ["BilateralGrid", "Fourier", "Parametrization", "Pixels", "Residual"]
