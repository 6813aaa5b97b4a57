"""Films in: any container and codec of PyAV's, frame by frame, upright, with their times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

from impasto.errors import InputError
from impasto.video import hdr

Bytes = NDArray[np.uint8]

CLOCK = 90_000  # ticks a second: every usual frame rate is a whole number of them
APART = 10  # seconds that sound may begin before the pictures that it belongs to
BACK = Fraction(2)  # seconds that are gone back at first where a seek led too far
WIDEST = 4  # proportions of a pixel that are believed
HD = 720  # lines from which a film that does not say so is taken to be BT.709


@dataclass(frozen=True)
class FilmFrame:
    """A frame ``(H, W, 3)``, RGB, upright; ``time`` in seconds, as exact as the film tells it."""

    rgb: Bytes
    time: Fraction


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
        try:
            self.container = av.open(str(path))
        except (av.FFmpegError, OSError, ValueError) as error:
            raise InputError(f"{path} is not a film that can be read ({_reason(error)})") from error
        if not self.container.streams.video:
            self.container.close()
            raise InputError(f"{path} has no pictures in it")
        self.stream = self.container.streams.video[0]
        if self.stream.codec_context is None:
            self.container.close()
            raise InputError(
                f"{path} is coded in a way that cannot be read: convert it to H.264 with another program"
            )
        self.stream.thread_type = "AUTO"

    def __enter__(self) -> FilmReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file."""
        self.container.close()

    @property
    def comment(self) -> str:
        """What the film says of itself: its recipe, if it is painted."""
        told = {name.lower(): text for name, text in self.container.metadata.items()}
        return told.get("comment", "")

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
        return Fraction(self.stream.average_rate or 25)

    @property
    def pixel(self) -> Fraction:
        """Width of a pixel as it is shown, in its heights: 1 but for films of discs and of old broadcasts."""
        told = Fraction(self.stream.sample_aspect_ratio or 1)
        return told if told > 0 and max(told, 1 / told) <= WIDEST else Fraction(1)

    @property
    def seconds(self) -> float | None:
        """Length, if the film tells it."""
        if self.stream.duration is not None and self.stream.time_base is not None:
            return float(self.stream.duration * self.stream.time_base)
        return None if self.container.duration is None else self.container.duration / av.time_base

    def frames(self, *, start: float = 0.0, end: float | None = None, every: int = 1) -> Iterator[FilmFrame]:
        """The frames from ``start`` up to ``end`` seconds, each ``every``-th.

        Times count from where the film begins to play, whatever its own clock says.

        Raises:
            InputError: a frame cannot be decoded; those before it were yielded.
        """
        first, last = exactly(start), None if end is None else exactly(end)
        count = 0
        try:
            for decoded, time in self._from(first) if first > 0 else self._decoded():
                if time < first:
                    continue
                if last is not None and time >= last:
                    return
                if count % every == 0:
                    yield FilmFrame(upright(decoded, pixel=self.pixel), time)
                count += 1
        except av.FFmpegError as error:
            raise InputError(f"{self.path} is damaged after {count} frames ({_reason(error)})") from error

    def _from(self, first: Fraction) -> Iterator[tuple[av.VideoFrame, Fraction]]:
        """Decoded frames with their times, from one on that is shown by then.

        Where a file does not say which pictures can be decoded by themselves (MPEG-TS), a seek leads
        anywhere, and the first one that can may come too late.
        """
        back = Fraction(0)
        while True:
            self._seek(max(Fraction(0), first - back))
            decoded = self._decoded()
            found = next(decoded, None)
            if back >= first or (found is not None and found[1] <= first):
                break
            back = max(BACK, 4 * back)
        if found is not None:
            yield found
            yield from decoded

    def _decoded(self) -> Iterator[tuple[av.VideoFrame, Fraction]]:
        for number, decoded in enumerate(self.container.decode(self.stream)):
            yield decoded, self._time(decoded, number)

    def _seek(self, time: Fraction) -> None:
        clock = self.stream.time_base or Fraction(1, av.time_base)
        self.container.seek(int((time + self.origin) / clock), stream=self.stream)

    @property
    def inputs(self) -> list[Path]:
        """The files that are read."""
        return [self.path]

    def rewind(self) -> None:
        """Back to the beginning."""
        self._seek(Fraction(0))

    def _time(self, decoded: av.VideoFrame, number: int) -> Fraction:
        if decoded.pts is None or decoded.time_base is None:
            return number / self.rate
        return decoded.pts * Fraction(decoded.time_base) - self.origin


def exactly(seconds: float) -> Fraction:
    """A time as it was meant: 0.8 is four fifths, and not a little more."""
    return Fraction(seconds).limit_denominator(CLOCK)


def upright(decoded: av.VideoFrame, *, pixel: Fraction = Fraction(1)) -> Bytes:
    """A decoded frame as RGB by its own matrix and range, turned as its film says; HDR as SDR.

    Where ``pixel``, the width of one in its heights, is not 1, the frame is widened or heightened for it.
    """
    high = decoded.height >= HD
    unsaid = Colorspace.ITU709 if high else Colorspace.ITU601
    told = {1: Colorspace.ITU709, 5: Colorspace.ITU601, 6: Colorspace.ITU601, 9: Colorspace.ITU709}
    wide = decoded.color_range == 2
    bright = int(decoded.color_trc) in (hdr.PQ, hdr.HLG)
    width, height = decoded.width, decoded.height
    if pixel > 1:
        width = 2 * round(width * pixel / 2)
    elif pixel < 1:
        height = 2 * round(height / pixel / 2)
    rgb = decoded.reformat(
        width=width,
        height=height,
        interpolation=None if pixel == 1 else Interpolation.BICUBIC,
        format="rgb48le" if bright else "rgb24",
        src_colorspace=told.get(int(decoded.colorspace), unsaid),
        src_color_range=ColorRange.JPEG if wide else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
    ).to_ndarray()
    if bright:
        rgb = hdr.to_sdr(np.asarray(rgb, np.uint16), int(decoded.color_trc))
    turns = round(decoded.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else np.asarray(rgb, np.uint8)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).strip()
