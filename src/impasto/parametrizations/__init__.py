"""Image parametrizations: optimized parameters, and the image they represent."""

from __future__ import annotations

from impasto.parametrizations.base import Parametrization as Parametrization
from impasto.parametrizations.bilateral_grid import BilateralGrid as BilateralGrid
from impasto.parametrizations.fourier import Fourier as Fourier
from impasto.parametrizations.pixels import Pixels as Pixels
from impasto.parametrizations.residual import Residual as Residual
