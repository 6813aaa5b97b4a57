"""Films out: frames at their own times, beside everything else of the film they came from."""

from __future__ import annotations

import contextlib
import errno
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from impasto.errors import InputError, OutputError
from impasto.video.others import FORMATS, Others, beside, can_be_coded, holds
from impasto.video.reading import CLOCK, USUAL, FilmReader, exactly
from impasto.video.showing import HD
from impasto.video.spans import Span

_log = logging.getLogger("impasto")

Bytes = NDArray[np.uint8]

CODECS = {".mp4": "libx264", ".mov": "libx264", ".mkv": "libx264", ".webm": "libvpx-vp9"}
PARTS = ".nut"  # the container of parts: it keeps every clock exactly
# Without frames that look ahead (bf, auto-alt-ref): parts join without a gap, and times stay as they are.
# With force-cfr the stream says the film's rate, and not the ticks of its clock; frames keep their times.
QUALITY = {
    "libx264": {"crf": "16", "preset": "faster", "bf": "0", "x264-params": "force-cfr=1"},
    # Parts of what becomes a GIF, a WebP or a folder of pictures: nothing is lost on the way.
    "libx264rgb": {"crf": "0", "preset": "ultrafast", "bf": "0"},
    "libvpx-vp9": {"crf": "24", "b": "0", "auto-alt-ref": "0", "deadline": "realtime", "cpu-used": "5"},
}
_BT709, _BT601 = 1, 6


def create(path: Path, suffix: str) -> Any:
    """A new file of the container that a suffix stands for."""
    # MP4 counts the start of a film in milliseconds unless told otherwise; the others would begin it anew at
    # the sound that decoders run up on, before zero, and show every frame later.
    own_clock = suffix in (".mp4", ".mov")
    options = {"movie_timescale": str(CLOCK)} if own_clock else {"avoid_negative_ts": "disabled"}
    return av.open(str(path), "w", format=FORMATS[suffix], options=options)


def tell_what_stays_behind(source: Any, target: Path) -> None:
    """Warns of each stream of a film that the container of ``target`` cannot hold as it is."""
    suffix = target.suffix.lower()
    for stream in beside(source) if isinstance(source, FilmReader) and suffix in CODECS else ():
        if holds(FORMATS[suffix], stream):
            continue
        kind = "sound" if stream.type == "audio" else "subtitles"
        named = ", ".join(filter(None, [stream.codec_context and stream.codec_context.name, stream.language]))
        others = " or ".join(other for other in (".mkv", ".mp4") if holds(FORMATS[other], stream))
        mend = f": let its name end in {others} to keep it" if others else ""
        if can_be_coded(stream):
            anew = "Opus" if suffix == ".webm" else "AAC"
            lost = f"will have its {kind} ({named}) coded anew as {anew}"
        else:
            lost = f"will lack the {kind} ({named})"
        _log.warning("%s %s, which %s cannot hold as it is%s", target, lost, suffix, mend)


@dataclass
class FilmWriter:
    """A film to write, with the sound and the subtitles of ``source``, packet by packet.

    Args:
        path: the file; its suffix, or ``suffix``, chooses the container.
        size: (height, width) of the frames; an odd side is continued by one line.
        source: the film that the frames came from; None: pictures only.
        start, end: the part of it that is written, seconds.
        suffix: of the container, where the path has a name for the time being.
        codec: of the pictures; default: that of the suffix.
        rate: frames a second, on average, by which a codec chooses its level; default: the source's.

    Raises:
        OutputError: a container of that suffix cannot be written.
    """

    path: Path
    size: tuple[int, int]
    source: FilmReader | None = None
    start: float = 0.0
    end: float | None = None
    suffix: str | None = None
    codec: str | None = None
    rate: Fraction | None = None
    frames: int = 0

    def __post_init__(self) -> None:
        suffix = self.suffix or self.path.suffix.lower()
        if suffix not in CODECS and self.codec is None:
            raise OutputError(f"cannot write {self.path}: its suffix must be one of {', '.join(CODECS)}")
        self.container = create(self.path, suffix)
        codec = self.codec or CODECS[suffix]
        self.rate = self.rate or (USUAL if self.source is None else self.source.rate)
        rate = self.rate.limit_denominator(CLOCK)
        self.stream = self.container.add_stream(codec, rate=rate, options=dict(QUALITY[codec]))
        height, width = (side + side % 2 for side in self.size)
        self.stream.height, self.stream.width = height, width
        self.stream.pix_fmt = "rgb24" if codec == "libx264rgb" else "yuv420p"
        self.stream.time_base = self.stream.codec_context.time_base = Fraction(1, CLOCK)
        if self.stream.pix_fmt == "yuv420p":
            matrix = _BT709 if height >= HD else _BT601
            context = self.stream.codec_context
            context.colorspace = context.color_primaries = context.color_trc = matrix
            context.color_range = 1
        self._others = Others(self.source, self.container, spans=[Span(self.start, self.end)])
        self._held: Any = None
        self._lasts = round(CLOCK / rate)  # how long the newest frame is shown, by what is known of it
        self._newest: int | None = None

    def write(self, rgb: Bytes, time: Fraction, duration: Fraction | None = None) -> None:
        """The next frame ``(H, W, 3)``, at its time in the source, seconds.

        It is shown until the next one, the last for its ``duration``; default: as long as the one before.

        Raises:
            InputError: a frame of another size.
            OutputError: the disk is full, or the file is gone.
        """
        if rgb.shape[:2] != self.size:
            raise InputError(f"a frame of {rgb.shape[1]}x{rgb.shape[0]} does not fit the film's {self.size}")
        below, right = self.size[0] % 2, self.size[1] % 2
        even = np.pad(rgb, ((0, below), (0, right), (0, 0)), mode="edge") if below or right else rgb
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        if self.stream.pix_fmt == "yuv420p":
            frame = frame.reformat(
                format="yuv420p",
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
        with unwritten(self.path):
            self._mux(frame)
        self.frames += 1

    def close(self) -> None:
        """Writes what is left; without this the film cannot be played.

        Raises:
            OutputError: the disk is full, or the file is gone.
        """
        with unwritten(self.path):
            try:
                self._mux(None)
                self._others.copy()
            finally:
                self.container.close()

    def _mux(self, frame: av.VideoFrame | None) -> None:
        """Encodes a frame, or what is left; a packet is written when it is known how long it is shown."""
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
def unwritten(path: Path) -> Iterator[None]:
    """Says in one line why a film cannot be written."""
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
        mend = ": free some space, and give the same command again to go on" if full else ""
        raise OutputError(f"cannot write {path}: {reason}{mend}") from error
