"""Stylization of videos with temporal consistency, sound, and resuming after a kill."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from impasto import files
from impasto.errors import InputError
from impasto.films.frame_painters import Damage, FramePainter, threads_of
from impasto.films.frame_painters import choose as brush_of
from impasto.films.planning import FilmPlan, expected_frames, frame_size, linker_of
from impasto.films.prefetch import ahead
from impasto.jobs import VideoJob
from impasto.media import (
    Film,
    FlowMethod,
    Keyframes,
    Link,
    Segments,
    ShownFrame,
    Span,
    Steady,
    check_target,
    limit_spans,
    most_active_spans,
    open_film,
    prepare_frame,
    select_frames,
    stored_size,
    tell_what_stays_behind,
)
from impasto.media.levels import eight, levels_of, round_levels, top
from impasto.media.reading import exactly
from impasto.media.segments import PART_FRAMES
from impasto.painters.inputs import recipe_of
from impasto.record import Recipe
from impasto.session import Enough, FilmProgress, OnProgress, Session

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class FilmResult:
    """Result of a video: the file, all frames, those done in this run, shots, seconds, (height, width).

    ``painted`` counts the frames of this run that were stylized rather than warped. For a preview, ``whole``
    estimates seconds and bytes of the whole video. ``stopped`` is set after :class:`Enough`. ``recipe`` is
    the recipe in the metadata of the video.
    """

    path: Path
    frames: int
    done: int
    painted: int
    shots: int
    seconds: float
    size: tuple[int, int]
    whole: tuple[float, int] | None = None
    stopped: bool = False
    recipe: Recipe | None = None


@dataclass(frozen=True)
class FrameRange:
    """Range of processed frames: the first, and one past the last (None: to the end)."""

    first: int
    last: int | None = None


Choose = Callable[[Film, list[Span], tuple[int, int]], FramePainter]
RecipeOf = Callable[..., Recipe]  # called with (device, engine=, threads=)


def paint_film(
    job: VideoJob, out: Path, session: Session = Session(), *, flow: FlowMethod | None = None
) -> FilmResult:
    """Stylize a video; resume from what a killed run of the same job left, with an identical result.

    Args:
        job: video, styles and settings.
        out: the video to write; without a suffix, a folder of numbered images.
        session: progress, threads and what may be replaced; ``on_progress`` and ``watch`` may raise
            :class:`Enough` to stop.
        flow: optical flow from one frame to another, both ``(H, W, 3)``, in place of the job's. It is
            called on another thread. A killed run resumes with a flow of the same name.

    Raises:
        InputError: the video, a style or a setting cannot be used. If the video is damaged, or a processed
            one ends early, ``out`` holds the frames before.
        OutputError: the video cannot be written; finished frames are kept, and the same job resumes.
    """
    choose = partial(brush_of, job, threads=session.threads, watch=session.watch)
    recipe = partial(recipe_of, job)
    return paint_plan(FilmPlan.of(job), out, session, choose=choose, recipe=recipe, flow=flow)


def paint_plan(
    plan: FilmPlan,
    out: Path,
    session: Session,
    *,
    choose: Choose,
    recipe: RecipeOf,
    flow: FlowMethod | None = None,
) -> FilmResult:
    """Process the frames of a plan; arguments as for :func:`paint_film`.

    Args:
        choose: returns the brush for the video, its spans and the size of the frames; the brush sets its own
            threads.
        recipe: returns the recipe for the metadata.
    """
    overwrite, restart = session.overwrite, session.restart
    begun = time.monotonic()
    with files.tidy(out), ExitStack() as stack:
        check_target(out, overwrite=overwrite, key="" if restart else None)
        film = stack.enter_context(closing(open_film(plan.film, rate=plan.fps, **levels_of(out))))
        files.protect_inputs(out, (film.path, *film.inputs, plan.like))
        run = FilmRun(plan, film, out, choose, restart=restart, on_progress=session.on_progress, flow=flow)
        check_target(out, overwrite=overwrite, key=run.segments.key)
        tell_what_stays_behind(film, out)
        damage = run.paint()
        said = run.recipe(recipe, session.threads)
        spans = limit_spans(run.spans, run.shown) if run.stopped else run.spans
        run.segments.join(film, spans=spans, overwrite=overwrite, recipe=said.to_json())
        if damage is not None:
            raise InputError(f"{damage}; the frames before are in {out}")
        return replace(run.result(time.monotonic() - begun), recipe=said)


@dataclass
class FilmRun:
    """State of one run of a job: its frames so far, its brush and its output."""

    plan: FilmPlan
    film: Film
    out: Path
    choose: Choose
    restart: bool
    on_progress: OnProgress | None
    shot: FrameRange = field(default_factory=lambda: FrameRange(0))
    flow: FlowMethod | None = None
    done: int = 0
    stopped: bool = False
    shown: Fraction = Fraction(0)  # end of the last frame in seconds
    begun: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        plan = self.plan
        self.spans = [plan.span]
        if plan.preview is not None:
            self.spans = most_active_spans(self.film, plan.preview, within=plan.span)
        self.size = frame_size(plan, self.film, start=self.spans[0].start)
        self.brush: FramePainter = self.choose(self.film, self.spans, self.size)
        rate = min(self.film.rate / plan.every, exactly(plan.fps or float(self.film.rate)))
        self.segments = Segments(
            self.out,
            self._key(),
            self.size,
            restart=self.restart,
            length=self.brush.part or PART_FRAMES,
            rate=rate,
        )
        consistency, least = plan.consistency * self.brush.blend, -1.0 if self.brush.adds else 0.0
        self.steady = Steady(self.brush, consistency=consistency, rate=float(rate) / plan.keys, least=least)
        self.keyframes = Keyframes(self.steady, plan.keys)
        self.steady.restore(self.segments.state)
        self.steady.shots = int(self.segments.state.get("shots", np.zeros(1))[0])
        self.brush.restore(self.segments.state, self.segments.frames)

    def paint(self) -> InputError | None:
        """Process the remaining frames; return the error of a damaged video, or None."""
        waiting: deque[tuple[Bytes, ShownFrame]] = deque()
        damage = None
        try:
            with ahead(self._link_frames()) as frames:
                try:
                    for rgb, shown, link in frames:
                        if link is None and self.plan.consistency > 0:
                            self._end_shot(waiting)
                        self.brush.move(link)
                        waiting.append((rgb, shown))
                        for output in self.keyframes.next(rgb, link):
                            self._write(output, *waiting.popleft())
                        # Only here: the state saved with a part is that after *all* finished frames.
                        if self.segments.full and self.keyframes.settled:
                            self._settle()
                except Damage as fault:
                    damage = fault.error
            self._end_shot(waiting)
            if self.segments.frames == 0:
                raise damage or InputError(
                    f"{self.plan.film} has no frames between {self.plan.start:g} s and its end"
                )
        except Enough as wish:
            if self.segments.frames + self.segments.waiting == 0:
                self.segments.abandon()
                raise InputError(f"{self.plan.film} was stopped before a frame was done") from wish
            self._settle()
            self.stopped = True
        except BaseException:
            self.segments.abandon()
            raise
        finally:
            self.brush.close()
        return damage

    def _end_shot(self, waiting: deque[tuple[Bytes, ShownFrame]]) -> None:
        """Process the waiting frames and end the part: every shot starts a part of its own."""
        for output in self.keyframes.finish():
            self._write(output, *waiting.popleft())
        self._settle()

    def _link_frames(self) -> Iterator[tuple[Bytes, ShownFrame, Link | None]]:
        """Yield the remaining frames, resized, each with its link to the previous frame."""
        plan, skipped = self.plan, self.shot.first + self.segments.frames
        linker = linker_of(plan, self.brush.flow, self.steady.frame, given=self.flow)
        frames = select_frames(self.film, self.spans, every=plan.every, fps=plan.fps)
        number = -1
        while True:
            try:
                shown = next(frames, None)
            except InputError as error:
                raise Damage(error) from error
            if shown is None:
                return
            number += 1
            if number < skipped:
                continue
            if self.shot.last is not None and number >= self.shot.last:
                return
            shown = prepare_frame(shown, self.size)
            link = linker.next(shown.rgb) if plan.consistency > 0 else None
            yield shown.rgb, shown, None if shown.begins else link

    def _write(self, output: Array, rgb: Bytes, shown: ShownFrame) -> None:
        peak = np.float32(top(rgb))
        levels: Array = output.clip(-1, 1) * peak + rgb if self.brush.adds else output * peak
        if self.brush.where is not None:
            # Last: blending would show earlier frames where the mask keeps the source.
            levels += (1 - self.brush.where[..., None]) * (rgb - levels)
        picture: Bytes = round_levels(levels, rgb.dtype)
        whole = picture if shown.alpha is None else np.dstack([picture, shown.alpha])
        self.segments.write(whole, shown.time, shown.duration)
        self.done, self.shown = self.done + 1, shown.time + shown.duration
        if self.on_progress:
            seconds = time.monotonic() - self.begun
            frames = self.segments.frames + self.segments.waiting
            expected = expected_frames(self.film, self.spans, self.plan)
            size = self._bytes(expected or frames)
            rate = self.done / max(seconds, 1e-9)
            self.on_progress(FilmProgress(frames, expected, seconds, rate, size, eight(picture)))

    def _settle(self) -> None:
        shots = {"shots": np.array([self.steady.shots])}
        self.segments.finish_part({**self.steady.state(), **self.brush.state(), **shots})

    def _bytes(self, frames: int) -> int | None:
        """Return the estimated size of ``frames`` frames."""
        written = self.segments.frames
        return None if written == 0 else round(self.segments.bytes / written * frames)

    def _key(self) -> str:
        """Return a hash of the settings and inputs, to recognize a killed run of the same job."""
        hashes = [files.sha256(path) for path in self.film.inputs]
        parts = [self.plan.settings(), hashes, self.brush.identity]
        if self.film.clear or self.film.deep:
            parts.append(f"clear {self.film.clear}, deep {self.film.deep}")
        if self.flow is not None:
            parts.append(getattr(self.flow, "__qualname__", type(self.flow).__qualname__))
        return files.digest(parts)

    def recipe(self, recipe: RecipeOf, threads: int | None) -> Recipe:
        """Return the recipe for the metadata."""
        count = threads_of(self.brush, threads)
        said = recipe(self.brush.device, engine=self.brush.engine, threads=count)
        return replace(said, licenses=self.brush.licenses)

    def result(self, seconds: float) -> FilmResult:
        """Return the result of the run."""
        whole = None
        if self.plan.preview is not None and self.done:
            count = expected_frames(self.film, [self.plan.span], self.plan) or 0
            whole = seconds / self.done * count, self._bytes(count) or 0
        return FilmResult(
            self.out,
            self.segments.frames,
            self.done,
            self.keyframes.painted,
            self.steady.shots,
            seconds,
            stored_size(self.out, self.size),
            whole,
            self.stopped,
        )
