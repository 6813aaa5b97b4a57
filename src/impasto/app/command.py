"""The command line of a job, to copy into a terminal."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Any

from impasto.jobs import Job

POSITIONAL = ("content", "film", "styles")


def command_line(job: Job, *, out: str) -> str:
    """Return the command of a job, with bare file names, and without settings that have their defaults."""
    words, options = ["impasto", job.verb], []
    for item in dataclasses.fields(job):
        value = getattr(job, item.name)
        if item.name in POSITIONAL:
            words += [_file_argument(name) for name in ([value] if isinstance(value, str) else value)]
        elif value != item.default and item.name != "max_pixels":
            flag = "--" + item.name.replace("_", "-")
            options += [flag] if value is True else [flag, _text(value)]
    return shlex.join([*words, *options, "-o", out])


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(_text(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else _file_argument(str(value))


def _file_argument(name: str) -> str:
    named = Path(name).name if Path(name).is_absolute() else name
    return f"./{named}" if named.startswith("-") else named
