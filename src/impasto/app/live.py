"""The tab that stylizes a webcam."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from impasto import image
from impasto.app import previews
from impasto.app.broadcast import ADDRESS, Broadcast
from impasto.app.controls import controls
from impasto.app.previews import live_image
from impasto.app.uploads import QUIET
from impasto.app.visits import AppState
from impasto.errors import InputError
from impasto.jobs import LiveJob
from impasto.networks import library
from impasto.networks.packs import MOST_STRENGTH

SIDE, FPS = 480, 10.0
LIVE, AT_ONCE = "live", 2  # frames are painted beside a job, so many at once
Bytes = NDArray[np.uint8]


class Mirror:
    """Live stylization of one session's camera."""

    def __init__(self, job: LiveJob) -> None:
        from impasto.live.player import HeldStyle
        from impasto.networks.painter import Painter

        (name,) = job.styles
        known = library.find(name, network="tiny") or library.find(name)
        if known is None:
            raise library.unknown_style_error(name)
        self.job = job
        self._painter = Painter(known.pack)
        self._weights = known.pack.weights({known.name: 1.0}, strength=job.strength)
        self._held = HeldStyle(job.consistency, fps=FPS)

    def paint(self, frame: Bytes) -> Bytes:
        """Stylize the next frame ``(H, W, 3)``."""
        return image.as_bytes(self._held.paint(frame, self._painter, self._weights))


def live_tab(state: AppState) -> None:
    """Build the tab."""
    if state.broadcast:
        _show_source(state.broadcast)
    else:
        _show_camera(state)


def _show_source(broadcast: Broadcast) -> None:
    styles = list(broadcast.styles)
    style = gr.Radio(styles, value=lambda: styles[broadcast.chosen], type="index", label="style")

    def choose(number: int) -> None:
        broadcast.chosen = number

    style.input(choose, style, queue=False, **QUIET)
    gr.Timer(1).tick(broadcast.describe, None, gr.Markdown(), queue=False, **QUIET)
    gr.HTML(f'<img src="{ADDRESS}" alt="the live source, painted" style="width: 60rem; margin: auto">')


def _show_camera(state: AppState) -> None:
    gr.Markdown("Choose a style, open the camera, then press *Record*.", elem_classes="line")
    known = previews.thumbnails(state.folder)
    style = gr.State(known[0][1] if known else None)
    choice = gr.Gallery(
        known,
        label="learned style",
        selected_index=0 if known else None,
        **{**previews.CHOICE, "elem_classes": ["styles", "several", "one"]},
    )

    def choose(event: gr.SelectData) -> str:
        return str(known[event.index][1])

    choice.select(choose, None, style, queue=False, **QUIET)
    with gr.Row():
        knobs = controls(LiveJob, ("strength", "consistency"))
        knobs["strength"].maximum = MOST_STRENGTH  # type: ignore[attr-defined]
    mirror: gr.State = gr.State(None)
    with gr.Row(equal_height=False):
        camera = gr.Image(label="camera", sources=["webcam"], streaming=True, type="numpy")
        painted = live_image("result")

    def paint(
        frame: Bytes | None, name: str | None, strength: float, consistency: float, held: Mirror | None
    ) -> tuple[Any, Mirror | None]:
        if frame is None or name is None:
            return None, held
        try:
            job = LiveJob(styles=(name,), strength=strength, consistency=consistency)
            if held is None or held.job != job:
                held = Mirror(job)
            return held.paint(shrink_frame(frame)), held
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from error

    camera.stream(
        paint,
        [camera, style, *knobs.values(), mirror],
        [painted, mirror],
        stream_every=1 / FPS,
        concurrency_limit=AT_ONCE,
        concurrency_id=LIVE,
        show_progress="hidden",
        api_visibility="private",
    )


def shrink_frame(frame: Bytes) -> Bytes:
    """Return a frame at the size at which it is painted."""
    from PIL import Image

    picture = Image.fromarray(frame).convert("RGB")
    picture.thumbnail((SIDE, SIDE))
    width, height = picture.size
    return np.asarray(picture.crop((0, 0, width // 2 * 2, height // 2 * 2)))
