"""Read an image from a file or from memory."""

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
from impasto.image import decoding, guard
from impasto.image.picture import Picture, colors_of, planes_last
from impasto.image.tag import EXIF_IFD, USER_COMMENT

if TYPE_CHECKING:
    import torch

Source: TypeAlias = "str | os.PathLike[str] | Image.Image | NDArray[Any] | torch.Tensor | Picture"

MAX_PIXELS = 200_000_000


def read(source: Source, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read an image: upright, in sRGB, with separate alpha.

    Args:
        source: the path of a JPEG, PNG, WebP, TIFF, HEIC, AVIF, GIF (first frame) or BMP file; a PIL image;
            an array ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` of uint8, uint16 or floats 0..1; a tensor
            ``(3, H, W)`` or ``(1, 3, H, W)``, 0..1; or a ``Picture``, returned as is.
        max_pixels: larger files are rejected before decoding.

    Returns:
        The image, with EXIF orientation and color profile applied. 16-bit files keep their precision.

    Raises:
        InputError: the file does not exist, is not an image, is damaged, truncated or too large; the array
            has an unsupported shape, type or range, or non-finite values.

    Examples:
        >>> read(np.zeros((4, 6), np.uint8)).rgb.shape
        (4, 6, 3)
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        layers = decoding.decode_file(path, max_pixels=max_pixels)
        return Picture(*layers[:2], name=path.stem, path=path, bits=layers.bits, gray=layers.gray)
    if isinstance(source, Image.Image):
        return _of_pil(source, max_pixels=max_pixels)
    if isinstance(source, np.ndarray):
        return _of_array(source, name="the array")
    # Look torch up instead of importing it: a tensor implies that it is loaded.
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(source, torch.Tensor):
        return _of_array(planes_last(source), name="the tensor")
    raise InputError(f"a picture is a path, a PIL image, an array or a tensor, not {type(source).__name__}")


def read_bytes(
    path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS, least: int = 0
) -> NDArray[np.uint8] | None:
    """Read a large 8-bit image as ``(H, W, 3)`` uint8, upright and in sRGB; errors as in ``read``.

    Returns None for images that need ``read``: with ``least`` or fewer pixels, transparency, or more than 8
    bits.
    """
    return decoding.decode_bytes(Path(path), max_pixels=max_pixels, least=least)


def _of_pil(image: Image.Image, *, max_pixels: int) -> Picture:
    name = str(getattr(image, "filename", "") or "the PIL image")
    guard.refuse_size(name, image.size, max_pixels=max_pixels)
    with guard.guarded(name):
        layers = decoding.layers_of(image, name=name)
    path = Path(name) if getattr(image, "filename", "") else None
    return Picture(
        *layers[:2], name=path.stem if path else "picture", path=path, bits=layers.bits, gray=layers.gray
    )


def _of_array(values: NDArray[Any], *, name: str) -> Picture:
    rgb, alpha = colors_of(values, name=name)
    return Picture(rgb, alpha, bits=16 if values.dtype == np.uint16 else 8, gray=values.ndim == 2)


def read_recipe(path: str | os.PathLike[str]) -> str | None:
    """Return the recipe stored in an image by ``write``, as JSON text; None if there is none.

    Raises:
        InputError: the file does not exist, or is not an image.

    Examples:
        >>> Image.new("RGB", (4, 4)).save("no-recipe.png")
        >>> read_recipe("no-recipe.png") is None
        True
    """
    with decoding.undecoded(Path(path)) as image:
        if getattr(image, "format", None) == "PNG":
            image.load()  # text chunks may follow the pixels
            text = image.info.get("impasto")
        else:
            text = _comment(decoding.exif_of(image))
    return text if isinstance(text, str) and _is_json(text) else None


def _comment(exif: Image.Exif) -> str:
    """Return the EXIF user comment; "" if there is none in an encoding used by ``write``."""
    stored = exif.get_ifd(EXIF_IFD).get(USER_COMMENT)
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
    """Return whether a comment is a JSON object; cameras and phones write other comments."""
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
