"""Where the page's jobs are done: each in a thread of its own, watched, and stopped when asked."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.errors import ImpastoError
from impasto.films import FilmProgress
from impasto.jobs import DreamJob, Job, PhotorealJob, StylizeJob, VideoJob
from impasto.record import Progress, Result

Bytes = NDArray[np.uint8]
PREVIEW_SECONDS = 0.7  # between two previews
PREVIEW_SIDE = 640  # pixels


@dataclass(frozen=True)
class News:
    """What a run has to say: a sentence, the picture as it is now, or the file that it wrote."""

    text: str
    picture: Bytes | None = None
    file: Path | None = None


class Run:
    """A job that is being done.

    Args:
        job: what to do.
        out: the file to write.
        seconds: after which it is stopped.
    """

    def __init__(self, job: Job, out: Path, *, seconds: float) -> None:
        self.job, self.out, self.seconds = job, out, seconds
        self._news: queue.Queue[News | BaseException | None] = queue.Queue()
        self._stop = threading.Event()
        self._begun = self._shown = time.monotonic()

    def stop(self) -> None:
        """Ends it at its next step; what there is by then is kept."""
        self._stop.set()

    def news(self) -> Iterator[News]:
        """Does the job, and says how it goes.

        Raises:
            ImpastoError: what was wrong with the job.
        """
        self._begun = time.monotonic()
        threading.Thread(target=self._do, daemon=True).start()
        while (said := self._news.get()) is not None:
            if isinstance(said, BaseException):
                raise said
            yield said

    def _do(self) -> None:
        try:
            self._news.put(_WAYS[type(self.job)](self))
        except KeyboardInterrupt:
            self._news.put(News("stopped before there was anything to keep"))
        except BaseException as error:
            self._news.put(error)
        self._news.put(None)

    def watch(self, progress: Progress) -> None:
        """Called after every step of a picture."""
        self._check()
        now = time.monotonic()
        if now - self._shown < PREVIEW_SECONDS:
            return
        self._shown = now
        height, width = progress.size
        text = f"{progress.done:.0%} at {width} x {height}, {_clock(progress.seconds_left)} left"
        self._news.put(News(text, _seen(progress.picture())))

    def told(self, progress: FilmProgress) -> None:
        """Called after every frame of a film."""
        self._check()
        left = "?"
        if progress.expected:
            left = _clock(max(0, progress.expected - progress.frames) / max(progress.rate, 1e-9))
        whole = f" of {progress.expected}" if progress.expected else ""
        text = f"frame {progress.frames}{whole}, {progress.rate:.1f} a second, {left} left"
        self._news.put(News(text))

    def _check(self) -> None:
        if self._stop.is_set() or time.monotonic() - self._begun > self.seconds:
            raise KeyboardInterrupt

    def finished(self, result: Result) -> News:
        """The result, written with its recipe."""
        result.save(self.out, overwrite=True)
        height, width = result.picture.shape[:2]
        how = "stopped, this is the best so far" if result.stopped else "done"
        seconds = time.monotonic() - self._begun
        return News(f"{how}: {width} x {height}, {seconds:.1f} s", _bytes(result.picture), self.out)


def _stylize(run: Run) -> News:
    from impasto import painters

    assert isinstance(run.job, StylizeJob)
    return run.finished(painters.run(run.job, watch=run.watch))


def _dream(run: Run) -> News:
    from impasto.painters import dreaming

    assert isinstance(run.job, DreamJob)
    return run.finished(dreaming.run_dream(run.job, watch=run.watch))


def _photoreal(run: Run) -> News:
    from impasto.painters import relighting

    assert isinstance(run.job, PhotorealJob)
    said: list[str] = []
    found = run.finished(relighting.run(run.job, watch=run.watch, told=said.append))
    return News("\n".join([found.text, *said]), found.picture, found.file)


def _video(run: Run) -> News:
    from impasto import films

    assert isinstance(run.job, VideoJob)
    found = films.paint_film(run.job, out=run.out, overwrite=True, told=run.told)
    height, width = found.size
    return News(f"done: {found.frames} frames, {width} x {height}, {found.seconds:.0f} s", None, run.out)


_WAYS: dict[type[Job], Callable[[Run], News]] = {
    StylizeJob: _stylize,
    DreamJob: _dream,
    PhotorealJob: _photoreal,
    VideoJob: _video,
}


def sentence(error: BaseException) -> str:
    """One line of what went wrong."""
    text = " ".join(str(error).split())
    return text if isinstance(error, ImpastoError) else f"a fault of impasto: {type(error).__name__}: {text}"


def _seen(picture: Any) -> Bytes:
    from impasto import image, tensors

    rgb = tensors.to_array(picture)
    size = image.fit((rgb.shape[0], rgb.shape[1]), min(PREVIEW_SIDE, max(rgb.shape[:2])))
    return _bytes(image.resize(rgb, size))


def _bytes(picture: NDArray[Any]) -> Bytes:
    if picture.dtype == np.uint8:
        return picture
    rounded: Bytes = np.rint(picture.clip(0, 1) * 255).astype(np.uint8)
    return rounded


def _clock(seconds: float) -> str:
    return "?" if seconds == float("inf") else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
