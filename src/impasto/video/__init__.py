"""Videos: reading and writing frames, optical flow, and temporal consistency."""

from __future__ import annotations

from impasto.video.animations import write_pictures
from impasto.video.flicker_metric import Flicker, FlickerMeter, flicker
from impasto.video.flow import Dis, FlowMethod, Trust, trust, warp
from impasto.video.image_sequences import PictureReader
from impasto.video.joining import Whole
from impasto.video.keyframes import Keyframes
from impasto.video.links import Link, Linker, reliability
from impasto.video.reading import FilmFrame, FilmReader
from impasto.video.segments import Segments, check_target
from impasto.video.sound import write_with_sound
from impasto.video.spans import (
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
