"""A static web page that paints with a learned style in the visitor's browser."""

from __future__ import annotations

from impasto.web.folder import write as write
