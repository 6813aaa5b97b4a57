"""Uploaded photos: displayed as a small preview, processed as the original file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from impasto import image
from impasto.app.limits import SEEN
from impasto.errors import ImpastoError

PICTURES = [".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".bmp", ".gif"]
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
SIDE = 1280  # pixels of the preview's long side


def photo_place(label: str, *, max_pixels: int, mask: gr.ImageEditor | None = None) -> gr.Image:
    """Return an upload whose value is the path of the original file, even if browsers cannot show it.

    Args:
        label: label of the component.
        max_pixels: larger photos are refused.
        mask: editor that also shows the photo, to paint over.
    """
    place = gr.Image(
        label=label,
        type="filepath",
        sources=["upload", "clipboard"],
        height=260,
        buttons=["fullscreen"],
        elem_classes="drop",
    )
    # Gradio would decode the file, write it again and lose its name. Not a subclass: Gradio would write a
    # .pyi file for it beside this one.
    place.preprocess = original  # type: ignore[method-assign]
    place.postprocess = preview_of  # type: ignore[assignment, method-assign]
    outputs: list[Any] = [place] if mask is None else [place, mask]

    def dropped(path: str | None) -> Any:
        picture = None
        if path is not None:
            try:
                picture = str(write_preview(path, max_pixels=max_pixels))
            except ImpastoError as error:
                gr.Warning(str(error).replace(str(Path(path).parent) + "/", ""), duration=20)
                path = None
        return path if mask is None else (path, picture)

    place.upload(dropped, place, outputs, concurrency_limit=4, **QUIET)
    if mask is not None:
        place.clear(lambda: None, None, mask, queue=False, **QUIET)
    return place


def write_preview(path: str | Path, *, max_pixels: int = image.MAX_PIXELS) -> Path:
    """Write a preview of a photo beside it, unless there is one, and return its path.

    Raises:
        InputError: the photo cannot be read.
    """
    small = Path(f"{path}{SEEN}")
    if not small.exists():
        rgb = image.read(path, max_pixels=max_pixels).flat()
        size = image.fit((rgb.shape[0], rgb.shape[1]), min(SIDE, max(rgb.shape[:2])))
        image.write(small, image.resize(rgb, size), quality=90, overwrite=True)
    return small


def preview_of(path: str | None) -> Any:
    """Return the preview of a photo for the browser."""
    from gradio.data_classes import ImageData

    return None if path is None else ImageData(path=str(write_preview(path)), orig_name=Path(path).name)


def original(payload: Any) -> str | None:
    """Return the path of the photo for a browser's payload, which is the photo or its preview."""
    return None if payload is None else str(payload.path).removesuffix(SEEN)
