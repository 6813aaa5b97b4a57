"""One photo in every learned style, with the paintings beside: to choose from, and to judge by."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from impasto import image, samples
from impasto.demo import sheet
from impasto.errors import InputError
from impasto.networks import library
from impasto.record import Array
from impasto.runtime import Painter

SIDE = 512  # long side of the photo, pixels: that of which the strokes were learned
COLUMNS = 4


def draw(
    out: Path, *, photo: Path | None = None, network: str | None = None, overwrite: bool = False
) -> Path:
    """Writes the sheet.

    Args:
        out: the picture to write.
        photo: what is painted; default: a sample.
        network: only styles of this kind of network.
        overwrite: replace what is there.

    Raises:
        InputError: no learned styles, or a photo that cannot be used.
    """
    found = library.known(network)
    if not found:
        raise InputError("there are no learned styles yet: impasto learn PAINTING --photos FOLDER")
    rgb = image.read(photo).flat() if photo else samples.photo("astronaut")
    rgb = image.resize(rgb, image.fit((rgb.shape[0], rgb.shape[1]), SIDE)).clip(0, 1)
    cells = []
    for known in found:
        pack = known.pack
        painted = Painter(pack).paint(rgb, pack.weights({known.name: 1.0}))
        cells.append([_thumbnail(known.style.thumbnail), painted])
    flat = [picture for cell in cells for picture in cell]
    rows = [flat[i : i + COLUMNS] for i in range(0, len(flat), COLUMNS)]
    return image.write(out, sheet(rows), overwrite=overwrite)


def _thumbnail(data: bytes) -> Array:
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    array: Array = np.asarray(picture).astype(np.float32) * np.float32(1 / 255)
    return array
