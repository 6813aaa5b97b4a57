"""One paper, one file, one function."""

from __future__ import annotations

from impasto.methods.modern import Style, modern, objective
from impasto.methods.paper import paper
from impasto.methods.reconstruct import FIGURE_1, reconstruct
from impasto.methods.tutorial import tutorial

__all__ = ["FIGURE_1", "Style", "modern", "objective", "paper", "reconstruct", "tutorial"]
