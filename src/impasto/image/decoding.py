"""Decode picture files with Pillow, pillow-heif and tifffile, at full depth, into floats."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from impasto.errors import ImpastoError, InputError
from impasto.image import profiles
from impasto.image.picture import colours_of

_LOG = logging.getLogger(__name__)

KNOWN = "JPEG, PNG, WebP, TIFF, HEIC, AVIF, GIF or BMP"
# Not all that Pillow knows: some of its formats start other programs (EPS starts Ghostscript).
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "AVIF")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ORIENTATION = 0x0112
_BITS, _PLANAR = 258, 284  # tags of TIFF
_GREY_MODES = ("1", "L", "LA", "La", "I", "F")
_DEEP = re.compile(r"(RGB|RGBA|RGBX|RGBa|LA);16([BLN])")

_DECODING = threading.Lock()
_Value = TypeVar("_Value", bound=np.generic)


class Layers(NamedTuple):
    """A decoded picture: `(H, W, 3)` and `(H, W)` float32 in 0..1, the depth, whether it is grey."""

    rgb: NDArray[np.float32]
    alpha: NDArray[np.float32] | None
    bits: int
    grey: bool


@contextlib.contextmanager
def strict(name: str) -> Iterator[None]:
    """Set Pillow for one decoding: no half pictures, no size limit but ours, warnings to the log.

    These settings are global to the process, hence the lock, and their return to what they were.
    """
    with _DECODING, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        saved = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = None, False
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = saved
    for warning in caught:
        _LOG.info("%s: %s", name, warning.message)


def refuse_size(name: str, size: tuple[int, int], *, max_pixels: int) -> None:
    """Refuse a picture without pixels, or with more than allowed."""
    width, height = size
    if width < 1 or height < 1:
        raise InputError(f"{name} has no pixels ({width} x {height})")
    if width * height > max_pixels:
        raise InputError(
            f"{name} has {width} x {height} = {width * height:,} pixels, more than the {max_pixels:,} "
            f"allowed: scale it down, or allow more with --max-pixels"
        )


def open_image(path: Path) -> Image.Image:
    """Open a file with those of Pillow's formats that are allowed here."""
    Image.init()
    image = Image.open(path, formats=[known for known in _FORMATS if known in Image.OPEN])
    # Without a name Pillow does not map the file into memory, which scrambles TIFFs of one channel
    # stored on their side (seen in Pillow 13.0: it maps them with the sides exchanged).
    image.filename = ""
    return image


def is_heif(head: bytes) -> bool:
    """Whether a file that starts like this is HEIC (AVIF has the same container; Pillow reads it)."""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS and b"avif" not in head[8:64]


def head_of(path: Path) -> bytes:
    """The first bytes of a file, or the reason why it cannot be read."""
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder: give a picture in it")
        if not path.is_file():
            fault = "it is not a regular file" if path.exists() else "there is no such file"
            raise InputError(f"cannot read {path}: {fault}")
        with path.open("rb") as stream:
            head = stream.read(64)
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or fault
        raise InputError(f"cannot read {path}: {reason}") from fault
    if not head:
        raise InputError(f"{path} is empty: fetch or copy it again")
    return head


def size_of(path: Path, *, max_pixels: int) -> tuple[int, int]:
    """Height and width as the file stores them, perhaps on their side; nothing is decoded."""
    head = head_of(path)
    with refusing(str(path)), strict(str(path)):
        if is_heif(head):
            width, height = open_heif(path).size
        else:
            with open_image(path) as image:
                width, height = image.size
        refuse_size(str(path), (width, height), max_pixels=max_pixels)
    return height, width


def decode_file(path: Path, *, max_pixels: int) -> Layers:
    """Decode the picture in a file; errors as in `read`."""
    head = head_of(path)
    with refusing(str(path)), strict(str(path)):
        if is_heif(head):
            return _decode_heif(path, max_pixels=max_pixels)
        return _decode_pillow(path, head, max_pixels=max_pixels)


def decode_bytes(path: Path, *, max_pixels: int, least: int) -> NDArray[np.uint8] | None:
    """Decode a plain picture of more than ``least`` pixels as it is stored, a byte a channel.

    That takes a quarter of the memory of floats. None for one that is smaller, or has transparency, more
    bits, or a container that :func:`decode_file` must take apart.
    """
    head = head_of(path)
    with refusing(str(path)), strict(str(path)):
        if is_heif(head) or head.startswith(_TIFF_MAGIC):
            return None
        with open_image(path) as image:
            refuse_size(str(path), image.size, max_pixels=max_pixels)
            plain = image.mode in ("L", "RGB", "CMYK", "YCbCr") and not image.has_transparency_data
            if image.width * image.height <= least or _deep_mode(image) or not plain:
                return None
            image.load()
            turn = orientation(image, name=str(path))
            return upright(
                np.asarray(profiles.to_srgb(image, image.info.get("icc_profile"), name=str(path))), turn
            )


@contextlib.contextmanager
def refusing(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises into one line.

    Decoders fed hostile bytes raise OSError, SyntaxError, ValueError, struct.error, EOFError,
    OverflowError, MemoryError and more; there is no list to rely on.
    """
    try:
        yield
    except ImpastoError:
        raise
    except UnidentifiedImageError as fault:
        raise InputError(f"{name} is not a picture impasto reads ({KNOWN}), or is damaged") from fault
    except MemoryError as fault:
        raise InputError(f"{name} does not fit into memory: scale it down") from fault
    except Exception as fault:
        reason = " ".join(str(fault).split()) or type(fault).__name__
        raise InputError(f"{name} is damaged or cut off ({reason}): fetch or copy it again") from fault


def _decode_pillow(path: Path, head: bytes, *, max_pixels: int) -> Layers:
    try:
        image = open_image(path)
    except UnidentifiedImageError:
        if head.startswith(_TIFF_MAGIC):
            return _decode_tifffile(path, max_pixels=max_pixels)
        raise
    with image:
        refuse_size(str(path), image.size, max_pixels=max_pixels)
        if _deep_planes(image):
            return _decode_tifffile(path, max_pixels=max_pixels)
        deep = _deep_mode(image)
        if not deep:
            return layers_of(image, name=str(path))
    with open_image(path) as image:
        return _decode_deep(path, image, deep)


def _deep_planes(image: Image.Image) -> bool:
    """Whether this is a TIFF of planes apart with more than 8 bits: Pillow reads noise from it."""
    tags = getattr(image, "tag_v2", {})
    return bool(tags.get(_PLANAR, 1) == 2 and max(tags.get(_BITS, (8,))) > 8)


def _deep_mode(image: Image.Image) -> str:
    """The channels of a picture whose file has 16 bits for each of several; else ''."""
    tiles = getattr(image, "tile", [])
    if not tiles:
        return ""
    args = tiles[0][3]
    found = _DEEP.fullmatch(str(args if isinstance(args, str) else args[0]))
    return found[1] if found else ""


def _decode_deep(path: Path, image: Image.Image, channels: str) -> Layers:
    """Read 16 bits of several channels, which Pillow's modes cannot hold, in two passes.

    Pillow unpacks such pixels by keeping the high byte of each value. Told that the file has the
    other byte order, the same decoder keeps the low byte. So one tested C decoder gives all 16 bits
    of PNG and of every compression of TIFF, where tifffile alone reads few.
    """
    if channels == "LA":
        # Grey and alpha as four bytes a pixel: a high and a low one each.
        values = _pass(image, lambda _: "RGBA").astype(np.uint16)
        wide = values[..., 0::2] << 8 | values[..., 1::2]
    else:
        # "RGBa" (multiplied by alpha) would be divided in 8 bits while it is unpacked.
        high = _pass(image, lambda raw: raw.replace("RGBa", "RGBA"))
        with open_image(path) as again:
            low = _pass(again, lambda raw: _other_end(raw.replace("RGBa", "RGBA")))
        wide = high.astype(np.uint16) << 8 | low
    transparent = image.info.get("transparency")
    values = wide.astype(np.float32) / np.float32(65535)
    rgb = np.repeat(values[..., :1], 3, axis=2) if channels == "LA" else values[..., :3]
    alpha = values[..., -1] if values.shape[2] in (2, 4) else None
    if isinstance(transparent, tuple) and alpha is None:
        alpha = (wide != np.array(transparent, np.uint16)).any(axis=2).astype(np.float32)
    if channels == "RGBa" and alpha is not None:
        rgb = np.clip(rgb / np.maximum(alpha, 1 / 65535)[..., None], 0, 1)
    rgb = profiles.to_srgb_16(np.ascontiguousarray(rgb), image.info.get("icc_profile"), name=str(path))
    turn = orientation(image, name=str(path))
    return Layers(upright(rgb, turn), None if alpha is None else upright(alpha, turn), 16, channels == "LA")


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


def layers_of(image: Image.Image, *, name: str) -> Layers:
    """Take an opened PIL image apart."""
    if image.mode == "LAB":
        raise InputError(f"{name} has the colours of CIE Lab: save it as RGB")
    image.load()
    turn = orientation(image, name=name)
    icc = image.info.get("icc_profile")
    grey = image.mode in _GREY_MODES or image.mode.startswith("I;16")
    alpha = None
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image)
        bits = 16
        rgb = np.repeat(_unit_of_deep_grey(values, name=name)[..., None], 3, axis=2)
        if isinstance(image.info.get("transparency"), int):
            alpha = (values != image.info["transparency"]).astype(np.float32)
        rgb = profiles.to_srgb_16(rgb, icc, name=name)
    else:
        bits = 8
        if image.has_transparency_data:
            image = image.convert("RGBA")
            alpha = profiles.as_floats(image.getchannel("A"))
            image = image.convert("RGB")
        elif image.mode in ("1", "P"):
            image = image.convert("L" if image.mode == "1" else "RGB")
        rgb = profiles.as_floats(profiles.to_srgb(image, icc, name=name))
    return Layers(upright(rgb, turn), None if alpha is None else upright(alpha, turn), bits, grey)


def _unit_of_deep_grey(values: NDArray[Any], *, name: str) -> NDArray[np.float32]:
    """Grey values of 16 bits, or floats, as 0..1; nothing tells the range of others, so refuse them."""
    top = 1.0 if np.issubdtype(values.dtype, np.floating) else 65535.0
    if not (values.min() >= 0 and values.max() <= top):
        raise InputError(
            f"{name} has values from {values.min():g} to {values.max():g}, not 0 to {top:g}: "
            "save it with 8 or 16 bits"
        )
    return np.asarray(values / np.float32(top), np.float32)


def orientation(image: Image.Image, *, name: str) -> int:
    """The orientation in EXIF, 1 to 8; 1 where it is absent or broken."""
    try:
        turn = image.getexif().get(_ORIENTATION, 1)
    except Exception as fault:  # the metadata is damaged, the picture is not
        _LOG.warning("%s: its EXIF data is broken (%s): taken as upright", name, fault)
        return 1
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1


def upright(pixels: NDArray[_Value], turn: int) -> NDArray[_Value]:
    """Apply an orientation of EXIF (CIPA DC-008, 4.6.5) to `(H, W)` or `(H, W, 3)`."""
    if turn >= 5:  # stored on its side: rows are columns
        pixels = pixels.swapaxes(0, 1)
    if turn in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if turn in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def open_heif(path: Path) -> Any:
    """Open a HEIC file with all its bits; nothing is decoded yet."""
    try:
        import pillow_heif
    except ImportError as fault:
        raise InputError(f"to read {path} install pillow-heif: pip install pillow-heif") from fault
    return pillow_heif.open_heif(path, convert_hdr_to_8bit=False, hdr_to_16bit=False)


def _decode_heif(path: Path, *, max_pixels: int) -> Layers:
    opened = open_heif(path)
    refuse_size(str(path), opened.size, max_pixels=max_pixels)
    values = np.asarray(opened)
    depth = 8 if values.dtype == np.uint8 else int(opened.info.get("bit_depth", 16))
    grey = values.ndim == 2 or values.shape[2] == 2
    if values.ndim == 2:
        values = values[..., None]
    icc = opened.info.get("icc_profile")
    alpha = None
    if values.shape[2] in (2, 4):
        alpha = values[..., -1].astype(np.float32) / np.float32(2**depth - 1)
    colours = values[..., :1].repeat(3, axis=2) if grey else values[..., :3]
    # libheif has already turned the picture upright, whatever EXIF says.
    if depth == 8:
        image = Image.fromarray(np.ascontiguousarray(colours))
        return Layers(profiles.as_floats(profiles.to_srgb(image, icc, name=str(path))), alpha, 8, grey)
    rgb = colours.astype(np.float32) / np.float32(2**depth - 1)
    return Layers(profiles.to_srgb_16(rgb, icc, name=str(path)), alpha, 16, grey)


def _decode_tifffile(path: Path, *, max_pixels: int) -> Layers:
    """Read what Pillow cannot open: TIFF of floats, and of planes apart with 16 bits."""
    import tifffile

    with tifffile.TiffFile(path) as archive:
        page = archive.pages[0]
        refuse_size(str(path), (page.imagewidth, page.imagelength), max_pixels=max_pixels)
        if page.photometric not in (1, 2) or page.samplesperpixel > 4 or page.imagedepth != 1:
            raise InputError(f"{path} is a TIFF of an unusual kind: save it as RGB with 8 or 16 bits")
        values = page.asarray()
        icc, grey = page.iccprofile, page.photometric == 1
        stored = page.tags.get(_ORIENTATION)
    turn = stored.value if stored and stored.value in range(1, 9) else 1
    if page.axes[0] == "S":
        values = np.moveaxis(values, 0, -1)
    if page.samplesperpixel == 2:
        values = values[..., (0, 0, 0, 1)]
    rgb, alpha = colours_of(values, name=str(path))
    rgb = profiles.to_srgb_16(rgb, icc, name=str(path))
    bits = 8 if values.dtype == np.uint8 else 16
    return Layers(upright(rgb, turn), None if alpha is None else upright(alpha, turn), bits, grey)
