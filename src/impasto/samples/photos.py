"""Sample photos from scikit-image's wheel, so nothing is downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import skimage
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import InputError


@dataclass(frozen=True)
class Credit:
    """File, subject, author and license of a photo."""

    file: str
    shows: str
    author: str
    licence: str


CREDITS: dict[str, Credit] = {
    "astronaut": Credit("astronaut.png", "Eileen Collins, astronaut", "NASA", "public domain"),
    "chelsea": Credit("chelsea.png", "Chelsea, a cat", "Stefan van der Walt", "CC0"),
    "coffee": Credit(
        "coffee.png", "a cup of coffee (courtesy of Pikolo Espresso Bar)", "Rachel Michetti", "CC0"
    ),
    "rocket": Credit("rocket.jpg", "DSCOVR on a Falcon 9, lifting off", "SpaceX", "public domain"),
    "hubble": Credit("hubble_deep_field.jpg", "the Hubble eXtreme Deep Field", "NASA", "public domain"),
    "camera": Credit("camera.png", "a man with a camera, in gray", "Lav Varshney", "CC0"),
}
"""Credit of each photo, from scikit-image's documentation of ``skimage.data``."""

PHOTOS: tuple[str, ...] = tuple(CREDITS)
"""Names of the sample photos."""


def photo(name: str) -> NDArray[np.float32]:
    """Return a sample photo.

    Args:
        name: one of ``PHOTOS``.

    Returns:
        ``(H, W, 3)``, float32, RGB 0..1.

    Raises:
        InputError: there is no photo of that name, or the installed scikit-image lacks its file.

    Examples:
        >>> photo("coffee").shape
        (400, 600, 3)
    """
    if name not in CREDITS:
        raise InputError(f"there is no sample photo {name!r}: choose one of {', '.join(PHOTOS)}")
    # ``skimage.data`` would download a missing file.
    path = Path(str(skimage.__file__)).parent / "data" / CREDITS[name].file
    if not path.is_file():
        raise InputError(
            f"scikit-image lacks the file {path.name}: reinstall it from its wheel (pip install scikit-image)"
        )
    with Image.open(path) as image:
        found: NDArray[np.float32] = np.asarray(image.convert("RGB"), np.float32) / np.float32(255)
    return found
