"""One paper, one file, one function."""

from __future__ import annotations

from impasto.methods.coarse_to_fine import Style, modern, objective
from impasto.methods.gatys2015 import paper
from impasto.methods.photoreal import photoreal, region_statistics
from impasto.methods.pytorch_tutorial import tutorial
from impasto.methods.reconstruction import FIGURE_1, reconstruct

__all__ = [
    "FIGURE_1",
    "Style",
    "modern",
    "objective",
    "paper",
    "photoreal",
    "reconstruct",
    "region_statistics",
    "tutorial",
]
