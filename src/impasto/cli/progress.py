"""Progress bars with the time left, and preview images."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import Any

from impasto.cli.say import tell
from impasto.jobs.base import pluralize
from impasto.record import Array, Progress, Watch
from impasto.session import FilmProgress, clock, pace

PREVIEW_SIDE = 256  # pixels
PREVIEW_SECONDS = 2.0


class Bar:
    """Progress bar on standard error, with the callbacks of a session.

    A preview image is rewritten every two seconds; a preview folder gets one every ``every`` steps.
    """

    def __init__(self, bar: Any, title: str, *, quiet: bool, preview: Path | None, every: int) -> None:
        self.bar, self.title, self.quiet, self.every = bar, title, quiet, every
        self.task = bar.add_task(title, total=1.0, note="")
        self._draw = None if preview is None else _drawing(preview, every)
        self._losses: list[float] = []

    def watch(self, progress: Progress) -> None:
        """Show the progress of an image."""
        height, width = progress.size
        loss = f"loss {progress.loss:.3g}, " if progress.terms else ""
        note = f"{width}x{height} px, {loss}{clock(progress.seconds_left)} left"
        self.bar.update(self.task, completed=progress.done, note=note)
        if self._draw is not None:
            self._draw(progress)

    def training(self, progress: Progress) -> None:
        """Show the progress of a training; without a terminal, print the mean loss every ``every`` steps."""
        self.watch(progress)
        self._losses.append(progress.loss)
        if progress.step % self.every == 0:
            if not self.quiet and not sys.stderr.isatty():
                mean, left = fmean(self._losses), clock(progress.seconds_left)
                tell(f"{self.title}: step {progress.step}, loss {mean:.3g}, {left} left")
            self._losses.clear()

    def film(self, progress: FilmProgress) -> None:
        """Show the progress of a video."""
        left = clock(progress.seconds_left)
        size = "" if progress.bytes is None else f", {progress.bytes / 1e6:.1f} MB"
        note = f"{pluralize(progress.frames, 'frame')}, {pace(progress.rate)}, {left} left{size}"
        self.bar.update(self.task, completed=progress.frames, total=progress.expected, note=note)


@contextmanager
def progress_bar(title: str, *, quiet: bool, preview: Path | None = None, every: int = 50) -> Iterator[Bar]:
    """Show a progress bar on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Columns

    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"))
    with Columns(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        yield Bar(bar, title, quiet=quiet, preview=preview, every=every)


def _drawing(preview: Path, every: int) -> Watch:
    """Return the callback that writes the preview, an image or a folder of them."""
    from impasto import files, image

    if preview.suffix and not preview.is_dir():
        shown = {"last": 0.0}

        def rewrite(progress: Progress) -> None:
            if time.monotonic() - shown["last"] > PREVIEW_SECONDS:
                image.write(preview, image.shrink(_picture(progress), PREVIEW_SIDE), overwrite=True)
                shown["last"] = time.monotonic()

        return rewrite

    files.check_output(preview / "preview.png", overwrite=True)

    def keep(progress: Progress) -> None:
        if progress.step % every == 0:
            stage = f"{progress.stage}-" if progress.stages > 1 else ""
            image.write(preview / f"{stage}{progress.step:06d}.png", _picture(progress), overwrite=True)

    return keep


def _picture(progress: Progress) -> Array:
    from impasto import tensors

    return tensors.to_array(progress.picture())
