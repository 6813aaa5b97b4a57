"""A context manager around every decoder: strict Pillow settings, and one-line errors."""

from __future__ import annotations

import contextlib
import logging
import threading
import warnings
from collections.abc import Iterator

from PIL import Image, ImageFile, UnidentifiedImageError

from impasto.errors import ImpastoError, InputError

_LOG = logging.getLogger(__name__)

KNOWN = "JPEG, PNG, WebP, TIFF, HEIC, AVIF, GIF or BMP"
_DECODING = threading.Lock()


@contextlib.contextmanager
def _strict(name: str) -> Iterator[None]:
    """Configure Pillow for one decoding: no truncated images, no size limit of its own, warnings to the log.

    The settings are global to the process; a lock protects them, and they are restored afterwards.
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
    """Raise InputError for an image without pixels, or with more than ``max_pixels``."""
    width, height = size
    if width < 1 or height < 1:
        raise InputError(f"{name} has no pixels ({width} x {height})")
    if width * height > max_pixels:
        raise InputError(
            f"{name} has {width} x {height} = {width * height:,} pixels, more than the {max_pixels:,} "
            f"allowed: scale it down, or allow more with --max-pixels"
        )


@contextlib.contextmanager
def guarded(name: str) -> Iterator[None]:
    """Run a decoder with strict settings, and convert every exception of it to a one-line InputError.

    On hostile input, decoders raise OSError, SyntaxError, ValueError, struct.error, EOFError, OverflowError,
    MemoryError and others; there is no complete list.
    """
    try:
        with _strict(name):
            yield
    except ImpastoError:
        raise
    except UnidentifiedImageError as fault:
        raise InputError(
            f"{name} is not a picture impasto reads ({KNOWN}), or is damaged: convert it, or copy it again"
        ) from fault
    except MemoryError as fault:
        raise InputError(f"{name} does not fit into memory: scale it down") from fault
    except Exception as fault:
        reason = " ".join(str(fault).split()) or type(fault).__name__
        raise InputError(f"{name} is damaged or cut off ({reason}): fetch or copy it again") from fault
