"""Job runner of the page: one thread per job, with progress messages and a stop request."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.errors import ImpastoError, InputError
from impasto.films import Enough, FilmProgress
from impasto.jobs import DreamJob, Job, PhotorealJob, StylizeJob, VideoJob
from impasto.record import Progress, Result

Bytes = NDArray[np.uint8]
PREVIEW_SECONDS = 0.7  # minimum time between previews
PREVIEW_SIDE = 640  # pixels


@dataclass(frozen=True)
class News:
    """A progress message of a run: a text, and the current image or the file that was written."""

    text: str
    picture: Bytes | None = None
    file: Path | None = None


class Line:
    """Queue of runs: one runs at a time, first come, first served.

    Args:
        most: how many may wait.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._runs: list[Run] = []
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, run: Run) -> Iterator[None]:
        """Wait for the turn of ``run``, telling it how many are ahead, and hold it for the ``with`` block.

        Raises:
            InputError: the queue is full.
        """
        with self._changed:
            if len(self._runs) > self.most:
                raise InputError(f"{self.most} jobs are already waiting: try again later")
            self._runs.append(run)
        try:
            with self._changed:
                while before := self._runs.index(run):
                    run.waits(before)
                    self._changed.wait(0.5)
            yield
        finally:
            with self._changed:
                self._runs.remove(run)
                self._changed.notify_all()


class Run:
    """A job that runs in a thread.

    Args:
        job: the job.
        out: the file to write.
        seconds: time limit.
        line: queue in which it waits for its turn.
    """

    def __init__(self, job: Job, out: Path, *, seconds: float, line: Line) -> None:
        self.job, self.out, self.seconds, self.line = job, out, seconds, line
        self._news: queue.Queue[News | BaseException | None] = queue.Queue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._do, daemon=True)
        self._begun = self._shown = time.monotonic()
        self._before = 0

    def stop(self) -> None:
        """Stop the run at its next step and keep its result so far."""
        self._stop.set()

    def wait(self) -> None:
        """Wait until the thread has ended."""
        if self._thread.is_alive():
            self._thread.join()

    def news(self) -> Iterator[News]:
        """Run the job when its turn comes, and yield its progress.

        Raises:
            ImpastoError: the job failed.
        """
        self._thread.start()
        while (said := self._news.get()) is not None:
            if isinstance(said, BaseException):
                raise said
            yield said

    def _do(self) -> None:
        try:
            with self.line.turn(self):
                self._begun = time.monotonic()
                self._news.put(_WAYS[type(self.job)](self))
        except KeyboardInterrupt:
            self._news.put(News("stopped before there was a result to keep"))
        except BaseException as error:
            self._news.put(error)
        self._news.put(None)

    def waits(self, before: int) -> None:
        """Report ``before``, the number of runs ahead; called regularly while waiting."""
        if self._stop.is_set():
            raise KeyboardInterrupt
        if before != self._before:
            self._before = before
            others = "another job is" if before == 1 else f"{before} jobs are"
            self._news.put(News(f"waiting: {others} ahead of this one"))

    def watch(self, progress: Progress) -> None:
        """Report the progress of an image; called after every step."""
        if self._ends:
            raise KeyboardInterrupt
        now = time.monotonic()
        if now - self._shown < PREVIEW_SECONDS:
            return
        self._shown = now
        height, width = progress.size
        text = f"{progress.done:.0%} at {width} x {height}, {_clock(progress.seconds_left)} left"
        self._news.put(News(text, _seen(progress.picture())))

    def told(self, progress: FilmProgress) -> None:
        """Report the progress of a video; called after every frame."""
        if self._ends:
            raise Enough
        now = time.monotonic()
        if progress.frames > 1 and now - self._shown < PREVIEW_SECONDS:
            return
        self._shown = now
        left = "?"
        if progress.expected:
            left = _clock(max(0, progress.expected - progress.frames) / max(progress.rate, 1e-9))
        whole = f" of {progress.expected}" if progress.expected else ""
        text = f"frame {progress.frames}{whole}, {progress.rate:.1f} frames/s, {left} left"
        picture = None if progress.picture is None else _small(progress.picture)
        self._news.put(News(text, picture))

    def step(self, progress: Progress) -> None:
        """Stop within a frame; called after every optimisation step, since a frame may take minutes."""
        if self._ends:
            raise Enough

    @property
    def _ends(self) -> bool:
        return self._stop.is_set() or time.monotonic() - self._begun > self.seconds

    @property
    def why(self) -> str:
        """Reason of an early end, as text."""
        if self._stop.is_set():
            return "stopped"
        return f"stopped after {self.seconds / 60:g} minutes, the time limit of this page"

    def finished(self, result: Result) -> News:
        """Write the result with its recipe, and return the final message."""
        result.save(self.out, overwrite=True)
        height, width = result.picture.shape[:2]
        how = f"{self.why}, this is the best so far" if result.stopped else "done"
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
    return News("\n\n".join([found.text, *map(_tabled, said)]), found.picture, found.file)


def _video(run: Run) -> News:
    from impasto import films
    from impasto.films import brushes

    assert isinstance(run.job, VideoJob)
    choose = partial(brushes.choose, watch=run.step)
    found = films.paint_film(run.job, out=run.out, overwrite=True, restart=True, told=run.told, choose=choose)
    height, width = found.size
    how = f"{run.why}, this is the part that is done" if found.stopped else "done"
    return News(f"{how}: {found.frames} frames, {width} x {height}, {found.seconds:.0f} s", None, run.out)


_WAYS: dict[type[Job], Callable[[Run], News]] = {
    StylizeJob: _stylize,
    DreamJob: _dream,
    PhotorealJob: _photoreal,
    VideoJob: _video,
}


def sentence(error: BaseException, *, folders: Sequence[Path] = ()) -> str:
    """Return an error as one line, without the paths of session folders within ``folders``."""
    text = " ".join(str(error).split())
    for folder in folders:
        text = re.sub(rf"{re.escape(str(folder))}/[^/ ]+/", "", text)
    return text if isinstance(error, ImpastoError) else f"a bug in impasto: {type(error).__name__}: {text}"


def _tabled(text: str) -> str:
    """Convert a plain-text table of several lines to Markdown; return a single line unchanged."""
    lines = [line for line in text.splitlines() if not line.startswith("warning:")]
    warnings = text.splitlines()[len(lines) :]
    first, *others = (re.split(r"\s{2,}", line.strip()) for line in lines or [""])
    if not others:
        return text
    columns = max(map(len, others))
    rows = [first, ["---"] * columns, *others]
    table = ["| " + " | ".join(row + [""] * (columns - len(row))) + " |" for row in rows]
    return "\n".join(table + [f"\n{warning}" for warning in warnings])


def _seen(picture: Any) -> Bytes:
    from impasto import tensors

    return _small(tensors.to_array(picture))


def _small(picture: NDArray[Any]) -> Bytes:
    from impasto import image

    size = image.fit((picture.shape[0], picture.shape[1]), min(PREVIEW_SIDE, max(picture.shape[:2])))
    return _bytes(image.resize(picture, size))


def _bytes(picture: NDArray[Any]) -> Bytes:
    if picture.dtype == np.uint8:
        return picture
    rounded: Bytes = np.rint(picture.clip(0, 1) * 255).astype(np.uint8)
    return rounded


def _clock(seconds: float) -> str:
    return "?" if seconds == float("inf") else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
