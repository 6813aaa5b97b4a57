"""How a job is run: progress, checkpoints, threads and files. A session never changes what a job is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from impasto.image import Source
    from impasto.record import Progress, Watch

SAVE_EVERY = 50


@dataclass(frozen=True)
class FilmProgress:
    """Progress of a video: frames done, expected frames (None if unknown), and elapsed seconds.

    ``rate`` is in frames per second, ``bytes`` the estimated size of the video once a part is written,
    ``picture`` the last frame.
    """

    frames: int
    expected: int | None
    seconds: float
    rate: float
    bytes: int | None = None
    picture: NDArray[np.uint8] | None = None

    @property
    def seconds_left(self) -> float:
        """Estimated remaining seconds, at the present rate; infinite if the number of frames is unknown."""
        return max(0, self.expected - self.frames) / max(self.rate, 1e-9) if self.expected else float("inf")


class Enough(Exception):  # noqa: N818 - a request, not an error
    """Raise in a progress callback to stop the video and keep the frames done so far."""


OnProgress = Callable[[FilmProgress], None]


@dataclass(frozen=True)
class Session:
    """One run of a job.

    Args:
        watch: called after every step of an image or a training.
        on_progress: called after every frame of a video.
        log: called with notes and warnings; default: the log.
        stop: called after every step and frame; True stops the run and keeps its result so far.
        checkpoint: checkpoint file; default: beside the output, none without an output.
        save_every: evaluations between checkpoints.
        resume: resume an image from its checkpoint. Videos always resume.
        restart: discard what a killed run of a video left.
        overwrite: replace existing outputs.
        partial: whether a run that is stopped writes its image so far, or raises KeyboardInterrupt.
        as_stored: store the image with the EXIF orientation of its photo, and gray if the photo is gray.
        threads: number of threads on a CPU, on which the last bits of a result depend; default: all cores.
        memory: memory budget in bytes if the job sets none; default: the free memory.
        pictures: images in memory, or other paths, by the names that the job uses.
        also: further outputs by name; see ``also`` of a :class:`impasto.verbs.run.Verb`.
    """

    watch: Watch | None = None
    on_progress: OnProgress | None = None
    log: Callable[[str], None] | None = None
    stop: Callable[[], bool] | None = None
    checkpoint: Path | None = None
    save_every: int = SAVE_EVERY
    resume: bool = False
    restart: bool = False
    overwrite: bool = False
    partial: bool = True
    as_stored: bool = False
    threads: int | None = None
    memory: int | None = None
    pictures: Mapping[str, Source] = field(default_factory=dict)
    also: Mapping[str, Path] = field(default_factory=dict)

    def of_image(self) -> Session:
        """Return the session whose ``watch`` also stops the run."""
        return replace(self, watch=self._stopping(self.watch, KeyboardInterrupt), stop=None)

    def of_video(self) -> Session:
        """Return the session whose ``on_progress`` also stops the run, as does ``watch`` within a frame."""
        on_progress: OnProgress | None = self._stopping(self.on_progress, Enough)
        watch: Watch | None = self._stopping(None, Enough)
        return replace(self, on_progress=on_progress, watch=watch, stop=None)

    def _stopping(
        self, on_progress: Callable[[Any], None] | None, signal: type[BaseException]
    ) -> Callable[[Any], None] | None:
        stop = self.stop
        if stop is None:
            return on_progress

        def stopping(progress: Progress | FilmProgress) -> None:
            if on_progress is not None:
                on_progress(progress)
            if stop():
                raise signal

        return stopping


def checkpoint_beside(out: Path) -> Path:
    """Return the path of the checkpoint of an output."""
    return out.with_name(f"{out.name}.checkpoint")


def pace(rate: float) -> str:
    """Format a rate as frames per second, or as seconds per frame if it is below 1."""
    return f"{rate:.1f} frames/s" if rate >= 1 else f"{1 / max(rate, 1e-9):.0f} s/frame"


def clock(seconds: float) -> str:
    """Format seconds as minutes and seconds."""
    if seconds == float("inf"):
        return "?"
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
