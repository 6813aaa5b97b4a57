"""Output: results go to standard output, everything else to standard error."""

from __future__ import annotations

import sys

# Exit statuses.
USAGE = 2  # an input cannot be used, or ``doctor`` found something to fix
BUG = 1  # a bug in impasto
INTERRUPTED = 130


def say(text: str) -> None:
    """Print a result."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    """Print a note for the user."""
    sys.stderr.write(text + "\n")
