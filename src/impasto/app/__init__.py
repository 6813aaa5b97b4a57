"""A local web page that builds and runs the jobs of the command line."""

from __future__ import annotations

from impasto.app.limits import Limits as Limits
