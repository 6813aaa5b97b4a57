"""Painting what a camera sees, as it sees it."""

from __future__ import annotations

from impasto.live.painting import play

__all__ = ["play"]
