"""Sheet and page of one photo in every learned style, with the style images."""

from __future__ import annotations

import html
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from impasto import files, image, pages, samples
from impasto.errors import InputError
from impasto.networks import library
from impasto.networks.library import InstalledStyle
from impasto.networks.painter import Painter
from impasto.record import Array
from impasto.verbs.demo import sheet

SIDE = 448  # long side of the photo in pixels, shown unscaled: strokes are lost in a reduced image
SAMPLE = "chelsea"
COLUMNS = 3
INSET, FRAME = 0.28, 3  # side of a style image as a part of the photo's shorter side, and its frame in pixels


def _paint_styles(photo: Path | None, network: str | None) -> Iterator[tuple[InstalledStyle, Array]]:
    """Yield each style with the photo in it; the arguments are those of :func:`draw`."""
    found = library.list_styles(network)
    if not found:
        raise InputError("no learned styles yet: add one with impasto learn PAINTING --photos FOLDER")
    rgb = image.read(photo).flat() if photo else samples.photo(SAMPLE)
    rgb = image.resize(rgb, image.fit((rgb.shape[0], rgb.shape[1]), SIDE)).clip(0, 1)
    for known in found:
        yield known, Painter(known.pack).paint(rgb, known.pack.weights({known.name: 1.0}))


def draw(
    out: Path, *, photo: Path | None = None, network: str | None = None, overwrite: bool = False
) -> Path:
    """Write the sheet: results with the style image in a corner, and the name and network of the style below.

    It shows a sample without a ``photo``, and only the styles of one kind of ``network`` if it is given.

    Raises:
        InputError: there are no learned styles, or the photo cannot be used.
    """
    cells: list[Array] = []
    names: list[str] = []
    for known, painted in _paint_styles(photo, network):
        cells.append(add_style(painted, known.style.thumbnail))
        names.append(f"{known.name}, {known.pack.plan.name}")
    firsts = range(0, len(cells), COLUMNS)
    rows = [cells[first : first + COLUMNS] for first in firsts]
    below = [names[first : first + COLUMNS] for first in firsts]
    return image.write(out, sheet(rows, height=cells[0].shape[0], names=below), overwrite=overwrite)


def add_style(painted: Array, thumbnail: bytes) -> Array:
    """Return the result with the middle of the style image as a framed square in its lower right corner."""
    side = max(1, round(min(painted.shape[:2]) * INSET))
    with Image.open(io.BytesIO(thumbnail)) as opened:
        style = ImageOps.fit(opened.convert("RGB"), (side, side), Image.Resampling.LANCZOS)
    framed = np.pad(image.floats(np.asarray(style)), ((FRAME, 0), (FRAME, 0), (0, 0)), constant_values=1)
    done = painted.copy()
    corner = done[-framed.shape[0] :, -framed.shape[1] :]
    corner[:] = framed[: corner.shape[0], : corner.shape[1]]
    return done


def write_page(
    out: Path, *, photo: Path | None = None, network: str | None = None, overwrite: bool = False
) -> Path:
    """Write the sheet as an HTML page in one file, with title, credit and license of each style.

    The arguments and errors are those of :func:`draw`.
    """
    parts = []
    for known, painted in _paint_styles(photo, network):
        result = pages.jpeg(image.as_bytes(painted), quality=85)
        name, credits = html.escape(known.name), html.escape(known.style.credits)
        pictures = "".join(
            f'<img src="{pages.data_url(data)}" alt="{name}: {what}">'
            for data, what in ((known.style.thumbnail, "style image"), (result, "a photo in it"))
        )
        told = f"<b>{name}</b>, {html.escape(known.pack.plan.name)}<br>{credits}"
        parts.append(f"<figure>{pictures}<figcaption>{told}</figcaption></figure>")
    files.check_output(out, overwrite=overwrite)
    body = "\n".join(("<main>", *parts, "</main>"))
    files.write_text(out, pages.page("Learned styles", body, css=_CSS))
    return out


_CSS = """body { max-width: 1100px }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr)); gap: 1.5em }
img { width: 49%; aspect-ratio: 1; object-fit: cover; margin-right: 1%; float: left }
figcaption { clear: both; padding-top: 4px }"""
