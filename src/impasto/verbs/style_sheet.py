"""Sheet and page of one photo in every learned style, beside the style images."""

from __future__ import annotations

import html
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from impasto import files, image, pages, samples
from impasto.errors import InputError
from impasto.networks import library
from impasto.networks.library import InstalledStyle
from impasto.networks.painter import Painter
from impasto.record import Array
from impasto.verbs.demo import MARGIN, sheet

SIDE = 512  # long side of the photo in pixels, as in training
COLUMNS = 2  # pairs of style image and result
LINE = 30  # height of a name, pixels


def _paint_styles(photo: Path | None, network: str | None) -> Iterator[tuple[InstalledStyle, Array]]:
    """Yield each style with the photo in it; the arguments are those of :func:`draw`."""
    found = library.list_styles(network)
    if not found:
        raise InputError("no learned styles yet: add one with impasto learn PAINTING --photos FOLDER")
    rgb = image.read(photo).flat() if photo else samples.photo("astronaut")
    rgb = image.resize(rgb, image.fit((rgb.shape[0], rgb.shape[1]), SIDE)).clip(0, 1)
    for known in found:
        yield known, Painter(known.pack).paint(rgb, known.pack.weights({known.name: 1.0}))


def draw(
    out: Path, *, photo: Path | None = None, network: str | None = None, overwrite: bool = False
) -> Path:
    """Write the sheet: pairs of style image and result, with the name and network of the style.

    It shows a sample without a ``photo``, and only the styles of one kind of ``network`` if it is given.

    Raises:
        InputError: there are no learned styles, or the photo cannot be used.
    """
    cells = []
    for known, painted in _paint_styles(photo, network):
        thumbnail = np.asarray(Image.open(io.BytesIO(known.style.thumbnail)).convert("RGB"))
        pair = sheet([[image.floats(thumbnail), painted]])
        cells.append(_add_caption(pair, f"{known.name}, {known.pack.plan.name}"))
    rows = [cells[i : i + COLUMNS] for i in range(0, len(cells), COLUMNS)]
    return image.write(out, sheet(rows, height=cells[0].shape[0]), overwrite=overwrite)


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


def _add_caption(pair: Array, name: str) -> Array:
    """Return the pair with a line of text below."""
    line = Image.new("RGB", (pair.shape[1], LINE), (245, 245, 245))
    font = ImageFont.load_default(size=LINE * 2 // 3)
    ImageDraw.Draw(line).text((MARGIN // 2, 0), name, fill=(40, 40, 40), font=font)
    return np.concatenate([pair, image.floats(np.asarray(line))])


_CSS = """body { max-width: 1100px }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr)); gap: 1.5em }
img { width: 49%; aspect-ratio: 1; object-fit: cover; margin-right: 1%; float: left }
figcaption { clear: both; padding-top: 4px }"""
