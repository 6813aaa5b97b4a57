"""Pictures that the page shows and takes: thumbnails of learned styles, masks that were painted."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from impasto import image
from impasto.networks import library

QUALITY = 90  # of JPEG, of what changes too fast to be looked at closely


def passing(label: str) -> gr.Image:
    """A place for pictures that come many times a minute: each within the page, and none as a file here."""
    place = gr.Image(label=label, interactive=False, buttons=["fullscreen"], elem_classes="passing")
    # Gradio would write each into its folder, and keep it for as long as uploads.
    place.postprocess = within  # type: ignore[assignment, method-assign]
    return place


def within(rgb: NDArray[np.uint8] | None) -> Any:
    """A picture ``(H, W, 3)`` as a part of the page itself."""
    from gradio.data_classes import ImageData
    from PIL import Image

    if rgb is None:
        return None
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", quality=QUALITY)
    return ImageData(url="data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode())


def thumbnails(folder: Path) -> list[tuple[str, str]]:
    """A picture and a name for each learned style."""
    found = {}
    for known in library.known():
        path = folder / f"{known.name}.jpg"
        if known.name not in found and known.style.thumbnail:
            path.write_bytes(known.style.thumbnail)
            found[known.name] = str(path)
    return [(path, name) for name, path in found.items()]


def painted_mask(drawn: Mapping[str, Any] | None, path: Path) -> Path | None:
    """Writes what was painted over a picture as a mask, white where there is paint; None if there is none."""
    layers = [np.asarray(layer) for layer in (drawn or {}).get("layers", [])]
    alphas = [layer[..., 3] for layer in layers if layer.ndim == 3 and layer.shape[2] == 4]
    if not alphas or not any(alpha.any() for alpha in alphas):
        return None
    covered = np.max(np.stack(alphas), axis=0).astype(np.float32) / 255
    image.write(path, covered, grey=True, overwrite=True)
    return path


def turned(mask: Path) -> Path:
    """The mask of all that another leaves."""
    path = mask.with_name(f"not-{mask.name}")
    grey = image.read(mask).flat()[..., 0]
    image.write(path, 1 - grey, grey=True, overwrite=True)
    return path
