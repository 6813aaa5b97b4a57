"""Proofs that a painted data set is what it should be: nothing moved, no label changed, every bit repeats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from impasto import files, image
from impasto.batch.manifest import NAME, Row, read
from impasto.batch.run import Told, run
from impasto.batch.tasks import task
from impasto.errors import ImpastoError, InputError
from impasto.record import MOST_THREADS

SHIFT = 1.5  # pixels by which a painted picture may seem moved: strokes are no survey
LIKELY = 0.7  # of the best correlation: what agrees so well with its photo where it lies was not moved


def verify(dataset: str | Path, out: str | Path) -> list[str]:
    """What is wrong with an augmented data set; empty if all is well.

    Every painted picture has the pixels' size of its photo, is not turned, and lies where the photo lies (by
    phase correlation of their edges); every other file is the same, byte for byte.
    """
    source, target = Path(dataset), Path(out)
    faults = []
    rows = {row["output"]: row for row in read(target / NAME) if row.get("status") == "done"}
    for name in sorted(rows):
        photo, painted = source / name, target / name
        try:
            if rows[name].get("rejected") and files.sha256(photo) != files.sha256(painted):
                faults.append(f"{name}: was rejected, and is not the photo that should stand there")
                continue
            faults += [f"{name}: {fault}" for fault in _moved(photo, painted)]
        except ImpastoError as error:
            faults.append(f"{name}: {error}")
    for path in sorted(p for p in source.rglob("*") if p.is_file()):
        name = path.relative_to(source).as_posix()
        there = target / name
        if name in rows or name == NAME:
            continue
        if not there.is_file():
            faults.append(f"{name}: is missing")
        elif files.sha256(path) != files.sha256(there):
            faults.append(f"{name}: is not the copy that it should be")
    return faults


def _moved(photo: Path, painted: Path) -> list[str]:
    one, other = image.read(photo), image.read(painted)
    if one.size != other.size:
        return [f"is {other.size[1]}x{other.size[0]}, its photo {one.size[1]}x{one.size[0]}"]
    down, right = shift(one.rgb.mean(2), other.rgb.mean(2))
    if max(abs(down), abs(right)) > SHIFT:
        return [f"lies {right:g} pixels to the right of its photo, and {down:g} below"]
    return []


def shift(one: NDArray[np.float32], other: NDArray[np.float32]) -> tuple[float, float]:
    """By how many pixels (down, right) the second picture ``(H, W)`` lies off the first.

    Phase correlation (Kuglin and Hines 1975) of the pictures' edges, to whole pixels; none where another
    place agrees hardly better than the picture's own.
    """
    edges = [np.hypot(*np.gradient(grey.astype(np.float64))) for grey in (one, other)]
    window = np.outer(*(np.hanning(length) for length in one.shape))
    first, second = (np.fft.rfft2((edge - edge.mean()) * window) for edge in edges)
    cross = second * np.conj(first)
    # Half whitened: else the many weak frequencies of new strokes would outvote those of the scene.
    field = np.fft.irfft2(cross / np.maximum(np.sqrt(np.abs(cross)), 1e-12), one.shape)
    if field[0, 0] > LIKELY * field.max():
        return 0.0, 0.0
    place = np.unravel_index(int(field.argmax()), one.shape)
    down, right = (int(p) - n if int(p) > n // 2 else int(p) for p, n in zip(place, one.shape, strict=True))
    return float(down), float(right)


def reproduce(manifest: str | Path, out: str | Path, *, told: Told | None = None) -> list[str]:
    """Paints every picture of a manifest again, and compares bit for bit; the names of those that differ.

    Args:
        manifest: of an augmented data set; its inputs must lie where they lay.
        out: an empty folder for the pictures.
        told: see :func:`impasto.batch.run`.

    Raises:
        InputError: a manifest without pictures.
    """
    # What was painted before with other settings is there no more: the last row of an output counts.
    last = {row["output"]: row for row in read(Path(manifest)) if row.get("status") == "done"}
    rows = list(last.values())
    if not rows:
        raise InputError(f"{manifest} has no pictures: nothing can be painted again")
    # With the threads of the first run: sums depend on them.
    for count in dict.fromkeys(_threads(row) for row in rows):
        same = [row for row in rows if _threads(row) == count]
        tasks = (task(row["verb"], row["settings"], row["output"], origin=row["origin"]) for row in same)
        run(tasks, out, told=told, total=len(same), threads=count)
    different = []
    for row in rows:
        again = Path(out) / row["output"]
        if not again.is_file() or files.sha256(again) != row.get("sha256"):
            different.append(str(row["output"]))
    return sorted(different)


def _threads(row: Row) -> int | None:
    """Those that a row's picture was painted with, if it says so."""
    recipe = row.get("recipe")
    count = recipe.get("threads") if isinstance(recipe, dict) else None
    return count if isinstance(count, int) and 1 <= count <= MOST_THREADS else None
