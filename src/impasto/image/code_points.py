"""Read color code points from files: a PNG chunk, a HEIF or AVIF box, or a profile tag."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from impasto.image.cicp import Cicp

_MOST = 1 << 20  # bytes of the file to inspect; the boxes of a tiled image can be long


def of_file(path: Path, head: bytes, profile: bytes | None) -> Cicp | None:
    """Return the code points of a PNG, an AVIF or a profile; None if the profile itself applies."""
    if head.startswith(b"\x89PNG"):
        return _of_png(path) or of_profile(profile)
    found = of_profile(profile)
    if found is None and head[4:8] == b"ftyp":
        with path.open("rb") as stream:
            coding = _of_boxes(stream.read(_MOST))
        return coding if coding is not None and (coding.bright or not profile) else None
    return found


def of_heif(info: dict[str, Any]) -> Cicp | None:
    """Return the code points of a HEIC from pillow-heif; for SDR images a profile takes precedence."""
    nclx, icc = info.get("nclx_profile"), info.get("icc_profile")
    if isinstance(nclx, dict):
        coding = Cicp(int(nclx["color_primaries"]), int(nclx["transfer_characteristics"]))
        if coding.bright or not icc:
            return coding
    return of_profile(icc)


def of_profile(profile: bytes | None) -> Cicp | None:
    """Return the HDR code points in the ``cicp`` tag of a profile (ICC.1:2022, 9.2.17)."""
    if not profile or len(profile) < 132:
        return None
    (count,) = struct.unpack_from(">I", profile, 128)
    for entry in range(min(count, 100)):
        start = 132 + 12 * entry
        if profile[start : start + 4] == b"cicp" and len(profile) >= start + 12:
            (place,) = struct.unpack_from(">I", profile, start + 4)
            value = profile[place : place + 12]
            coding = Cicp(value[8], value[9]) if len(value) == 12 else None
            return coding if coding is not None and coding.bright else None
    return None


def _of_png(path: Path) -> Cicp | None:
    """Read the cICP chunk, which precedes the pixels and overrides a profile (PNG 3, 11.3.2.6).

    Without that or a profile, gAMA 1 means linear light, as written by renderers.
    """
    with path.open("rb") as stream:
        stream.seek(8)
        linear = colored = False
        while len(head := stream.read(8)) == 8:
            length, name = struct.unpack(">I4s", head)
            if name == b"cICP" and len(body := stream.read(4)) == 4:
                return Cicp(body[0], body[1])
            if name in (b"IDAT", b"IEND"):
                return Cicp(1, 8) if linear and not colored else None
            colored |= name in (b"sRGB", b"iCCP")
            body = stream.read(min(length, 4))
            linear |= name == b"gAMA" and len(body) == 4 and abs(int.from_bytes(body, "big") - 100_000) < 5000
            stream.seek(length - len(body) + 4, 1)
    return None


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and body of each box in a part of a file (ISO/IEC 14496-12, 4.2)."""
    start = 0
    while start + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1 and start + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, start + 8)
            head = 16
        size = size or len(data) - start
        if size < head:
            return
        yield name, data[start + head : start + size]
        start += size


def _of_boxes(data: bytes) -> Cicp | None:
    """Read the ``colr`` box of the primary item (ISO/IEC 23008-12)."""
    meta = next((body for name, body in _boxes(data) if name == b"meta"), b"")
    within = dict(_boxes(meta[4:]))
    properties = dict(_boxes(within.get(b"iprp", b"")))
    listed = list(_boxes(properties.get(b"ipco", b"")))
    try:
        own = _property_indices(within[b"pitm"], properties[b"ipma"])
    except (KeyError, IndexError, struct.error):
        return None
    for number in own:
        name, body = listed[number - 1] if 0 < number <= len(listed) else (b"", b"")
        if name == b"colr" and body[:4] == b"nclx" and len(body) >= 8:
            return Cicp(*struct.unpack_from(">HH", body, 4))
    return None


def _property_indices(pitm: bytes, ipma: bytes) -> list[int]:
    """Return the property indices of the primary item, counted from 1."""
    (primary,) = struct.unpack_from(">I" if pitm[0] else ">H", pitm, 4)
    wide_item, wide_number = ipma[0] > 0, ipma[3] & 1
    (count,) = struct.unpack_from(">I", ipma, 4)
    place = 8
    for _ in range(count):
        (item,) = struct.unpack_from(">I" if wide_item else ">H", ipma, place)
        place += 4 if wide_item else 2
        several, place = ipma[place], place + 1
        step = 2 if wide_number else 1
        stored = ipma[place : place + several * step]
        place += several * step
        if item == primary:
            if wide_number:
                return [number & 0x7FFF for number in struct.unpack(f">{several}H", stored)]
            return [number & 0x7F for number in stored]
    return []
