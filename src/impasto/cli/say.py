"""Results go to standard output, everything else to standard error."""

from __future__ import annotations

import sys

# Exit statuses.
USAGE = 2  # something handed in cannot be used, or something is to be mended
BUG = 1  # a fault of impasto
INTERRUPTED = 130


def say(text: str) -> None:
    """A result."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    """What a person may like to know."""
    sys.stderr.write(text + "\n")


def pace(rate: float) -> str:
    """Frames a second, or seconds a frame where there is not one in a second."""
    return f"{rate:.1f} a second" if rate >= 1 else f"{1 / max(rate, 1e-9):.0f} s a frame"


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    if seconds == float("inf"):
        return "?"
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
