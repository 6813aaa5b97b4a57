"""Matching frames, by time, of a stylized video and of the videos it is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto import media
from impasto.errors import InputError
from impasto.jobs import DreamJob, PhotorealJob, VideoJob
from impasto.media import WHOLE, Film, FilmReader, Span, open_film
from impasto.record import Recipe

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class ShownPart:
    """The part of its source that a stylized video shows; ``preview``: seconds of a preview, or None."""

    span: Span = WHOLE[0]
    every: int = 1
    fps: float | None = None
    preview: float | None = None

    def spans(self, original: Film) -> list[Span]:
        """Return the spans of the source, in order."""
        if self.preview is None:
            return [self.span]
        return media.most_active_spans(original, self.preview, within=self.span)


def part_of(painted: Film) -> ShownPart | None:
    """Return the part in the recipe of a stylized video; None if there is none."""
    text = painted.comment if isinstance(painted, FilmReader) else ""
    try:
        found = Recipe.from_json(text)
    except InputError:
        return None
    job: dict[str, Any] = dict(found.job)
    if found.verb not in (VideoJob.verb, PhotorealJob.verb, DreamJob.verb) or job.get("zoom"):
        return None
    span = Span(job.get("start") or 0.0, job.get("end"))
    fps = job.get("fps") if found.verb == VideoJob.verb else None
    return ShownPart(span, job.get("every", 1), fps, job.get("preview"))


@dataclass(frozen=True)
class OpenFilms:
    """Open videos: the stylized one, its source, and a baseline if there is one."""

    painted: Film
    others: list[Timed]

    def together(self) -> Iterator[list[Bytes]]:
        """Yield lists of frames of the same time, at the size of the stylized video.

        Raises:
            InputError: another video ends before the stylized one.
        """
        for frame in self.painted.frames():
            size = (frame.rgb.shape[0], frame.rgb.shape[1])
            yield [frame.rgb, *(media.resize_frame(other.at(frame.time), size) for other in self.others)]


def open_comparison(
    stack: ExitStack,
    painted: str | Path,
    original: str | Path,
    baseline: str | Path | None = None,
    *,
    start: float | None = None,
) -> OpenFilms:
    """Open the videos of a comparison.

    Args:
        stack: closes them.
        painted, original, baseline: see :func:`impasto.films.report`.
        start: start of the stylized video in the source in seconds, in place of that in its recipe.

    Raises:
        InputError: a video cannot be read, or the videos do not belong together.
    """
    leading = stack.enter_context(closing(open_film(painted)))
    part = part_of(leading) or ShownPart()
    if start is not None:
        part = replace(part, span=Span(start), preview=None)
    film = stack.enter_context(closing(open_film(original, rate=part.fps)))
    spans = part.spans(film)
    others = [Timed(film, spans, every=part.every, fps=part.fps)]
    if baseline is not None:
        alone = stack.enter_context(closing(open_film(baseline, rate=part.fps)))
        others.append(Timed(alone, _within(alone, part, spans)))
    return OpenFilms(leading, others)


def _within(baseline: Film, part: ShownPart, spans: Sequence[Span]) -> Sequence[Span]:
    """Return the spans of the source as times of the baseline."""
    own = part_of(baseline)
    if own is None or (own.span.start, own.preview) == (part.span.start, part.preview):
        return WHOLE
    begins = own.span.start
    if own.preview is not None or begins > spans[0].start:
        raise InputError(
            f"{baseline.path} lacks part of the stylized video: create it from the same part, with "
            f"--consistency 0"
        )
    return [Span(s.start - begins, None if s.end is None else s.end - begins) for s in spans]


class Timed:
    """Reader of the frames of a video at given times.

    Args:
        spans: its spans that the stylized video shows.
        every, fps: frame selection of the stylized video.

    Raises:
        InputError: there are no frames in the spans.
    """

    def __init__(
        self, film: Film, spans: Sequence[Span], *, every: int = 1, fps: float | None = None
    ) -> None:
        self.film, self.frames = film, media.select_frames(film, spans, every=every, fps=fps)
        found = next(self.frames, None)
        if found is None:
            raise InputError(f"{film.path} has no frame at {spans[0].start:g} s: choose an earlier --start")
        self.now, self.next = found, next(self.frames, None)
        self.begins, self.slack = found.time, 2 * every / film.rate

    def at(self, time: Fraction) -> Bytes:
        """Return the frame closest to a time; times must not decrease.

        Raises:
            InputError: no frame is close.
        """
        while self.next is not None and abs(self.next.time - time) <= abs(self.now.time - time):
            self.now, self.next = self.next, next(self.frames, None)
        ended = self.next is None and time > self.now.time + self.slack
        if ended or time < self.begins - self.slack:
            what = f"{'ends before' if ended else 'has no frame at'} {float(time):.2f} s of the result"
            mend = "give its source video, or its start in the source with --start"
            raise InputError(f"{self.film.path} {what}: {mend}")
        return self.now.rgb
