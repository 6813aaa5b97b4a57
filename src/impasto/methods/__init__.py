"""Style transfer methods: one file and one function for each paper."""

from __future__ import annotations

from impasto.methods.coarse_to_fine import Style, modern, objective
from impasto.methods.deep_dream import dream, dream_in_style
from impasto.methods.gatys2015 import paper
from impasto.methods.kolkin2022 import neural_neighbors
from impasto.methods.photoreal_grids import photoreal, region_statistics
from impasto.methods.pytorch_tutorial import tutorial
from impasto.methods.reconstruction import reconstruct
from impasto.methods.ruder2016 import following_frame
from impasto.methods.visualization import visualize

__all__ = [
    "Style",
    "dream",
    "dream_in_style",
    "following_frame",
    "modern",
    "neural_neighbors",
    "objective",
    "paper",
    "photoreal",
    "reconstruct",
    "region_statistics",
    "tutorial",
    "visualize",
]
