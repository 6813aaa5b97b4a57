"""Every error a user can meet, each one line that says what is wrong and how to mend it.

ImpastoError
├── InputError      a picture, a mask, an option or a file that cannot be used
├── OutputError     a place that cannot be written, or must not be overwritten
├── WeightsError    a network's weights are missing, damaged or not the expected ones
├── TilingError     a loss that needs the whole picture was asked to work in tiles
└── Stopped         the run was stopped by the user before there was anything to keep
"""

from __future__ import annotations


class ImpastoError(Exception):
    """Base of all errors of this package."""


class InputError(ImpastoError):
    """Something handed in cannot be used: a picture, a mask, an option, a file."""


class OutputError(ImpastoError):
    """A result cannot be written where it should go."""


class WeightsError(ImpastoError):
    """The weights of a network are missing, damaged, or not the ones expected."""


class TilingError(ImpastoError):
    """A loss whose value is not a function of additive sums was asked to work in tiles."""


class Stopped(ImpastoError):  # noqa: N818 - it is what happened, not a fault
    """The run was stopped before there was a picture to keep."""
