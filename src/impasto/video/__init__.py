"""Videos: reading and writing frames, optical flow, and temporal consistency."""

from __future__ import annotations

from impasto.video.animations import write_pictures
from impasto.video.flicker_metric import Flicker, Watcher, flicker
from impasto.video.flow import Dis, FlowMethod, Trust, trust, warp
from impasto.video.image_sequences import PictureReader
from impasto.video.joining import Whole
from impasto.video.keyframes import Keyframes
from impasto.video.links import Link, Linker, trusted
from impasto.video.reading import FilmFrame, FilmReader
from impasto.video.segments import Segments, check_target
from impasto.video.sound import write_with_sound
from impasto.video.spans import (
    WHOLE,
    Film,
    Shown,
    Span,
    cut,
    liveliest,
    open_film,
    ready,
    shrunk,
    size_of,
    taken,
)
from impasto.video.steady import Steady
from impasto.video.writing import FilmWriter, tell_what_stays_behind

__all__ = [
    "WHOLE",
    "Dis",
    "Film",
    "FilmFrame",
    "FilmReader",
    "FilmWriter",
    "Flicker",
    "FlowMethod",
    "Keyframes",
    "Link",
    "Linker",
    "PictureReader",
    "Segments",
    "Shown",
    "Span",
    "Steady",
    "Trust",
    "Watcher",
    "Whole",
    "check_target",
    "cut",
    "flicker",
    "liveliest",
    "open_film",
    "ready",
    "shrunk",
    "size_of",
    "taken",
    "tell_what_stays_behind",
    "trust",
    "trusted",
    "warp",
    "write_pictures",
    "write_with_sound",
]
