"""Sheet of one photo in every learned style, beside the style images."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from impasto import image, samples
from impasto.errors import InputError
from impasto.networks import library
from impasto.networks.painter import Painter
from impasto.record import Array
from impasto.verbs.demo import MARGIN, sheet

SIDE = 512  # long side of the photo in pixels, as in training
COLUMNS = 2  # pairs of style image and result
LINE = 30  # height of a name, pixels


def draw(
    out: Path, *, photo: Path | None = None, network: str | None = None, overwrite: bool = False
) -> Path:
    """Write the sheet: pairs of style image and result, with the name and network of the style.

    Args:
        out: the image to write.
        photo: the photo to stylize; default: a sample.
        network: only styles of this kind of network.
        overwrite: replace an existing file.

    Raises:
        InputError: there are no learned styles, or the photo cannot be used.
    """
    found = library.installed(network)
    if not found:
        raise InputError("there are no learned styles yet: impasto learn PAINTING --photos FOLDER")
    rgb = image.read(photo).flat() if photo else samples.photo("astronaut")
    rgb = image.resize(rgb, image.fit((rgb.shape[0], rgb.shape[1]), SIDE)).clip(0, 1)
    cells = []
    for known in found:
        pack = known.pack
        painted = Painter(pack).paint(rgb, pack.weights({known.name: 1.0}))
        thumbnail = np.asarray(Image.open(io.BytesIO(known.style.thumbnail)).convert("RGB"))
        pair = sheet([[image.floats(thumbnail), painted]])
        cells.append(_named(pair, f"{known.name}, {pack.plan.name}"))
    rows = [cells[i : i + COLUMNS] for i in range(0, len(cells), COLUMNS)]
    return image.write(out, sheet(rows, height=cells[0].shape[0]), overwrite=overwrite)


def _named(pair: Array, name: str) -> Array:
    """Return the pair with a line of text below."""
    line = Image.new("RGB", (pair.shape[1], LINE), (245, 245, 245))
    font = ImageFont.load_default(size=LINE * 2 // 3)
    ImageDraw.Draw(line).text((MARGIN // 2, 0), name, fill=(40, 40, 40), font=font)
    return np.concatenate([pair, image.floats(np.asarray(line))])
