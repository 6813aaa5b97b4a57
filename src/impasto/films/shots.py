"""A film painted shot by shot, by several workers at once, with the frames of one run.

A shot knows nothing of the one before: the brush begins anew, and so does the part that is written. So the
parts of a film that was painted by many are those of one run with as many threads, byte for byte.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from impasto.films.brushes import choose, threads_of
from impasto.films.painting import FilmResult, Run, Shot, frame_size, linker_of
from impasto.jobs import VideoJob
from impasto.video import Span, Whole, check_target, open_film, shrunk, taken, tell_what_stays_behind
from impasto.video.segments import PART_FRAMES


@dataclass(frozen=True)
class Painted:
    """A shot that is painted: its parts, in order, what they took, and what the film is to say of itself."""

    parts: tuple[Path, ...]
    result: FilmResult
    recipe: str


def can_be_split(job: VideoJob) -> bool:
    """Whether the shots of a job can be painted apart: not where other frames are read in step with it."""
    return job.processed is None and job.preview is None and job.flow in (None, "medium", "fast")


def shots(job: VideoJob) -> list[Shot]:
    """The shots of a film, as the painter will find them; without ``consistency`` pieces of one part each.

    Raises:
        InputError: a film or a style that cannot be used.
    """
    with open_film(job.film, rate=job.fps) as film:
        spans = [Span(job.begin, job.stop)]
        size = frame_size(job, film, start=job.begin)
        brush = choose(job, film, spans, size)
        try:
            flow, length = brush.flow, brush.part or PART_FRAMES
        finally:
            brush.close()
        linker, firsts = linker_of(job, flow, None, first=0), list[int]()
        for number, shown in enumerate(taken(film, spans, every=job.every, fps=job.fps)):
            if job.consistency == 0:
                begins = number % length == 0
            else:
                begins = linker.next(shrunk(shown.rgb, size)) is None or shown.begins
            if begins:
                firsts.append(number)
        return [Shot(one, other) for one, other in zip(firsts, [*firsts[1:], None], strict=True)]


def paint_shot(
    job: VideoJob, shot: Shot, *, folder: Path, suffix: str, threads: int | None = None
) -> Painted:
    """Paints a shot; goes on from what a killed run has left in ``folder``.

    Args:
        job: of the whole film.
        shot: which frames; one of :func:`shots`.
        folder: where its parts go.
        suffix: of the film that they are for.
        threads: see :func:`impasto.films.paint_film`.

    Raises:
        InputError: a film or a style that cannot be used, or damage in the shot.
        OutputError: the folder cannot be written to.
    """
    begun = time.monotonic()
    with open_film(job.film, rate=job.fps) as film:
        chosen = partial(choose, threads=threads)
        run = Run(job, film, folder / f"{shot.first:09d}{suffix}", chosen, False, None, shot)
        damage = run.paint()
        if damage is not None:
            raise damage
        count = threads_of(run.brush, threads)
        said = run.recipe(run.brush.device, engine=run.brush.engine, threads=count)
        result = replace(run.result(time.monotonic() - begun), recipe=said)
        return Painted(tuple(run.segments.parts), result, said.to_json())


def join_shots(
    job: VideoJob, parts: Sequence[Path], out: Path, *, size: tuple[int, int], recipe: str, folder: Path
) -> None:
    """Puts a film together from the parts of all its shots, in order, with its sound; ``folder`` goes.

    Args:
        job: of the film.
        parts: what :func:`paint_shot` wrote.
        out: the film; what is there is replaced.
        size: (height, width) of its frames.
        recipe: what it says of itself.
        folder: where the parts lie.

    Raises:
        OutputError: the film cannot be written; the parts stay.
    """
    check_target(out, overwrite=True)
    with open_film(job.film, rate=job.fps) as film:
        tell_what_stays_behind(film, out)
        spans = [Span(job.begin, job.stop)]
        whole = Whole(out, size, spans=spans, recipe=recipe)
        whole.join(parts, film, overwrite=True)
    shutil.rmtree(folder)
