"""Stylization of videos, with temporal consistency, sound and resuming; and measurement of their flicker."""

from __future__ import annotations

from impasto.films.flicker_report import FilmReport as FilmReport
from impasto.films.flicker_report import report as report
from impasto.films.video import FilmResult as FilmResult
from impasto.films.video import FrameRange as FrameRange
from impasto.films.video import paint_film as paint_film
from impasto.session import Enough as Enough
from impasto.session import FilmProgress as FilmProgress
