"""Decode image files with Pillow, pillow-heif and tifffile to floats at full bit depth."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from impasto.errors import InputError
from impasto.image import cicp, code_points, deep, jpeg, profiles
from impasto.image.cicp import Cicp
from impasto.image.guard import guarded, refuse_size
from impasto.image.kinds import TIFF_MAGIC, head_of, is_heif
from impasto.image.picture import colors_of
from impasto.image.tag import ORIENTATION

_LOG = logging.getLogger(__name__)

# A subset of Pillow's formats: some of the others start external programs (EPS starts Ghostscript).
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "AVIF")
_SUBFILE, _PHOTOMETRIC = 254, 262
_GRAY_MODES = ("1", "L", "LA", "La", "I", "F")

_Value = TypeVar("_Value", bound=np.generic)
_Decoded = TypeVar("_Decoded")


class DecodedLayers(NamedTuple):
    """Decoded image: colors ``(H, W, 3)`` and alpha ``(H, W)`` as float32 0..1, bit depth, gray flag."""

    rgb: NDArray[np.float32]
    alpha: NDArray[np.float32] | None
    bits: int
    gray: bool


def open_image(source: Path | io.BytesIO) -> Image.Image:
    """Open a file in one of the allowed Pillow formats."""
    Image.init()
    image = Image.open(source, formats=[known for known in _FORMATS if known in Image.OPEN])
    # Without a file name Pillow does not memory-map the file. Mapping scrambles rotated one-channel TIFFs
    # (Pillow 13.0 maps them with width and height exchanged).
    image.filename = ""
    if image.format == "TIFF":
        try:
            _skip_small_copies(image)
        except BaseException:
            image.close()
            raise
    return image


def _skip_small_copies(image: Image.Image) -> None:
    """Seek to the first page of a TIFF that is not a reduced-resolution copy, such as a preview."""
    for page in range(getattr(image, "n_frames", 1)):
        image.seek(page)
        if not image.tag_v2.get(_SUBFILE, 0) & 1:  # type: ignore[attr-defined]
            return
    image.seek(0)


@contextlib.contextmanager
def undecoded(path: Path) -> Iterator[Any]:
    """Open a file with Pillow, or a HEIC with pillow-heif, without decoding it; errors as in ``read``."""
    head = head_of(path)
    with guarded(str(path)):
        if is_heif(head):
            yield _open_heif(path)
        else:
            with open_image(path) as image:
                yield image


def size_of(path: Path, *, max_pixels: int) -> tuple[int, int]:
    """Return the stored height and width, before EXIF rotation, without decoding."""
    with undecoded(path) as image:
        refuse_size(str(path), image.size, max_pixels=max_pixels)
        width, height = image.size
    return height, width


def read_layout(path: Path) -> tuple[bool, int]:
    """Return whether a file is gray, and its EXIF orientation, without decoding."""
    with undecoded(path) as image:
        if not isinstance(image, Image.Image):
            return False, 1
        return _is_gray(image), orientation(image, name=str(path))


def _is_gray(image: Image.Image) -> bool:
    return image.mode in _GRAY_MODES or image.mode.startswith("I;16")


def decode_file(path: Path, *, max_pixels: int) -> DecodedLayers:
    """Decode an image file; errors as in ``read``."""
    head = head_of(path)
    with guarded(str(path)):
        if is_heif(head):
            return _decode_heif(path, max_pixels=max_pixels)
        return _despite_its_end(
            path, lambda source: _decode_pillow(path, source, head, max_pixels=max_pixels)
        )


def decode_bytes(path: Path, *, max_pixels: int, least: int) -> NDArray[np.uint8] | None:
    """Decode an image to uint8, a quarter of the memory of floats.

    Returns None for images with ``least`` or fewer pixels and for those that need :func:`decode_file`: with
    transparency, more than 8 bits, or in a HEIF or TIFF file.
    """
    head = head_of(path)

    def decode(source: Path | io.BytesIO) -> NDArray[np.uint8] | None:
        with open_image(source) as image:
            refuse_size(str(path), image.size, max_pixels=max_pixels)
            plain = image.mode in ("L", "RGB", "CMYK", "YCbCr") and not image.has_transparency_data
            if image.width * image.height <= least or deep.channels_of(image) or not plain:
                return None
            image.load()
            turn, icc = orientation(image, name=str(path)), image.info.get("icc_profile")
            numbers = code_points.of_file(path, head, icc)
            if numbers is None:
                return upright(np.asarray(profiles.to_srgb(image, icc, name=str(path))), turn)
            values = cicp.to_srgb(np.asarray(image.convert("RGB")), numbers, name=str(path))
            return upright(values, turn)

    with guarded(str(path)):
        if is_heif(head) or head.startswith(TIFF_MAGIC):
            return None
        return _despite_its_end(path, decode)


def _despite_its_end(path: Path, decode: Callable[[Path | io.BytesIO], _Decoded]) -> _Decoded:
    """Decode a file; accept a JPEG without its end marker if all pixels are there, with a warning."""
    try:
        return decode(path)
    except UnidentifiedImageError:
        raise
    except OSError:
        mended = jpeg.with_its_end(path)
        if mended is None:
            raise
        _LOG.warning(
            "%s: the end of this JPEG is missing, but all pixels are there: copy it again to be safe", path
        )
        return decode(mended)


def _decode_pillow(path: Path, source: Path | io.BytesIO, head: bytes, *, max_pixels: int) -> DecodedLayers:
    try:
        image = open_image(source)
    except UnidentifiedImageError:
        if head.startswith(TIFF_MAGIC):
            return _decode_tifffile(path, max_pixels=max_pixels)
        raise
    with image:
        refuse_size(str(path), image.size, max_pixels=max_pixels)
        if deep.planes_apart(image):
            return _decode_tifffile(path, max_pixels=max_pixels)
        numbers = code_points.of_file(path, head, image.info.get("icc_profile"))
        channels = deep.channels_of(image)
        if not channels:
            return layers_of(image, name=str(path), numbers=numbers)
    with open_image(path) as image:
        return _decode_deep(path, image, channels, numbers)


def _decode_deep(path: Path, image: Image.Image, channels: str, numbers: Cicp | None) -> DecodedLayers:
    """Decode an image with several 16-bit channels."""
    wide = deep.read_words(lambda: open_image(path), image, channels)
    transparent = image.info.get("transparency")
    values = wide.astype(np.float32) / np.float32(65535)
    rgb = np.repeat(values[..., :1], 3, axis=2) if channels == "LA" else values[..., :3]
    alpha = values[..., -1] if values.shape[2] in (2, 4) else None
    if isinstance(transparent, tuple) and alpha is None:
        alpha = (wide != np.array(transparent, np.uint16)).any(axis=2).astype(np.float32)
    if channels == "RGBa" and alpha is not None:
        rgb = np.clip(rgb / np.maximum(alpha, 1 / 65535)[..., None], 0, 1)
    icc = image.info.get("icc_profile")
    rgb = _floats_in_srgb(np.ascontiguousarray(rgb), icc, numbers, name=str(path))
    return _upright_layers(rgb, alpha, orientation(image, name=str(path)), bits=16, gray=channels == "LA")


def _floats_in_srgb(
    rgb: NDArray[np.float32], icc: bytes | None, numbers: Cicp | None, *, name: str
) -> NDArray[np.float32]:
    """Convert colors to sRGB by the code points of the file, else by its profile."""
    if numbers is not None:
        return cicp.to_srgb(rgb, numbers, name=name)
    return profiles.to_srgb_16(rgb, icc, name=name)


def layers_of(image: Image.Image, *, name: str, numbers: Cicp | None = None) -> DecodedLayers:
    """Convert an open PIL image to layers; colors by the code points, else by its profile."""
    if image.mode == "LAB":
        raise InputError(f"{name} uses CIE Lab colors: save it as RGB")
    image.load()
    turn = orientation(image, name=name)
    icc = image.info.get("icc_profile")
    gray, alpha = _is_gray(image), None
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image)
        if image.mode.startswith("I;16") and getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == 0:
            values = 65535 - values  # white is zero (from scanners), which Pillow handles in 8 bits only
        bits = 16
        rgb = np.repeat(_unit_of_deep_gray(values, name=name)[..., None], 3, axis=2)
        if isinstance(image.info.get("transparency"), int):
            alpha = (values != image.info["transparency"]).astype(np.float32)
        rgb = _floats_in_srgb(rgb, icc, numbers, name=name)
    else:
        bits = 8
        if image.has_transparency_data:
            image = image.convert("RGBA")
            alpha = profiles.as_floats(image.getchannel("A"))
            image = image.convert("RGB")
        elif image.mode in ("1", "P"):
            image = image.convert("L" if image.mode == "1" else "RGB")
        if numbers is None:
            rgb = profiles.as_floats(profiles.to_srgb(image, icc, name=name))
        else:
            rgb = cicp.to_srgb(profiles.as_floats(image.convert("RGB")), numbers, name=name)
    return _upright_layers(rgb, alpha, turn, bits=bits, gray=gray)


def _unit_of_deep_gray(values: NDArray[Any], *, name: str) -> NDArray[np.float32]:
    """Scale 16-bit or float gray values to 0..1; reject others, as their range is unknown."""
    top = 1.0 if np.issubdtype(values.dtype, np.floating) else 65535.0
    if not (values.min() >= 0 and values.max() <= top):
        raise InputError(
            f"{name} has values from {values.min():g} to {values.max():g}, not 0 to {top:g}: "
            "save it with 8 or 16 bits"
        )
    return np.asarray(values / np.float32(top), np.float32)


def orientation(image: Image.Image, *, name: str) -> int:
    """Return the EXIF orientation, 1 to 8; 1 if it is missing or damaged."""
    try:
        turn = image.getexif().get(ORIENTATION, 1)
    except Exception as fault:  # the metadata is damaged, the picture is not
        _LOG.warning("%s: its EXIF data is damaged (%s): assuming it is upright", name, fault)
        return 1
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1


def upright(pixels: NDArray[_Value], turn: int) -> NDArray[_Value]:
    """Apply an EXIF orientation (CIPA DC-008, 4.6.5) to ``(H, W)`` or ``(H, W, 3)``."""
    if turn >= 5:  # rows and columns are exchanged
        pixels = pixels.swapaxes(0, 1)
    if turn in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if turn in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _upright_layers(
    rgb: NDArray[np.float32], alpha: NDArray[np.float32] | None, turn: int, *, bits: int, gray: bool
) -> DecodedLayers:
    return DecodedLayers(upright(rgb, turn), None if alpha is None else upright(alpha, turn), bits, gray)


_BACK = {6: 8, 8: 6}  # orientations that are not their own inverse


def to_stored_orientation(pixels: NDArray[_Value], turn: int) -> NDArray[_Value]:
    """Rotate upright pixels to the stored order of an orientation, the inverse of ``upright``."""
    return upright(pixels, _BACK.get(turn, turn))


def _open_heif(path: Path) -> Any:
    """Open a HEIC file at full bit depth, without decoding."""
    try:
        import pillow_heif
    except ImportError as fault:
        raise InputError(f"to read {path} install pillow-heif: pip install pillow-heif") from fault
    return pillow_heif.open_heif(path, convert_hdr_to_8bit=False, hdr_to_16bit=False)


def exif_of(image: Any) -> Image.Exif:
    """Return the EXIF data of an image of Pillow or pillow-heif."""
    if isinstance(image, Image.Image):
        return image.getexif()
    exif = Image.Exif()
    exif.load(image.info.get("exif") or b"")
    return exif


def _decode_heif(path: Path, *, max_pixels: int) -> DecodedLayers:
    opened = _open_heif(path)
    refuse_size(str(path), opened.size, max_pixels=max_pixels)
    values = np.asarray(opened)
    depth = 8 if values.dtype == np.uint8 else int(opened.info.get("bit_depth", 16))
    gray = values.ndim == 2 or values.shape[2] == 2
    if values.ndim == 2:
        values = values[..., None]
    icc, numbers = opened.info.get("icc_profile"), code_points.of_heif(opened.info)
    alpha = None
    if values.shape[2] in (2, 4):
        alpha = values[..., -1].astype(np.float32) / np.float32(2**depth - 1)
    colors = values[..., :1].repeat(3, axis=2) if gray else values[..., :3]
    # libheif has already applied the rotation, so EXIF does not count.
    if depth == 8 and numbers is None:
        image = Image.fromarray(np.ascontiguousarray(colors))
        return DecodedLayers(profiles.as_floats(profiles.to_srgb(image, icc, name=str(path))), alpha, 8, gray)
    rgb = colors.astype(np.float32) / np.float32(2**depth - 1)
    rgb = _floats_in_srgb(rgb, icc, numbers, name=str(path))
    return DecodedLayers(rgb, alpha, 8 if depth == 8 else 16, gray)


def _decode_tifffile(path: Path, *, max_pixels: int) -> DecodedLayers:
    """Decode TIFFs that Pillow cannot open: floats, and 16 bits in planar configuration."""
    import tifffile

    with tifffile.TiffFile(path) as archive:
        pages: list[Any] = list(archive.pages)  # Any: tifffile's types lack the common page attributes
        page = next((page for page in pages if not page.subfiletype & 1), pages[0])
        refuse_size(str(path), (page.imagewidth, page.imagelength), max_pixels=max_pixels)
        if page.photometric not in (1, 2) or page.samplesperpixel > 4 or page.imagedepth != 1:
            raise InputError(f"{path} is a TIFF of an unsupported kind: save it as RGB with 8 or 16 bits")
        values = page.asarray()
        icc, gray = page.iccprofile, page.photometric == 1
        stored = page.tags.get(ORIENTATION)
    turn = stored.value if stored and stored.value in range(1, 9) else 1
    if page.axes[0] == "S":
        values = np.moveaxis(values, 0, -1)
    if page.samplesperpixel == 2:
        values = values[..., (0, 0, 0, 1)]
    rgb, alpha = colors_of(values, name=str(path))
    rgb = _floats_in_srgb(rgb, icc, code_points.of_profile(icc), name=str(path))
    return _upright_layers(rgb, alpha, turn, bits=8 if values.dtype == np.uint8 else 16, gray=gray)
