"""Reading of videos, in any container and codec of PyAV: upright frames with their times."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from impasto.errors import InputError
from impasto.jobs.base import pluralize
from impasto.media.decoding import Decoded, Decoder, has_alpha, reason
from impasto.media.display import fit_frame, upright

Bytes = NDArray[np.uint8]
_log = logging.getLogger("impasto")

CLOCK = 90_000  # ticks per second, a multiple of every common frame rate
APART = 10  # seconds that sound may begin before the video stream
BACK = Fraction(2)  # first step back in seconds if a seek ends too late
WIDEST = 4  # maximum plausible pixel aspect ratio
NEAR = 1  # seconds at the end of a video that may be lost to damage without an error
UNSURE = ("avi", "mpeg")  # containers in which frame times after a seek are estimates
USUAL = Fraction(25)  # default frame rate
_PLAYLISTS = ("hls", "concat", "dash", "imf", "sdp")  # formats of FFmpeg that read any file they name


@dataclass(frozen=True)
class FilmFrame:
    """A frame ``(H, W, 3)``, RGB, upright; ``time`` in seconds, as exact as in the file.

    It is shown for ``duration`` seconds: until the next requested one, or the end. ``alpha`` ``(H, W)`` is
    None unless the reader was asked for it and the video has it; ``rgb`` is over white in any case.
    """

    rgb: Bytes
    time: Fraction
    duration: Fraction
    alpha: Bytes | None = None


class FilmReader:
    """Reader of a video file. Close it, or use it as a context manager.

    Args:
        path: the file.
        clear: return transparency, if the video has it; else it is dropped with a warning.

    Raises:
        InputError: the file does not exist, or is not a video.
    """

    deep = False  # whether frames have 16 bits

    def __init__(self, path: str | Path, *, clear: bool = False) -> None:
        self.path = Path(path)
        self._keeps = clear
        if not self.path.is_file():
            raise InputError(f"cannot read {path}: there is no such file")
        self._said: set[str] = set()
        self._size: tuple[int, int] | None = None
        self._measured: float | None = None
        self._careful = False  # whether it is damaged
        self._begun = False  # whether anything was read since it was opened
        self._open()

    def _open(self) -> None:
        try:
            self.container = av.open(str(self.path))
        except (av.FFmpegError, OSError, ValueError) as error:
            raise InputError(f"{self.path} is not a readable video ({reason(error)})") from error
        try:
            if self.container.format.name in _PLAYLISTS:
                raise InputError(f"{self.path} is a playlist of other files: give the video itself")
            self.stream = pictures_of(self.container, str(self.path))
        except InputError:
            self.container.close()
            raise
        self.stream.thread_type = "SLICE" if self._careful else "AUTO"

    def __enter__(self) -> FilmReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    @property
    def comment(self) -> str:
        """The recipe in the comment of a video written by impasto; empty if there is none."""
        stated = {name.lower(): text for name, text in self.container.metadata.items()}
        return split_comment(stated.get("comment", ""))[1]

    @property
    def origin(self) -> Fraction:
        """Start time by the clock of the file, in seconds; broadcasts do not start at zero.

        It is the start of the video stream, or of sound that begins before it.
        """
        starts = [
            Fraction(stream.start_time) * Fraction(stream.time_base)
            for stream in (self.stream, *self.container.streams.audio)
            if stream.start_time is not None and stream.time_base is not None
        ]
        # Sound that starts much earlier has its own clock: the file holds several programmes.
        near = [start for start in starts if starts[0] - start < APART]
        return max(Fraction(0), min(near, default=Fraction(0)))

    @property
    def rate(self) -> Fraction:
        """Mean frame rate."""
        # Either may be too high: the average for AVI headers, the base rate for interlaced video.
        stated = [Fraction(r) for r in (self.stream.average_rate, self.stream.base_rate) if r]
        return min(stated, default=USUAL)

    @property
    def pixel(self) -> Fraction:
        """Pixel aspect ratio, width by height; not 1 for some DVDs and broadcasts."""
        stated = Fraction(self.stream.sample_aspect_ratio or 1)
        return stated if stated > 0 and max(stated, 1 / stated) <= WIDEST else Fraction(1)

    @property
    def seconds(self) -> float | None:
        """Length in seconds; measured from the packets if the file does not store it."""
        if self.stream.duration is not None and self.stream.time_base is not None:
            return float(self.stream.duration * self.stream.time_base)
        if self.container.duration is not None:
            return self.container.duration / av.time_base
        if self._measured is None:
            self._measured = self._measure()
        return self._measured or None

    @property
    def clear(self) -> bool:
        """Whether frames are returned with their transparency; it may turn out that all are opaque."""
        return self._keeps and has_alpha(self.stream)

    def _measure(self) -> float:
        """Return the end of the last packet in seconds, without decoding."""
        count, latest = 0, Fraction(0)
        with av.open(str(self.path)) as again:
            try:
                for packet in again.demux(again.streams[self.stream.index]):
                    if packet.size:
                        count += 1
                        stated = packet.pts if self.timed else None
                        ends = 0 if stated is None else (stated + (packet.duration or 0)) * packet.time_base
                        latest = max(latest, Fraction(ends) - self.origin)
            except av.FFmpegError:
                pass  # use the packets before
        return float(latest or count / self.rate)

    @property
    def timed(self) -> bool:
        """Whether frames have times; those of a raw stream have none."""
        return self.stream.start_time is not None

    def frames(self, *, start: float = 0.0, end: float | None = None, every: int = 1) -> Iterator[FilmFrame]:
        """Yield every ``every``-th frame from ``start`` up to ``end`` seconds.

        Times are relative to the start of playback. Undecodable frames are skipped, with a warning.

        Raises:
            InputError: the video is damaged up to its end; the frames before were yielded.
        """
        first, last = exactly(start), None if end is None else exactly(end)
        count, kept, until, ended = 0, None, Fraction(0), True
        for decoded in self._carefully(first):
            time = decoded.time - self.origin
            if last is not None and time >= last:
                until, ended = last, False
                break
            if self._decoder.woven:
                self._say("is interlaced: it is deinterlaced by FFmpeg's bwdif")
            if kept is not None and count % every == 0:
                yield self._frame(kept, time)
                kept = None
            kept = decoded if count % every == 0 else kept
            count, until = count + 1, time + (decoded.duration or 1 / self.rate)
        if ended:
            until = max(until, self._metadata_end() or until)
        if kept is not None:
            yield self._frame(kept, until if last is None else min(until, last))
        if ended and self._decoder.lost:
            self._tell(self._decoder, count, until)

    def _carefully(self, first: Fraction) -> Iterator[Decoded]:
        """Yield the frames from a time on; at damage, reopen the file and go on without frame threading."""
        last = first - 1
        while True:
            try:
                self._decoder, pictures = self._decoding(first)
                for decoded in pictures:
                    if decoded.time - self.origin >= first and decoded.time > last:
                        yield decoded
                        last = decoded.time
            except av.FFmpegError:
                self._careful = self._begun = True
                self._seek(Fraction(0))
            else:
                return

    def _decoding(self, first: Fraction) -> tuple[Decoder, Iterator[Decoded]]:
        """Return a decoder and its frames, from a frame at or before a time.

        In a container without an index of keyframes (MPEG-TS), the first decodable frame after a seek may be
        too late; then seek further back.
        """
        unsure = not self.timed or self.container.format.name in UNSURE
        back = first if unsure else Fraction(0)
        while True:
            self._seek(max(Fraction(0), first - back))
            decoder = Decoder(self.container, self.stream, self.rate, self._careful)
            decoded = iter(decoder)
            found = next(decoded, None)
            if back >= first or (found is not None and found.time - self.origin <= first):
                break
            back = max(BACK, 4 * back)
        if first > back:
            decoder.lost.clear()  # caused by the seek
        return decoder, chain(() if found is None else (found,), decoded)

    def _seek(self, time: Fraction) -> None:
        """Seek to a frame at or before a time; reopen the file for its beginning."""
        if time > 0:
            clock = self.stream.time_base or Fraction(1, av.time_base)
            self._begun = True
            with suppress(av.FFmpegError):
                self.container.seek(int((time + self.origin) / clock), stream=self.stream)
                return
        if self._begun:
            self.container.close()
            self._open()
        self._begun = True

    def _frame(self, kept: Decoded, until: Fraction) -> FilmFrame:
        (rgb, alpha), time = upright(kept.frame, pixel=self.pixel), kept.time - self.origin
        if alpha is not None and not self.clear:
            if alpha.min() < 255:
                self._say("has transparency, which is replaced by a white background")
            alpha = None
        elif alpha is None and self.clear:
            alpha = np.full(rgb.shape[:2], 255, np.uint8)
        if self._size is None:
            self._size = rgb.shape[0], rgb.shape[1]
        if rgb.shape[:2] != self._size:
            height, width = self._size
            self._say(f"changes its frame size: all frames are fitted into {width}x{height}")
        shown = None if alpha is None else fit_frame(alpha, self._size)
        return FilmFrame(fit_frame(rgb, self._size), time, until - time, shown)

    def _metadata_end(self) -> Fraction | None:
        """Return the end of the last frame, for containers that store only the total duration (Matroska)."""
        if "matroska" not in self.container.format.name:
            return None
        for name, text in self.stream.metadata.items():
            if name.startswith("DURATION") and (found := re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", text)):
                hours, minutes, seconds = map(Fraction, found.groups())
                return 3600 * hours + 60 * minutes + seconds - self.origin
        whole = self.container.duration
        return None if whole is None or len(self.container.streams) > 1 else Fraction(whole, av.time_base)

    def _tell(self, decoder: Decoder, count: int, until: Fraction) -> None:
        """Warn of skipped packets; raise an error if the end of the video is lost."""
        stated = None if self.stream.duration is None and self.container.duration is None else self.seconds
        if count == 0 or (decoder.ends_broken and (stated is None or stated - until > NEAR)):
            raise InputError(f"{self.path} is damaged after {pluralize(count, 'frame')} ({decoder.fault})")
        lost, first = len(decoder.lost), float(max(Fraction(0), decoder.lost[0] - self.origin))
        self._say(
            f"is damaged: {lost} of its {decoder.packets} packets cannot be decoded, the first at "
            f"{first:.2f} s; they are skipped"
        )

    def _say(self, what: str) -> None:
        """Log a warning about the video, once."""
        if what not in self._said:
            self._said.add(what)
            _log.warning("%s %s", self.path, what)

    @property
    def inputs(self) -> list[Path]:
        """The input files."""
        return [self.path]


def pictures_of(container: Any, name: str) -> Any:
    """Return the video stream of a file that players show: the default or largest one, and no cover image.

    Raises:
        InputError: there is none, or its codec is unknown.
    """
    found = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not found:
        what = "has a cover image, but no video" if container.streams.video else "has no video stream"
        raise InputError(f"{name} {what}: give a video")
    known = [s for s in found if s.codec_context is not None]
    if not known:
        raise InputError(f"{name} has a codec that cannot be read: convert it to H.264 with another program")
    default = av.stream.Disposition.default
    return max(known, key=lambda s: (bool(s.disposition & default), s.width * s.height))


def split_comment(text: str) -> tuple[str, str]:
    """Split the comment of a video into the text, and the recipe that may follow on a separate line."""
    own, newline, recipe = ("", "\n", text) if text.startswith("{") else text.partition("\n{")
    if not newline:
        return text, ""
    return own.strip(), recipe if recipe.startswith("{") else "{" + recipe


def exactly(seconds: float) -> Fraction:
    """Return the nearest simple fraction of a time: 0.8 becomes 4/5."""
    return Fraction(seconds).limit_denominator(CLOCK)
