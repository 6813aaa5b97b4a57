"""Detect file types by the first bytes, as suffixes are not reliable."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from impasto.errors import InputError
from impasto.jobs import FILMS

# Suffixes accepted as images; files with other suffixes are inspected.
READABLE = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".gif", ".bmp")
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", *TIFF_MAGIC)
_PPM = re.compile(rb"P[1-6]\s[\s\d#]")
_BMP_HEADS = (12, 40, 52, 56, 64, 108, 124)  # sizes of the DIB header after the first 14 bytes
_FILM_MAGIC = (b"\x1a\x45\xdf\xa3", b"FLV\1", b"OggS", b"\x30\x26\xb2\x75", b"\0\0\1\xba", b"\0\0\1\xb3")
# H.264 and HEVC without a container
_RAW_FILM = re.compile(rb"\x00\x00\x00\x01[\x09\x27\x40\x42\x46\x47\x67]")
_RAW = re.compile(r"\.(dng|cr[23]|nef|nrw|arw|srf|sr2|orf|rw2|raf|pef|srw)")  # of cameras
_OTHERS = {
    b"%PDF": "a PDF: export its page as PNG",
    b"%!PS": "PostScript: export it as PNG",
    b"<svg": "an SVG drawing: export it as PNG",
    b"<?xm": "an XML file, perhaps an SVG drawing: export it as PNG",
    b"8BPS": "a Photoshop file: export it as PNG or TIFF",
    b"\xff\x0a": "a JPEG XL: convert it to PNG or JPEG",
    b"\0\0\0\x0cJXL ": "a JPEG XL: convert it to PNG or JPEG",
    b"\0\0\0\x0cjP  ": "a JPEG 2000: convert it to PNG or TIFF",
    b"\0\0\1\0": "an icon: save it as PNG",
    b"v/1\x01": "an OpenEXR picture: convert it to 16 bit PNG or TIFF",
    b"#?RA": "a Radiance HDR picture: convert it to 16 bit PNG or TIFF",
    b"FUJIFILMCCD-RAW": "a camera's raw file: develop it to JPEG or TIFF first",
}
_HEAD = 64  # bytes to inspect


class Found(NamedTuple):
    """Image files sorted by name, and the other files; hidden files are in neither."""

    pictures: list[Path]
    passed: list[Path]


def pictures_among(files: Iterable[Path]) -> Found:
    """Separate images from other files, by suffix or by the first bytes."""
    seen = sorted(path for path in files if not path.name.startswith(".") and path.is_file())
    pictures = [path for path in seen if is_picture(path)]
    known = set(pictures)
    return Found(pictures, [path for path in seen if path not in known])


def is_picture(path: Path) -> bool:
    """Return whether a file is a visible image, by its suffix or by its first bytes."""
    suffix = path.suffix.lower()
    if path.name.startswith(".") or _RAW.fullmatch(suffix):
        return False
    return suffix in READABLE or begins_a_picture(_peek(path))


def is_film(path: Path) -> bool:
    """Return whether a file is a visible video, by its suffix or by its first bytes."""
    if path.name.startswith(".") or not path.is_file() or is_picture(path):
        return False
    return path.suffix.lower() in FILMS or _begins_a_film(_peek(path))


def _peek(path: Path) -> bytes:
    """Return the first bytes of a file; none if it cannot be read."""
    with suppress(OSError), path.open("rb") as stream:
        return stream.read(_HEAD)
    return b""


def begins_a_picture(head: bytes) -> bool:
    """Return whether these are the first bytes of a supported image."""
    if head.startswith(_MAGIC) or _PPM.match(head) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return True
    if head[:2] == b"BM" and len(head) > 17:
        return int.from_bytes(head[14:18], "little") in _BMP_HEADS
    return bool(_brands(head) & {*_HEIF_BRANDS, *_AVIF_BRANDS})


def _brands(head: bytes) -> set[bytes]:
    """Return the major and compatible brands of an ISO base media file (ISO/IEC 14496-12, 4.3)."""
    if head[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[8:12], *(head[place : place + 4] for place in range(16, end - 3, 4))}


def is_heif(head: bytes) -> bool:
    """Return whether these are the first bytes of a HEIC file (not AVIF, which Pillow reads)."""
    return bool(_brands(head) & set(_HEIF_BRANDS)) and not _brands(head) & set(_AVIF_BRANDS)


def _begins_a_film(head: bytes) -> bool:
    boxes = head[4:8] == b"ftyp" and head[8:12] != b"crx "
    return (
        boxes
        or bool(_RAW_FILM.match(head))
        or head.startswith(_FILM_MAGIC)
        or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")
    )


def refuse_others(path: Path, head: bytes) -> None:
    """Reject known file types that are not supported images, with advice.

    Raises:
        InputError: a video, a raw file, audio, a document, or an image format to convert first.
    """
    suffix = path.suffix.lower()
    if _RAW.fullmatch(suffix) or head[4:12] == b"ftypcrx ":
        raise InputError(f"{path} is a camera's raw file: develop it to JPEG or TIFF first")
    if begins_a_picture(head):
        return
    if head[4:11] in (b"ftypM4A", b"ftypM4B") or head.startswith(b"ID3"):
        raise InputError(f"{path} is an audio file, not a picture: give a picture")
    if _begins_a_film(head) or (suffix in FILMS and suffix not in READABLE):
        raise InputError(f"{path} is a video, not a picture: use impasto video")
    for magic, what in _OTHERS.items():
        if head.startswith(magic):
            raise InputError(f"{path} is not a picture impasto reads, as it is {what}")


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file.

    Raises:
        InputError: the file cannot be read, is empty, or is not an image.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder: give a picture in it")
        if not path.is_file():
            fault = "it is not a regular file" if path.exists() else "there is no such file"
            raise InputError(f"cannot read {path}: {fault}")
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or fault
        raise InputError(f"cannot read {path}: {reason}") from fault
    if not head:
        raise InputError(f"{path} is empty: fetch or copy it again")
    refuse_others(path, head)
    return head
