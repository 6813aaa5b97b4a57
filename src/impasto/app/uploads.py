"""Photos that are dropped on the page: shown as a small picture, handed on as the file that they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from impasto import image
from impasto.app.limits import SEEN
from impasto.errors import ImpastoError

PICTURES = [".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".bmp", ".gif"]
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
SIDE = 1280  # pixels of that


def photo_place(label: str, *, max_pixels: int, mask: gr.ImageEditor | None = None) -> gr.Image:
    """A place for a photo; its value is the path of the file that was dropped, whatever a browser can show.

    Args:
        label: what is wanted.
        max_pixels: larger photos are refused.
        mask: shows the photo too, to paint over.
    """
    place = gr.Image(
        label=label,
        type="filepath",
        sources=["upload", "clipboard"],
        height=260,
        buttons=["fullscreen"],
        elem_classes="drop",
    )
    # Gradio would decode the file, write it anew and lose its name; not by a subclass, of which it would
    # write a .pyi file beside this one.
    place.preprocess = original  # type: ignore[method-assign]
    place.postprocess = shown  # type: ignore[assignment, method-assign]
    outputs: list[Any] = [place] if mask is None else [place, mask]

    def dropped(path: str | None) -> Any:
        picture = None
        if path is not None:
            try:
                picture = str(seen(path, max_pixels=max_pixels))
            except ImpastoError as error:
                gr.Warning(str(error).replace(str(Path(path).parent) + "/", ""), duration=20)
                path = None
        return path if mask is None else (path, picture)

    place.upload(dropped, place, outputs, concurrency_limit=4, **QUIET)
    if mask is not None:
        place.clear(lambda: None, None, mask, queue=False, **QUIET)
    return place


def seen(path: str | Path, *, max_pixels: int = image.MAX_PIXELS) -> Path:
    """A small picture of a photo, beside it.

    Raises:
        InputError: it cannot be read.
    """
    small = Path(f"{path}{SEEN}")
    if not small.exists():
        rgb = image.read(path, max_pixels=max_pixels).flat()
        size = image.fit((rgb.shape[0], rgb.shape[1]), min(SIDE, max(rgb.shape[:2])))
        image.write(small, image.resize(rgb, size), quality=90, overwrite=True)
    return small


def shown(path: str | None) -> Any:
    """What a browser gets for a photo: the small picture of it."""
    from gradio.data_classes import ImageData

    return None if path is None else ImageData(path=str(seen(path)), orig_name=Path(path).name)


def original(payload: Any) -> str | None:
    """The photo of what a browser gives back: the photo itself, or the small picture of it."""
    return None if payload is None else str(payload.path).removesuffix(SEEN)
