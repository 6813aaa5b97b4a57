"""What the tabs share: where jobs are done, and the side of a tab that shows what becomes of one."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gradio as gr

from impasto.app.desk import Line, News, Run, sentence
from impasto.app.limits import Limits, kept
from impasto.app.pictures import passing
from impasto.app.uploads import QUIET, seen
from impasto.app.words import command_line
from impasto.errors import ImpastoError
from impasto.jobs import DreamJob, Job, PhotorealJob, StylizeJob, VideoJob

Shown = dict[Any, Any]
UPLOADS = "uploads"  # the folder of what comes and goes
# On a phone to the top, above the bar with the buttons; elsewhere only if it is out of sight.
SEEK = (
    "() => document.getElementById('%s').scrollIntoView"
    "({behavior: 'smooth', block: window.innerWidth > 640 ? 'nearest' : 'start'})"
)
AnyJob = StylizeJob | VideoJob | PhotorealJob | DreamJob


@dataclass(frozen=True)
class Order:
    """A job, the photo to compare with, what the visit should know of it, and the masks that were painted."""

    job: Job
    photo: str | None = None
    note: str = ""
    masks: tuple[str, ...] = ()


Gather = Callable[[dict[Any, Any], str | None], Order]


@dataclass
class Studio:
    """What all visits share: the limits, a folder for what comes and goes, and the runs by their files."""

    limits: Limits
    folder: Path
    runs: dict[Path, Run] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.line = Line(self.limits.waiting)
        self._visits = self.folder / UPLOADS / "visits"

    def place(self, visit: str | None, name: str) -> Path:
        """A new file of a visit's own: under the address of an old one a browser would show that."""
        folder = self._folder(visit) / secrets.token_hex(4)
        folder.mkdir(parents=True)
        return folder / name

    def stop(self, visit: str | None, name: str) -> None:
        """Stops what a visit has running under that name."""
        for out, run in self.runs.items():
            if out.parent.parent == self._folder(visit) and out.name == name:
                run.stop()

    def _folder(self, visit: str | None) -> Path:
        """Among the uploads, where Gradio shows files without a copy; its name is not left to who asks."""
        return self._visits / hashlib.sha256(str(visit).encode()).hexdigest()[:32]

    def left(self, request: gr.Request) -> None:
        """Ends what a visit has running when its page is closed, and throws its files away."""
        folder = self._folder(request.session_hash)
        mine = [self.runs.pop(out) for out in list(self.runs) if out.parent.parent == folder]
        for run in mine:
            run.stop()
        for run in mine:
            run.wait()
        shutil.rmtree(folder, ignore_errors=True)

    def work(self, job: Job, out: Path) -> Iterator[News]:
        """What there is to say of a job as it goes on; it is stopped when nobody listens any more.

        Raises:
            ImpastoError: what was wrong.
        """
        self.limits.check_uploads(kept(self._visits))
        self.runs[out] = run = Run(job, out, seconds=self.limits.run_seconds, line=self.line)
        try:
            yield from run.news()
        finally:
            run.stop()

    def bounded(
        self, job: AnyJob, painted: int, *, photo: str | None = None, masks: tuple[str, ...] = ()
    ) -> Order:
        """A job at no more than this page's size, of which ``painted`` is the long side without that.

        Raises:
            InputError: more was asked for.
        """
        size = self.limits.side_of(job.size, painted)
        if size == job.size:
            return Order(job, photo, masks=masks)
        note = f"painted at {size} px, the most that this page paints"
        return Order(replace(job, size=size), photo, note, masks)

    def sentence(self, error: BaseException) -> str:
        """What went wrong, without the folders of this machine."""
        from gradio.utils import get_upload_folder

        return sentence(error, folders=(Path(get_upload_folder()), self.folder))


@dataclass
class Easel:
    """The right side of a tab: what is being painted, and what came of it."""

    preview: gr.Image
    whole: gr.ImageSlider | gr.Video
    status: gr.Markdown
    command: gr.Code
    file: gr.File
    paint: gr.Button
    stop: gr.Button

    @classmethod
    def drawn(cls, verb: str, *, film: bool = False) -> Easel:
        """Places it."""
        with gr.Row(elem_classes="act"):
            paint = gr.Button(verb, variant="primary", min_width=120)
            stop = gr.Button("Stop and keep", interactive=False, min_width=120)
        name = verb.lower().replace(" ", "-")
        status = gr.Markdown("", elem_id=f"status-{name}", elem_classes="status")
        preview = passing("painted")
        whole: gr.ImageSlider | gr.Video
        if film:
            whole = gr.Video(label="painted", visible=False, interactive=False)
        else:
            whole = gr.ImageSlider(
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
            command = gr.Code(
                language="shell",
                interactive=False,
                show_label=False,
                wrap_lines=True,
                lines=2,
                max_lines=6,
                elem_classes="command",
            )
        return cls(preview, whole, status, command, file, paint, stop)

    def begun(self, job: Job, out: str) -> Shown:
        """How it looks when a run begins."""
        return {
            self.status: "waiting for its first step ...",
            self.command: command_line(job, out=out),
            self.file: gr.update(visible=False),
            self.whole: gr.update(visible=False),
            self.preview: gr.update(visible=True),
            self.stop: gr.update(interactive=True),
        }

    def told(self, news: News, order: Order) -> Shown:
        """How it looks after a piece of news."""
        shown: Shown = {self.status: "  \n".join(filter(None, (order.note, news.text)))}
        if news.file is None:
            return shown if news.picture is None else shown | {self.preview: news.picture}
        shown[self.file] = self.offered(news.file, order)
        value: Any = str(news.file)
        if order.photo is not None:
            value = (str(seen(order.photo)), value)
        shown[self.preview] = gr.update(value=None, visible=False)
        shown[self.whole] = gr.update(value=value, visible=True)
        return shown

    @staticmethod
    def offered(out: Path, order: Order) -> Any:
        """What is to be kept: what was painted, and the masks without which its recipe cannot be replayed."""
        return gr.update(value=[str(out), *order.masks] if order.masks else str(out), visible=True)

    def ended(self) -> Shown:
        """How it looks when nothing runs any more."""
        return {self.stop: gr.update(interactive=False)}

    @property
    def outputs(self) -> list[Any]:
        """All that changes."""
        return [self.preview, self.whole, self.status, self.command, self.file, self.stop]


def wire(studio: Studio, easel: Easel, inputs: Sequence[Any], gather: Gather, name: str) -> None:
    """Makes the buttons do what they say: ``gather`` makes a job of values, its file gets that name."""

    def paint(values: dict[Any, Any], request: gr.Request) -> Iterator[Shown]:
        visit, made = request.session_hash, None
        last: Shown = {}
        try:
            order = gather(values, visit)
            yield easel.begun(order.job, name)
            for news in studio.work(order.job, studio.place(visit, name)):
                made = news.file or made
                if made is not None and not made.exists():
                    return  # whoever asked has left, and it was thrown away
                yield (last := easel.told(news, order))
        except Exception as error:
            text = studio.sentence(error)
            yield easel.ended() | {easel.status: text}
            known = isinstance(error, ImpastoError)
            raise gr.Error(text, duration=20, print_exception=not known) from error
        # Once more: of what is hidden and shown again within a moment, a browser may have lost the second.
        yield (last if made else {}) | easel.ended()

    def stop(request: gr.Request) -> None:
        studio.stop(request.session_hash, name)

    # On a phone what is painted lies below what is asked.
    easel.paint.click(None, None, None, js=SEEK % easel.status.elem_id, **QUIET)
    # As many at once as like to: the desk has them wait for their turn, and tells them.
    easel.paint.click(paint, set(inputs), easel.outputs, concurrency_limit=None, **QUIET)
    easel.stop.click(stop, None, None, queue=False, **QUIET)
