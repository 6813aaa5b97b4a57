"""Write an image atomically to a file, with its recipe."""

from __future__ import annotations

import functools
import io
import logging
import os
import struct
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from impasto import color, files
from impasto.errors import InputError, OutputError
from impasto.image import profiles, tags
from impasto.image.decoding import to_stored_orientation
from impasto.image.metadata import Metadata
from impasto.image.picture import Picture, planes_last, unit

if TYPE_CHECKING:
    import torch

_LOG = logging.getLogger(__name__)
_Given: TypeAlias = "Picture | NDArray[Any] | torch.Tensor"

_SIDES = {"JPEG": 65500, "WEBP": 16383, "HEIF": 16384}
_SUFFIXES = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "HEIF": (".heic", ".heif", ".hif"),
}
_FORMATS = {suffix: form for form, suffixes in _SUFFIXES.items() for suffix in suffixes}
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".heic")  # listed in messages
_LEVEL = 4  # zlib level: on stylized images 6 takes three times as long and saves 0.1 %
_XMP = "XML:com.adobe.xmp"  # keyword of a PNG text with XMP
# A JPEG segment has 65,535 bytes, including two for its length.
_JPEG_SEGMENT = 65533


def check_suffix(path: str | os.PathLike[str]) -> str:
    """Return the format of the suffix.

    Raises:
        OutputError: the suffix is not supported; the message lists the valid ones.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _FORMATS:
        raise OutputError(f"cannot write {path}: its suffix must be one of {', '.join(SUFFIXES)}")
    return _FORMATS[suffix]


def write(
    path: str | os.PathLike[str],
    rgb: Picture | NDArray[Any] | torch.Tensor,
    *,
    alpha: NDArray[Any] | None = None,
    bits: Literal[8, 16] = 8,
    gray: bool = False,
    recipe: str | None = None,
    metadata: Metadata | None = None,
    quality: int = 95,
    overwrite: bool = False,
) -> Path:
    """Write an image atomically in the format of the suffix, tagged as sRGB, and return its path.

    Args:
        path: ends in .png, .jpg, .jpeg, .webp, .tif, .tiff or .heic.
        rgb: a ``Picture``, an array ``(H, W, 3)`` or ``(H, W)``, or a tensor ``(3, H, W)`` or
            ``(1, 3, H, W)``; uint8, uint16, or floats, clipped to 0..1.
        alpha: ``(H, W)``, the same types; default: that of a ``Picture``. For JPEG the image is composited
            over white.
        bits: 8, or 16 for .png and .tif.
        gray: write one channel, the luma.
        recipe: JSON text to store: in PNG as the text "impasto", otherwise as the EXIF user comment. A recipe
            too long for JPEG is skipped with a warning.
        metadata: metadata to store: date, place, author, copyright and resolution. Pixels are always passed
            upright, also with an orientation in ``metadata``.
        quality: 1..100 for .jpg, .webp and .heic.
        overwrite: replace an existing file.

    Raises:
        OutputError: the suffix is unknown, the format does not support the bit depth or size, or the file
            cannot be written.
        InputError: non-finite values, an unsupported shape, or a quality out of range.

    Examples:
        >>> write("gray.png", np.full((4, 6, 3), 0.5)).name
        'gray.png'
    """
    target = Path(path)
    form = _check_form(target, bits, quality)
    values: NDArray[Any] = _values(target, rgb, alpha, form=form, bits=bits, gray=gray)
    if metadata is not None and metadata.turn != 1:
        values = to_stored_orientation(values, metadata.turn)
    with files.atomic(target, overwrite=overwrite) as temporary:
        try:
            _encode(temporary, values, form=form, recipe=recipe, metadata=metadata, quality=quality)
        except (ValueError, RuntimeError, struct.error, OverflowError) as fault:
            raise OutputError(f"cannot write {target}: {' '.join(str(fault).split())}") from fault
    return target


def _check_form(target: Path, bits: int, quality: int) -> str:
    """Return the format of a file's suffix, after checking bit depth and quality."""
    form = check_suffix(target)
    if bits not in (8, 16) or (bits == 16 and form not in ("PNG", "TIFF")):
        raise OutputError(f"cannot write {target} with {bits} bits: 16 bits need .png or .tif")
    if not 1 <= quality <= 100:
        raise InputError(f"quality must be from 1 to 100, not {quality}")
    return form


def _values(
    target: Path, rgb: _Given, alpha: NDArray[Any] | None, *, form: str, bits: Literal[8, 16], gray: bool
) -> NDArray[Any]:
    """Return the integers to store, ``(H, W, C)``."""
    if isinstance(rgb, np.ndarray) and rgb.dtype == np.uint8 and bits == 8 and alpha is None and not gray:
        values = _three(rgb)  # without conversion to floats, which would take four times the memory
        _refuse_size(target, max(values.shape[:2]), form=form)
        return values
    colors, veil = _floats(rgb, alpha, name=str(target))
    _refuse_size(target, max(colors.shape[:2]), form=form)
    if veil is not None and form == "JPEG":
        _LOG.info("%s: JPEG has no transparency: the image is composited over white", target)
        colors, veil = Picture(colors, veil).flat((1, 1, 1)), None
    if gray:
        colors = color.luma(colors)[..., None]
    return _whole(colors if veil is None else np.concatenate([colors, veil[..., None]], axis=2), bits)


def _refuse_size(target: Path, side: int, *, form: str) -> None:
    """Raise OutputError if a side is longer than the format supports."""
    if side > _SIDES.get(form, 1 << 31):
        raise OutputError(
            f"cannot write {target}: {target.suffix} holds at most {_SIDES[form]} pixels a side: "
            "use .png or .tif"
        )


def _floats(
    rgb: _Given, alpha: NDArray[Any] | None, *, name: str
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Return the colors ``(H, W, 3)`` and the alpha ``(H, W)`` to write, 0..1."""
    torch = sys.modules.get("torch")
    if isinstance(rgb, Picture):
        values, alpha = rgb.rgb, rgb.alpha if alpha is None else alpha
    elif torch is not None and isinstance(rgb, torch.Tensor):
        values = planes_last(rgb)
    else:
        values = np.asarray(rgb)
    values = _three(values)
    colors = np.clip(unit(values, name=f"the picture for {name}"), 0, 1)
    if alpha is None:
        return colors, None
    if alpha.shape != colors.shape[:2]:
        raise InputError(f"the transparency has the shape {alpha.shape}, the picture {colors.shape[:2]}")
    return colors, np.clip(unit(alpha, name=f"the transparency for {name}"), 0, 1)


def _three(values: NDArray[Any]) -> NDArray[Any]:
    """Return ``(H, W, 3)`` or ``(H, W)`` values as ``(H, W, 3)``."""
    if values.ndim == 2:
        values = np.repeat(values[..., None], 3, axis=2)
    if values.ndim != 3 or values.shape[2] != 3 or not values.size:
        raise InputError(f"a picture to write is (H, W, 3), not {values.shape}")
    return values


def _whole(values: NDArray[np.float32], bits: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Round 0..1 to integers in a contiguous array."""
    values = np.ascontiguousarray(values)
    if bits == 8:
        return np.asarray(values * np.float32(255) + np.float32(0.5), np.uint8)
    return np.asarray(values * np.float32(65535) + np.float32(0.5), np.uint16)


def _encode(
    path: Path,
    values: NDArray[np.uint8] | NDArray[np.uint16],
    *,
    form: str,
    recipe: str | None,
    metadata: Metadata | None,
    quality: int,
) -> None:
    """Write ``(H, W, C)`` integers with the encoder of the format."""
    icc = profiles.srgb_profile()
    if form == "TIFF":
        if values.dtype == np.uint16 and values.shape[2] == 2:
            values = values[..., (0, 0, 0, 1)]  # few programs read 16-bit gray with alpha
        path.write_bytes(tags.tiff(values, icc=icc, comment=recipe, kept=metadata))
        return
    # PNG stores the recipe as text and the metadata as EXIF.
    exif = tags.exif(None if form == "PNG" else recipe, metadata)
    dpi, xmp = (metadata.dpi, metadata.xmp) if metadata is not None else (None, b"")
    if values.dtype == np.uint16:
        path.write_bytes(_png_16(values, icc=icc, recipe=recipe, exif=exif, metadata=metadata))
        return
    image = Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)
    settings: dict[str, Any] = {"icc_profile": icc}
    if dpi and form in ("PNG", "JPEG"):
        settings["dpi"] = dpi
    if form == "PNG":
        texts = PngImagePlugin.PngInfo()
        if recipe is not None:
            texts.add_itxt("impasto", recipe)
        if xmp:
            texts.add_itxt(_XMP, xmp.decode())
        settings |= {"exif": exif} if exif else {}
        image.save(path, format="PNG", compress_level=_LEVEL, pnginfo=texts, **settings)
        return
    if form == "JPEG" and len(exif) > _JPEG_SEGMENT:
        _LOG.warning("%s: the recipe is too long for JPEG and is not stored: use .png to keep it", path.name)
        exif = tags.exif(None, metadata)
    if form == "HEIF":
        _heif(path, image, icc=icc, exif=exif, xmp=xmp, quality=quality)
        return
    settings |= {"xmp": xmp} if xmp else {}
    settings |= {"subsampling": 0} if form == "JPEG" else {}
    image.save(path, format=form, quality=quality, exif=exif, **settings)


def _heif(path: Path, image: Image.Image, *, icc: bytes, exif: bytes, xmp: bytes, quality: int) -> None:
    try:
        import pillow_heif
    except ImportError as fault:
        raise OutputError("to write .heic install pillow-heif: pip install pillow-heif") from fault
    if not pillow_heif.libheif_info()["HEIF"]:
        raise OutputError("this pillow-heif has no encoder for .heic: use .png, .jpg or .webp")
    made = pillow_heif.from_pillow(image.convert("RGB") if image.mode == "L" else image)
    made.save(path, quality=quality, chroma=444, icc_profile=icc, exif=exif or None, xmp=xmp or None)


def _png_16(
    values: NDArray[Any], *, icc: bytes, recipe: str | None, exif: bytes, metadata: Metadata | None
) -> bytes:
    """Encode a PNG with 16 bits per channel, which Pillow cannot write (ISO/IEC 15948)."""
    height, width, channels = values.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = values.astype(">u2").view(np.uint8).reshape(height, -1)
    lines = np.empty((height, 1 + rows.shape[1]), np.uint8)
    # Filter "Sub": the difference to the same byte of the pixel to the left, which compresses better.
    lines[:, 0] = 1
    step = 2 * channels
    lines[:, 1 : 1 + step] = rows[:, :step]
    lines[:, 1 + step :] = rows[:, step:] - rows[:, :-step]
    stream = io.BytesIO()
    stream.write(b"\x89PNG\r\n\x1a\n")
    put = functools.partial(PngImagePlugin.putchunk, stream)
    put(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
    put(b"iCCP", b"sRGB\0\0" + zlib.compress(icc))
    if metadata is not None and metadata.dpi:
        put(b"pHYs", struct.pack(">IIB", *(round(value / 0.0254) for value in metadata.dpi), 1))
    if metadata is not None and metadata.xmp:
        put(b"iTXt", _XMP.encode() + bytes(5) + metadata.xmp)
    if exif:
        put(b"eXIf", exif.removeprefix(b"Exif\0\0"))
    if recipe is not None:
        put(b"iTXt", b"impasto" + bytes(5) + recipe.encode())
    put(b"IDAT", zlib.compress(lines.tobytes(), _LEVEL))
    put(b"IEND", b"")
    return stream.getvalue()
