"""Minimal writer of TIFF and EXIF tag directories, for images and a comment.

Pillow writes TIFF with 8 bits only and drops EXIF from compressed files; tifffile does not write EXIF.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from impasto.image.metadata import Metadata
from impasto.image.tag import (
    ASCII,
    BYTE,
    EXIF_IFD,
    GPS_IFD,
    LONG,
    ORIENTATION,
    RATIONAL,
    SHORT,
    UNDEFINED,
    USER_COMMENT,
    Tag,
)

_WIDTHS = {BYTE: 1, ASCII: 1, SHORT: 2, LONG: 4, RATIONAL: 8, UNDEFINED: 1}
_XMP = 700
_HEADER = b"II*\0" + struct.pack("<I", 8)


def _short(code: int, *values: int) -> Tag:
    return Tag(code, SHORT, struct.pack(f"<{len(values)}H", *values))


def _long(code: int, value: int) -> Tag:
    return Tag(code, LONG, struct.pack("<I", value))


def _directory(tags: list[Tag], start: int) -> bytes:
    """Encode a tag directory at byte ``start`` of a file, followed by its values (TIFF 6.0, p. 14)."""
    entries, values = b"", b""
    after = start + 2 + 12 * len(tags) + 4
    for tag in sorted(tags):
        if len(tag.value) <= 4:
            place = tag.value.ljust(4, b"\0")
        else:
            place = struct.pack("<I", after + len(values))
            values += tag.value + b"\0" * (len(tag.value) % 2)
        entries += struct.pack("<HHI", tag.code, tag.kind, len(tag.value) // _WIDTHS[tag.kind]) + place
    return struct.pack("<H", len(tags)) + entries + bytes(4) + values


def _comment(text: str) -> list[Tag]:
    """Return the EXIF tags of a user comment (CIPA DC-008, 4.6.5)."""
    if text.isascii():
        return [Tag(USER_COMMENT, UNDEFINED, b"ASCII\0\0\0" + text.encode("ascii"))]
    return [Tag(USER_COMMENT, UNDEFINED, b"UNICODE\0" + text.encode("utf-16-le"))]


def _file(
    tags: list[Tag], text: str | None, kept: Metadata | None, pixels: Callable[[int], list[Tag]] | None = None
) -> tuple[bytes, int]:
    """Encode header and directories with a comment and metadata of the input; return them and their end.

    ``tags`` belong to the first directory; ``pixels`` returns those that depend on where the directories end.
    """
    taken = [*(kept.exif if kept else ()), *(_comment(text) if text is not None else ())]
    gps = list(kept.gps) if kept else []
    own = [*tags, *(kept.main if kept else ()), *(kept.resolution() if kept else ())]
    if kept and kept.xmp and pixels:  # other formats have a place for XMP outside EXIF
        own.append(Tag(_XMP, BYTE, kept.xmp))
    if kept and kept.turn != 1:
        own.append(_short(ORIENTATION, kept.turn))
    places = [0, 0, 0]
    for _ in range(2):  # the second pass has the final offsets; the lengths do not depend on them
        whole = own + (pixels(places[2]) if pixels else [])
        whole += [_long(EXIF_IFD, places[0])] if taken else []
        whole += [_long(GPS_IFD, places[1])] if gps else []
        first = _directory(whole, len(_HEADER))
        places[0] = len(_HEADER) + len(first)
        second = _directory(taken, places[0]) if taken else b""
        places[1] = places[0] + len(second)
        third = _directory(gps, places[1]) if gps else b""
        places[2] = places[1] + len(third)
    return _HEADER + first + second + third, places[2]


def exif(text: str | None, kept: Metadata | None = None) -> bytes:
    """Return EXIF data with ``text`` as the user comment and the metadata; empty if there is neither."""
    if text is None and (kept is None or replace(kept, xmp=b"") == type(kept)()):
        return b""
    return b"Exif\0\0" + _file([], text, kept)[0]


def tiff(
    values: NDArray[np.uint8] | NDArray[np.uint16],
    *,
    icc: bytes,
    comment: str | None,
    kept: Metadata | None = None,
) -> bytes:
    """Encode a TIFF file of ``(H, W, C)``, gray or RGB with straight alpha or without, by deflate.

    ``comment`` becomes the EXIF user comment, ``kept`` is copied from the input.
    """
    height, width, channels = values.shape
    bits = values.dtype.itemsize * 8
    pixels = zlib.compress(values.astype(values.dtype.newbyteorder("<")).tobytes(), 6)
    if len(pixels) > 0xFFF00000:
        raise OverflowError("a TIFF file holds at most 4 GB")
    tags = [
        _long(256, width),
        _long(257, height),
        _short(258, *[bits] * channels),
        _short(259, 8),  # compression: deflate (TIFF Technical Note 2)
        _short(262, 1 if channels < 3 else 2),  # black is zero, or RGB
        _short(277, channels),
        _long(278, height),  # rows per strip; there is one strip
        _long(279, len(pixels)),
        _short(284, 1),  # interleaved channels
        Tag(34675, UNDEFINED, icc),
    ]
    if channels in (2, 4):
        tags.append(_short(338, 2))  # straight alpha
    return _file(tags, comment, kept, lambda place: [_long(273, place)])[0] + pixels
