"""Films painted, and measured: steady, with their sound, and taken up again where they were killed."""

from __future__ import annotations

from impasto.films.painting import Enough, FilmProgress, FilmResult, Shot, paint_film
from impasto.films.report import FilmReport, report

__all__ = [
    "Enough",
    "FilmProgress",
    "FilmReport",
    "FilmResult",
    "Shot",
    "paint_film",
    "report",
]
