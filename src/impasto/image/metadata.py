"""What a photo says of itself and its painting keeps: date, place, author, copyright, title, resolution."""

from __future__ import annotations

import logging
import math
import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from impasto.image import decoding, guard, kinds
from impasto.image.tag import ASCII, BYTE, EXIF_IFD, GPS_IFD, RATIONAL, SHORT, UNDEFINED, Tag

if TYPE_CHECKING:
    from impasto.image.reading import Source

_LOG = logging.getLogger(__name__)

_MOST = 1000  # bytes of one entry: more is no name, and a JPEG has little room
_TITLE, _CHANGED, _AUTHOR, _COPYRIGHT = 270, 306, 315, 33432
_ACROSS, _DOWN, _UNIT = 282, 283, 296
_TAKEN, _ORIENTATION = 36867, 274
# The kinds of what is kept (CIPA DC-008). The camera and its settings made the photo, and not the painting.
_MAIN = {_TITLE: ASCII, _CHANGED: ASCII, _AUTHOR: ASCII, _COPYRIGHT: ASCII}
_EXIF = {_TAKEN: ASCII, 36868: ASCII} | dict.fromkeys((36880, 36881, 36882, 37520, 37521, 37522), ASCII)
_GPS = (
    dict.fromkeys((1, 3, 8, 9, 10, 12, 14, 16, 18, 19, 21, 23, 25, 29), ASCII)
    | dict.fromkeys((2, 4, 6, 7, 11, 13, 15, 17, 20, 22, 24, 26, 31), RATIONAL)
    | {0: BYTE, 5: BYTE, 27: UNDEFINED, 28: UNDEFINED, 30: SHORT}
)
_PNG_TEXTS = {"Title": _TITLE, "Description": _TITLE, "Author": _AUTHOR, "Copyright": _COPYRIGHT}
_CENTIMETRES = 3


@dataclass(frozen=True)
class Metadata:
    """What is kept, as tags of EXIF.

    Attributes:
        main: author, copyright, title and date of change.
        exif: when it was taken.
        gps: where; empty where the photo does not say.
        dpi: pixels an inch, across and down; None where the photo does not say.
        turn: an orientation to store, 1 to 8; the pixels are then stored turned.
    """

    main: tuple[Tag, ...] = ()
    exif: tuple[Tag, ...] = ()
    gps: tuple[Tag, ...] = ()
    dpi: tuple[float, float] | None = None
    turn: int = field(default=1, kw_only=True)

    def resolution(self) -> list[Tag]:
        """The tags of the resolution, in pixels an inch."""
        if self.dpi is None:
            return []
        return [
            *(
                Tag(code, RATIONAL, _rational(value))
                for code, value in zip((_ACROSS, _DOWN), self.dpi, strict=True)
            ),
            Tag(_UNIT, SHORT, struct.pack("<H", 2)),
        ]


def read_metadata(source: Source) -> Metadata:
    """Read what a picture says of itself; what is damaged is left out, and arrays say nothing.

    Raises:
        InputError: no such file, or not a picture.
    """
    if isinstance(source, Image.Image):
        return _of(source.getexif, source.info, source.format)
    if not isinstance(source, str | os.PathLike):
        return Metadata()
    source = Path(source)
    head = kinds.head_of(source)
    with guard.refusing(str(source)), guard.strict(str(source)):
        if kinds.is_heif(head):
            info = decoding.open_heif(source).info

            def heif() -> Image.Exif:
                exif = Image.Exif()
                exif.load(info.get("exif") or b"")
                return exif

            return _of(heif, info, "HEIF")
        with decoding.open_image(source) as image:
            return _of(image.getexif, image.info, image.format)


def _of(read: Callable[[], Image.Exif], info: Mapping[Any, Any], form: str | None) -> Metadata:
    try:
        exif = read()
        main, taken, gps = dict(exif), dict(exif.get_ifd(EXIF_IFD)), dict(exif.get_ifd(GPS_IFD))
    except Exception as fault:  # whatever a damaged block makes the reader raise: the picture is whole
        _LOG.info("its EXIF data is broken (%s) and is not kept", fault)
        main, taken, gps = {}, {}, {}
    if form == "PNG":
        for name, code in _PNG_TEXTS.items():
            if isinstance(text := info.get(name), str) and not main.get(code):
                main[code] = text.encode()
    return Metadata(_kept(main, _MAIN), _kept(taken, _EXIF), _kept(gps, _GPS), _dpi(main, info))


def _kept(found: Mapping[int, Any], kinds_of: Mapping[int, int]) -> tuple[Tag, ...]:
    tags = []
    for code, kind in kinds_of.items():
        try:
            value = _encoded(found[code], kind) if code in found else b""
        except (TypeError, ValueError, ArithmeticError, struct.error):
            continue
        if 0 < len(value) <= _MOST and value.strip(b"\0 "):
            tags.append(Tag(code, kind, value))
    return tuple(tags)


def _encoded(value: Any, kind: int) -> bytes:
    """A value as Pillow gives it, in the bytes of its kind."""
    if kind == ASCII:
        # Pillow takes every byte for a sign of its own: so its text gives the bytes as they were.
        text = value if isinstance(value, bytes) else str(value).encode("latin-1", "replace")
        return text.split(b"\0")[0] + b"\0" if text.strip(b"\0 ") else b""
    if kind in (BYTE, UNDEFINED):
        return bytes(value) if isinstance(value, (bytes, tuple, list)) else bytes([value])
    several = value if isinstance(value, (tuple, list)) else (value,)
    if kind == SHORT:
        return struct.pack(f"<{len(several)}H", *several)
    return b"".join(_rational(one) for one in several)


def _rational(value: Any) -> bytes:
    """A fraction of two whole numbers; floats to a millionth."""
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
    """Pixels an inch, as the container says it (JFIF, pHYs), else EXIF."""
    # Of a JPEG that does not say it, Pillow makes up 72.
    found = info.get("dpi") if info.get("jfif_unit", 1) in (1, 2) else None
    try:
        if found is None and _ACROSS in main:
            factor = 2.54 if main.get(_UNIT) == _CENTIMETRES else 1.0
            found = tuple(float(main.get(code, main[_ACROSS])) * factor for code in (_ACROSS, _DOWN))
        if found is None:
            return None
        # PNG counts in pixels a metre: 300 come back as 299.9994.
        whole = [(float(value), round(float(value))) for value in found]
        across, down = (float(near) if abs(value - near) < 0.02 else round(value, 3) for value, near in whole)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return (across, down) if all(1 < value < 1e5 for value in (across, down)) else None
