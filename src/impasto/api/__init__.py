"""The functions of the package: one for each verb, with the settings of its job as typed keywords.

They take what the command line takes, and images in memory as well. A misspelled keyword is an error that
names the right one.
"""

from __future__ import annotations

from impasto.api.many import augment, batch
from impasto.api.painting import dream, photoreal, stylize, video, visualize
from impasto.api.study import compare, learn, measure

__all__ = [
    "augment",
    "batch",
    "compare",
    "dream",
    "learn",
    "measure",
    "photoreal",
    "stylize",
    "video",
    "visualize",
]
