"""JPEG files that lack their end: whether all pixels are there all the same."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_END = b"\xff\xd9"
_COEFFICIENTS = 64  # of a block
# Two fillings without markers. What is decoded from them is noise, and differs: so pixels that are the same
# with both were in the file.
_FILLINGS = (bytes(4096), bytes((73 * place + 41) % 251 for place in range(4096)))


def with_its_end(path: Path) -> io.BytesIO | None:
    """The file with the end that it lacks; None if it lacks more, or something else is wrong with it."""
    data = path.read_bytes().removesuffix(b"\xff")
    try:
        if not data.startswith(b"\xff\xd8") or not _has_all_scans(data):
            return None
        one, other = (
            np.asarray(Image.open(io.BytesIO(data + f + _END), formats=["JPEG"])) for f in _FILLINGS
        )
    except (OSError, SyntaxError, ValueError, IndexError, ArithmeticError, struct.error):
        return None
    return io.BytesIO(data + _END) if np.array_equal(one, other) else None


def _decoded(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        return np.asarray(image)


@dataclass
class _Scans:
    """What the scans that were seen have brought, and what they should have."""

    size: tuple[int, int] = (0, 0)
    sampling: dict[int, tuple[int, int]] = field(default_factory=dict)  # of a component, across and down
    left: dict[int, set[int]] = field(default_factory=dict)  # coefficients that are still to come
    interval: int = 0  # blocks between restarts; 0 for none
    restarts: int = 0  # that the scan should still have

    def frame(self, body: bytes) -> None:
        """Reads SOF."""
        height, width = struct.unpack_from(">HH", body, 1)
        self.size = height, width
        self.sampling = {body[i]: (body[i + 1] >> 4, body[i + 1] & 15) for i in range(6, len(body) - 2, 3)}
        self.left = {number: set(range(_COEFFICIENTS)) for number in self.sampling}

    def scan(self, body: bytes) -> None:
        """Reads SOS."""
        first, last, bits = body[-3:]
        numbers = [number for number in body[1 : 1 + 2 * body[0] : 2] if number in self.left]
        for number in numbers:
            if bits & 15 == 0:
                self.left[number] -= set(range(first, last + 1))
        self.restarts = -(-self._units(numbers) // self.interval) - 1 if self.interval else 0

    def _units(self, numbers: list[int]) -> int:
        """How many groups of blocks a scan of these components has (T.81, A.2)."""
        across, down = (max(sampling[axis] for sampling in self.sampling.values()) for axis in (0, 1))
        height, width = self.size
        if len(numbers) > 1:
            return -(-width // (8 * across)) * -(-height // (8 * down))
        own = self.sampling[numbers[0]]
        return -(-width * own[0] // (8 * across)) * -(-height * own[1] // (8 * down))


def _has_all_scans(data: bytes) -> bool:
    """Whether every coefficient of every component comes with all its bits (ITU-T T.81, B.2), and no end."""
    seen = _Scans()
    place = 2
    while (place := data.find(b"\xff", place)) >= 0 and place + 2 <= len(data):
        marker = data[place + 1]
        if marker == 0xD9:
            return False
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:  # data, filling, restarts
            seen.restarts -= 0xD0 <= marker <= 0xD7
            place += 1 if marker == 0xFF else 2
            continue
        body = _segment(data, place + 2)
        if body is None or seen.restarts > 0:
            return False
        if marker in (0xC0, 0xC1, 0xC2):
            seen.frame(body)
        elif marker == 0xDD:
            seen.interval = int.from_bytes(body[:2], "big")
        elif marker == 0xDA:
            seen.scan(body)
        place += 4 + len(body)
    return bool(seen.left) and not any(seen.left.values()) and seen.restarts <= 0


def _segment(data: bytes, place: int) -> bytes | None:
    """What follows a marker; None if it is cut off."""
    length = int.from_bytes(data[place : place + 2], "big")
    body = data[place + 2 : place + length]
    return body if length >= 2 and len(body) == length - 2 else None
