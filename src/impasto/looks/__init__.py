"""Looks: what the light of a photograph is like, class by class, and how another photograph takes it on.

Everything here is NumPy: no network, no torch. Classes come from masks, or from features handed in.
"""

from __future__ import annotations

from impasto.looks.coverage import Coverage, coverage
from impasto.looks.grading import Grade, grade, shift
from impasto.looks.look import FEATURE_LAYERS, Look, Statistics, load, save
from impasto.looks.masks import Regions, drawn, read_masks
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
    "drawn",
    "grade",
    "load",
    "read_masks",
    "save",
    "shift",
]
