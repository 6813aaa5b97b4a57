"""Verification of an augmented data set: geometry, labels, and bit-exact reproduction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from impasto import files, image
from impasto.augmentation.lighting import lights_of
from impasto.batching.dispatch import run
from impasto.batching.manifest import NAME, Row, read
from impasto.batching.tasks import task
from impasto.errors import ImpastoError, InputError
from impasto.keywords import OnRow
from impasto.record import MOST_THREADS

SHIFT = 1.5  # tolerance in pixels: brush strokes limit the precision
LIKELY = 0.7  # share of the best correlation at which an image counts as not moved


def verify(dataset: str | Path, out: str | Path) -> list[str]:
    """Return the faults of an augmented data set; empty if there are none.

    Every image must have the size of its photo and must not be rotated or shifted (by phase correlation of
    their edges). A night must show no light that its lamps do not explain. Every other file must be a
    byte-for-byte copy.
    """
    source, target = Path(dataset), Path(out)
    faults = []
    rows = {row["output"]: row for row in read(target / NAME) if row.get("status") == "done"}
    for name in sorted(rows):
        photo, painted = source / name, target / name
        try:
            if rows[name].get("rejected") and files.sha256(photo) != files.sha256(painted):
                faults.append(f"{name}: was rejected, but is not a copy of its photo")
                continue
            faults += [f"{name}: {fault}" for fault in _check_shift(photo, painted)]
            if not rows[name].get("rejected"):
                lights = lights_of(photo, painted, rows[name]["verb"], rows[name]["settings"])
                faults += [f"{name}: {fault}" for fault in (lights.faults if lights else ())]
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
            faults.append(f"{name}: is not a copy of the original")
    return faults


def _check_shift(photo: Path, painted: Path) -> list[str]:
    one, other = image.read(photo), image.read(painted)
    if one.size != other.size:
        return [f"is {other.size[1]}x{other.size[0]}, its photo {one.size[1]}x{one.size[0]}"]
    down, right = shift(one.rgb.mean(2), other.rgb.mean(2))
    if max(abs(down), abs(right)) > SHIFT:
        return [f"is shifted {right:g} pixels right and {down:g} down from its photo"]
    return []


def shift(one: NDArray[np.float32], other: NDArray[np.float32]) -> tuple[float, float]:
    """Return the shift (down, right) of the second image ``(H, W)`` from the first, in whole pixels.

    Phase correlation (Kuglin and Hines 1975) of the images' edges; zero if no other position agrees clearly
    better.
    """
    edges = [np.hypot(*np.gradient(gray.astype(np.float64))) for gray in (one, other)]
    window = np.outer(*(np.hanning(length) for length in one.shape))
    first, second = (np.fft.rfft2((edge - edge.mean()) * window) for edge in edges)
    cross = second * np.conj(first)
    # Partial whitening: otherwise the many weak frequencies of brush strokes outweigh those of the scene.
    field = np.fft.irfft2(cross / np.maximum(np.sqrt(np.abs(cross)), 1e-12), one.shape)
    if field[0, 0] > LIKELY * field.max():
        return 0.0, 0.0
    place = np.unravel_index(int(field.argmax()), one.shape)
    down, right = (int(p) - n if int(p) > n // 2 else int(p) for p, n in zip(place, one.shape, strict=True))
    return float(down), float(right)


def reproduce(manifest: str | Path, out: str | Path, *, on_row: OnRow | None = None) -> list[str]:
    """Recreate every image of a manifest, compare bit for bit, and return the names of those that differ.

    Args:
        manifest: manifest of an augmented data set; its inputs must still be in place.
        out: an empty folder for the images.
        on_row: see :func:`impasto.batching.run`.

    Raises:
        InputError: the manifest has no images.
    """
    # The last row of an output counts: earlier ones, with other settings, were replaced.
    last = {row["output"]: row for row in read(Path(manifest)) if row.get("status") == "done"}
    rows = list(last.values())
    if not rows:
        raise InputError(f"{manifest} has no images: give the manifest of an augmented data set")
    # With the number of threads of the first run, which changes rounding.
    for count in dict.fromkeys(_threads(row) for row in rows):
        same = [row for row in rows if _threads(row) == count]
        tasks = (task(row["verb"], row["settings"], row["output"], origin=row["origin"]) for row in same)
        run(tasks, out, on_row=on_row, total=len(same), threads=count)
    different = []
    for row in rows:
        again = Path(out) / row["output"]
        if not again.is_file() or files.sha256(again) != row.get("sha256"):
            different.append(str(row["output"]))
    return sorted(different)


def _threads(row: Row) -> int | None:
    recipe = row.get("recipe")
    count = recipe.get("threads") if isinstance(recipe, dict) else None
    return count if isinstance(count, int) and 1 <= count <= MOST_THREADS else None
