"""The tabs, one per verb; each builds a job from uploads, styles and controls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import gradio as gr

from impasto import image, samples
from impasto.app import previews
from impasto.app.controls import controls, settings
from impasto.app.live import live_tab
from impasto.app.output import AppState, OutputPanel, Request, wire
from impasto.app.uploads import PICTURES, QUIET, photo_place, write_preview
from impasto.errors import InputError
from impasto.image import decoding
from impasto.jobs import DreamJob, PhotorealJob, StylizeJob, VideoJob
from impasto.jobs.base import NightName
from impasto.looks.lamps import palette
from impasto.looks.lights import KINDS
from impasto.painters import BUDGETS, learned

MORE = "more settings"
SAMPLES = (("rocket", "starry_night"), ("chelsea", "the_scream"), ("coffee", "watercolor"))
DROP = 130  # height of an upload area for several files, in pixels


def _chooser(state: AppState, several: str) -> tuple[gr.Dropdown, gr.File]:
    """Return the choice of learned styles and the upload area for style images."""
    known = previews.thumbnails(state.folder)
    gallery = gr.Gallery(
        known,
        label="learned styles",
        show_label=False,
        columns=6,
        object_fit="cover",
        height="auto",
        allow_preview=False,
        interactive=False,
        elem_classes="styles",
        buttons=[],
    )
    names = gr.Dropdown([n for _, n in known], multiselect=True, label="chosen", elem_classes="chosen")
    files = _drop(several, PICTURES)

    def toggled(chosen: list[str] | None, event: gr.SelectData) -> list[str]:
        name, before = known[event.index][1], list(chosen or [])
        return [n for n in before if n != name] if name in before else [*before, name]

    gallery.select(toggled, names, names, queue=False, **QUIET)
    return names, files


def _drop(label: str, types: list[str]) -> gr.File:
    """Return an upload area for several files."""
    classes = ["drop", "several"]
    return gr.File(label=label, file_count="multiple", file_types=types, height=DROP, elem_classes=classes)


def _dropped(files: Any) -> tuple[str, ...]:
    return tuple(str(getattr(file, "name", file)) for file in files or ())


def _styles(state: AppState, values: dict[Any, Any], names: Any, files: Any) -> tuple[str, ...]:
    chosen = (*(values[names] or ()), *_dropped(values[files]))
    state.limits.check_styles(chosen)
    return chosen


def _needed(value: Any, what: str) -> str:
    if not value:
        raise InputError(f"there is no {what} yet: drop one first")
    return str(value)


def _side(job: StylizeJob | PhotorealJob | DreamJob, photo: str, longest: int = 10**6) -> int:
    """Return the long side of the result; ``longest`` limits it if no size is requested."""
    if isinstance(job.size, int):
        return job.size
    own = max(decoding.size_of(Path(photo), max_pixels=job.max_pixels))
    return own if job.size == "original" else min(own, longest)


def _photo_and_mask(state: AppState) -> tuple[Any, Any]:
    """Return an upload area for a photo, and a mask editor to place with ``render``."""
    mask = gr.ImageEditor(label="mask", sources=(), layers=False, height=320, type="numpy", render=False)
    return photo_place("photo", max_pixels=state.limits.pixels, mask=mask), mask


def _sample_photos(state: AppState, outputs: list[Any]) -> None:
    """Show sample photos; a click fills in a photo, its copy in the mask editor, and a style."""
    shown = gr.Gallery(
        previews.photo_thumbnails(state.folder, [name for name, _ in SAMPLES]),
        label="or a sample",
        columns=6,
        object_fit="cover",
        height="auto",
        allow_preview=False,
        interactive=False,
        elem_classes=["styles", "several", "samples"],
        buttons=[],
    )

    def chosen(request: gr.Request, event: gr.SelectData) -> tuple[str, str, list[str]]:
        name, style = SAMPLES[event.index]
        path = state.place(request.session_hash, f"{name}.png")
        image.write(path, samples.photo(name))
        return str(path), str(write_preview(path)), [style]

    shown.select(chosen, None, outputs, **QUIET)


def _stylize_tab(state: AppState) -> None:
    with gr.Row(equal_height=False):
        with gr.Column(scale=4):
            photo, mask = _photo_and_mask(state)
            below = gr.Column()
            names, files = _chooser(state, "or your own style images (minutes each, unless instant)")
            with below:
                _sample_photos(state, [photo, mask, names])
            knobs = controls(StylizeJob, ("strength", "instant"))
            with gr.Accordion(MORE, open=False):
                knobs |= controls(StylizeJob, ("size", "preset", "color", "weights", "style_scale", "blend"))
                knobs |= controls(StylizeJob, ("method", "loss", "photoreal", "network", "seed"))
            with gr.Accordion("mask: where the first style applies; a second takes the rest", open=False):
                mask.render()
        with gr.Column(scale=5):
            panel = OutputPanel.build("Paint")

    def gather(values: dict[Any, Any], visit: str | None) -> Request:
        content = _needed(values[photo], "photo")
        styles = _styles(state, values, names, files)
        given = settings(StylizeJob, {name: values[knob] for name, knob in knobs.items()})
        masks: tuple[str, ...] = ()
        drawn = previews.painted_mask(values[mask], state.place(visit, "mask.png"))
        if drawn is not None:
            if len(styles) > 2:
                raise InputError("a painted mask divides an image between two styles: choose one or two")
            parts = (drawn, previews.invert_mask(drawn))[: len(styles)]
            given["mask"] = masks = tuple(str(part) for part in parts)
        given |= {"content": content, "styles": styles, "max_pixels": state.limits.pixels}
        job = StylizeJob.parse(given)
        longest = learned.LONGEST if values[names] or job.instant else BUDGETS[job.preset].size
        return state.limited(job, _side(job, content, longest), photo=content, masks=masks)

    wire(state, panel, [photo, names, files, mask, *knobs.values()], gather, "painted.png")


def _film_tab(state: AppState) -> None:
    with gr.Row(equal_height=False):
        with gr.Column(scale=4):
            film = gr.Video(label="video", sources=["upload"], height=260, elem_classes="drop")
            names, files = _chooser(state, "or your own style images (minutes per frame, unless instant)")
            knobs = controls(VideoJob, ("strength", "instant"))
            with gr.Accordion(MORE, open=False):
                knobs |= controls(VideoJob, ("size", "start", "end", "consistency", "keys", "every"))
                knobs |= controls(VideoJob, ("color", "preset", "weights", "network"))
        with gr.Column(scale=5):
            panel = OutputPanel.build("Paint film", film=True)

    def gather(values: dict[Any, Any], visit: str | None) -> Request:
        from impasto.films.planning import FilmPlan, frame_size
        from impasto.video import open_film

        source = _needed(values[film], "video")
        given = settings(VideoJob, {name: values[knob] for name, knob in knobs.items()})
        given |= {"film": source, "styles": _styles(state, values, names, files)}
        job = VideoJob.parse(given)
        with open_film(source) as opened:
            end = opened.seconds if job.stop is None else min(job.stop, opened.seconds or job.stop)
            state.limits.check_film(source, None if end is None else end - job.begin)
            return state.limited(job, max(frame_size(FilmPlan.of(job), opened, start=job.begin)))

    wire(state, panel, [film, names, files, *knobs.values()], gather, "painted.mp4")


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
        '<span style="white-space:nowrap">'
        f'<span style="background:#{bytes(color).hex()};padding:0 .6em"></span> {kind}</span>'
        for kind, color in palette().items()
    ]
    return (
        f"Paint what shines at night; nothing painted: only what is certain. {', '.join(parts)}. Of windows, "
        f"{KINDS['window'].chance:.0%} are lit: change the seed to light others."
    )


def _photoreal_tab(state: AppState) -> None:
    lamps = _lamps_editor()
    with gr.Row(equal_height=False):
        with gr.Column(scale=4):
            photo = photo_place("photo", max_pixels=state.limits.pixels, mask=lamps)
            files = _drop("photos to take light and colors from, or one saved .look", [*PICTURES, ".look"])
            night = gr.Radio(
                [("none", ""), *((name, name) for name in get_args(NightName))],
                value="",
                label="night",
                info="Light its lamps; photos to take light from are then optional.",
            )
            knobs = controls(PhotorealJob, ("strength", "fast"))
            with gr.Accordion(MORE, open=False):
                knobs |= controls(PhotorealJob, ("size", "realism", "classes", "weights", "seed", "horizon"))
            with gr.Accordion("lamps: what shines at night", open=False):
                gr.HTML(_lamps_help())
                lamps.render()
        with gr.Column(scale=5):
            panel = OutputPanel.build("Relight")

    def gather(values: dict[Any, Any], visit: str | None) -> Request:
        content = _needed(values[photo], "photo")
        styles = _dropped(values[files])
        given = settings(PhotorealJob, {name: values[knob] for name, knob in knobs.items()})
        drawn = None
        if values[night]:
            given["night"] = values[night]
            drawn = previews.painted_lamps(values[lamps], state.place(visit, "lamps.png"))
            given |= {"lamps": str(drawn)} if drawn is not None else {}
        if styles or not values[night]:
            state.limits.check_styles(styles, "drop a photo to take light and colors from, or choose a night")
        given |= {"content": content, "styles": styles, "max_pixels": state.limits.pixels}
        job = PhotorealJob.parse(given)
        masks = () if drawn is None else (str(drawn),)
        return state.limited(job, _side(job, content), photo=content, masks=masks)

    wire(state, panel, [photo, files, night, lamps, *knobs.values()], gather, "photoreal.png")


def _dream_tab(state: AppState) -> None:
    with gr.Row(equal_height=False):
        with gr.Column(scale=4):
            photo, mask = _photo_and_mask(state)
            knobs = controls(DreamJob, ("layers",))
            with gr.Accordion(MORE, open=False):
                knobs |= controls(DreamJob, ("size", "octaves", "rate", "distance"))
                knobs |= controls(DreamJob, ("octave_scale", "steps", "smoothing", "jitter", "seed"))
                guide = photo_place("guide: its shapes guide the dream", max_pixels=state.limits.pixels)
            with gr.Accordion("mask: where to dream", open=False):
                mask.render()
        with gr.Column(scale=5):
            panel = OutputPanel.build("Dream")

    def gather(values: dict[Any, Any], visit: str | None) -> Request:
        from impasto.painters.dream import LONGEST

        content = _needed(values[photo], "photo")
        given = settings(DreamJob, {name: values[knob] for name, knob in knobs.items()})
        drawn = previews.painted_mask(values[mask], state.place(visit, "mask.png"))
        given |= {"content": content, "max_pixels": state.limits.pixels}
        given |= {"guide": values[guide]} if values[guide] else {}
        given |= {"mask": str(drawn)} if drawn is not None else {}
        job = DreamJob.parse(given)
        masks = () if drawn is None else (str(drawn),)
        return state.limited(job, _side(job, content, LONGEST), photo=content, masks=masks)

    wire(state, panel, [photo, guide, mask, *knobs.values()], gather, "dream.png")


TABS: dict[str, Callable[[AppState], None]] = {
    "Stylize": _stylize_tab,
    "Film": _film_tab,
    "Photoreal": _photoreal_tab,
    "Dream": _dream_tab,
    "Live": lambda state: live_tab(),
}
