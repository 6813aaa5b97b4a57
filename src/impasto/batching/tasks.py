"""Tasks of a batch, each one job with one output, from a folder, a pattern or a file of jobs.

A file of jobs is untrusted: whatever it says, nothing is written outside the output folder.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from impasto import files
from impasto.batching.folder import photos, stems
from impasto.errors import ImpastoError, InputError
from impasto.jobs import Job
from impasto.networks import library
from impasto.painters import learned
from impasto.verbs.run import in_batches, suffix_of

MOST_LINE = 1_000_000  # characters per job, since a hostile file may be a single line


@dataclass(frozen=True)
class Task:
    """A job and its output.

    Args:
        verb: a name of :func:`impasto.verbs.run.in_batches`.
        settings: settings of the verb's job.
        output: path relative to the output folder, separated by ``/``.
        origin: source of the task as shown to the user: a photo, or a line of a file.
        key: SHA-256 of verb, settings, output and the content of all inputs.
        fault: why the task cannot run; empty if it can.
        notes: further entries of its row in the manifest.
    """

    verb: str
    settings: Mapping[str, Any]
    output: str
    origin: str
    key: str = ""
    fault: str = ""
    notes: Mapping[str, Any] = field(default_factory=dict)


def from_folder(source: str, settings: Mapping[str, Any], *, suffix: str = ".png") -> Iterator[Task]:
    """Yield one ``stylize`` task for each photo of a folder or a pattern, all with the same settings.

    Raises:
        InputError: there are no images.
    """
    found = photos(source)
    if found is None:
        raise InputError(
            f"{source} is neither a folder nor a pattern such as 'in/*.jpg', nor a .jsonl file: "
            f"use impasto stylize for a single photo, impasto video for a video"
        )
    for path, stem in stems(found).items():
        yield task("stylize", {**settings, "content": str(path)}, f"{stem}{suffix}", origin=str(path))


def from_file(path: Path) -> Iterator[Task]:
    """Yield the tasks of a JSON-lines file: ``{"verb": ..., "output": ..., setting: value, ...}`` per line.

    Names of inputs are relative to the folder of the file. The input of ``measure`` is called ``picture``,
    since ``output`` is the file for its results. An invalid line becomes a task with a fault, so that the
    others still run.

    Raises:
        InputError: the file cannot be read.
    """
    for number, line in _lines(path):
        yield _parse_line(line, path, f"{path.name}:{number}")


def count(path: Path) -> int:
    """Return the number of jobs in a JSON-lines file, valid or not.

    Raises:
        InputError: the file cannot be read.
    """
    return sum(1 for _ in _lines(path))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the non-empty lines with their numbers."""
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            number = 0
            while line := stream.readline(MOST_LINE):
                number += 1
                if line.strip():
                    yield number, line
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def _parse_line(line: str, path: Path, origin: str) -> Task:
    try:
        # Python's parser accepts NaN, which jobs refuse, and raises RecursionError on deep nesting.
        entry = json.loads(line)
        if not isinstance(entry, dict):
            raise InputError('a line must be an object such as {"content": "a.jpg", "styles": ["b"]}')
        verb, output = entry.pop("verb", "stylize"), entry.pop("output", None)
        kind = _job_of(verb)
        if verb == "measure":
            if "picture" not in entry:
                raise InputError('measure needs "picture", the image to measure; "output" is for the results')
            entry["output"] = entry.pop("picture")
        settings = kind.rename_files(entry, lambda name: resolve_path(name, path.parent))
        job = kind.parse(settings)
        if output is None:
            # A video is named .mp4 whatever its source: manifests have it so.
            suffix = ".mp4" if verb == "video" else suffix_of(job)
            output = f"{Path(_first(job.settings())).stem}{suffix}"
        return task(verb, job.settings(), output, origin=origin)
    except (ValueError, RecursionError, ImpastoError) as error:
        reason = str(error) if isinstance(error, ImpastoError) else f"it is not JSON ({type(error).__name__})"
        digest = hashlib.sha256(line.encode("utf-8", "replace")).hexdigest()
        return Task("", {}, "", origin, key=digest, fault=_one_line(reason))


def _first(settings: Mapping[str, Any]) -> str:
    """Return the setting after which an output without a name is called."""
    for name in ("output", "content", "film", "pictures", "styles", "teacher", "backbone"):
        if value := settings.get(name):
            return str(value[0] if isinstance(value, list) else value)
    return "output"


def _job_of(verb: Any) -> type[Job]:
    """Return the job of a verb; InputError if a batch has no such verb."""
    found = in_batches()
    if not isinstance(verb, str) or verb not in found:
        raise InputError(f"verb {str(verb)[:40]!r} is not one of {', '.join(found)}")
    return found[verb].job


def resolve_path(name: str, folder: Path) -> str:
    """Return the path of an existing file or folder, relative to ``folder``; other names are unchanged."""
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
    """Return a task with its key; an output outside the folder becomes a fault."""
    try:
        place = inside(output)
        return Task(verb, dict(settings), place, origin, key_of(verb, settings, place), notes=notes or {})
    except ImpastoError as error:
        text = json.dumps([verb, dict(settings), str(output)], sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
        return Task(verb, dict(settings), "", origin, digest, _one_line(str(error)))


def inside(name: Any) -> str:
    """Return the name of an output as a path below the output folder.

    Raises:
        InputError: it is absolute, leaves the folder, is hidden, or is not portable.
    """
    if not isinstance(name, str) or not name or len(name) > 1000:
        raise InputError(f"output {str(name)[:40]!r} is not the name of a file")
    if re.search(r'[\x00-\x1f\x7f\\:*?"<>|]', name) or PureWindowsPath(name).drive:
        raise InputError(f"output {name[:80]!r} contains a character that not every system allows in a name")
    path = PurePosixPath(name)
    parts = path.parts
    if path.is_absolute() or any(part == ".." or part.startswith(".") for part in parts) or not parts:
        raise InputError(
            f"output {name[:80]!r} would lie outside the output folder, or be hidden: choose another"
        )
    if any(len(part.encode()) > 200 or part.endswith((" ", ".")) for part in parts):
        raise InputError(f"output {name[:80]!r} is too long, or ends with a space or a dot: choose another")
    return str(path)


def key_of(verb: str, settings: Mapping[str, Any], output: str) -> str:
    """Return the key of a task: a hash of its settings, the name of its output and the content of its inputs.

    Raises:
        InputError: an input cannot be read, or the verb is unknown.
    """
    # By content, not by path: a folder that was moved is not processed again.
    known = _job_of(verb).rename_files(settings, lambda name: _content(name) or name)
    return files.digest([verb, known, output])


def _content(name: str) -> str:
    """Return the hash of a file, a learned style or a folder; empty if the name is none of them."""
    with contextlib.suppress(OSError, ValueError):
        path = Path(name)
        if path.is_file():
            stamp = path.stat()
            return _hash_file(name, stamp.st_mtime_ns, stamp.st_size)
        if "#" in name or (path.name == name and not path.suffix and 0 < len(name) < 200):
            known = library.find(name)
            if known:
                return learned.digest(known)
        if name and path.is_dir():
            return _hash_listing(path)
    return ""


def _hash_listing(folder: Path) -> str:
    """Return a hash of the names, sizes and times of a folder's files, which is faster than their content."""
    found = sorted((p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in folder.iterdir() if p.is_file())
    return files.digest(found)


@functools.lru_cache(maxsize=4096)
def _hash_file(name: str, stamp: int, size: int) -> str:
    return files.sha256(name)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:1000]
