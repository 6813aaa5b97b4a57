"""Films: frames in and out, how things move between them, and painted films that hold still."""

from __future__ import annotations

from impasto.video.flow import Dis, Trust, read_flow, trust, warp
from impasto.video.metric import Flicker, flicker
from impasto.video.reading import FilmFrame, FilmReader
from impasto.video.segments import Segments
from impasto.video.steady import Steady
from impasto.video.writing import FilmWriter

__all__ = [
    "Dis",
    "FilmFrame",
    "FilmReader",
    "FilmWriter",
    "Flicker",
    "Segments",
    "Steady",
    "Trust",
    "flicker",
    "read_flow",
    "trust",
    "warp",
]
