"""Data sets painted in other looks, to train what must not depend on the weather or the painter.

The geometry of every picture stays, so its labels stay true: they are copied byte for byte. A photo that is
stored turned (EXIF) is painted upright, and its painting is stored turned, with the same mark: whichever way
round its labels are meant, they fit as they did. Grey photos stay grey. Which look a
picture gets, how strong and with which seed, is drawn from a hash of its name in the data set and one global
seed, and every picture is painted with one thread: neither order nor number of workers matters, and a larger
data set changes nothing about a smaller one.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from impasto import files, image
from impasto.batch import report
from impasto.batch.boxes import boxes_of
from impasto.batch.datasets import Contents, LayoutName, look
from impasto.batch.gate import judge_all
from impasto.batch.manifest import NAME
from impasto.batch.run import Engine, Outcome, Told, run
from impasto.batch.tasks import Task, task
from impasto.batch.verbs import AS_STORED
from impasto.errors import InputError, OutputError
from impasto.jobs import LOOK
from impasto.looks import load
from impasto.networks import library
from impasto.networks.packs import MOST_STRENGTH

THREADS = 1  # of every picture: with it the number of workers changes no bit


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
    """The looks in a folder, in the order of their names: learned styles of packs and style files, and light.

    A saved ``.look`` stands for ``photoreal`` in closed form; all else for ``stylize``.

    Raises:
        InputError: there are none, or a file that cannot be used.
    """
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix.lower() == LOOK:
            settings = {"styles": [str(path)], "fast": True}
            load(path)  # a damaged one is told now, and not once a picture
            found.append(Look(path.name, "photoreal", settings, f"{files.sha256(path)}:{path.name}"))
            continue
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
        raise InputError(
            f"{folder} holds no looks: put learned styles or saved light (.safetensors, .style, {LOOK}) there"
        )
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
    address: str | None = None,
    retry_errors: bool = False,
    gate: bool = True,
    overwrite: bool = False,
    told: Told | None = None,
) -> Outcome:
    """Paints every photograph of a data set in a look of its own, and copies everything else.

    What the gate rejects (see :mod:`impasto.batch.gate`) does not get in: the photograph itself stands in its
    place, and the painting in ``rejected/``, for ``report.html`` to show.

    Args:
        dataset: a folder laid out as COCO, BDD, Cityscapes or KITTI.
        out: a folder for the same files under the same names, with a manifest.
        looks_in: the folder of looks.
        layout: of the data set; default: by its folders.
        seed: of all that is drawn.
        strength: between which two it is drawn.
        engine, workers, address, retry_errors, told: see :func:`impasto.batch.run`.
        gate: whether pictures are judged before they get in.
        overwrite: replace pictures that were painted with other settings, or by someone else, and what was
            copied and is another now.

    Raises:
        InputError: a data set or looks that cannot be used.
        OutputError: the output is the data set, or cannot be written.

    Examples:
        >>> augment("kitti/", "kitti-painted/", looks_in="looks/")  # doctest: +SKIP
    """
    source, target = Path(dataset), Path(out)
    _check_strength(strength)
    contents = look(source, layout)
    _check_apart(source, target)
    turned: list[str] = []
    found = looks(Path(looks_in))
    tasks = _tasks(source, contents, found, seed=seed, strength=strength, turned=turned)
    outcome = run(
        tasks,
        target,
        engine=engine,
        workers=workers,
        address=address,
        retry_errors=retry_errors,
        overwrite=overwrite,
        told=told,
        total=len(contents.photos),
        threads=THREADS,
    )
    outcome = replace(outcome, turned=len(turned))
    _copy(source, target, contents, overwrite=overwrite)
    return _judged(outcome, source, target, contents) if gate else outcome


def _judged(outcome: Outcome, source: Path, target: Path, contents: Contents) -> Outcome:
    """What the gate lets in, with a report of the rest."""
    rejected = judge_all(source, target, boxes=boxes_of(source, contents))
    report.write(source, target)
    return replace(outcome, rejected=rejected)


def _check_strength(strength: tuple[float, float]) -> None:
    if not 0 <= strength[0] <= strength[1] <= MOST_STRENGTH:
        raise InputError(
            f"strength {strength[0]:g},{strength[1]:g} must be two numbers from 0 to "
            f"{MOST_STRENGTH:g}, in order"
        )


def _check_apart(source: Path, target: Path) -> None:
    if target.resolve().is_relative_to(source.resolve()):
        raise OutputError(f"{target} lies in the data set, which would be changed: choose another folder")


def _tasks(
    source: Path,
    contents: Contents,
    found: Sequence[Look],
    *,
    seed: int,
    strength: tuple[float, float],
    turned: list[str],
) -> Iterator[Task]:
    """A task a photo; the names of those that are stored turned are added to ``turned``."""
    for path in contents.photos:
        name = path.as_posix()
        drawn = draw(name, found, seed=seed, strength=strength)
        settings = {
            **drawn.look.settings,
            "content": str(source / path),
            "strength": drawn.strength,
            "seed": drawn.seed,
        }
        notes: dict[str, Any] = {
            "look": drawn.look.name,
            "look_sha256": drawn.look.digest.split(":")[0],
            "seed": drawn.seed,
        }
        reason = ""
        try:
            grey, turn = image.stored_as(source / path)
        except InputError as error:
            reason, grey, turn = " ".join(str(error).split())[:300], False, 1
        if grey or turn != 1:
            settings[AS_STORED] = True
        if turn != 1:
            turned.append(name)
            notes["orientation"] = turn
        made = task(drawn.look.verb, settings, name, origin=name, notes=notes)
        if not made.fault and reason:
            made = Task(made.verb, made.settings, made.output, name, made.key, reason, notes)
        yield made


def _copy(source: Path, target: Path, contents: Contents, *, overwrite: bool) -> None:
    """Copies labels and all else, byte for byte; what is there already with the same bytes stays."""
    for path in contents.others:
        if path.as_posix() == NAME:
            continue
        here, there = source / path, target / path
        if not here.is_file():
            raise InputError(f"{here} is gone since the start: put it back, and repeat the command")
        if there.is_file() and files.sha256(there) == files.sha256(here):
            continue
        files.check_output(there, overwrite=overwrite)
        with files.atomic(there, overwrite=overwrite) as temporary:
            shutil.copyfile(here, temporary)
