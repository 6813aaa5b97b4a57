"""Stylization of videos, with temporal consistency, sound and resuming; and measurement of their flicker."""

from __future__ import annotations

from impasto.films.flicker_report import FilmReport, report
from impasto.films.video import FilmResult, FrameRange, paint_film
from impasto.session import Enough, FilmProgress

__all__ = [
    "Enough",
    "FilmProgress",
    "FilmReport",
    "FilmResult",
    "FrameRange",
    "paint_film",
    "report",
]
