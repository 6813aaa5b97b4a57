"""Films in: any container and codec of PyAV's, frame by frame, upright, with their times."""

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
from impasto.video.decoding import Decoded, Decoder, reason
from impasto.video.showing import fitted, lets_through, upright

Bytes = NDArray[np.uint8]
_log = logging.getLogger("impasto")

CLOCK = 90_000  # ticks a second: every usual frame rate is a whole number of them
APART = 10  # seconds that sound may begin before the pictures that it belongs to
BACK = Fraction(2)  # seconds that are gone back at first where a seek led too far
WIDEST = 4  # proportions of a pixel that are believed
NEAR = 1  # seconds before a film's end, within which damage may take the rest of it
UNSURE = ("avi", "mpeg")  # containers in which a seek leads to pictures whose times are guessed
USUAL = Fraction(25)  # frames a second of a film that says nothing of them


@dataclass(frozen=True)
class FilmFrame:
    """A frame ``(H, W, 3)``, RGB, upright; ``time`` in seconds, as exact as the film tells it.

    It is shown for ``duration`` seconds: to the next one that was asked for, or to the end.
    """

    rgb: Bytes
    time: Fraction
    duration: Fraction


class FilmReader:
    """A film to read. Close it, or use it in a ``with``.

    Args:
        path: the file.

    Raises:
        InputError: no such file, or no film in it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"cannot read {path}: there is no such file")
        self._said: set[str] = set()
        self._size: tuple[int, int] | None = None
        self._measured: float | None = None
        self._careful = False  # whether it is damaged
        self._begun = False  # whether it was read from since it was opened
        self._open()

    def _open(self) -> None:
        try:
            self.container = av.open(str(self.path))
        except (av.FFmpegError, OSError, ValueError) as error:
            raise InputError(f"{self.path} is not a film that can be read ({reason(error)})") from error
        try:
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
        """Lets go of the file."""
        self.container.close()

    @property
    def comment(self) -> str:
        """The recipe that a painted film has in its comment; "" if there is none."""
        told = {name.lower(): text for name, text in self.container.metadata.items()}
        return split_comment(told.get("comment", ""))[1]

    @property
    def origin(self) -> Fraction:
        """What the film's own clock says as it begins, seconds: broadcasts count from long before.

        That of the pictures, or of the sound that is there before them.
        """
        starts = [
            Fraction(stream.start_time) * Fraction(stream.time_base)
            for stream in (self.stream, *self.container.streams.audio)
            if stream.start_time is not None and stream.time_base is not None
        ]
        # Sound that is far away has a clock of its own: the file holds several programmes.
        near = [start for start in starts if starts[0] - start < APART]
        return max(Fraction(0), min(near, default=Fraction(0)))

    @property
    def rate(self) -> Fraction:
        """Frames a second, on average."""
        # Either is too high for some: the average of AVI by what its header claims, the other for fields.
        told = [Fraction(r) for r in (self.stream.average_rate, self.stream.base_rate) if r]
        return min(told, default=USUAL)

    @property
    def pixel(self) -> Fraction:
        """Width of a pixel as it is shown, in its heights: 1 but for films of discs and of old broadcasts."""
        told = Fraction(self.stream.sample_aspect_ratio or 1)
        return told if told > 0 and max(told, 1 / told) <= WIDEST else Fraction(1)

    @property
    def seconds(self) -> float | None:
        """Length; where the film does not tell it, what its packets reach to."""
        if self.stream.duration is not None and self.stream.time_base is not None:
            return float(self.stream.duration * self.stream.time_base)
        if self.container.duration is not None:
            return self.container.duration / av.time_base
        if self._measured is None:
            self._measured = self._measure()
        return self._measured or None

    def _measure(self) -> float:
        """Where the last packet of a film ends that does not tell its length; nothing is decoded."""
        count, latest = 0, Fraction(0)
        with av.open(str(self.path)) as again:
            try:
                for packet in again.demux(again.streams[self.stream.index]):
                    if packet.size:
                        count += 1
                        told = packet.pts if self.timed else None
                        ends = 0 if told is None else (told + (packet.duration or 0)) * packet.time_base
                        latest = max(latest, Fraction(ends) - self.origin)
            except av.FFmpegError:
                pass  # what comes before counts
        return float(latest or count / self.rate)

    @property
    def timed(self) -> bool:
        """Whether its pictures have times: those of a stream without a container have none."""
        return self.stream.start_time is not None

    def frames(self, *, start: float = 0.0, end: float | None = None, every: int = 1) -> Iterator[FilmFrame]:
        """The frames from ``start`` up to ``end`` seconds, each ``every``-th.

        Times count from where the film begins to play, whatever its own clock says. What cannot be decoded
        in between is passed over, with a warning.

        Raises:
            InputError: a film that is damaged to its end; the frames before that were yielded.
        """
        first, last = exactly(start), None if end is None else exactly(end)
        count, kept, until, ended = 0, None, Fraction(0), True
        for decoded in self._carefully(first):
            time = decoded.time - self.origin
            if last is not None and time >= last:
                until, ended = last, False
                break
            if self._decoder.woven:
                self._say("is interlaced: each two half pictures are made one, by FFmpeg's bwdif")
            if kept is not None and count % every == 0:
                yield self._frame(kept, time)
                kept = None
            kept = decoded if count % every == 0 else kept
            count, until = count + 1, time + (decoded.duration or 1 / self.rate)
        if ended:
            until = max(until, self._told_end() or until)
        if kept is not None:
            yield self._frame(kept, until if last is None else min(until, last))
        if ended and self._decoder.lost:
            self._tell(self._decoder, count, until)

    def _carefully(self, first: Fraction) -> Iterator[Decoded]:
        """The pictures from a time on; where there is damage, once more, and from there by one thread."""
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
        """A decoder and what it decodes, from a picture on that is shown by a time.

        Where a file does not say which pictures can be decoded by themselves (MPEG-TS), a seek leads
        anywhere, and the first one that can may come too late.
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
            decoder.lost.clear()  # what a seek led into the middle of
        return decoder, chain(() if found is None else (found,), decoded)

    def _seek(self, time: Fraction) -> None:
        """To a picture at a time, or before it; the beginning is found by opening the file anew."""
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
        rgb, time = upright(kept.frame, pixel=self.pixel), kept.time - self.origin
        if lets_through(kept.frame):
            self._say("lets light through, which is not kept: it is laid on white")
        if self._size is None:
            self._size = rgb.shape[0], rgb.shape[1]
        if rgb.shape[:2] != self._size:
            height, width = self._size
            self._say(f"changes its size: all of it is shown within {width}x{height}")
        return FilmFrame(fitted(rgb, self._size), time, until - time)

    def _told_end(self) -> Fraction | None:
        """Where the last picture ends, of containers that say it of the whole only (Matroska)."""
        if "matroska" not in self.container.format.name:
            return None
        for name, text in self.stream.metadata.items():
            if name.startswith("DURATION") and (found := re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", text)):
                hours, minutes, seconds = map(Fraction, found.groups())
                return 3600 * hours + 60 * minutes + seconds - self.origin
        whole = self.container.duration
        return None if whole is None or len(self.container.streams) > 1 else Fraction(whole, av.time_base)

    def _tell(self, decoder: Decoder, count: int, until: Fraction) -> None:
        """Says what was lost on the way; where that is the end, it is an error."""
        told = None if self.stream.duration is None and self.container.duration is None else self.seconds
        if count == 0 or (decoder.ends_broken and (told is None or told - until > NEAR)):
            raise InputError(f"{self.path} is damaged after {count} frames ({decoder.fault})")
        lost, first = len(decoder.lost), float(max(Fraction(0), decoder.lost[0] - self.origin))
        self._say(
            f"is damaged: {lost} of its {decoder.packets} packets cannot be decoded, the first at "
            f"{first:.2f} s; all others are"
        )

    def _say(self, what: str) -> None:
        """Tells something of the film, once."""
        if what not in self._said:
            self._said.add(what)
            _log.warning("%s %s", self.path, what)

    @property
    def inputs(self) -> list[Path]:
        """The files that are read."""
        return [self.path]

    def rewind(self) -> None:
        """Back to the beginning, where every reading starts that is not told to start later."""


def pictures_of(container: Any, name: str) -> Any:
    """The stream of pictures that players show of an opened file: no cover, and the largest.

    Raises:
        InputError: there is none, or its codec is not known.
    """
    found = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not found:
        what = "has a cover, but no film in it" if container.streams.video else "has no pictures in it"
        raise InputError(f"{name} {what}: give a film")
    known = [s for s in found if s.codec_context is not None]
    if not known:
        raise InputError(
            f"{name} is coded in a way that cannot be read: convert it to H.264 with another program"
        )
    default = av.stream.Disposition.default
    return max(known, key=lambda s: (bool(s.disposition & default), s.width * s.height))


def split_comment(text: str) -> tuple[str, str]:
    """What a film's comment says, and the recipe that may follow it on a line of its own."""
    own, newline, recipe = ("", "\n", text) if text.startswith("{") else text.partition("\n{")
    if not newline:
        return text, ""
    return own.strip(), recipe if recipe.startswith("{") else "{" + recipe


def exactly(seconds: float) -> Fraction:
    """A time as it was meant: 0.8 is four fifths, and not a little more."""
    return Fraction(seconds).limit_denominator(CLOCK)
