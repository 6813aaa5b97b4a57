"""Progress bars with the time left, and preview images."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.cli.say import clock, pace, tell
from impasto.record import Array, Progress, Watch

if TYPE_CHECKING:
    from impasto.films import FilmProgress

PREVIEW_SIDE = 256  # pixels
PREVIEW_SECONDS = 2.0


@contextmanager
def watching(title: str, *, quiet: bool, preview: Path | None, every: int = 50) -> Iterator[Watch]:
    """Yield a callback that updates a progress bar on standard error and writes ``preview``.

    A preview image is rewritten every two seconds; a preview folder gets one every ``every`` steps.
    """
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    console = Console(file=sys.stderr)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[note]}"),
    )
    draw = _drawing(preview, every) if preview is not None else None
    with Bar(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task(title, total=1.0, note="")

        def watch(progress: Progress) -> None:
            height, width = progress.size
            loss = f"loss {progress.loss:.3g}, " if progress.terms else ""
            note = f"{width}x{height} px, {loss}{clock(progress.seconds_left)} left"
            bar.update(task, completed=progress.done, note=note)
            if draw is not None:
                draw(progress)

        yield watch


@contextmanager
def watching_training(title: str, *, quiet: bool, preview: Path | None, every: int) -> Iterator[Watch]:
    """Like :func:`watching`, for training; without a terminal, print the mean loss every ``every`` steps."""
    losses: list[float] = []
    with watching(title, quiet=quiet, preview=preview, every=every) as watch:

        def told(progress: Progress) -> None:
            watch(progress)
            losses.append(progress.loss)
            if progress.step % every == 0:
                if not quiet and not sys.stderr.isatty():
                    mean, left = sum(losses) / len(losses), clock(progress.seconds_left)
                    tell(f"{title}: step {progress.step}, loss {mean:.3g}, {left} left")
                losses.clear()

        yield told


@contextmanager
def watching_film(title: str, *, quiet: bool) -> Iterator[Callable[[FilmProgress], None]]:
    """Yield a callback that updates a progress bar on standard error after each frame."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"))
    with Bar(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task(title, total=None, note="")

        def told(progress: FilmProgress) -> None:
            left = float("inf")
            if progress.expected:
                left = max(0, progress.expected - progress.frames) / max(progress.rate, 1e-9)
            size = "" if progress.bytes is None else f", {progress.bytes / 1e6:.1f} MB"
            note = f"{progress.frames} frames, {pace(progress.rate)}, {clock(left)} left{size}"
            bar.update(task, completed=progress.frames, total=progress.expected, note=note)

        yield told


def _drawing(preview: Path, every: int) -> Watch:
    """Return the callback that writes the preview, an image or a folder of them."""
    from impasto import files, image

    if preview.suffix and not preview.is_dir():
        shown = {"last": 0.0}

        def rewrite(progress: Progress) -> None:
            if time.monotonic() - shown["last"] > PREVIEW_SECONDS:
                rgb = _picture(progress)
                size = image.fit((rgb.shape[0], rgb.shape[1]), min(PREVIEW_SIDE, max(rgb.shape[:2])))
                image.write(preview, image.resize(rgb, size), overwrite=True)
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
