"""Output: results go to standard output, everything else to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

# Exit statuses.
USAGE = 2  # an input cannot be used, or ``doctor`` found something to fix
BUG = 1  # a bug in impasto
INTERRUPTED = 130


def say(text: str) -> None:
    """Print a result."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def say_paths(paths: Iterable[Path], *, as_json: bool) -> None:
    """Print each path once it is written, or all of them as JSON at the end."""
    found = []
    for path in paths:
        found.append(str(path))
        if not as_json:
            say(str(path))
    if as_json:
        say(json.dumps({"outputs": found}))


def tell(text: str) -> None:
    """Print a note for the user."""
    sys.stderr.write(text + "\n")
