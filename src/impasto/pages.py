"""Parts of the HTML pages that reports are: their frame with common CSS, and embedded images."""

from __future__ import annotations

import base64
import html
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_FRAME = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #222 }}
body {{ margin: 2em auto; max-width: 60em; padding: 0 1em }}
figure {{ margin: 0 }} figcaption {{ font-size: 13px; color: #555 }}
{css}
</style>
<h1>{title}</h1>
{body}
</html>
"""


def page(title: str, body: str, *, css: str) -> str:
    """Return a page of HTML; ``css`` adds to the common rules, or replaces them."""
    return _FRAME.format(title=html.escape(title), body=body, css=css)


def jpeg(rgb: NDArray[np.uint8], *, quality: int) -> bytes:
    """Return an image ``(H, W, 3)`` as a JPEG."""
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def data_url(data: bytes) -> str:
    """Return a JPEG as a URL that contains it."""
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
