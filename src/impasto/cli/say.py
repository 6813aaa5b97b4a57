"""Results go to standard output, everything else to standard error."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """A result."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    """What a person may like to know."""
    sys.stderr.write(text + "\n")
