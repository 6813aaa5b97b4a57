"""Looks: color statistics of photographs by class, and color grading with them.

NumPy only: no network, no torch. Classes come from masks, or from features computed by the caller.
"""

from __future__ import annotations

from impasto.looks.class_coverage import Coverage, coverage
from impasto.looks.grading import Grade, grade, shift
from impasto.looks.look import FEATURE_LAYERS, Look, Statistics, load, save
from impasto.looks.masks import Regions, draw_classes, read_masks
from impasto.looks.mattes import Mattes

__all__ = [
    "FEATURE_LAYERS",
    "Coverage",
    "Grade",
    "Look",
    "Mattes",
    "Regions",
    "Statistics",
    "coverage",
    "draw_classes",
    "grade",
    "load",
    "read_masks",
    "save",
    "shift",
]
