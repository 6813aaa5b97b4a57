"""Data sets painted in other looks, to train what must not depend on the weather or the painter.

The geometry of every picture stays, so its labels stay true: they are copied byte for byte. Which look a
picture gets, how strong and with which seed, is drawn from a hash of its name in the data set and one global
seed: neither order nor number of workers matters, and a larger data set changes nothing about a smaller one.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto import files, image
from impasto.batch.datasets import Contents, LayoutName, look
from impasto.batch.manifest import NAME, read
from impasto.batch.run import Engine, Outcome, Told, run
from impasto.batch.tasks import Task, task
from impasto.errors import ImpastoError, InputError, OutputError
from impasto.networks import library

SHIFT = 1.5  # pixels by which a painted picture may seem moved: strokes are no survey
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Look:
    """A look: a verb and the settings that make it; ``digest`` knows it by its content."""

    name: str
    verb: str
    settings: dict[str, Any]
    digest: str


@dataclass(frozen=True)
class Drawn:
    """What was drawn for a picture."""

    look: Look
    strength: float
    seed: int


def looks(folder: Path) -> list[Look]:
    """The looks in a folder, in the order of their names: every learned style of every pack and style file.

    Another kind of look is one more branch here: a file, and the verb and settings that it stands for.

    Raises:
        InputError: there are none, or a file that cannot be used.
    """
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix == library.PACK_SUFFIX:
            names = [f"{path}#{name}" for name in library.open_pack(path).names]
        elif path.suffix == library.STYLE_SUFFIX:
            names = [str(path)]
        else:
            continue
        digest = files.sha256(path)
        found += [
            Look(Path(n).name, "stylize", {"styles": [n], "size": "original"}, f"{digest}:{Path(n).name}")
            for n in names
        ]
    if not found:
        raise InputError(f"{folder} holds no looks: put learned styles (.safetensors, .style) there")
    return found


def draw(picture: str, looks: Sequence[Look], *, seed: int, strength: tuple[float, float]) -> Drawn:
    """The look of a picture, its strength and its seed, from a hash of its name and the global seed.

    Args:
        picture: its name in the data set, with ``/`` between folders.
        looks: to choose from.
        seed: global.
        strength: from, to.
    """
    digest = hashlib.sha256(f"{seed}\0{picture}".encode()).digest()
    part = int.from_bytes(digest[8:16], "big") / 2**64
    return Drawn(
        looks[int.from_bytes(digest[:8], "big") % len(looks)],
        round(strength[0] + part * (strength[1] - strength[0]), 4),
        int.from_bytes(digest[16:20], "big"),
    )


def augment(
    dataset: str | Path,
    out: str | Path,
    *,
    looks_in: str | Path,
    layout: LayoutName | None = None,
    seed: int = 0,
    strength: tuple[float, float] = (0.4, 1.0),
    engine: Engine = "local",
    workers: int | None = None,
    retry_errors: bool = False,
    told: Told | None = None,
) -> Outcome:
    """Paints every photograph of a data set in a look of its own, and copies everything else.

    Args:
        dataset: a folder laid out as COCO, BDD, Cityscapes or KITTI.
        out: a folder for the same files under the same names, with a manifest.
        looks_in: the folder of looks.
        layout: of the data set; default: by its folders.
        seed: of all that is drawn.
        strength: between which two it is drawn.
        engine, workers, retry_errors, told: see :func:`impasto.batch.run`.

    Raises:
        InputError: a data set or looks that cannot be used.
        OutputError: the output is the data set, or cannot be written.

    Examples:
        >>> augment("kitti/", "kitti-painted/", looks_in="looks/")  # doctest: +SKIP
    """
    source, target = Path(dataset), Path(out)
    if not 0 <= strength[0] <= strength[1] <= 1.5:
        raise InputError(
            f"strength {strength[0]:g},{strength[1]:g} must be two numbers from 0 to 1.5, in order"
        )
    contents = look(source, layout)
    if target.resolve() == source.resolve() or target.resolve().is_relative_to(source.resolve()):
        raise OutputError(f"{target} lies in the data set, which would be changed: choose another folder")
    tasks = _tasks(source, contents, looks(Path(looks_in)), seed=seed, strength=strength)
    outcome = run(
        tasks, target, engine=engine, workers=workers, retry_errors=retry_errors, overwrite=False, told=told
    )
    _copy(source, target, contents)
    return outcome


def _tasks(
    source: Path, contents: Contents, found: Sequence[Look], *, seed: int, strength: tuple[float, float]
) -> Iterator[Task]:
    for path in contents.photos:
        name = path.as_posix()
        drawn = draw(name, found, seed=seed, strength=strength)
        settings = {
            **drawn.look.settings,
            "content": str(source / path),
            "strength": drawn.strength,
            "seed": drawn.seed,
        }
        notes = {"look": drawn.look.name, "look_sha256": drawn.look.digest.split(":")[0], "seed": drawn.seed}
        made = task(drawn.look.verb, settings, name, origin=name, notes=notes)
        if not made.fault and (reason := _unfit(source / path)):
            made = Task(made.verb, made.settings, made.output, name, made.key, reason, notes)
        yield made


def _unfit(path: Path) -> str:
    """Why a picture's labels would not fit it once painted; empty if they will."""
    try:
        with Image.open(path) as stored:
            turned = int(stored.getexif().get(_ORIENTATION, 1)) != 1
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return f"cannot read {path.name}: {' '.join(str(error).split())[:200]}"
    if turned:
        return (
            f"{path.name} is stored turned (EXIF orientation), and labels may be for either way round: turn "
            f"its pixels first"
        )
    return ""


def _copy(source: Path, target: Path, contents: Contents) -> None:
    """Copies labels and all else, byte for byte; what is there already with the same bytes stays."""
    for path in contents.others:
        if path.as_posix() == NAME:
            continue
        here, there = source / path, target / path
        if there.is_file() and files.sha256(there) == files.sha256(here):
            continue
        files.check_output(there, overwrite=False)
        with files.atomic(there, overwrite=False) as temporary:
            shutil.copyfile(here, temporary)


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
            faults += [f"{name}: {fault}" for fault in _moved(photo, painted)]
        except ImpastoError as error:
            faults.append(f"{name}: {error}")
    for path in sorted(p for p in source.rglob("*") if p.is_file()):
        name = path.relative_to(source).as_posix()
        there = target / name
        if name in rows or name == NAME or not there.exists():
            continue
        if files.sha256(path) != files.sha256(there):
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

    Phase correlation (Kuglin and Hines 1975) of the pictures' edges, to whole pixels.
    """
    edges = [np.hypot(*np.gradient(grey.astype(np.float64))) for grey in (one, other)]
    window = np.outer(*(np.hanning(length) for length in one.shape))
    first, second = (np.fft.rfft2((edge - edge.mean()) * window) for edge in edges)
    cross = second * np.conj(first)
    # Half whitened: else the many weak frequencies of new strokes would outvote those of the scene.
    field = np.fft.irfft2(cross / np.maximum(np.sqrt(np.abs(cross)), 1e-12), one.shape)
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
    rows = [row for row in read(Path(manifest)) if row.get("status") == "done"]
    if not rows:
        raise InputError(f"{manifest} has no pictures: nothing can be painted again")
    tasks = (task(row["verb"], row["settings"], row["output"], origin=row["origin"]) for row in rows)
    threads = {json.dumps(row.get("recipe", {}).get("threads")) for row in rows}
    cores = max(int(t) for t in threads if t.isdigit()) if any(t.isdigit() for t in threads) else None
    run(tasks, out, told=told, workers=None if cores is None else _workers(cores))
    different = []
    for row in {row["output"]: row for row in rows}.values():
        again = Path(out) / row["output"]
        if not again.is_file() or files.sha256(again) != row.get("sha256"):
            different.append(str(row["output"]))
    return sorted(different)


def _workers(threads: int) -> int:
    """As many workers as give each the threads that the first run's had: sums depend on them."""
    from impasto.batch.local import shared_out

    cores = shared_out(1, memory=2**40)[1].threads
    return max(1, cores // threads)
