"""A local web page that builds and runs the jobs of the command line."""

from __future__ import annotations

from impasto.app.limits import Limits
from impasto.app.words import command_line

__all__ = ["Limits", "command_line"]
