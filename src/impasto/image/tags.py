"""The tag structure of TIFF, which EXIF shares: enough to write pictures and a comment.

Pillow writes TIFF of 8 bits only and drops EXIF where it compresses; tifffile has no EXIF.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_SHORT, _LONG, _UNDEFINED = 3, 4, 7
_WIDTHS = {_SHORT: 2, _LONG: 4, _UNDEFINED: 1}
_EXIF_IFD = 0x8769
_USER_COMMENT = 0x9286
_HEADER = b"II*\0" + struct.pack("<I", 8)


class _Tag(NamedTuple):
    code: int
    kind: int
    value: bytes


def _short(code: int, *values: int) -> _Tag:
    return _Tag(code, _SHORT, struct.pack(f"<{len(values)}H", *values))


def _long(code: int, value: int) -> _Tag:
    return _Tag(code, _LONG, struct.pack("<I", value))


def _directory(tags: list[_Tag], start: int) -> bytes:
    """A directory of tags for the byte `start` of a file, with the values after it (TIFF 6.0, p. 14)."""
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


def _comment(text: str) -> list[_Tag]:
    """The tags of an EXIF directory with a user comment (CIPA DC-008, 4.6.5)."""
    if text.isascii():
        return [_Tag(_USER_COMMENT, _UNDEFINED, b"ASCII\0\0\0" + text.encode("ascii"))]
    return [_Tag(_USER_COMMENT, _UNDEFINED, b"UNICODE\0" + text.encode("utf-16-le"))]


def exif(text: str) -> bytes:
    """A block of EXIF data whose user comment is `text`."""
    start = len(_HEADER)
    pointed = start + len(_directory([_long(_EXIF_IFD, 0)], start))
    return (
        b"Exif\0\0"
        + _HEADER
        + _directory([_long(_EXIF_IFD, pointed)], start)
        + _directory(_comment(text), pointed)
    )


def tiff(values: NDArray[np.uint8] | NDArray[np.uint16], *, icc: bytes, comment: str | None) -> bytes:
    """A TIFF file with deflate compression.

    Args:
        values: `(H, W, C)`; one or three channels of colour, and one more for straight alpha.
        icc: the colour profile.
        comment: the user comment of its EXIF data.
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
        _long(278, height),  # rows in the one strip
        _long(279, len(pixels)),
        _short(284, 1),  # the channels of a pixel lie together
        _Tag(34675, _UNDEFINED, icc),
    ]
    if channels in (2, 4):
        tags.append(_short(338, 2))  # alpha is not multiplied in
    # Two passes: the length of the directories does not depend on the offsets in them.
    strip = below = 0
    for _ in range(2):
        whole = [*tags, _long(273, strip)] + ([_long(_EXIF_IFD, below)] if comment else [])
        first = _directory(whole, len(_HEADER))
        below = len(_HEADER) + len(first)
        second = _directory(_comment(comment), below) if comment else b""
        strip = below + len(second)
    return _HEADER + first + second + pixels
