"""From the arguments of a function to its job and session."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

from impasto.errors import InputError
from impasto.image import Source
from impasto.jobs import Job
from impasto.keywords import File, Running
from impasto.session import Session
from impasto.verbs.run import VERBS, run


def run_verb(verb: str, out: File | None, settings: Any, **given: Any) -> Any:
    """Build a job and its session from the arguments of a function; return the value of its outcome."""
    pictures: dict[str, Source] = {}
    running = {name: settings.pop(name) for name in Running.__annotations__ if name in settings}
    also = {name: settings.pop(name, None) for name in VERBS[verb].also}
    if wrong := given.keys() & settings.keys():
        raise InputError(f"{verb} got {', '.join(wrong)} twice")
    kind = VERBS[verb].job
    named = {
        name: _name_images(name, parts(kind, name, value), pictures, kind.reads)
        for name, value in {**given, **settings}.items()
    }
    outputs = {name: Path(path) for name, path in also.items() if path is not None}
    session = Session(pictures=pictures, also=outputs, **running)
    return run(kind.parse(named), None if out is None else Path(out), session).value


def parts(kind: type[Job], name: str, value: Any) -> Any:
    """Return a list if the field of a job has several values; a string with commas means several.

    So it is on the command line, but for names of files.
    """
    several = "tuple" in str(get_type_hints(kind).get(name))
    if not several or value is None or isinstance(value, (list, tuple)):
        return value
    return value.split(",") if isinstance(value, str) and name not in kind.reads else [value]


def _name_images(name: str, value: Any, pictures: dict[str, Source], reads: Mapping[str, Any]) -> Any:
    """Return a setting with names in place of images; those in memory are added to ``pictures``."""
    if name not in reads or value is None:
        return value
    if isinstance(value, (list, tuple)):
        stem = name.removesuffix("s")
        return [
            _name_images(f"{stem}-{n}", one, pictures, {f"{stem}-{n}": ()}) for n, one in enumerate(value, 1)
        ]
    if isinstance(value, (str, Path)):
        return str(value)
    pictures[name] = value
    return name
