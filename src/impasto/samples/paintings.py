"""The sample styles by name: twelve pictures of our own, free of rights, painted by the code in ``art/``."""

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
"""The names of the sample styles."""

_SMALLEST, _SIDE = 32, 768  # pixels


def style(name: str, size: int = _SIDE) -> NDArray[np.float32]:
    """Open a sample style.

    Args:
        name: one of `STYLES`.
        size: side of the square picture in pixels, 32 to 768.

    Returns:
        The picture, float32 of shape (size, size, 3), RGB, 0..1.

    Raises:
        InputError: there is no style of that name, or it does not come in that size.

    Examples:
        >>> style("mosaic", size=64).shape
        (64, 64, 3)
    """
    if name not in STYLES:
        raise InputError(f"no sample style is called {name!r}; choose one of {', '.join(STYLES)}")
    if not _SMALLEST <= size <= _SIDE:
        raise InputError(f"a sample style has a size of {_SMALLEST} to {_SIDE} pixels, not {size}")
    with Image.open(FOLDER / f"{name}.webp") as opened:
        rgb = np.asarray(opened.convert("RGB"), np.float32) / np.float32(255)
    return rgb if size == _SIDE else image.resize(rgb, (size, size))
