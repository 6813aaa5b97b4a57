"""Metadata copied from the input to the result: date, place, author, copyright, title, resolution."""

from __future__ import annotations

import logging
import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from impasto.image import decoding, xmp
from impasto.image.tag import ASCII, BYTE, EXIF_IFD, GPS_IFD, RATIONAL, SHORT, UNDEFINED, Tag

if TYPE_CHECKING:
    from impasto.image.reading import Source

_LOG = logging.getLogger(__name__)

_MOST = 1000  # largest entry in bytes, as JPEG has little room
_TITLE, _CHANGED, _AUTHOR, _COPYRIGHT = 270, 306, 315, 33432
_ACROSS, _DOWN, _UNIT = 282, 283, 296
_TAKEN = 36867
# Types of the copied tags (CIPA DC-008). Camera and exposure tags do not apply to the result.
_MAIN = {_TITLE: ASCII, _CHANGED: ASCII, _AUTHOR: ASCII, _COPYRIGHT: ASCII}
_EXIF = {_TAKEN: ASCII, 36868: ASCII} | dict.fromkeys((36880, 36881, 36882, 37520, 37521, 37522), ASCII)
_GPS = (
    dict.fromkeys((1, 3, 8, 9, 10, 12, 14, 16, 18, 19, 21, 23, 25, 29), ASCII)
    | dict.fromkeys((2, 4, 6, 7, 11, 13, 15, 17, 20, 22, 24, 26, 31), RATIONAL)
    | {0: BYTE, 5: BYTE, 27: UNDEFINED, 28: UNDEFINED, 30: SHORT}
)
_PNG_TEXTS = {"Title": _TITLE, "Description": _TITLE, "Author": _AUTHOR, "Copyright": _COPYRIGHT}
_PACKETS = ("xmp", "XML:com.adobe.xmp")  # Pillow's names
_CENTIMETRES = 3


@dataclass(frozen=True)
class Metadata:
    """Metadata to copy, as EXIF tags.

    Attributes:
        main: author, copyright, title and modification date.
        exif: time of capture.
        gps: place of capture; empty if unknown.
        dpi: horizontal and vertical resolution in pixels per inch; None if unknown.
        xmp: XMP packet with title, author, rights, keywords and place; empty if there is none.
        turn: EXIF orientation to store, 1 to 8; the pixels are then stored rotated.
    """

    main: tuple[Tag, ...] = ()
    exif: tuple[Tag, ...] = ()
    gps: tuple[Tag, ...] = ()
    dpi: tuple[float, float] | None = None
    xmp: bytes = b""
    turn: int = field(default=1, kw_only=True)

    def resolution(self) -> list[Tag]:
        """Return the resolution tags, in pixels per inch."""
        if self.dpi is None:
            return []
        across, down = self.dpi
        numbers = Tag(_ACROSS, RATIONAL, _rational(across)), Tag(_DOWN, RATIONAL, _rational(down))
        return [*numbers, Tag(_UNIT, SHORT, struct.pack("<H", 2))]


def read_metadata(source: Source) -> Metadata:
    """Read the metadata of an image, without damaged entries; empty for arrays and tensors.

    Raises:
        InputError: the file does not exist, or is not an image.
    """
    if isinstance(source, Image.Image):
        return _of(source)
    if not isinstance(source, str | os.PathLike):
        return Metadata()
    with decoding.undecoded(Path(source)) as image:
        return _of(image)


def _of(image: Any) -> Metadata:
    info: Mapping[Any, Any] = image.info
    try:
        exif = decoding.exif_of(image)
        main, taken, gps = dict(exif), dict(exif.get_ifd(EXIF_IFD)), dict(exif.get_ifd(GPS_IFD))
    except Exception as fault:  # damaged EXIF raises many types; the image itself is fine
        _LOG.info("its EXIF data is damaged (%s) and is not copied", fault)
        main, taken, gps = {}, {}, {}
    if getattr(image, "format", None) == "PNG":
        for name, code in _PNG_TEXTS.items():
            if isinstance(text := info.get(name), str) and not main.get(code):
                main[code] = text.encode()
    packet = next((info[key] for key in _PACKETS if info.get(key)), b"")
    told = xmp.result_properties(packet.encode() if isinstance(packet, str) else bytes(packet))
    return Metadata(
        _encode_tags(main, _MAIN), _encode_tags(taken, _EXIF), _encode_tags(gps, _GPS), _dpi(main, info), told
    )


def _encode_tags(found: Mapping[int, Any], kinds_of: Mapping[int, int]) -> tuple[Tag, ...]:
    tags = []
    for code, kind in kinds_of.items():
        try:
            value = _encode_value(found[code], kind) if code in found else b""
        except (TypeError, ValueError, ArithmeticError, struct.error):
            continue
        if 0 < len(value) <= _MOST and value.strip(b"\0 "):
            tags.append(Tag(code, kind, value))
    return tuple(tags)


def _encode_value(value: Any, kind: int) -> bytes:
    """Encode a value from Pillow in the bytes of its type."""
    if kind == ASCII:
        # Pillow decodes as Latin-1, so encoding as Latin-1 restores the original bytes.
        text = value if isinstance(value, bytes) else str(value).encode("latin-1", "replace")
        return text.split(b"\0")[0] + b"\0" if text.strip(b"\0 ") else b""
    if kind in (BYTE, UNDEFINED):
        return bytes(value) if isinstance(value, (bytes, tuple, list)) else bytes([value])
    several = value if isinstance(value, (tuple, list)) else (value,)
    if kind == SHORT:
        return struct.pack(f"<{len(several)}H", *several)
    return b"".join(_rational(one) for one in several)


def _rational(value: Any) -> bytes:
    """Encode a fraction of two integers; floats are rounded to a millionth."""
    above, below = getattr(value, "numerator", None), getattr(value, "denominator", None)
    if not (isinstance(above, int) and isinstance(below, int)) or max(above, below) >= 1 << 32:
        number = float(value)
        if not math.isfinite(number):
            raise ValueError("no number")
        above, below = (round(number), 1) if number == round(number) else (round(number * 10**6), 10**6)
    if not below:
        raise ValueError("no number")
    return struct.pack("<2I", above, below)


def _dpi(main: Mapping[int, Any], info: Mapping[Any, Any]) -> tuple[float, float] | None:
    """Return pixels per inch from the container (JFIF, pHYs), else from EXIF."""
    # Pillow reports 72 for a JPEG without a resolution.
    found = info.get("dpi") if info.get("jfif_unit", 1) in (1, 2) else None
    try:
        if found is None and _ACROSS in main:
            factor = 2.54 if main.get(_UNIT) == _CENTIMETRES else 1.0
            found = tuple(float(main.get(code, main[_ACROSS])) * factor for code in (_ACROSS, _DOWN))
        if found is None:
            return None
        # PNG stores pixels per metre: 300 is read as 299.9994.
        whole = [(float(value), round(float(value))) for value in found]
        across, down = (float(near) if abs(value - near) < 0.02 else round(value, 3) for value, near in whole)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return (across, down) if all(1 < value < 1e5 for value in (across, down)) else None
