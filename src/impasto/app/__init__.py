"""A web page on this machine that builds the jobs of the command line, and runs them."""

from __future__ import annotations

from impasto.app.limits import Limits
from impasto.app.words import command_line

__all__ = ["Limits", "command_line"]
