"""DeepDream videos that zoom endlessly into a photo."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto import files, image, tensors
from impasto.backbones.devices import use_threads
from impasto.errors import InputError
from impasto.films.video import FilmResult
from impasto.jobs import DreamJob
from impasto.media import Segments, check_target
from impasto.painters.dream import Dreamer
from impasto.session import Enough, FilmProgress, Session

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]

PART = 48  # frames between checkpoints; each frame takes seconds
DEEPER = 0.7  # share of the steps for a canvas that starts from the one around it
CANVAS = 2  # side of a canvas relative to that of a frame


def zoom(job: DreamJob, out: Path, session: Session = Session()) -> FilmResult:
    """Make a video that zooms endlessly into a photo.

    Canvases have twice the sides of a frame; each is dreamed from the enlarged middle of the previous one. A
    frame is a single reduction of its canvas, with the next canvas blended into its middle. No frame is made
    from another frame, so blur does not accumulate.

    The arguments are those of :func:`impasto.films.dream.dream_film`.

    Raises:
        InputError: the photo or a setting cannot be used.
        OutputError: the video cannot be written.
    """
    overwrite, restart = session.overwrite, session.restart
    check_target(out, overwrite=overwrite, key="" if restart else None)
    job.check_kind("zoom")
    begun, painted = time.monotonic(), 0
    threads = use_threads(session.threads)
    dreamer = Dreamer(job, {}, session.watch)
    size = _even(dreamer.size(dreamer.inputs.read(job.content).size))
    rate = Fraction(job.fps).limit_denominator(1001)
    key = files.digest([job.settings(), [files.sha256(name) for name in job.inputs()]])
    segments = Segments(out, key, size, restart=restart, length=PART, rate=rate)
    check_target(out, overwrite=overwrite, key=segments.key)
    canvases = Canvases(dreamer, size)
    canvases.restore(segments.state)
    stopped = False
    try:
        for number in range(segments.frames, job.frames):
            depth = number * math.log(job.speed, CANVAS)
            canvases.reach(int(depth))
            frame = canvases.frame(depth - int(depth))
            segments.write(frame, number / rate, 1 / rate)
            painted += 1
            if segments.full:
                segments.finish_part(canvases.state())
            if session.on_progress:
                seconds = time.monotonic() - begun
                pace = painted / max(seconds, 1e-9)
                session.on_progress(FilmProgress(number + 1, job.frames, seconds, pace, picture=frame))
    except Enough as wish:
        if segments.frames + segments.waiting == 0:
            segments.abandon()
            raise InputError(f"{out} was stopped before a frame was done") from wish
        stopped = True
    segments.finish_part(canvases.state())
    said = dreamer.recipe(str(dreamer.device), engine="torch", threads=threads)
    segments.join(None, overwrite=overwrite, recipe=said.to_json())
    seconds = time.monotonic() - begun
    return FilmResult(out, segments.frames, painted, painted, 1, seconds, size, stopped=stopped, recipe=said)


@dataclass
class Canvases:
    """The two canvases of the current frame of a zoom; ``size`` is the (height, width) of the frames."""

    dreamer: Dreamer
    size: tuple[int, int]
    index: int = -1
    outer: Bytes | None = None
    inner: Bytes | None = None  # the middle of the outer one, twice as large

    def reach(self, index: int) -> None:
        """Dream further canvases until the outer one has the given index."""
        while self.index < index or self.outer is None or self.inner is None:
            if self.inner is None:
                photo = self.dreamer.inputs.read(self.dreamer.job.content).flat()
                canvas = CANVAS * self.size[1], CANVAS * self.size[0]
                large = Image.fromarray(image.as_bytes(photo)).resize(canvas, Image.Resampling.LANCZOS)
                self.outer = self._dream(np.asarray(large), self.dreamer.job.octave_steps)
            else:
                self.outer = self.inner
            # The same number at each octave: an enlarged canvas has coarse shapes, and lacks fine ones.
            usual = self.dreamer.job.octave_steps
            steps = DEEPER * sum(usual) / len(usual)
            self.inner = self._dream(self._middle(self.outer), (max(1, round(steps)),))
            self.index += 1

    def frame(self, share: float) -> Bytes:
        """Return the frame at ``share``, 0..1, of the way from the outer canvas to the inner one."""
        assert self.outer is not None and self.inner is not None
        scale = CANVAS**share
        around = _cut(self.outer, scale, self.size)
        margins = [(side * (CANVAS - 1) // 2,) * 2 for side in self.inner.shape[:2]]
        middle = _cut(np.pad(self.inner, [*margins, (0, 0)], mode="edge"), scale, self.size)
        weight = _inset(self.size, scale / CANVAS) * np.float32(share * share * (3 - 2 * share))
        return image.as_bytes((around + weight[..., None] * (middle.astype(np.float32) - around)) / 255)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return the state for the next frame."""
        if self.outer is None or self.inner is None:
            return {}
        return {"index": np.array([self.index]), "outer": self.outer, "inner": self.inner}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Resume from a result of :meth:`state`."""
        if state:
            self.index = int(state["index"][0])
            self.outer, self.inner = (np.asarray(state[k], np.uint8) for k in ("outer", "inner"))

    def _middle(self, canvas: Bytes) -> Bytes:
        height, width = canvas.shape[:2]
        margins = (1 - 1 / CANVAS) / 2
        box = (width * margins, height * margins, width * (1 - margins), height * (1 - margins))
        return np.asarray(Image.fromarray(canvas).resize((width, height), Image.Resampling.BICUBIC, box=box))

    def _dream(self, canvas: Bytes, steps: tuple[int, ...]) -> Bytes:
        outcome = self.dreamer.paint(tensors.from_array(image.floats(canvas)), steps=steps)
        if outcome.stopped:
            raise KeyboardInterrupt
        return image.as_bytes(tensors.to_array(outcome.picture))


def _cut(canvas: Bytes, scale: float, size: tuple[int, int]) -> Bytes:
    """Return the middle ``1 / scale`` of a canvas at ``size``; reduced by Lanczos, never enlarged."""
    height, width = canvas.shape[:2]
    above, beside = height * (1 - 1 / scale) / 2, width * (1 - 1 / scale) / 2
    box = (beside, above, width - beside, height - above)
    return np.asarray(Image.fromarray(canvas).resize(size[::-1], Image.Resampling.LANCZOS, box=box))


def _inset(size: tuple[int, int], fill: float) -> Array:
    """Return weights of the inner canvas, 1 in the middle to 0 at its edge, at ``fill`` of the sides."""
    rows, columns = (np.abs(2 * (np.arange(n) + 0.5) / n - 1).astype(np.float32) for n in size)
    away = np.maximum(rows[:, None], columns[None])
    # The soft border vanishes as the inner canvas fills the frame.
    soft = max((1 - fill) * 0.7, 1e-6)
    inset: Array = ((fill - away) / soft).clip(0, 1).astype(np.float32)
    return inset


def _even(size: tuple[int, int]) -> tuple[int, int]:
    """Return even sides, as video codecs require."""
    return max(2, size[0] // 2 * 2), max(2, size[1] // 2 * 2)
