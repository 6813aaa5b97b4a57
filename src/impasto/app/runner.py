"""Job runner of the page: one thread per job, with progress messages and a stop request."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from impasto import image
from impasto.errors import ImpastoError, InputError
from impasto.jobs import Job
from impasto.jobs.base import pluralize
from impasto.record import Progress
from impasto.session import FilmProgress, Session, clock
from impasto.verbs.run import run

Bytes = NDArray[np.uint8]
PREVIEW_SECONDS = 0.7  # minimum time between previews
PREVIEW_SIDE = 640  # pixels


@dataclass(frozen=True)
class Update:
    """A progress message of a run: a text, and the current image or the file that was written."""

    text: str
    picture: Bytes | None = None
    file: Path | None = None


class TurnQueue:
    """Queue of runs: one runs at a time, first come, first served.

    Args:
        most: how many may wait.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._runs: list[AppRun] = []
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, run: AppRun) -> Iterator[None]:
        """Wait for the turn of ``run``, telling it how many are ahead, and hold it for the ``with`` block.

        Raises:
            InputError: the queue is full.
        """
        with self._changed:
            if len(self._runs) > self.most:
                raise InputError(f"the queue is full ({pluralize(self.most, 'job')}): try again later")
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


class AppRun:
    """A job that runs in a thread; any number of readers may follow it, at any time.

    Args:
        turns: queue in which it waits for its turn.
    """

    def __init__(self, job: Job, out: Path, *, seconds: float, turns: TurnQueue) -> None:
        self.job, self.out, self.seconds, self.turns = job, out, seconds, turns
        self._changed = threading.Condition()
        self._latest: Update | None = None
        self._count, self._over = 0, False  # updates so far, and whether there will be no other
        self._error: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._do, daemon=True)
        self._begun = self._shown = time.monotonic()
        self._before = 0

    def start(self) -> AppRun:
        """Start the thread; the job runs when its turn comes."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop the run at its next step and keep its result so far."""
        self._stop.set()

    def wait(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()

    def is_over(self, *, within: float) -> bool:
        """Return whether the run ends within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._over, within)

    def updates(self) -> Iterator[Update]:
        """Yield the latest progress message, then each new one until the run is over.

        Raises:
            ImpastoError: the job failed.
        """
        seen = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._count > seen or self._over)  # noqa: B023
                if self._count == seen:
                    break
                seen, latest = self._count, self._latest
            if latest is not None:
                yield latest
        if self._error is not None:
            raise self._error

    def _tell(self, latest: Update) -> None:
        with self._changed:
            self._latest, self._count = latest, self._count + 1
            self._changed.notify_all()

    def _do(self) -> None:
        try:
            with self.turns.turn(self):
                self._begun = time.monotonic()
                self._tell(self._run())
        except KeyboardInterrupt:
            self._tell(Update("stopped before there was a result to keep"))
        except BaseException as error:
            self._error = error
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def waits(self, before: int) -> None:
        """Report ``before``, the number of runs ahead; called regularly while waiting."""
        if self._stop.is_set():
            raise KeyboardInterrupt
        if before != self._before:
            self._before = before
            others = "another job is" if before == 1 else f"{before} jobs are"
            self._tell(Update(f"waiting: {others} ahead of this one"))

    def watch(self, progress: Progress) -> None:
        """Report the progress of an image; called after every step."""
        if self._is_time():
            from impasto import tensors  # torch takes seconds to load, and the page is to be seen before

            height, width = progress.size
            text = f"{progress.done:.0%} at {width} x {height}, {clock(progress.seconds_left)} left"
            picture = image.shrink(tensors.to_array(progress.picture()), PREVIEW_SIDE)
            self._tell(Update(text, image.as_bytes(picture)))

    def on_progress(self, progress: FilmProgress) -> None:
        """Report the progress of a video; called after every frame."""
        if progress.frames == 1 or self._is_time():
            left = clock(progress.seconds_left)
            whole = f" of {progress.expected}" if progress.expected else ""
            text = f"frame {progress.frames}{whole}, {progress.rate:.1f} frames/s, {left} left"
            shown = progress.picture
            small = None if shown is None else image.as_bytes(image.shrink(shown, PREVIEW_SIDE))
            self._tell(Update(text, small))

    def _is_time(self) -> bool:
        """Return whether to show a preview now, and note that it is shown."""
        now = time.monotonic()
        if now - self._shown < PREVIEW_SECONDS:
            return False
        self._shown = now
        return True

    def ends(self) -> bool:
        """Return whether the run is to stop."""
        return self._stop.is_set() or time.monotonic() - self._begun > self.seconds

    def _run(self) -> Update:
        said: list[str] = []
        session = Session(
            watch=self.watch,
            on_progress=self.on_progress,
            log=said.append,
            stop=self.ends,
            restart=True,
            overwrite=True,
        )
        outcome = run(self.job, self.out, session)
        how = "done"
        if outcome.stopped:
            minutes = f"stopped after {self.seconds / 60:g} minutes, the time limit of this page"
            how = f"{'stopped' if self._stop.is_set() else minutes}; this is the result so far"
        size = " x ".join(map(str, outcome.facts["size"]))
        frames = f"{pluralize(outcome.facts['frames'], 'frame')}, " if "frames" in outcome.facts else ""
        text = f"{how}: {frames}{size}, {time.monotonic() - self._begun:.1f} s"
        picture = getattr(outcome.value, "picture", None)
        shown = None if picture is None else image.as_bytes(picture)
        return Update("\n\n".join([text, *map(_block, said)]), shown, self.out)


def sentence(error: BaseException, *, folders: Sequence[Path] = ()) -> str:
    """Return an error as one line, without the paths of session folders within ``folders``."""
    text = " ".join(str(error).split())
    for folder in folders:
        text = re.sub(rf"{re.escape(str(folder))}/[^/ ]+/", "", text)
    return text if isinstance(error, ImpastoError) else f"a bug in impasto: {type(error).__name__}: {text}"


def _block(text: str) -> str:
    """Return a text of several lines, such as a table, as a block of Markdown."""
    return f"```\n{text}\n```" if "\n" in text else text
