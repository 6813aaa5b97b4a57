"""The sample styles by name: twelve images without copyright, made by the code in ``art/``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto import image
from impasto.errors import InputError

FOLDER = Path(__file__).parent / "styles"

STYLES: tuple[str, ...] = (
    "waves", "stained_glass", "mosaic", "hatching", "brushwork", "night", "watercolor",
    "woodcut", "pointillism", "peacock", "birches", "marbling",
)  # fmt: skip
"""Names of the sample styles."""

_SMALLEST, _SIDE = 32, 768  # pixels


def style(name: str, size: int = _SIDE) -> NDArray[np.float32]:
    """Return a sample style image.

    Args:
        name: one of ``STYLES``.
        size: side of the square image in pixels, 32 to 768.

    Returns:
        ``(size, size, 3)``, float32, RGB 0..1.

    Raises:
        InputError: there is no style of that name, or the size is out of range.

    Examples:
        >>> style("mosaic", size=64).shape
        (64, 64, 3)
    """
    if name not in STYLES:
        raise InputError(f"there is no sample style {name!r}: choose one of {', '.join(STYLES)}")
    if not _SMALLEST <= size <= _SIDE:
        raise InputError(f"size {size} is not between {_SMALLEST} and {_SIDE} pixels: choose another")
    with Image.open(FOLDER / f"{name}.webp") as opened:
        rgb = np.asarray(opened.convert("RGB"), np.float32) / np.float32(255)
    return rgb if size == _SIDE else image.resize(rgb, (size, size))
