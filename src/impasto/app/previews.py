"""Images on the page: thumbnails of learned styles, painted masks, live previews."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from impasto import image, pages, samples
from impasto.networks import library

QUALITY = 90  # JPEG quality of previews
# A gallery of pictures to click at.
CHOICE: Mapping[str, Any] = {
    "object_fit": "cover",
    "height": "auto",
    "allow_preview": False,
    "interactive": False,
    "elem_classes": "styles",
    "buttons": [],
}


def live_image(label: str) -> gr.Image:
    """Return a component for frequently updated images, which are sent inline and never written to a file."""
    place = gr.Image(label=label, interactive=False, buttons=["fullscreen"], elem_classes="passing")
    # Gradio would write each image to its cache and keep it as long as uploads.
    place.postprocess = data_url  # type: ignore[assignment, method-assign]
    return place


def data_url(rgb: NDArray[np.uint8] | None) -> Any:
    """Return an image ``(H, W, 3)`` as a data URL."""
    from gradio.data_classes import ImageData

    return None if rgb is None else ImageData(url=pages.data_url(pages.jpeg(rgb, quality=QUALITY)))


def thumbnails(folder: Path) -> list[tuple[str, str]]:
    """Write the thumbnail of each learned style to ``folder``; return pairs of path and name."""
    found = {}
    for known in library.list_styles():
        path = folder / f"{known.name}.jpg"
        if known.name not in found and known.style.thumbnail:
            path.write_bytes(known.style.thumbnail)
            found[known.name] = str(path)
    return [(path, name) for name, path in found.items()]


def photo_thumbnails(folder: Path, names: Sequence[str]) -> list[str]:
    """Write a thumbnail of each sample photo to ``folder``; return their paths."""
    paths = []
    for name in names:
        path = folder / f"photo-{name}.jpg"
        image.write(path, image.shrink(samples.photo(name), 240), overwrite=True)
        paths.append(str(path))
    return paths


def _painted_layers(drawn: Mapping[str, Any] | None) -> list[NDArray[np.uint8]]:
    """Return the layers ``(H, W, 4)`` of an editor on which the user painted."""
    layers = [np.asarray(layer) for layer in (drawn or {}).get("layers", [])]
    return [layer for layer in layers if layer.ndim == 3 and layer.shape[2] == 4 and layer[..., 3].any()]


def write_mask(drawn: Mapping[str, Any] | None, path: Path) -> Path | None:
    """Write a mask that is white where the user painted; return its path, or None if nothing was painted."""
    layers = _painted_layers(drawn)
    if not layers:
        return None
    covered = np.max([layer[..., 3] for layer in layers], axis=0).astype(np.float32) / 255
    image.write(path, covered, gray=True, overwrite=True)
    return path


def write_lamps(drawn: Mapping[str, Any] | None, path: Path) -> Path | None:
    """Write the lamps that the user painted, in the colors of their kinds; None if nothing was painted.

    Half-transparent borders of strokes take the color of their stroke or are left out.
    """
    layers = _painted_layers(drawn)
    if not layers:
        return None
    result = np.zeros((*layers[0].shape[:2], 3), np.uint8)
    for layer in layers:
        covered = layer[..., 3] > 127
        result[covered] = layer[..., :3][covered]
    image.write(path, result, overwrite=True)
    return path


def invert_mask(mask: Path) -> Path:
    """Write the inverse of a mask beside it, and return its path."""
    path = mask.with_name(f"not-{mask.name}")
    gray = image.read(mask).flat()[..., 0]
    image.write(path, 1 - gray, gray=True, overwrite=True)
    return path
