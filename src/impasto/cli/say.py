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


def pace(rate: float) -> str:
    """Format a rate as frames per second, or as seconds per frame if it is below 1."""
    return f"{rate:.1f} frames/s" if rate >= 1 else f"{1 / max(rate, 1e-9):.0f} s/frame"


def clock(seconds: float) -> str:
    """Format seconds as minutes and seconds."""
    if seconds == float("inf"):
        return "?"
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
