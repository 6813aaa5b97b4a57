"""Videos: reading and writing frames, optical flow, and temporal consistency."""

from __future__ import annotations

from impasto.media.animations import write_pictures
from impasto.media.flicker_metric import Flicker, FlickerMeter, flicker
from impasto.media.flow import Dis, FlowMethod, Trust, trust, warp
from impasto.media.image_sequences import PictureReader
from impasto.media.joining import Whole
from impasto.media.keyframes import Keyframes
from impasto.media.links import Link, Linker, reliability
from impasto.media.reading import FilmFrame, FilmReader
from impasto.media.segments import Segments, check_target
from impasto.media.sound import write_with_sound
from impasto.media.spans import (
    WHOLE,
    Film,
    ShownFrame,
    Span,
    limit_spans,
    most_active_spans,
    open_film,
    prepare_frame,
    resize_frame,
    select_frames,
    size_of,
)
from impasto.media.steady import Steady
from impasto.media.writing import FilmWriter, tell_what_stays_behind

__all__ = [
    "WHOLE",
    "Dis",
    "Film",
    "FilmFrame",
    "FilmReader",
    "FilmWriter",
    "Flicker",
    "FlickerMeter",
    "FlowMethod",
    "Keyframes",
    "Link",
    "Linker",
    "PictureReader",
    "Segments",
    "ShownFrame",
    "Span",
    "Steady",
    "Trust",
    "Whole",
    "check_target",
    "flicker",
    "limit_spans",
    "most_active_spans",
    "open_film",
    "prepare_frame",
    "reliability",
    "resize_frame",
    "select_frames",
    "size_of",
    "tell_what_stays_behind",
    "trust",
    "warp",
    "write_pictures",
    "write_with_sound",
]
