"""DeepDream videos with temporal consistency."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from impasto import files, tensors
from impasto.backbones.devices import use_threads
from impasto.films.frame_painters import FramePainter, State
from impasto.films.planning import FilmPlan
from impasto.films.video import FilmResult, paint_plan
from impasto.jobs import DreamJob
from impasto.media import Film, Span, open_film, size_of
from impasto.media.levels import unit
from impasto.painters.dream import Dreamer
from impasto.session import Session

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]

PART = 48  # frames between checkpoints; each frame takes seconds
AFTER = 0.25  # share of the steps for a frame that starts from the previous dream
CLIPPED = 4  # iterations that correct the mean of a difference for clipping


def dream_film(job: DreamJob, out: Path, session: Session = Session()) -> FilmResult:
    """Apply DeepDream to a video.

    The *difference* from the source is propagated from frame to frame: it is warped by the optical flow where
    that is reliable, and attenuated. A few steps continue the dream, and its mean and energy are set to those
    of the shot's first frame, so that static shots neither drift nor brighten.

    Args:
        job: the video and its settings.
        out, session: see :func:`impasto.films.paint_film`.

    Raises:
        InputError: the video or a setting cannot be used.
        OutputError: the video cannot be written.
    """
    job.check_kind("film")
    use_threads(session.threads)
    dreamer = Dreamer(job, {}, session.watch)
    with closing(open_film(job.content)) as film:
        size = dreamer.size(size_of(film, None, start=job.begin))
    plan = FilmPlan(
        job.content,
        job.begin,
        job.stop,
        size=max(size),
        consistency=job.consistency,
        others={"styles": job.targets, "device": job.device},
    )

    def choose(film: Film, spans: list[Span], size: tuple[int, int]) -> FramePainter:
        return FrameDream(dreamer)

    return paint_plan(plan, out, session, choose=choose, recipe=dreamer.recipe)


class FrameDream(FramePainter):
    """Frame painter that dreams each frame, starting from the previous dream; it returns the difference."""

    part, adds = PART, True

    def __init__(self, dreamer: Dreamer) -> None:
        self.dreamer = dreamer
        job = dreamer.job
        self.device = str(dreamer.device)
        self.identity = json.dumps([job.settings(), *map(files.sha256, dreamer.others)])
        self.steps = tuple(max(1, round(AFTER * steps)) for steps in job.octave_steps)
        self.energy: float | None = None
        self.mean = np.zeros(3, np.float32)
        self.inside: Array | None = None  # mask of the dream, (H, W, 1)
        self.share = 1.0  # mean of the mask

    def __call__(self, frame: Bytes, warped: Array | None, mask: Array | None) -> Array:
        """Return the difference ``(H, W, 3)``; ``warped`` is that of the previous frame, warped."""
        photo = unit(frame)
        if self.inside is None:
            self._look_where(frame.shape[:2])
        assert self.inside is not None
        if warped is None or mask is None or self.energy is None:
            found = self._dream(photo, None) - photo
            self.mean = found.mean((0, 1))
            self.energy = _energy(found - self._spread_mean(self.mean))
            return found
        # Dream on the frame with the previous dream added, so that no octave blurs that dream.
        carried = np.float32(self.dreamer.job.decay) * mask[..., None] * self.inside * warped
        found = self._dream((photo + carried).clip(0, 1), self.steps) - photo
        found -= self._spread_mean(found.mean((0, 1), dtype=np.float32))
        held: Array = found * np.float32(self.energy / max(_energy(found), 1e-6)) + self._spread_mean(
            self.mean
        )
        # Clipping changes the mean: match the mean after clipping.
        for _ in range(CLIPPED):
            shown = (photo + held).clip(0, 1) - photo
            held += self._spread_mean(self.mean - shown.mean((0, 1), dtype=np.float32))
        return held

    def state(self) -> State:
        """Return the state for the next frame."""
        return {} if self.energy is None else {"held": np.array([self.energy, *self.mean], np.float64)}

    def restore(self, state: State, frames: int) -> None:
        """Resume from a result of :meth:`state`."""
        if "held" in state:
            self.energy = float(state["held"][0])
            self.mean = np.asarray(state["held"][1:], np.float32)

    def _look_where(self, size: tuple[int, int]) -> None:
        mask = self.dreamer.mask(size)
        if mask is None:
            self.inside = np.ones((*size, 1), np.float32)
        else:
            self.inside = tensors.to_array(mask)
            self.where = self.inside[..., 0]
        self.share = max(float(self.inside.mean()), 1e-6)

    def _spread_mean(self, mean: Array) -> Array:
        """Return a difference with this mean over the frame, proportional to the mask."""
        assert self.inside is not None
        spread: Array = self.inside * (mean / np.float32(self.share))
        return spread

    def _dream(self, photo: Array, steps: tuple[int, ...] | None) -> Array:
        outcome = self.dreamer.paint(tensors.from_array(photo), steps=steps)
        if outcome.stopped:
            raise KeyboardInterrupt
        return tensors.to_array(outcome.picture)


def _energy(difference: Array) -> float:
    return float(np.sqrt(np.square(difference, dtype=np.float64).mean()))
