"""Stylization of a video shot by shot in parallel workers, with the same frames as a single run.

Shots are independent: the brush restarts at a cut, and so does the part file. So the parts from several
workers are equal, byte for byte, to those of a single run with the same number of threads.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from impasto.films.frame_painters import choose
from impasto.films.planning import FilmPlan, frame_size, linker_of
from impasto.films.video import FilmResult, FilmRun, FrameRange
from impasto.jobs import VideoJob
from impasto.media import (
    Span,
    Whole,
    check_target,
    open_film,
    prepare_frame,
    select_frames,
    tell_what_stays_behind,
)
from impasto.media.levels import levels_of
from impasto.media.segments import PART_FRAMES, of_other_version
from impasto.painters.inputs import recipe_of


@dataclass(frozen=True)
class Painted:
    """A finished shot: its part files in order, its result, and the recipe of the video."""

    parts: tuple[Path, ...]
    result: FilmResult
    recipe: str


def can_split(job: VideoJob) -> bool:
    """Return whether the shots of a job are independent; they are not if it reads other frames in step."""
    return job.processed is None and job.preview is None


def shots(job: VideoJob, *, suffix: str = ".mp4") -> list[FrameRange]:
    """Return the shots of a video; with a ``consistency`` of 0, chunks of one part each.

    Args:
        job: job of the whole video.
        suffix: suffix of the output.

    Raises:
        InputError: the video or a style cannot be used.
    """
    with open_film(job.film, rate=job.fps, **levels_of(Path(f"film{suffix}"))) as film:
        plan = FilmPlan.of(job)
        spans = [plan.span]
        size = frame_size(plan, film, start=plan.start)
        brush = choose(job, film, spans, size)
        try:
            flow, length = brush.flow, brush.part or PART_FRAMES
        finally:
            brush.close()
        linker, firsts = linker_of(plan, flow, None), list[int]()
        for number, shown in enumerate(select_frames(film, spans, every=job.every, fps=job.fps)):
            if job.consistency == 0:
                begins = number % length == 0
            else:
                begins = linker.next(prepare_frame(shown, size).rgb) is None or shown.begins
            if begins:
                firsts.append(number)
        return [FrameRange(one, other) for one, other in zip(firsts, [*firsts[1:], None], strict=True)]


def paint_shot(
    job: VideoJob, shot: FrameRange, *, folder: Path, suffix: str, threads: int | None = None
) -> Painted:
    """Stylize a shot; resume from what a killed run of this version of impasto left in ``folder``.

    Args:
        job: job of the whole video.
        shot: one of :func:`shots`.
        folder: folder of its parts.
        suffix: suffix of the video.
        threads: see :func:`impasto.films.paint_film`.

    Raises:
        InputError: the video or a style cannot be used, or the shot is damaged.
        OutputError: the folder cannot be written to.
    """
    begun = time.monotonic()
    with open_film(job.film, rate=job.fps, **levels_of(Path(f"film{suffix}"))) as film:
        chosen = partial(choose, job, threads=threads)
        out = folder / f"{shot.first:09d}{suffix}"
        restart = of_other_version(out)
        run = FilmRun(FilmPlan.of(job), film, out, chosen, restart=restart, on_progress=None, shot=shot)
        damage = run.paint()
        if damage is not None:
            raise damage
        said = run.recipe(partial(recipe_of, job), threads)
        result = replace(run.result(time.monotonic() - begun), recipe=said)
        return Painted(tuple(run.segments.parts), result, said.to_json())


def join_shots(
    job: VideoJob, parts: Sequence[Path], out: Path, *, size: tuple[int, int], recipe: str, folder: Path
) -> None:
    """Join the parts of all shots, in order, to a video with sound, and delete ``folder``.

    Args:
        job: job of the video.
        parts: parts written by :func:`paint_shot`.
        out: the video; an existing file is replaced.
        size: (height, width) of its frames.
        recipe: recipe for its metadata.
        folder: folder of the parts.

    Raises:
        OutputError: the video cannot be written; the parts are kept.
    """
    check_target(out, overwrite=True)
    with open_film(job.film, rate=job.fps, **levels_of(out)) as film:
        tell_what_stays_behind(film, out)
        spans = [Span(job.begin, job.stop)]
        whole = Whole(out, size, spans=spans, recipe=recipe)
        whole.join(parts, film, overwrite=True)
    shutil.rmtree(folder)
