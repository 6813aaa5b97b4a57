"""Uploads: checked when they are dropped, shown as a small preview, processed as the original file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from numpy.typing import NDArray

from impasto import image
from impasto.app.limits import SEEN
from impasto.app.runner import sentence
from impasto.errors import ImpastoError
from impasto.jobs import LOOK
from impasto.looks import look
from impasto.media import FilmReader
from impasto.networks import library

PICTURES = [".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".bmp", ".gif"]
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
DROP = 130  # height of an upload area for several files, in pixels
SIDE = 1280  # pixels of the preview's long side


def photo_place(label: str, *, max_pixels: int, mask: gr.ImageEditor | None = None) -> gr.Image:
    """Return an upload whose value is the path of the original file, even if browsers cannot show it.

    Args:
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
    _check_upload(place, partial(write_preview, max_pixels=max_pixels), mask)
    return place


def film_place(mask: gr.ImageEditor) -> gr.Video:
    """Return an upload of a video, whose first frame is also shown in an editor, to paint over."""
    place = gr.Video(label="video", sources=["upload"], height=260, elem_classes="drop")
    _check_upload(place, write_frame, mask)
    return place


def _check_upload(place: Any, preview: Callable[[str], Path], mask: gr.ImageEditor | None) -> None:
    """Refuse an upload that has no preview; show the preview in an editor as well, if there is one."""

    def receive(path: str | None) -> Any:
        kept = path if path is not None and _is_good(path, preview) else None
        return kept if mask is None else (kept, None if kept is None else str(preview(kept)))

    outputs: list[Any] = [place] if mask is None else [place, mask]
    place.upload(receive, place, outputs, concurrency_limit=4, **QUIET)
    if mask is not None:
        place.clear(lambda: None, None, mask, queue=False, **QUIET)


def style_place(label: str, types: list[str], max_pixels: int) -> gr.File:
    """Return an upload of style images, ``.style`` files and looks; damaged ones are told and left out."""
    place = gr.File(
        label=label, file_count="multiple", file_types=types, height=DROP, elem_classes=["drop", "several"]
    )

    check = partial(check_style, max_pixels=max_pixels)

    def receive(paths: list[str]) -> list[str]:
        return [path for path in paths if _is_good(path, check)]

    place.upload(receive, place, place, concurrency_limit=4, **QUIET)
    return place


def check_style(path: str, *, max_pixels: int) -> None:
    """Raise InputError if a style image, a ``.style`` file or a look cannot be read."""
    if path.endswith(library.STYLE_SUFFIX):
        library.find(path)
    elif path.endswith(LOOK):
        look.load(path)
    else:
        image.read(path, max_pixels=max_pixels)


def _is_good(path: str, read: Callable[[str], object]) -> bool:
    """Return whether an upload can be read, and show the reason if not."""
    try:
        read(path)
    except ImpastoError as error:
        gr.Warning(sentence(error).replace(f"{Path(path).parent}/", ""), duration=20)
        return False
    return True


def write_preview(path: str | Path, *, max_pixels: int = image.MAX_PIXELS) -> Path:
    """Write a preview of a photo beside it, unless there is one, and return its path.

    Raises:
        InputError: the photo cannot be read.
    """
    return _write_seen(path, lambda: image.read(path, max_pixels=max_pixels).flat())


def write_frame(film: str | Path) -> Path:
    """Write a preview of the first frame of a video beside it, unless there is one, and return its path.

    Raises:
        InputError: the video cannot be read.
    """

    def read() -> NDArray[Any]:
        with FilmReader(film) as reader:
            return next(reader.frames()).rgb

    return _write_seen(film, read)


def _write_seen(path: str | Path, read: Callable[[], NDArray[Any]]) -> Path:
    small = Path(f"{path}{SEEN}")
    if not small.exists():
        image.write(small, image.shrink(read(), SIDE), quality=90, overwrite=True)
    return small


def preview_of(path: str | None) -> Any:
    """Return the preview of a photo for the browser."""
    from gradio.data_classes import ImageData

    return None if path is None else ImageData(path=str(write_preview(path)), orig_name=Path(path).name)


def original(payload: Any) -> str | None:
    """Return the path of the photo for a browser's payload, which is the photo or its preview."""
    return None if payload is None else str(payload.path).removesuffix(SEEN)
