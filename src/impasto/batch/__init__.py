"""Many pictures."""

from __future__ import annotations

from impasto.batch.folder import Report, paint_each, photos

__all__ = ["Report", "paint_each", "photos"]
