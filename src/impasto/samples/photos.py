"""Sample photographs: those that lie in scikit-image's wheel, so that nothing is ever downloaded."""

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
    """Who made a photograph, what it shows, and on what terms it may be used."""

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
    "camera": Credit("camera.png", "a man with a camera, in grey", "Lav Varshney", "CC0"),
}
"""The credit of each photograph, after scikit-image's documentation of `skimage.data`."""

PHOTOS: tuple[str, ...] = tuple(CREDITS)
"""The names of the sample photographs."""


def photo(name: str) -> NDArray[np.float32]:
    """Open a sample photograph.

    Args:
        name: one of `PHOTOS`.

    Returns:
        The photograph, float32 of shape (H, W, 3), RGB, 0..1.

    Raises:
        InputError: there is no photograph of that name, or this scikit-image came without it.

    Examples:
        >>> photo("coffee").shape
        (400, 600, 3)
    """
    if name not in CREDITS:
        raise InputError(f"no sample photograph is called {name!r}; choose one of {', '.join(PHOTOS)}")
    # Not through `skimage.data`, which would fetch a missing file from the network.
    path = Path(str(skimage.__file__)).parent / "data" / CREDITS[name].file
    if not path.is_file():
        raise InputError(
            f"scikit-image came without {path.name}: install it from its wheel (pip install scikit-image)"
        )
    with Image.open(path) as image:
        found: NDArray[np.float32] = np.asarray(image.convert("RGB"), np.float32) / np.float32(255)
    return found
