"""Films painted with learned styles: steady, with their sound, and taken up again where they were killed."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto import files
from impasto.errors import InputError
from impasto.jobs import VideoJob
from impasto.networks import library
from impasto.painters import learned
from impasto.runtime import Painter
from impasto.video import FilmFrame, FilmReader, Segments, Steady

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Told = Callable[["FilmProgress"], None]


@dataclass(frozen=True)
class FilmProgress:
    """Where a film stands: frames done, of how many (None if the film does not say), and their rate."""

    frames: int
    expected: int | None
    seconds: float
    rate: float


@dataclass(frozen=True)
class FilmResult:
    """What was painted: the file, frames in all, those painted in this run, shots, seconds, and its size."""

    path: Path
    frames: int
    painted: int
    shots: int
    seconds: float
    size: tuple[int, int]


def paint_film(
    job: VideoJob, *, out: Path, overwrite: bool = False, resume: bool = False, told: Told | None = None
) -> FilmResult:
    """Paints a film.

    Args:
        job: film, styles and settings.
        out: the film to write.
        overwrite: replace it if it is there.
        resume: go on from what a killed run left; the result is that of an unbroken one.
        told: called after every frame.

    Raises:
        InputError: a film, a style or a setting that cannot be used. What was painted stays, for ``resume``.
        OutputError: the film cannot be written.
    """
    files.check_output(out, overwrite=overwrite)
    with FilmReader(job.film) as reader:
        brush = _Brush(job)
        size = _size(reader, job)
        segments = Segments(out, _key(job, brush), size, resume=resume)
        steady = Steady(brush, consistency=job.consistency, rate=float(reader.rate) / job.every)
        steady.restore(segments.state)
        brush.restore(segments.state)
        shots, painted = _paint_all(job, reader, brush, segments=segments, steady=steady, told=told)
        with files.atomic(out, overwrite=overwrite) as temporary:
            segments.join(reader, temporary, start=job.start, end=job.end)
        return FilmResult(out, segments.frames, painted, shots, brush.seconds(), size)


def _paint_all(
    job: VideoJob,
    reader: FilmReader,
    brush: _Brush,
    *,
    segments: Segments,
    steady: Steady,
    told: Told | None,
) -> tuple[int, int]:
    """Paints what is not painted yet; shots begun, and frames painted."""
    skipped, painted, begun = segments.frames, 0, time.monotonic()
    expected = _expected(reader, job)
    for number, frame in enumerate(reader.frames(start=job.start, end=job.end, every=job.every)):
        if number < skipped:
            continue
        output = steady.next(_shrunk(frame, segments.size))
        full = segments.write(np.rint(output.clip(0, 1) * 255).astype(np.uint8), _time(frame, job))
        painted += 1
        if full:
            segments.finish_part({**steady.state(), **brush.state()})
        if told:
            rate = painted / max(time.monotonic() - begun, 1e-9)
            told(FilmProgress(number + 1, expected, time.monotonic() - begun, rate))
    segments.finish_part({**steady.state(), **brush.state()})
    if segments.frames == 0:
        raise InputError(f"{job.film} has no frames between {job.start:g} s and its end: choose another part")
    return steady.shots, painted


class _Brush:
    """Paints a frame with the styles of a job; normalised alike within a shot, so that nothing pumps."""

    def __init__(self, job: VideoJob) -> None:
        found = []
        for name in job.styles:
            known = library.find(name, network=job.network)
            if known is None and Path(name).exists():
                raise InputError(
                    f"{name} is a picture: films take learned styles; learn it with impasto learn"
                )
            if known is None:
                raise library.unknown(name)
            found.append(known)
        self.digests = [learned.digest(known) for known in found]
        pack, names = learned.joined(found)
        shares = job.weights or (1.0,) * len(names)
        mixed = [pack.weights({name: 1.0}, strength=job.strength, scale=job.style_scale) for name in names]
        self.weights = np.average(mixed, axis=0, weights=shares).astype(np.float32)
        self.painter = Painter(pack, device=learned.device_of(job.device), precision=job.precision)
        self.frozen = job.consistency > 0
        self.statistics: Array | None = None
        self._begun = time.monotonic()

    def __call__(self, frame: Bytes, warped: Array | None, mask: Array | None) -> Array:
        photo = frame.astype(np.float32) * np.float32(1 / 255)
        if not self.frozen:
            return self.painter.paint(photo, self.weights)
        if warped is None or self.statistics is None:
            self.statistics = self.painter.statistics(photo, self.weights)
        return self.painter.paint(photo, self.weights, statistics=self.statistics)

    def state(self) -> dict[str, Array]:
        """What the next frame needs to know."""
        return {} if self.statistics is None else {"statistics": self.statistics}

    def restore(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Goes on from what :meth:`state` gave."""
        found = state.get("statistics")
        self.statistics = None if found is None else np.asarray(found, np.float32)

    def seconds(self) -> float:
        """Since the styles were loaded."""
        return time.monotonic() - self._begun


def _size(reader: FilmReader, job: VideoJob) -> tuple[int, int]:
    """(height, width) of the painted frames, upright."""
    first = next(reader.frames(start=job.start), None)
    if first is None:
        raise InputError(f"{job.film} has no frame at {job.start:g} s: choose an earlier start")
    reader.rewind()
    height, width = first.rgb.shape[:2]
    if not isinstance(job.size, int):
        return height, width
    scale = job.size / max(height, width)
    return max(2, round(height * scale / 2) * 2), max(2, round(width * scale / 2) * 2)


def _shrunk(frame: FilmFrame, size: tuple[int, int]) -> Bytes:
    if frame.rgb.shape[:2] == size:
        return frame.rgb
    return np.asarray(Image.fromarray(frame.rgb).resize(size[::-1], Image.Resampling.LANCZOS))


def _time(frame: FilmFrame, job: VideoJob) -> Fraction:
    return max(Fraction(0), frame.time - Fraction(job.start).limit_denominator(90_000))


def _expected(reader: FilmReader, job: VideoJob) -> int | None:
    seconds = reader.seconds
    if seconds is None:
        return None
    last = seconds if job.end is None else min(seconds, job.end)
    return max(1, round((last - job.start) * float(reader.rate) / job.every))


def _key(job: VideoJob, brush: _Brush) -> str:
    """What makes a run this run."""
    text = json.dumps([job.settings(), files.sha256(job.film), brush.digests], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
