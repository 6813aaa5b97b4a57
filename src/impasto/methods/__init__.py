"""Style transfer methods: one file and one function for each paper."""

from __future__ import annotations

from impasto.methods.coarse_to_fine import Style as Style
from impasto.methods.coarse_to_fine import modern as modern
from impasto.methods.coarse_to_fine import objective as objective
from impasto.methods.deep_dream import dream as dream
from impasto.methods.deep_dream import dream_in_style as dream_in_style
from impasto.methods.gatys2015 import paper as paper
from impasto.methods.kolkin2022 import neural_neighbors as neural_neighbors
from impasto.methods.photoreal_grids import photoreal as photoreal
from impasto.methods.photoreal_grids import region_statistics as region_statistics
from impasto.methods.pytorch_tutorial import tutorial as tutorial
from impasto.methods.reconstruction import reconstruct as reconstruct
from impasto.methods.ruder2016 import following_frame as following_frame
from impasto.methods.visualization import visualize as visualize
