"""Stylization of videos, with temporal consistency, sound and resuming; and measurement of their flicker."""

from __future__ import annotations

from impasto.films.painting import FilmResult, Shot, paint_film
from impasto.films.report import FilmReport, report
from impasto.session import Enough, FilmProgress

__all__ = [
    "Enough",
    "FilmProgress",
    "FilmReport",
    "FilmResult",
    "Shot",
    "paint_film",
    "report",
]
