"""Read a picture from a file or from memory, or refuse it in one line."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import InputError
from impasto.image import decoding, guard, kinds
from impasto.image.picture import Picture, colours_of, planes_last

if TYPE_CHECKING:
    import torch

Source: TypeAlias = "str | os.PathLike[str] | Image.Image | NDArray[Any] | torch.Tensor | Picture"

MAX_PIXELS = 200_000_000

_EXIF_IFD = 0x8769
_USER_COMMENT = 0x9286


def read(source: Source, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture: upright, in sRGB, its transparency apart.

    Args:
        source: the path of a JPEG, PNG, WebP, TIFF, HEIC, AVIF, GIF (first frame) or BMP file; a
            PIL image; an array `(H, W)`, `(H, W, 3)` or `(H, W, 4)` of uint8, uint16 or floats in
            0..1; a tensor `(3, H, W)` or `(1, 3, H, W)` in 0..1; or a `Picture`, returned as is.
        max_pixels: larger files are refused before they are decoded.

    Returns:
        The picture; the orientation of EXIF and the colour profile are already applied. Files of
        16 bits keep them all.

    Raises:
        InputError: no such file, not a picture, damaged or cut off, too large; an array of another
            shape, type or range, or with values that are not numbers.

    Examples:
        >>> read(np.zeros((4, 6), np.uint8)).rgb.shape
        (4, 6, 3)
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        layers = decoding.decode_file(path, max_pixels=max_pixels)
        return Picture(*layers[:2], name=path.stem, path=path, bits=layers.bits, grey=layers.grey)
    if isinstance(source, Image.Image):
        return _of_pil(source, max_pixels=max_pixels)
    if isinstance(source, np.ndarray):
        return _of_array(source, name="the array")
    # Looked up, not imported: whoever hands in a tensor has loaded torch.
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(source, torch.Tensor):
        return _of_array(planes_last(source), name="the tensor")
    raise InputError(f"a picture is a path, a PIL image, an array or a tensor, not {type(source).__name__}")


def read_bytes(
    path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS, least: int = 0
) -> NDArray[np.uint8] | None:
    """Read a large plain picture as ``(H, W, 3)`` bytes, upright and in sRGB.

    Args:
        path: of the file.
        max_pixels: larger files are refused before they are decoded.
        least: pixels that it must have more of.

    Returns:
        None for one with fewer pixels, transparency or more than 8 bits, which `read` reads.

    Raises:
        InputError: as `read`.
    """
    return decoding.decode_bytes(Path(path), max_pixels=max_pixels, least=least)


def _of_pil(image: Image.Image, *, max_pixels: int) -> Picture:
    name = str(getattr(image, "filename", "") or "the PIL image")
    guard.refuse_size(name, image.size, max_pixels=max_pixels)
    with guard.refusing(name), guard.strict(name):
        layers = decoding.layers_of(image, name=name)
    path = Path(name) if getattr(image, "filename", "") else None
    return Picture(
        *layers[:2], name=path.stem if path else "picture", path=path, bits=layers.bits, grey=layers.grey
    )


def _of_array(values: NDArray[Any], *, name: str) -> Picture:
    rgb, alpha = colours_of(values, name=name)
    return Picture(rgb, alpha, bits=16 if values.dtype == np.uint16 else 8, grey=values.ndim == 2)


def read_recipe(path: str | os.PathLike[str]) -> str | None:
    """Return the recipe that `write` stored in a picture, a JSON text, or None if it has none.

    Raises:
        InputError: no such file, or not a picture.

    Examples:
        >>> Image.new("RGB", (4, 4)).save("no-recipe.png")
        >>> read_recipe("no-recipe.png") is None
        True
    """
    file = Path(path)
    head = kinds.head_of(file)
    with guard.refusing(str(file)), guard.strict(str(file)):
        if kinds.is_heif(head):
            exif = Image.Exif()
            exif.load(decoding.open_heif(file).info.get("exif") or b"")
            text = _comment(exif)
        else:
            with decoding.open_image(file) as image:
                if image.format == "PNG":
                    image.load()  # texts may follow the pixels
                    kept = image.info.get("impasto")
                    return kept if isinstance(kept, str) and _is_json(kept) else None
                text = _comment(image.getexif())
    return text if _is_json(text) else None


def _comment(exif: Image.Exif) -> str:
    """The user comment of EXIF, "" if there is none in an encoding we write."""
    stored = exif.get_ifd(_EXIF_IFD).get(_USER_COMMENT)
    if not isinstance(stored, bytes):
        return ""
    # The first eight bytes name the encoding (CIPA DC-008, 4.6.5).
    code, text = stored[:8], stored[8:]
    if code == b"ASCII\0\0\0":
        return text.decode("ascii", "replace")
    if code == b"UNICODE\0":
        return text.decode("utf-16-le" if exif.endian == "<" else "utf-16-be", "replace")
    return ""


def _is_json(text: str) -> bool:
    """Cameras and phones leave comments of their own, which are no recipes."""
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
