"""Augmentation of data sets with styles and light, for models that must not depend on weather or texture.

The geometry of every image is unchanged, so its labels remain true and are copied byte for byte. A photo with
an EXIF orientation is processed upright and stored with the same orientation, so that its labels still fit.
Gray photos stay gray. The look of an image, its strength and its seed derive from a hash of its name in the
data set and one global seed, and every image is processed with one thread: results do not depend on the
order, the number of workers or the other images of the data set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from impasto import files, image
from impasto.augmentation import report
from impasto.augmentation.boxes import boxes_of, lamps_of
from impasto.augmentation.gate import judge_all
from impasto.augmentation.layouts import Contents, look
from impasto.batching.dispatch import BatchResult, run
from impasto.batching.manifest import NAME
from impasto.batching.tasks import Task, task
from impasto.batching.worker import AS_STORED
from impasto.errors import InputError, OutputError
from impasto.jobs import LOOK
from impasto.jobs.base import LayoutName
from impasto.keywords import RunOptions
from impasto.looks import load
from impasto.networks import library
from impasto.networks.packs import MOST_STRENGTH

THREADS = 1  # per image, so that results do not depend on the number of workers


@dataclass(frozen=True)
class SavedLook:
    """A look: a verb with its settings, and the SHA-256 of its file."""

    name: str
    verb: str
    settings: dict[str, Any]
    digest: str


@dataclass(frozen=True)
class RandomLook:
    """Random choices for an image."""

    look: SavedLook
    strength: float
    seed: int


def looks(folder: Path) -> list[SavedLook]:
    """Return the looks in a folder, sorted by name: learned styles of packs and style files, and saved looks.

    A saved ``.look`` is applied by ``photoreal`` in closed form, a style by ``stylize``.

    Raises:
        InputError: there are none, or a file cannot be used.
    """
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix.lower() == LOOK:
            settings: dict[str, Any] = {"styles": [str(path)], "fast": True}
            if load(path).night is not None:  # reports a damaged file once, not for each image
                settings["strength"] = 1.0  # half a night is a dark day
            found.append(SavedLook(path.name, "photoreal", settings, files.sha256(path)))
            continue
        if path.suffix == library.PACK_SUFFIX:
            names = [f"{path}#{name}" for name in library.open_pack(path).names]
        elif path.suffix == library.STYLE_SUFFIX:
            names = [str(path)]
        else:
            continue
        digest = files.sha256(path)
        found += [
            SavedLook(Path(n).name, "stylize", {"styles": [n], "size": "original"}, digest) for n in names
        ]
    if not found:
        raise InputError(
            f"{folder} holds no looks: put learned styles or saved looks (.safetensors, .style, {LOOK}) there"
        )
    return found


def draw(picture: str, looks: Sequence[SavedLook], *, seed: int, strength: tuple[float, float]) -> RandomLook:
    """Return look, strength and seed of an image, from a hash of its name and the global seed.

    Args:
        picture: its name in the data set, with ``/`` between folders.
        strength: range of the strength, (lowest, highest).
    """
    digest = hashlib.sha256(f"{seed}\0{picture}".encode()).digest()
    part = int.from_bytes(digest[8:16], "big") / 2**64
    return RandomLook(
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
    gate: bool = True,
    **how: Unpack[RunOptions],
) -> BatchResult:
    """Apply a random look to every photograph of a data set, and copy all other files.

    An image that the gate rejects (see :mod:`impasto.augmentation.gate`) is replaced by its photograph and
    moved to ``rejected/``; ``report.html`` shows it.

    Args:
        dataset: a folder in the layout of COCO, BDD, Cityscapes or KITTI.
        out: a folder for the same files under the same names, with a manifest.
        layout: layout of the data set; default: detected from its folders.
        strength: range from which the strength is drawn.
        **how: see :class:`impasto.keywords.RunOptions`; ``overwrite`` also replaces images with
            other settings, and copies whose original changed.

    Raises:
        InputError: the data set or the looks cannot be used.
        OutputError: the output is within the data set, or cannot be written.
    """
    source, target = Path(dataset), Path(out)
    if not 0 <= strength[0] <= strength[1] <= MOST_STRENGTH:
        raise InputError(
            f"strength {strength[0]:g},{strength[1]:g} must be two numbers from 0 to "
            f"{MOST_STRENGTH:g}, in order"
        )
    contents = look(source, layout)
    if target.resolve().is_relative_to(source.resolve()):
        raise OutputError(f"{target} is inside the data set, which must not change: choose another folder")
    turned: list[str] = []
    found = looks(Path(looks_in))
    tasks = _tasks(source, contents, found, seed=seed, strength=strength, turned=turned)
    outcome = run(tasks, target, total=len(contents.photos), threads=THREADS, **how)
    outcome = replace(outcome, turned=len(turned))
    _copy(source, target, contents, overwrite=how.get("overwrite", False))
    if not gate:
        return outcome
    rejected = judge_all(source, target, boxes=boxes_of(source, contents))
    report.write(source, target)
    return replace(outcome, rejected=rejected)


def _tasks(
    source: Path,
    contents: Contents,
    found: Sequence[SavedLook],
    *,
    seed: int,
    strength: tuple[float, float],
    turned: list[str],
) -> Iterator[Task]:
    """Yield a task per photo; append the names of photos with an EXIF orientation to ``turned``."""
    for path in contents.photos:
        name = path.as_posix()
        drawn = draw(name, found, seed=seed, strength=strength)
        chosen, own = drawn.look, {"content": str(source / path), "seed": drawn.seed}
        settings = {"strength": drawn.strength, **chosen.settings, **own}
        notes: dict[str, Any] = {"look": chosen.name, "look_sha256": chosen.digest, "seed": drawn.seed}
        if "strength" in chosen.settings and (lamps := lamps_of(source, path, contents)):
            settings["lamps"] = str(lamps)
        reason = ""
        try:
            gray, turn = image.read_layout(source / path)
        except InputError as error:
            reason, gray, turn = " ".join(str(error).split())[:300], False, 1
        if gray or turn != 1:
            settings[AS_STORED] = True
        if turn != 1:
            turned.append(name)
            notes["orientation"] = turn
        made = task(chosen.verb, settings, name, origin=name, notes=notes)
        yield replace(made, fault=made.fault or reason)


def _copy(source: Path, target: Path, contents: Contents, *, overwrite: bool) -> None:
    """Copy labels and all other files byte for byte; identical files are kept."""
    for path in contents.others:
        if path.as_posix() == NAME:
            continue
        here, there = source / path, target / path
        if not here.is_file():
            raise InputError(f"{here} was deleted during the run: restore it, and run the command again")
        if there.is_file() and files.sha256(there) == files.sha256(here):
            continue
        files.copy(here, there, overwrite=overwrite)
