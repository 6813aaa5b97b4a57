"""Images with several 16-bit channels, which Pillow modes cannot hold."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BITS, _PLANAR = 258, 284  # tags of TIFF
_DEEP = re.compile(r"(RGB|RGBA|RGBX|RGBa|LA);16([BLN])")


def planes_apart(image: Image.Image) -> bool:
    """Return whether this is a planar TIFF with more than 8 bits, which Pillow decodes to noise."""
    tags = getattr(image, "tag_v2", {})
    return bool(tags.get(_PLANAR, 1) == 2 and max(tags.get(_BITS, (8,))) > 8)


def channels_of(image: Image.Image) -> str:
    """Return the channels of a file with several 16-bit channels, such as "RGBA"; else ''."""
    tiles = getattr(image, "tile", [])
    if not tiles:
        return ""
    args = tiles[0][3]
    found = _DEEP.fullmatch(str(args if isinstance(args, str) else args[0]))
    return found[1] if found else ""


def read_words(
    open_again: Callable[[], Image.Image], image: Image.Image, channels: str
) -> NDArray[np.uint16]:
    """Read ``(H, W, C)`` in two passes.

    Pillow keeps only the high byte of each value. With the opposite byte order, the same decoder keeps the
    low byte. Two passes give all 16 bits for PNG and for every TIFF compression that Pillow supports, more
    than tifffile alone. ``image`` is open and not decoded yet, ``channels`` its ``channels_of``.
    """
    if channels == "LA":
        # Gray and alpha as four bytes: a high and a low byte each.
        values = _pass(image, lambda _: "RGBA").astype(np.uint16)
        return np.asarray(values[..., 0::2] << 8 | values[..., 1::2])
    # Pillow would divide "RGBa" (premultiplied) by alpha in 8 bits while unpacking.
    high = _pass(image, lambda raw: raw.replace("RGBa", "RGBA"))
    with open_again() as again:
        low = _pass(again, lambda raw: _other_end(raw.replace("RGBa", "RGBA")))
    return np.asarray(high.astype(np.uint16) << 8 | low)


def _other_end(raw: str) -> str:
    """Return the raw mode with the opposite byte order, which keeps the other byte."""
    end = raw[-1] if raw[-1] != "N" else sys.byteorder[0].upper()
    return raw[:-1] + ("L" if end == "B" else "B")


def _pass(image: Image.Image, rename: Any) -> NDArray[np.uint8]:
    """Decode with another raw mode."""
    tiles = []
    for tile in image.tile:  # type: ignore[attr-defined]
        args = tile.args
        renamed = rename(args) if isinstance(args, str) else (rename(args[0]), *args[1:])
        tiles.append(tile._replace(args=renamed))
    image.tile = tiles  # type: ignore[attr-defined]
    image.load()
    return np.asarray(image)
