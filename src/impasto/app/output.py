"""Shared parts of the tabs: session state and running jobs, and the output panel."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gradio as gr

from impasto.app.command import command_line
from impasto.app.limits import Limits, count_files
from impasto.app.previews import live_image
from impasto.app.runner import AppRun, TurnQueue, Update, sentence
from impasto.app.uploads import QUIET, write_preview
from impasto.errors import ImpastoError
from impasto.jobs import DreamJob, Job, PhotorealJob, StylizeJob, VideoJob

Shown = dict[Any, Any]
UPLOADS = "uploads"  # folder of uploads and results
SETTLED = 1.0  # seconds after which a browser has drawn an update
# On a phone, scroll to the top, above the button bar; elsewhere only if the element is out of view.
SEEK = (
    "() => document.getElementById('%s').scrollIntoView"
    "({behavior: 'smooth', block: window.innerWidth > 640 ? 'nearest' : 'start'})"
)
AnyJob = StylizeJob | VideoJob | PhotorealJob | DreamJob


@dataclass(frozen=True)
class Request:
    """A job with the photo to compare with, a note for the user, and the painted masks."""

    job: Job
    photo: str | None = None
    note: str = ""
    masks: tuple[str, ...] = ()


Gather = Callable[[dict[Any, Any], str | None], Request]


@dataclass
class AppState:
    """State of all sessions: the limits, the folder of uploads and results, and the runs by output file."""

    limits: Limits
    folder: Path
    runs: dict[Path, AppRun] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.turns = TurnQueue(self.limits.waiting)
        self._visits = self.folder / UPLOADS / "visits"

    def place(self, visit: str | None, name: str) -> Path:
        """Return a new path in a session's folder; browsers would show a reused one from their cache."""
        folder = self._folder(visit) / secrets.token_hex(4)
        folder.mkdir(parents=True)
        return folder / name

    def stop(self, visit: str | None, name: str) -> None:
        """Stop the runs of a session whose output has that name."""
        for out, run in self.runs.items():
            if out.parent.parent == self._folder(visit) and out.name == name:
                run.stop()

    def _folder(self, visit: str | None) -> Path:
        """Return the folder of a session, within the uploads, whose files Gradio serves without a copy.

        The name is a hash, so that a client cannot choose it.
        """
        return self._visits / hashlib.sha256(str(visit).encode()).hexdigest()[:32]

    def end_session(self, request: gr.Request) -> None:
        """Stop the runs of a session whose page was closed, and delete its files."""
        folder = self._folder(request.session_hash)
        mine = [self.runs.pop(out) for out in list(self.runs) if out.parent.parent == folder]
        for run in mine:
            run.stop()
        for run in mine:
            run.wait()
        shutil.rmtree(folder, ignore_errors=True)

    def work(self, job: Job, out: Path) -> Iterator[Update]:
        """Run a job and yield its progress; the run stops when the generator is closed.

        Raises:
            ImpastoError: the job failed.
        """
        self.limits.check_uploads(count_files(self._visits))
        self.runs[out] = run = AppRun(job, out, seconds=self.limits.run_seconds, turns=self.turns)
        try:
            yield from run.updates()
        finally:
            run.stop()

    def limited(
        self, job: AnyJob, painted: int, *, photo: str | None = None, masks: tuple[str, ...] = ()
    ) -> Request:
        """Return a request for a job, limited to the size of this page.

        Args:
            job: the job.
            painted: long side of its result without the limit, in pixels.
            photo: photo to compare with.
            masks: painted masks of the job.

        Raises:
            InputError: the job asks for a larger size.
        """
        size = self.limits.side_of(job.size, painted)
        if size == job.size:
            return Request(job, photo, masks=masks)
        note = f"processed at {size} px, the limit of this page"
        return Request(replace(job, size=size), photo, note, masks)

    def sentence(self, error: BaseException) -> str:
        """Return an error as one line, without the folders of this machine."""
        from gradio.utils import get_upload_folder

        return sentence(error, folders=(Path(get_upload_folder()), self.folder))


@dataclass
class OutputPanel:
    """Output panel of a tab: preview, result, status and command."""

    preview: gr.Image
    whole: gr.ImageSlider | gr.Video
    status: gr.Markdown
    command: gr.Code
    file: gr.File
    paint: gr.Button
    stop: gr.Button

    @classmethod
    def build(cls, verb: str, *, film: bool = False) -> OutputPanel:
        """Build the panel."""
        with gr.Row(elem_classes="act"):
            paint = gr.Button(verb, variant="primary", min_width=120)
            stop = gr.Button("Stop and keep", interactive=False, min_width=120)
        name = verb.lower().replace(" ", "-")
        status = gr.Markdown("", elem_id=f"status-{name}", elem_classes="status")
        preview = live_image("result")
        whole: gr.ImageSlider | gr.Video
        if film:
            whole = gr.Video(label="result", visible=False, interactive=False)
        else:
            whole = gr.ImageSlider(
                label="before and after",
                visible=False,
                interactive=False,
                format="png",
                buttons=["fullscreen"],
            )
        file = gr.File(
            label="result file, with its recipe", interactive=False, visible=False, elem_classes="kept"
        )
        with gr.Accordion("equivalent command", open=False):
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

    def at_start(self, job: Job, out: str) -> Shown:
        """Return the updates at the start of a run."""
        return {
            self.status: "waiting for the first step ...",
            self.command: command_line(job, out=out),
            self.file: gr.update(visible=False),
            self.whole: gr.update(visible=False),
            self.preview: gr.update(visible=True),
            self.stop: gr.update(interactive=True),
        }

    def on_update(self, latest: Update, request: Request) -> Shown:
        """Return the updates for a progress message."""
        shown: Shown = {self.status: "  \n".join(filter(None, (request.note, latest.text)))}
        if latest.file is None:
            return shown if latest.picture is None else shown | {self.preview: latest.picture}
        shown[self.file] = self.downloads(latest.file, request)
        value: Any = str(latest.file)
        if request.photo is not None:
            value = (str(write_preview(request.photo)), value)
        shown[self.preview] = gr.update(value=None, visible=False)
        shown[self.whole] = gr.update(value=value, visible=True)
        return shown

    @staticmethod
    def downloads(out: Path, request: Request) -> Any:
        """Return the update of the downloads: the result, and the masks that a replay of its recipe needs."""
        return gr.update(value=[str(out), *request.masks] if request.masks else str(out), visible=True)

    def at_end(self) -> Shown:
        """Return the updates at the end of a run."""
        return {self.stop: gr.update(interactive=False)}

    @property
    def outputs(self) -> list[Any]:
        """All components that are updated."""
        return [self.preview, self.whole, self.status, self.command, self.file, self.stop]


def wire(state: AppState, panel: OutputPanel, inputs: Sequence[Any], gather: Gather, name: str) -> None:
    """Connect the buttons: ``gather`` builds a job from the input values, ``name`` is its output file."""

    def paint(values: dict[Any, Any], request: gr.Request) -> Iterator[Shown]:
        visit, made = request.session_hash, None
        last: Shown = {}
        try:
            wanted = gather(values, visit)
            yield panel.at_start(wanted.job, name)
            drawn = time.monotonic() + SETTLED
            for latest in state.work(wanted.job, state.place(visit, name)):
                made = latest.file or made
                if made is not None:
                    # A browser loses the second of two quick updates that hide and show a component.
                    time.sleep(max(0.0, drawn - time.monotonic()))
                if made is not None and not made.exists():
                    return  # the session ended, and its files were deleted
                yield (last := panel.on_update(latest, wanted))
        except Exception as error:
            text = state.sentence(error)
            yield panel.at_end() | {panel.status: text}
            known = isinstance(error, ImpastoError)
            raise gr.Error(text, duration=20, print_exception=not known) from error
        yield (last if made else {}) | panel.at_end()

    def stop(request: gr.Request) -> None:
        state.stop(request.session_hash, name)

    # On a phone the output is below the inputs.
    panel.paint.click(None, None, None, js=SEEK % panel.status.elem_id, **QUIET)
    # No limit here: runs wait in the queue of the state, which reports their position.
    panel.paint.click(paint, set(inputs), panel.outputs, concurrency_limit=None, **QUIET)
    panel.stop.click(stop, None, None, queue=False, **QUIET)
