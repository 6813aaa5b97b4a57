"""The page: a tab a verb; each gathers a job, has it done, and shows what becomes of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from impasto.app import pictures
from impasto.app.controls import controls, settings
from impasto.app.desk import Run, sentence
from impasto.app.limits import Limits
from impasto.app.live import live_tab
from impasto.app.words import command_line
from impasto.errors import ImpastoError, InputError
from impasto.jobs import DreamJob, Job, PhotorealJob, StylizeJob, VideoJob

Shown = dict[Any, Any]
HEAVY = "heavy"  # one painting at a time, whoever asked for it
PICTURES = [".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".heic", ".avif", ".bmp", ".gif"]
FILMS = [".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".gif"]


@dataclass
class Studio:
    """What all visits share: the limits, a folder for what comes and goes, and the runs by visit."""

    limits: Limits
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="impasto-")))
    runs: dict[str, Run] = field(default_factory=dict)

    def place(self, visit: str | None, name: str) -> Path:
        """A file of a visit's own."""
        folder = self.folder / (visit or "one")
        folder.mkdir(exist_ok=True)
        return folder / name

    def stop(self, request: gr.Request) -> None:
        """Stops what this visit has running."""
        if (run := self.runs.get(str(request.session_hash))) is not None:
            run.stop()

    def work(self, job: Job, name: str, visit: str | None) -> Iterator[tuple[Any, Any, Any]]:
        """Picture, sentence and file of a job, as it goes on.

        Raises:
            gr.Error: what was wrong, in a sentence.
        """
        run = Run(job, self.place(visit, name), seconds=self.limits.run_seconds)
        self.runs[str(visit)] = run
        try:
            for news in run.news():
                yield news.picture, news.text, None if news.file is None else str(news.file)
        except ImpastoError as error:
            raise gr.Error(sentence(error), duration=20, print_exception=False) from error
        except Exception as error:
            raise gr.Error(sentence(error), duration=20) from error
        finally:
            self.runs.pop(str(visit), None)


@dataclass
class Easel:
    """The right side of a tab: what is being painted, and what came of it."""

    preview: gr.Image | gr.Video
    compare: gr.ImageSlider | None
    status: gr.Markdown
    command: gr.Code
    file: gr.File
    paint: gr.Button
    stop: gr.Button

    @classmethod
    def drawn(cls, verb: str, *, film: bool = False) -> Easel:
        """Places it."""
        with gr.Row():
            paint = gr.Button(verb, variant="primary")
            stop = gr.Button("Stop and keep")
        name = verb.lower().replace(" ", "-")
        status = gr.Markdown("", elem_id=f"status-{name}", elem_classes="status")
        preview: gr.Image | gr.Video
        compare = None
        if film:
            preview = gr.Video(label="painted", interactive=False)
        else:
            preview = gr.Image(label="painted", interactive=False, format="png", buttons=["fullscreen"])
            compare = gr.ImageSlider(
                label="before and after",
                visible=False,
                interactive=False,
                format="png",
                buttons=["fullscreen"],
            )
        file = gr.File(
            label="to keep, with its recipe", interactive=False, visible=False, elem_classes="kept"
        )
        with gr.Accordion("the same as a command", open=False):
            command = gr.Code(language="shell", interactive=False, show_label=False, wrap_lines=True)
        return cls(preview, compare, status, command, file, paint, stop)

    def begun(self, job: Job, out: str) -> Shown:
        """How it looks when a run begins."""
        shown: Shown = {
            self.status: "waiting for its first step ...",
            self.command: command_line(job, out=out),
            self.file: gr.update(visible=False),
        }
        if self.compare is not None:
            shown |= {self.compare: gr.update(visible=False), self.preview: gr.update(visible=True)}
        return shown

    def told(self, picture: Any, text: str, file: str | None, *, photo: str | None) -> Shown:
        """How it looks after a piece of news."""
        shown: Shown = {self.status: text.replace("\n", "  \n")}
        if file is not None:
            shown[self.file] = gr.update(value=file, visible=True)
            if self.compare is None:
                shown[self.preview] = file
            elif photo is not None and picture is not None:
                shown[self.preview] = gr.update(value=None, visible=False)
                shown[self.compare] = gr.update(value=(photo, picture), visible=True)
        elif picture is not None and self.compare is not None:
            shown[self.preview] = picture
        return shown

    @property
    def outputs(self) -> list[Any]:
        """All that changes."""
        return [
            c for c in (self.preview, self.compare, self.status, self.command, self.file) if c is not None
        ]


Gather = Callable[[dict[Any, Any], str | None], tuple[Job, str | None]]


def _wire(studio: Studio, easel: Easel, inputs: Sequence[Any], gather: Gather, name: str) -> None:
    """Makes the buttons do what they say; ``gather`` makes a job of values, and the photo to compare with."""

    def paint(values: dict[Any, Any], request: gr.Request) -> Iterator[Shown]:
        visit = request.session_hash
        try:
            job, photo = gather(values, visit)
        except ImpastoError as error:
            raise gr.Error(sentence(error), duration=20, print_exception=False) from error
        yield easel.begun(job, name)
        for picture, text, file in studio.work(job, name, visit):
            yield easel.told(picture, text, file, photo=photo)

    easel.paint.click(
        paint,
        set(inputs),
        easel.outputs,
        show_progress="hidden",
        api_visibility="private",
        concurrency_id=HEAVY,
        concurrency_limit=1,
    )
    easel.stop.click(studio.stop, None, None, queue=False, show_progress="hidden", api_visibility="private")


def _chooser(studio: Studio, several: str) -> tuple[gr.Dropdown, gr.File]:
    """Learned styles to click, and a place to drop paintings."""
    known = pictures.thumbnails(studio.folder)
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
    files = gr.File(label=several, file_count="multiple", file_types=PICTURES, height=150)

    def toggled(chosen: list[str] | None, event: gr.SelectData) -> list[str]:
        name, before = known[event.index][1], list(chosen or [])
        return [n for n in before if n != name] if name in before else [*before, name]

    gallery.select(toggled, names, names, queue=False, show_progress="hidden", api_visibility="private")
    return names, files


def _styles(studio: Studio, values: dict[Any, Any], names: Any, files: Any) -> tuple[str, ...]:
    dropped = [str(getattr(f, "name", f)) for f in values[files] or []]
    chosen = (*(values[names] or ()), *dropped)
    studio.limits.check_styles(chosen)
    return chosen


def _needed(value: Any, what: str) -> str:
    if not value:
        raise InputError(f"there is no {what} yet: drop one on the left")
    return str(value)


def _stylize_tab(studio: Studio) -> None:
    with gr.Row(equal_height=False):
        with gr.Column(scale=4):
            photo = gr.Image(label="photo", type="filepath", sources=["upload", "clipboard"], height=260)
            names, files = _chooser(studio, "or paintings of your own (these take minutes)")
            main = controls(StylizeJob, ("strength", "weights", "preset", "size", "color"))
            with gr.Accordion("more", open=False):
                more = controls(
                    StylizeJob, ("style_scale", "blend", "method", "loss", "photoreal", "network", "seed")
                )
            with gr.Accordion("mask: where the first style goes; a second takes the rest", open=False):
                mask = gr.ImageEditor(label="mask", sources=(), layers=False, height=320, type="numpy")
                photo.change(lambda path: path, photo, mask, api_visibility="private")
        with gr.Column(scale=5):
            easel = Easel.drawn("Paint")
    knobs = {**main, **more}

    def gather(values: dict[Any, Any], visit: str | None) -> tuple[Job, str | None]:
        content = _needed(values[photo], "photo")
        styles = _styles(studio, values, names, files)
        given = settings(StylizeJob, {name: values[knob] for name, knob in knobs.items()})
        drawn = pictures.painted_mask(values[mask], studio.place(visit, "mask.png"))
        if drawn is not None:
            if len(styles) > 2:
                raise InputError("a painted mask divides a picture between two styles: choose one or two")
            parts = (drawn, pictures.turned(drawn))[: len(styles)]
            given["mask"] = tuple(str(part) for part in parts)
        given |= {"content": content, "styles": styles, "max_pixels": studio.limits.pixels}
        job = StylizeJob.parse(given)
        studio.limits.check_side(job.size)
        return job, content

    _wire(studio, easel, [photo, names, files, mask, *knobs.values()], gather, "painted.png")


def _film_tab(studio: Studio) -> None:
    with gr.Row(equal_height=False):
        with gr.Column(scale=4):
            film = gr.Video(label="film", sources=["upload"], height=260)
            names, files = _chooser(studio, "or paintings of your own (these take minutes a frame)")
            knobs = controls(VideoJob, ("strength", "consistency", "size", "start", "end"))
            with gr.Accordion("more", open=False):
                knobs |= controls(VideoJob, ("weights", "keys", "every", "color", "preset", "network"))
        with gr.Column(scale=5):
            easel = Easel.drawn("Paint film", film=True)

    def gather(values: dict[Any, Any], visit: str | None) -> tuple[Job, str | None]:
        from impasto.video import open_film

        source = _needed(values[film], "film")
        given = settings(VideoJob, {name: values[knob] for name, knob in knobs.items()})
        given |= {"film": source, "styles": _styles(studio, values, names, files)}
        job = VideoJob.parse(given)
        studio.limits.check_side(job.size)
        with open_film(source) as opened:
            end = opened.seconds if job.stop is None else min(job.stop, opened.seconds or job.stop)
            studio.limits.check_film(source, None if end is None else end - job.begin)
        return job, None

    _wire(studio, easel, [film, names, files, *knobs.values()], gather, "painted.mp4")


def _photoreal_tab(studio: Studio) -> None:
    with gr.Row(equal_height=False):
        with gr.Column(scale=4):
            photo = gr.Image(label="photo", type="filepath", sources=["upload", "clipboard"], height=260)
            files = gr.File(
                label="photos whose light it shall have, or one saved .look",
                file_count="multiple",
                file_types=[*PICTURES, ".look"],
                height=150,
            )
            knobs = controls(
                PhotorealJob, ("strength", "realism", "fast", "classes", "weights", "size", "seed")
            )
        with gr.Column(scale=5):
            easel = Easel.drawn("Relight")

    def gather(values: dict[Any, Any], visit: str | None) -> tuple[Job, str | None]:
        content = _needed(values[photo], "photo")
        styles = tuple(str(getattr(f, "name", f)) for f in values[files] or [])
        studio.limits.check_styles(styles)
        given = settings(PhotorealJob, {name: values[knob] for name, knob in knobs.items()})
        given |= {"content": content, "styles": styles, "max_pixels": studio.limits.pixels}
        job = PhotorealJob.parse(given)
        studio.limits.check_side(job.size)
        return job, content

    _wire(studio, easel, [photo, files, *knobs.values()], gather, "photoreal.png")


def _dream_tab(studio: Studio) -> None:
    with gr.Row(equal_height=False):
        with gr.Column(scale=4):
            photo = gr.Image(label="photo", type="filepath", sources=["upload", "clipboard"], height=260)
            knobs = controls(DreamJob, ("layers", "octaves", "rate", "distance", "size"))
            with gr.Accordion("more", open=False):
                knobs |= controls(DreamJob, ("octave_scale", "steps", "smoothing", "jitter", "seed"))
                guide = gr.Image(label="guide", type="filepath", sources=["upload"], height=180)
            with gr.Accordion("mask: where to dream", open=False):
                mask = gr.ImageEditor(label="mask", sources=(), layers=False, height=320, type="numpy")
                photo.change(lambda path: path, photo, mask, api_visibility="private")
        with gr.Column(scale=5):
            easel = Easel.drawn("Dream")

    def gather(values: dict[Any, Any], visit: str | None) -> tuple[Job, str | None]:
        content = _needed(values[photo], "photo")
        given = settings(DreamJob, {name: values[knob] for name, knob in knobs.items()})
        drawn = pictures.painted_mask(values[mask], studio.place(visit, "mask.png"))
        given |= {"content": content, "max_pixels": studio.limits.pixels}
        given |= {"guide": values[guide]} if values[guide] else {}
        given |= {"mask": str(drawn)} if drawn is not None else {}
        job = DreamJob.parse(given)
        studio.limits.check_side(job.size)
        return job, content

    _wire(studio, easel, [photo, guide, mask, *knobs.values()], gather, "dream.png")


TABS: dict[str, Callable[[Studio], None]] = {
    "Stylize": _stylize_tab,
    "Film": _film_tab,
    "Photoreal": _photoreal_tab,
    "Dream": _dream_tab,
    "Live": lambda studio: live_tab(),
}


def page(limits: Limits) -> gr.Blocks:
    """The whole page."""
    studio = Studio(limits)
    blocks: gr.Blocks
    with gr.Blocks(title="impasto", analytics_enabled=False) as blocks:
        gr.Markdown("# impasto\nPaint photographs in any style. Nothing leaves this machine.", elem_id="head")
        with gr.Tabs():
            for name, draw in TABS.items():
                with gr.Tab(name, id=name.lower(), elem_id=f"tab-{name.lower()}"):
                    draw(studio)
    blocks.queue(max_size=limits.waiting, default_concurrency_limit=4)
    return blocks
