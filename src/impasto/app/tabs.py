"""The tabs, one per verb; each builds a job from uploads, styles and controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from impasto import image, samples
from impasto.app import previews
from impasto.app.controls import controls, settings
from impasto.app.gathering import OFFERS, Given
from impasto.app.output import OutputPanel, Resume, wire
from impasto.app.uploads import PICTURES, QUIET, film_place, photo_place, style_place, write_preview
from impasto.app.visits import AppState, Request
from impasto.jobs import LOOK, DreamJob, Job, PhotorealJob, StylizeJob, VideoJob
from impasto.looks.lamps import palette
from impasto.looks.lights import KINDS
from impasto.networks.library import STYLE_SUFFIX

Parts = dict[str, Any]  # components by name

SAMPLES = (("rocket", "starry_night"), ("chelsea", "the_scream"), ("coffee", "watercolor"))


def _chooser(state: AppState) -> tuple[gr.Dropdown, gr.File]:
    known = previews.thumbnails(state.folder)
    gallery = gr.Gallery(known, label="learned styles", show_label=False, columns=6, **previews.CHOICE)
    names = gr.Dropdown([n for _, n in known], multiselect=True, label="chosen", elem_classes="chosen")
    title = "or style images (slow, unless instant), or .style files"
    files = style_place(title, [*PICTURES, STYLE_SUFFIX], state.limits.pixels)

    def toggle(chosen: list[str] | None, event: gr.SelectData) -> list[str]:
        name, before = known[event.index][1], list(chosen or [])
        return [n for n in before if n != name] if name in before else [*before, name]

    gallery.select(toggle, names, names, queue=False, **QUIET)
    return names, files


@dataclass(frozen=True)
class Drawing:
    """What a visitor draws over a photo: an editor, to be rendered, its title, and how it is stored."""

    editor: Any
    title: str
    file: str = "mask.png"
    write: Callable[[Mapping[str, Any] | None, Path], Path | None] = previews.write_mask
    about: str = ""


def _editor(label: str, **more: Any) -> gr.ImageEditor:
    return gr.ImageEditor(
        label=label, sources=(), layers=False, height=320, type="numpy", render=False, **more
    )


def _mask(title: str = "mask: the first style goes where you paint") -> Drawing:
    return Drawing(_editor("mask"), title)


def _lamps() -> Drawing:
    kinds = {kind: f"#{bytes(color).hex()}" for kind, color in palette().items()}
    colors = [*kinds.values()]
    brush = gr.Brush(default_size=8, colors=[*colors], default_color=colors[0], color_mode="fixed")
    parts = [
        '<span style="white-space:nowrap"><span style="border:1px solid gray;padding:0 .6em;'
        f'background:{color}"></span> {kind}</span>'
        for kind, color in kinds.items()
    ]
    about = (
        f"Paint what glows at night. If nothing is painted, only lamps detected with confidence are lit. "
        f"{', '.join(parts)}. {KINDS['window'].chance:.0%} of windows are lit: change the seed for others."
    )
    title = "lamps: what shines at night"
    return Drawing(_editor("lamps", brush=brush), title, "lamps.png", previews.write_lamps, about)


def _sample_photos(state: AppState, outputs: list[Any]) -> None:
    """Show sample photos; a click fills in a photo, its copy in the mask editor, and a style."""
    shown = gr.Gallery(
        previews.photo_thumbnails(state.folder, [name for name, _ in SAMPLES]),
        label="or a sample",
        columns=6,
        **{**previews.CHOICE, "elem_classes": ["styles", "several", "samples"]},
    )

    def choose(request: gr.Request, event: gr.SelectData) -> tuple[str, str, list[str]]:
        name, style = SAMPLES[event.index]
        path = state.place(request.session_hash, f"{name}.png")
        image.write(path, samples.photo(name))
        return str(path), str(write_preview(path)), [style]

    shown.select(choose, None, outputs, **QUIET)


def _controls(job: type[Job]) -> dict[str, Any]:
    """Return the controls of a job: those shown first, and the others in an accordion."""
    knobs = controls(job, OFFERS[job].first)
    with gr.Accordion("more settings", open=False):
        return knobs | controls(job, OFFERS[job].others)


def _stylize_inputs(state: AppState, mask: Any) -> tuple[Parts, Parts]:
    photo = photo_place("photo", max_pixels=state.limits.pixels, mask=mask)
    below = gr.Column()
    names, files = _chooser(state)
    with below:
        _sample_photos(state, [photo, mask, names])
    return {"source": photo, "names": names, "files": files}, _controls(StylizeJob)


def _film_inputs(state: AppState, mask: Any) -> tuple[Parts, Parts]:
    film = film_place(mask)
    names, files = _chooser(state)
    return {"source": film, "names": names, "files": files}, _controls(VideoJob)


def _photoreal_inputs(state: AppState, lamps: Any) -> tuple[Parts, Parts]:
    photo = photo_place("photo", max_pixels=state.limits.pixels, mask=lamps)
    title = "photos to take light and colors from, or one saved .look"
    files = style_place(title, [*PICTURES, LOOK], state.limits.pixels)
    return {"source": photo, "files": files}, _controls(PhotorealJob)


def _dream_inputs(state: AppState, mask: Any) -> tuple[Parts, Parts]:
    photo = photo_place("photo", max_pixels=state.limits.pixels, mask=mask)
    knobs = _controls(DreamJob)
    with gr.Accordion("guide: its shapes guide the dream", open=False):
        guide = photo_place("guide", max_pixels=state.limits.pixels)
    return {"source": photo, "guide": guide}, knobs


@dataclass(frozen=True)
class Form:
    """A tab of a job: inputs on the left, the output panel on the right.

    ``line`` says what to do in it. ``inputs``, given the editor, places the inputs; it returns them by the
    fields of ``Given``, and the controls.
    """

    line: str
    job: type[Job]
    button: str
    inputs: Callable[[AppState, Any], tuple[Parts, Parts]]
    drawing: Callable[[], Drawing] = _mask

    def draw(self, state: AppState) -> Resume:
        """Draw the tab."""
        drawing, offer = self.drawing(), OFFERS[self.job]
        with gr.Row(equal_height=False):
            with gr.Column(scale=4):
                parts, knobs = self.inputs(state, drawing.editor)
                with gr.Accordion(drawing.title, open=False):
                    if drawing.about:
                        gr.HTML(drawing.about)
                    drawing.editor.render()
            with gr.Column(scale=5):
                panel = OutputPanel.build(self.button, film=self.job is VideoJob)

        def gather(values: dict[Any, Any], session: str | None) -> Request:
            given = {name: values[part] for name, part in parts.items()}
            given["names"] = tuple(given.get("names") or ())
            given["files"] = tuple(str(getattr(file, "name", file)) for file in given.get("files") or ())
            given["settings"] = settings(self.job, {name: values[knob] for name, knob in knobs.items()})
            given["drawn"] = drawing.write(values[drawing.editor], state.place(session, drawing.file))
            return offer.gather(state, Given(**given))

        return wire(state, panel, [*parts.values(), drawing.editor, *knobs.values()], gather, offer.result)


TABS = {
    "Stylize": Form(
        "Click a sample, or drop a photo and choose a style. Then click *Paint*. "
        "Nothing leaves this machine.",
        StylizeJob,
        "Paint",
        _stylize_inputs,
    ),
    "Film": Form(
        "Drop a video, choose a style, then click *Paint film*.", VideoJob, "Paint film", _film_inputs
    ),
    "Photoreal": Form(
        "Drop a photo, and another to take light from, or choose a night; then click *Relight*.",
        PhotorealJob,
        "Relight",
        _photoreal_inputs,
        _lamps,
    ),
    "Dream": Form(
        "Drop a photo, then click *Dream*.",
        DreamJob,
        "Dream",
        _dream_inputs,
        lambda: _mask("mask: where to dream"),
    ),
}
