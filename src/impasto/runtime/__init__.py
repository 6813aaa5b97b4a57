"""Painting at once with learned styles."""

from __future__ import annotations

from impasto.runtime.painter import Painter

__all__ = ["Painter"]
