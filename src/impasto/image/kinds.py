"""What a file is, by its first bytes: names and suffixes may say anything."""

from __future__ import annotations

from pathlib import Path

from impasto.errors import InputError

TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_HEAD = 64  # bytes that tell


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
            head = stream.read(_HEAD)
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or fault
        raise InputError(f"cannot read {path}: {reason}") from fault
    if not head:
        raise InputError(f"{path} is empty: fetch or copy it again")
    return head
