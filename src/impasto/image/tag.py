"""TIFF and EXIF tags and their types (TIFF 6.0; CIPA DC-008)."""

from __future__ import annotations

from typing import NamedTuple

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED = 1, 2, 3, 4, 5, 7
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
ORIENTATION, USER_COMMENT = 0x0112, 0x9286


class Tag(NamedTuple):
    """A tag: code, type and encoded value."""

    code: int
    kind: int
    value: bytes
