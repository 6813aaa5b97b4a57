"""What a batch is made of: one job and one output each, from a folder, a pattern or a file of jobs.

A file of jobs may come from someone else: whatever it says, nothing is written outside the output folder.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from impasto import files
from impasto.batch.folder import photos, stems
from impasto.batch.verbs import VERBS, suffix_of
from impasto.errors import ImpastoError, InputError
from impasto.networks import library
from impasto.painters import learned

MOST_LINE = 1_000_000  # characters of a job: no job is longer, but a hostile file may be one line


@dataclass(frozen=True)
class Task:
    """One job and where its result goes.

    Args:
        verb: a key of ``VERBS``.
        settings: of the verb's job.
        output: relative to the output folder, with ``/`` between its parts.
        origin: what a person knows it by: a photo, or a line of a file.
        key: SHA-256 of verb, settings, output and the content of all inputs.
        fault: why it cannot even begin; empty if it can.
    """

    verb: str
    settings: Mapping[str, Any]
    output: str
    origin: str
    key: str = ""
    fault: str = ""
    notes: Mapping[str, Any] = field(default_factory=dict)


def from_folder(source: str, settings: Mapping[str, Any], *, suffix: str = ".png") -> Iterator[Task]:
    """One ``stylize`` a photo of a folder or a pattern, with the same settings for each.

    Raises:
        InputError: nothing there looks like a picture.
    """
    found = photos(source)
    if found is None:
        raise InputError(
            f"{source} is neither a folder nor a pattern such as 'in/*.jpg', nor a .jsonl file: "
            f"impasto stylize paints one photo, impasto video a film"
        )
    for path, stem in stems(found).items():
        yield task("stylize", {**settings, "content": str(path)}, f"{stem}{suffix}", origin=str(path))


def from_file(path: Path) -> Iterator[Task]:
    """The jobs of a JSON-lines file: ``{"verb": ..., "output": ..., setting: value, ...}`` a line.

    Names of inputs are taken from the file's own folder; what ``measure`` measures is called ``picture``, for
    ``output`` is where its figures go. A line that cannot be used becomes a task with a fault, so that the
    rest goes on.

    Raises:
        InputError: the file cannot be read.
    """
    for number, line in _lines(path):
        yield _parsed(line, path, f"{path.name}:{number}")


def count(path: Path) -> int:
    """How many jobs a JSON-lines file has, whether they can be used or not.

    Raises:
        InputError: the file cannot be read.
    """
    return sum(1 for _ in _lines(path))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not empty, with their numbers."""
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            number = 0
            while line := stream.readline(MOST_LINE):
                number += 1
                if line.strip():
                    yield number, line
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def _parsed(line: str, path: Path, origin: str) -> Task:
    try:
        # Python's reader takes NaN, which jobs refuse, and ends in an error on deep nests.
        entry = json.loads(line)
        if not isinstance(entry, dict):
            raise InputError('a line must be a table such as {"content": "a.jpg", "styles": ["b"]}')
        verb, output = entry.pop("verb", "stylize"), entry.pop("output", None)
        if not isinstance(verb, str) or verb not in VERBS:
            raise InputError(f"verb {str(verb)[:40]!r} is not one of {', '.join(VERBS)}")
        if verb == "measure":
            if "picture" not in entry:
                raise InputError("measure needs picture, which is measured: output is where its figures go")
            entry["output"] = entry.pop("picture")
        kind = VERBS[verb].job
        settings = kind.renamed(entry, lambda name: placed(name, path.parent))
        job = kind.parse(settings)
        if output is None:
            output = f"{Path(_first(job.settings())).stem}{suffix_of(verb, settings)}"
        return task(verb, job.settings(), output, origin=origin)
    except (ValueError, RecursionError, ImpastoError) as error:
        reason = str(error) if isinstance(error, ImpastoError) else f"it is not JSON ({type(error).__name__})"
        digest = hashlib.sha256(line.encode("utf-8", "replace")).hexdigest()
        return Task("", {}, "", origin, key=digest, fault=_one_line(reason))


def _first(settings: Mapping[str, Any]) -> str:
    """The input that an output without a name of its own is called after."""
    for name in ("output", "content", "film", "pictures", "styles", "teacher", "backbone"):
        value = settings.get(name)
        if value:
            return str(value[0] if isinstance(value, list) else value)
    return "output"


def placed(name: str, folder: Path) -> str:
    """The name of a file or a folder that is there, seen from ``folder``; any other as it is."""
    if not name or len(name) > 4096 or "\0" in name:
        return name
    path, mark, part = name.partition("#")
    place = folder / path
    try:
        there = place.is_file() or (place.is_dir() and library.find(path) is None)
    except (OSError, ValueError, InputError):
        there = False
    return str(place) + mark + part if there else name


def task(
    verb: str,
    settings: Mapping[str, Any],
    output: Any,
    *,
    origin: str,
    notes: Mapping[str, Any] | None = None,
) -> Task:
    """A task with its key; an output that would leave the folder is refused as a fault."""
    try:
        place = inside(output)
        return Task(verb, dict(settings), place, origin, key_of(verb, settings, place), notes=notes or {})
    except ImpastoError as error:
        text = json.dumps([verb, dict(settings), str(output)], sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
        return Task(verb, dict(settings), "", origin, digest, _one_line(str(error)))


def inside(name: Any) -> str:
    """The name of an output as a path below the output folder.

    Raises:
        InputError: it is absolute, climbs out, hides, or is no name on some system.
    """
    if not isinstance(name, str) or not name or len(name) > 1000:
        raise InputError(f"output {str(name)[:40]!r} is not the name of a file")
    if re.search(r'[\x00-\x1f\x7f\\:*?"<>|]', name) or PureWindowsPath(name).drive:
        raise InputError(f"output {name[:80]!r} has a sign that not every system allows in a name")
    path = PurePosixPath(name)
    parts = path.parts
    if path.is_absolute() or any(part == ".." or part.startswith(".") for part in parts) or not parts:
        raise InputError(
            f"output {name[:80]!r} would lie outside the output folder, or be hidden: choose another"
        )
    if any(len(part.encode()) > 200 or part.endswith((" ", ".")) for part in parts):
        raise InputError(f"output {name[:80]!r} is too long, or ends as no name may: choose another")
    return str(path)


def key_of(verb: str, settings: Mapping[str, Any], output: str) -> str:
    """What makes a task this task: its settings, its output's name, and what its inputs contain.

    Raises:
        InputError: an input cannot be read, or no such verb.
    """
    if verb not in VERBS:
        raise InputError(f"verb {str(verb)[:40]!r} is not one of {', '.join(VERBS)}")
    # By content, not by place: a folder that was moved is not painted again.
    known = VERBS[verb].job.renamed(settings, lambda name: _content(name) or name)
    text = json.dumps([verb, known, output], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _content(name: str) -> str:
    """The hash of what a name stands for: a file, a learned style or a folder; empty if it is none."""
    try:
        path = Path(name)
        if path.is_file():
            stamp = path.stat()
            return _hashed(name, stamp.st_mtime_ns, stamp.st_size)
        if "#" in name or (path.name == name and not path.suffix and 0 < len(name) < 200):
            known = library.find(name)
            if known:
                return learned.digest(known)
        if name and path.is_dir():
            return _listed(path)
    except (OSError, ValueError):
        return ""
    return ""


def _listed(folder: Path) -> str:
    """The hash of what a folder lists: the names, sizes and times of its files, whose bytes may be many."""
    found = sorted((p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in folder.iterdir() if p.is_file())
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()


@functools.lru_cache(maxsize=4096)
def _hashed(name: str, stamp: int, size: int) -> str:
    return files.sha256(name)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:1000]
