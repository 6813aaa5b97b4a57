"""The tabs, one per verb; each builds a job from uploads, styles and controls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from impasto import image, samples
from impasto.app import gathering, previews
from impasto.app.controls import controls, settings
from impasto.app.gathering import SETTINGS, Given
from impasto.app.live import live_tab
from impasto.app.output import OutputPanel, Resume, wire
from impasto.app.uploads import PICTURES, QUIET, film_place, photo_place, style_place, write_preview
from impasto.app.visits import AppState, Request
from impasto.jobs import LOOK, DreamJob, Job, PhotorealJob, StylizeJob, VideoJob
from impasto.looks.lamps import palette
from impasto.looks.lights import KINDS
from impasto.networks.library import STYLE_SUFFIX

MORE = "more settings"
SAMPLES = (("rocket", "starry_night"), ("chelsea", "the_scream"), ("coffee", "watercolor"))


def _chooser(state: AppState) -> tuple[gr.Dropdown, gr.File]:
    """Return the choice of learned styles and the upload area for style images."""
    known = previews.thumbnails(state.folder)
    gallery = gr.Gallery(known, label="learned styles", show_label=False, columns=6, **previews.CHOICE)
    names = gr.Dropdown([n for _, n in known], multiselect=True, label="chosen", elem_classes="chosen")
    files = style_place(
        "or style images (slow, unless instant), or .style files",
        [*PICTURES, STYLE_SUFFIX],
        state.limits.pixels,
    )

    def toggled(chosen: list[str] | None, event: gr.SelectData) -> list[str]:
        name, before = known[event.index][1], list(chosen or [])
        return [n for n in before if n != name] if name in before else [*before, name]

    gallery.select(toggled, names, names, queue=False, **QUIET)
    return names, files


def _dropped(files: Any) -> tuple[str, ...]:
    return tuple(str(getattr(file, "name", file)) for file in files or ())


def _photo_and_mask(state: AppState) -> tuple[Any, Any]:
    """Return an upload area for a photo, and a mask editor to place with ``render``."""
    mask = _mask_editor()
    return photo_place("photo", max_pixels=state.limits.pixels, mask=mask), mask


def _mask_editor() -> Any:
    return gr.ImageEditor(label="mask", sources=(), layers=False, height=320, type="numpy", render=False)


def _sample_photos(state: AppState, outputs: list[Any]) -> None:
    """Show sample photos; a click fills in a photo, its copy in the mask editor, and a style."""
    shown = gr.Gallery(
        previews.photo_thumbnails(state.folder, [name for name, _ in SAMPLES]),
        label="or a sample",
        columns=6,
        **{**previews.CHOICE, "elem_classes": ["styles", "several", "samples"]},
    )

    def chosen(request: gr.Request, event: gr.SelectData) -> tuple[str, str, list[str]]:
        name, style = SAMPLES[event.index]
        path = state.place(request.session_hash, f"{name}.png")
        image.write(path, samples.photo(name))
        return str(path), str(write_preview(path)), [style]

    shown.select(chosen, None, outputs, **QUIET)


def _controls(job: type[Job]) -> dict[str, Any]:
    """Return the controls of a job: those shown first, and the others in an accordion."""
    first, others = SETTINGS[job]
    knobs = controls(job, first)
    with gr.Accordion(MORE, open=False):
        return knobs | controls(job, others)


def _stylize_tab(state: AppState) -> Resume:
    with gr.Row(equal_height=False):
        with gr.Column(scale=4):
            photo, mask = _photo_and_mask(state)
            below = gr.Column()
            names, files = _chooser(state)
            with below:
                _sample_photos(state, [photo, mask, names])
            knobs = _controls(StylizeJob)
            with gr.Accordion("mask: the first style goes where you paint", open=False):
                mask.render()
        with gr.Column(scale=5):
            panel = OutputPanel.build("Paint")

    def gather(values: dict[Any, Any], session: str | None) -> Request:
        given = Given(
            values[photo],
            settings(StylizeJob, {name: values[knob] for name, knob in knobs.items()}),
            names=tuple(values[names] or ()),
            files=_dropped(values[files]),
            drawn=previews.painted_mask(values[mask], state.place(session, "mask.png")),
        )
        return gathering.stylize(state, given)

    return wire(state, panel, [photo, names, files, mask, *knobs.values()], gather, TABS["Stylize"].result)


def _film_tab(state: AppState) -> Resume:
    mask = _mask_editor()
    with gr.Row(equal_height=False):
        with gr.Column(scale=4):
            film = film_place(mask)
            names, files = _chooser(state)
            knobs = _controls(VideoJob)
            with gr.Accordion("mask: the first style goes where you paint", open=False):
                mask.render()
        with gr.Column(scale=5):
            panel = OutputPanel.build("Paint film", film=True)

    def gather(values: dict[Any, Any], session: str | None) -> Request:
        given = Given(
            values[film],
            settings(VideoJob, {name: values[knob] for name, knob in knobs.items()}),
            names=tuple(values[names] or ()),
            files=_dropped(values[files]),
            drawn=previews.painted_mask(values[mask], state.place(session, "mask.png")),
        )
        return gathering.video(state, given)

    return wire(state, panel, [film, names, files, mask, *knobs.values()], gather, TABS["Film"].result)


def _lamps_editor() -> Any:
    """Return an editor to paint lamps in, with a color for each kind, to place with ``render``."""
    colors = [f"#{bytes(color).hex()}" for color in palette().values()]
    brush = gr.Brush(default_size=8, colors=[*colors], default_color=colors[0], color_mode="fixed")
    return gr.ImageEditor(
        label="lamps", sources=(), layers=False, height=320, type="numpy", brush=brush, render=False
    )


def _lamps_help() -> str:
    """Return which color is which kind of lamp."""
    parts = [
        '<span style="white-space:nowrap"><span style="border:1px solid gray;padding:0 .6em;'
        f'background:#{bytes(color).hex()}"></span> {kind}</span>'
        for kind, color in palette().items()
    ]
    return (
        f"Paint what shines at night; nothing painted: only what is certain. {', '.join(parts)}. Of windows, "
        f"{KINDS['window'].chance:.0%} are lit: change the seed to light others."
    )


def _photoreal_tab(state: AppState) -> Resume:
    lamps = _lamps_editor()
    with gr.Row(equal_height=False):
        with gr.Column(scale=4):
            photo = photo_place("photo", max_pixels=state.limits.pixels, mask=lamps)
            files = style_place(
                "photos to take light and colors from, or one saved .look",
                [*PICTURES, LOOK],
                state.limits.pixels,
            )
            knobs = _controls(PhotorealJob)
            with gr.Accordion("lamps: what shines at night", open=False):
                gr.HTML(_lamps_help())
                lamps.render()
        with gr.Column(scale=5):
            panel = OutputPanel.build("Relight")

    def gather(values: dict[Any, Any], session: str | None) -> Request:
        given = Given(
            values[photo],
            settings(PhotorealJob, {name: values[knob] for name, knob in knobs.items()}),
            files=_dropped(values[files]),
            drawn=previews.painted_lamps(values[lamps], state.place(session, "lamps.png")),
        )
        return gathering.photoreal(state, given)

    return wire(state, panel, [photo, files, lamps, *knobs.values()], gather, TABS["Photoreal"].result)


def _dream_tab(state: AppState) -> Resume:
    with gr.Row(equal_height=False):
        with gr.Column(scale=4):
            photo, mask = _photo_and_mask(state)
            knobs = _controls(DreamJob)
            with gr.Accordion("guide: its shapes guide the dream", open=False):
                guide = photo_place("guide", max_pixels=state.limits.pixels)
            with gr.Accordion("mask: where to dream", open=False):
                mask.render()
        with gr.Column(scale=5):
            panel = OutputPanel.build("Dream")

    def gather(values: dict[Any, Any], session: str | None) -> Request:
        given = Given(
            values[photo],
            settings(DreamJob, {name: values[knob] for name, knob in knobs.items()}),
            drawn=previews.painted_mask(values[mask], state.place(session, "mask.png")),
            guide=values[guide],
        )
        return gathering.dream(state, given)

    return wire(state, panel, [photo, guide, mask, *knobs.values()], gather, TABS["Dream"].result)


@dataclass(frozen=True)
class Tab:
    """A tab: what to do in it, the name of its result, and what draws it."""

    line: str
    result: str
    draw: Callable[[AppState], Resume | None]


TABS = {
    "Stylize": Tab(
        "Click a sample, or drop a photo and choose a style. Then click *Paint*. All stays on this machine.",
        "painted.png",
        _stylize_tab,
    ),
    "Film": Tab("Drop a video, choose a style, then click *Paint film*.", "painted.mp4", _film_tab),
    "Photoreal": Tab(
        "Drop a photo, and another to take its light or choose a night; then click *Relight*.",
        "photoreal.png",
        _photoreal_tab,
    ),
    "Dream": Tab("Drop a photo, then click *Dream*.", "dream.png", _dream_tab),
    "Live": Tab(
        "Frames are painted live and never stored.",
        "",
        live_tab,
    ),
}
