"""What a person sees while a picture is painted: a bar with the time left, and a small preview."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.cli.say import pace
from impasto.record import Progress, Watch

if TYPE_CHECKING:
    from impasto.films import FilmProgress

PREVIEW_SIDE = 256  # pixels
PREVIEW_SECONDS = 2.0


@contextmanager
def watching(title: str, *, quiet: bool, preview: Path | None) -> Iterator[Watch]:
    """A callback that moves a bar on standard error, and rewrites ``preview`` every two seconds."""
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
    shown = {"preview": 0.0}
    with Bar(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task(title, total=1.0, note="")

        def watch(progress: Progress) -> None:
            height, width = progress.size
            note = f"{width}x{height} px, {clock(progress.seconds_left)} left"
            bar.update(task, completed=progress.done, note=note)
            if preview is not None and time.monotonic() - shown["preview"] > PREVIEW_SECONDS:
                _write_preview(preview, progress)
                shown["preview"] = time.monotonic()

        yield watch


@contextmanager
def watching_film(title: str, *, quiet: bool) -> Iterator[Callable[[FilmProgress], None]]:
    """A callback that moves a bar on standard error from frame to frame."""
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


def _write_preview(path: Path, progress: Progress) -> None:
    from impasto import image, tensors

    rgb = tensors.to_array(progress.picture())
    size = image.fit((rgb.shape[0], rgb.shape[1]), min(PREVIEW_SIDE, max(rgb.shape[:2])))
    image.write(path, image.resize(rgb, size), overwrite=True)


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    if seconds == float("inf"):
        return "?"
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
