"""Exceptions of this package. Each message is one line with the problem and the remedy.

ImpastoError        base class: catches all of these
├── InputError      an image, a mask, an option or another input is not valid
├── OutputError     a file cannot be written, or would be overwritten
├── WeightsError    weights of a network are missing, damaged or not the expected ones
└── TilingError     a loss that needs the whole image cannot be computed in tiles
"""

from __future__ import annotations


class ImpastoError(Exception):
    """Base class of all errors of this package."""


class InputError(ImpastoError):
    """An input is not valid: an image, a mask, an option or a file."""


class OutputError(ImpastoError):
    """A result cannot be written."""


class WeightsError(ImpastoError):
    """The weights of a network are missing, damaged, or not the expected ones."""


class TilingError(ImpastoError):
    """A loss that is not a function of additive sums cannot be computed in tiles."""
