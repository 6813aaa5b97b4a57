"""Pictures of 16 bits for each of several channels, which Pillow's modes cannot hold."""

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
    """Whether this is a TIFF of planes apart with more than 8 bits: Pillow reads noise from it."""
    tags = getattr(image, "tag_v2", {})
    return bool(tags.get(_PLANAR, 1) == 2 and max(tags.get(_BITS, (8,))) > 8)


def channels_of(image: Image.Image) -> str:
    """The channels of a picture whose file has 16 bits for each of several; else ''."""
    tiles = getattr(image, "tile", [])
    if not tiles:
        return ""
    args = tiles[0][3]
    found = _DEEP.fullmatch(str(args if isinstance(args, str) else args[0]))
    return found[1] if found else ""


def read_words(
    open_again: Callable[[], Image.Image], image: Image.Image, channels: str
) -> NDArray[np.uint16]:
    """Read `(H, W, C)` in two passes.

    Pillow unpacks such pixels by keeping the high byte of each value. Told that the file has the
    other byte order, the same decoder keeps the low byte. So one tested C decoder gives all 16 bits
    of PNG and of every compression of TIFF, where tifffile alone reads few.

    Args:
        open_again: opens the same file once more.
        image: opened; nothing of it is decoded yet.
        channels: what `channels_of` says of it.
    """
    if channels == "LA":
        # Grey and alpha as four bytes a pixel: a high and a low one each.
        values = _pass(image, lambda _: "RGBA").astype(np.uint16)
        return np.asarray(values[..., 0::2] << 8 | values[..., 1::2])
    # "RGBa" (multiplied by alpha) would be divided in 8 bits while it is unpacked.
    high = _pass(image, lambda raw: raw.replace("RGBa", "RGBA"))
    with open_again() as again:
        low = _pass(again, lambda raw: _other_end(raw.replace("RGBa", "RGBA")))
    return np.asarray(high.astype(np.uint16) << 8 | low)


def _other_end(raw: str) -> str:
    """The raw mode that takes the byte which `raw` drops."""
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
