"""Writing of videos: frames at their times, with sound, subtitles and metadata of the source."""

from __future__ import annotations

import contextlib
import errno
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from impasto.errors import InputError, OutputError
from impasto.media.display import HD
from impasto.media.reading import CLOCK, USUAL, FilmReader, exactly
from impasto.media.spans import Span
from impasto.media.streams import FORMATS, PassthroughStreams, beside, can_reencode, holds

_log = logging.getLogger("impasto")

Bytes = NDArray[np.uint8]

CODECS = {".mp4": "libx264", ".mov": "libx264", ".mkv": "libx264", ".webm": "libvpx-vp9"}
PARTS = ".nut"  # container of parts, which stores any clock exactly
RAW = "ffv1"  # codec of parts with transparency or 16 bits
# No B-frames or alternate references (bf, auto-alt-ref): parts join without gaps, and times are unchanged.
# With force-cfr the stream stores the frame rate, not the ticks of its clock; frames keep their times.
QUALITY = {
    "libx264": {"crf": "15", "preset": "veryfast", "bf": "0", "x264-params": "force-cfr=1"},
    # Lossless parts for GIF, WebP and folders of images.
    "libx264rgb": {"crf": "0", "preset": "ultrafast", "bf": "0"},
    "libvpx-vp9": {"crf": "24", "b": "0", "auto-alt-ref": "0", "deadline": "realtime", "cpu-used": "5"},
    RAW: {},
    "prores_ks": {"profile": "4444", "vendor": "apl0", "alpha_bits": "16"},
}
# Codecs that hold transparency, by suffix, and the formats of their pixels.
_CLEAR = {".webm": ("libvpx-vp9", "yuva420p"), ".mov": ("prores_ks", "yuva444p10le")}
_LOSSLESS = {"rgba": "bgra", "rgb48le": "rgb48le", "rgba64le": "rgba64le"}  # of arrays, in ``RAW``
_BT709, _BT601 = 1, 6


def stored_size(path: Path, size: tuple[int, int]) -> tuple[int, int]:
    """Return the (height, width) of frames in a file: a video codec needs even sides, images do not."""
    height, width = size
    return (height + height % 2, width + width % 2) if path.suffix.lower() in CODECS else size


def create(path: Path, suffix: str) -> Any:
    """Create a file with the container of a suffix."""
    # By default, MP4 stores the start in milliseconds, and the others shift all times so that the sound
    # before zero, which primes decoders, starts at zero.
    own_clock = suffix in (".mp4", ".mov")
    options = {"movie_timescale": str(CLOCK)} if own_clock else {"avoid_negative_ts": "disabled"}
    return av.open(str(path), "w", format=FORMATS[suffix], options=options)


def tell_what_stays_behind(source: Any, target: Path) -> None:
    """Warn of each stream that the container of ``target`` cannot hold without re-encoding."""
    suffix = target.suffix.lower()
    for stream in beside(source) if isinstance(source, FilmReader) and suffix in CODECS else ():
        if holds(FORMATS[suffix], stream):
            continue
        kind = "sound" if stream.type == "audio" else "subtitles"
        named = ", ".join(filter(None, [stream.codec_context and stream.codec_context.name, stream.language]))
        others = " or ".join(other for other in (".mkv", ".mp4") if holds(FORMATS[other], stream))
        mend = f": use the suffix {others} to keep it" if others else ""
        if can_reencode(stream):
            anew = "Opus" if suffix == ".webm" else "AAC"
            lost = f"will have its {kind} ({named}) re-encoded as {anew}"
        else:
            lost = f"will lack the {kind} ({named})"
        _log.warning("%s %s, which %s cannot hold as it is%s", target, lost, suffix, mend)


@dataclass
class FilmWriter:
    """Writer of a video, with the sound and subtitles of ``source``, packet by packet.

    Args:
        path: the file; its suffix, or ``suffix``, sets the container.
        size: (height, width) of the frames; an odd side is padded by one line.
        source: video whose sound and subtitles are copied; None: frames only.
        start, end: part of the source that is written, in seconds.
        suffix: suffix of the container, if the path is a temporary name.
        codec: video codec; default: by suffix.
        rate: mean frame rate, from which codecs derive their level; default: that of the source.
        pixels: FFmpeg's name of their format; with alpha, .webm is VP9 and .mov is ProRes 4444.
        spans: parts of the source, in place of ``start`` and ``end``; times of frames then start at 0.

    Raises:
        OutputError: the suffix is not supported.
    """

    path: Path
    size: tuple[int, int]
    source: FilmReader | None = None
    start: float = 0.0
    end: float | None = None
    suffix: str | None = None
    codec: str | None = None
    rate: Fraction | None = None
    pixels: str = "rgb24"
    spans: Sequence[Span] | None = None
    frames: int = 0

    def __post_init__(self) -> None:
        suffix = self.suffix or self.path.suffix.lower()
        if suffix not in CODECS and self.codec is None:
            raise OutputError(f"cannot write {self.path}: its suffix must be one of {', '.join(CODECS)}")
        self.container = create(self.path, suffix)
        codec = self.codec or CODECS[suffix]
        stored = "rgb24" if codec == "libx264rgb" else _LOSSLESS.get(self.pixels, "yuv420p")
        if self.codec is None and self.pixels == "rgba":
            codec, stored = _CLEAR[suffix]
        self.rate = self.rate or (USUAL if self.source is None else self.source.rate)
        rate = self.rate.limit_denominator(CLOCK)
        self.stream = self.container.add_stream(codec, rate=rate, options=dict(QUALITY[codec]))
        height, width = (side + side % 2 for side in self.size)
        self.stream.height, self.stream.width = height, width
        self.stream.pix_fmt = stored
        self.stream.time_base = self.stream.codec_context.time_base = Fraction(1, CLOCK)
        self._is_yuv = stored.startswith("yuv")
        if self._is_yuv:
            matrix = _BT709 if height >= HD else _BT601
            context = self.stream.codec_context
            context.colorspace = context.color_primaries = context.color_trc = matrix
            context.color_range = 1
        if "yuva" in stored and suffix == ".webm":
            self.stream.metadata["alpha_mode"] = "1"
        spans = self.spans or [Span(self.start, self.end)]
        self._others = PassthroughStreams(self.source, self.container, spans=spans)
        self._held: Any = None
        self._lasts = round(CLOCK / rate)  # duration of the newest frame in ticks
        self._newest: int | None = None

    def write(self, rgb: Bytes, time: Fraction, duration: Fraction | None = None) -> None:
        """Write the next frame ``(H, W, 3)``, at its time in the source in seconds.

        It is shown until the next one, the last for its ``duration``; default: that of the previous frame.

        Raises:
            InputError: the size of the frame differs.
            OutputError: the disk is full, or the file is gone.
        """
        if rgb.shape[:2] != self.size:
            raise InputError(f"a frame of {rgb.shape[1]}x{rgb.shape[0]} does not fit the video's {self.size}")
        below, right = self.size[0] % 2, self.size[1] % 2
        even = np.pad(rgb, ((0, below), (0, right), (0, 0)), mode="edge") if below or right else rgb
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format=self.pixels)
        if self._is_yuv:
            frame = frame.reformat(
                format=self.stream.pix_fmt,
                dst_colorspace=Colorspace.ITU709 if even.shape[0] >= HD else Colorspace.ITU601,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.MPEG,
            )
        frame.pts = round((time - exactly(self.start)) * CLOCK)
        frame.time_base = Fraction(1, CLOCK)
        if duration is not None:
            self._lasts = round(duration * CLOCK)
        elif self._newest is not None:
            self._lasts = frame.pts - self._newest
        self._newest = frame.pts
        with convert_write_errors(self.path):
            self._mux(frame)
        self.frames += 1

    def close(self) -> None:
        """Finish the file, which is not playable before.

        Raises:
            OutputError: the disk is full, or the file is gone.
        """
        with convert_write_errors(self.path):
            try:
                self._mux(None)
                self._others.copy()
            finally:
                self.container.close()

    def _mux(self, frame: av.VideoFrame | None) -> None:
        """Encode a frame, or flush the encoder; a packet is written once its duration is known."""
        packets: list[Any] = self.stream.encode(frame)
        for packet in [*packets, None] if frame is None else packets:
            if self._held is not None:
                ticks = Fraction(1, CLOCK) / self._held.time_base
                until = self._held.pts + self._lasts * ticks if packet is None else packet.pts
                self._held.duration = max(1, round(until - self._held.pts))
                self._others.copy(until=self._held.dts * self._held.time_base)
                self.container.mux(self._held)
            self._held = packet


@contextlib.contextmanager
def convert_write_errors(path: Path) -> Iterator[None]:
    """Convert errors of writing a video to an OutputError of one line."""
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
        mend = ": free some space, and repeat the command to resume" if full else ""
        raise OutputError(f"cannot write {path}: {reason}{mend}") from error
