"""Shared parts of the tabs: the output panel, and how it follows a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from impasto.app.command import command_line
from impasto.app.previews import live_image
from impasto.app.runner import Update
from impasto.app.uploads import QUIET, write_preview
from impasto.app.visits import AppState, Request, Started
from impasto.errors import ImpastoError
from impasto.jobs import Job

Shown = dict[Any, Any]
SETTLED = 1.0  # seconds after which a browser has drawn an update
QUICK = 0.5  # seconds; a run that ends within them shows its result only
# On a phone, scroll to the top, above the button bar; elsewhere only if the element is out of view.
SEEK = (
    "() => document.getElementById('%s').scrollIntoView"
    "({behavior: 'smooth', block: window.innerWidth > 640 ? 'nearest' : 'start'})"
)
Gather = Callable[[dict[Any, Any], str | None], Request]  # from the values of the inputs, and the session


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
        title = "result file, with its recipe"
        file = gr.File(label=title, interactive=False, visible=False, elem_classes="kept")
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
            self.paint: gr.update(interactive=False),
            self.stop: gr.update(interactive=True),
        }

    def on_update(self, latest: Update, request: Request) -> Shown:
        """Return the updates for a progress message."""
        shown: Shown = {self.status: "  \n".join(filter(None, (request.note, latest.text)))}
        if latest.file is None:
            return shown if latest.picture is None else shown | {self.preview: latest.picture}
        value: Any = str(latest.file)
        # The masks as well, which a replay of the recipe needs.
        files = [value, *request.masks] if request.masks else value
        shown[self.file] = gr.update(value=files, visible=True)
        if request.photo is not None:
            value = (str(write_preview(request.photo)), value)
        shown[self.preview] = gr.update(value=None, visible=False)
        shown[self.whole] = gr.update(value=value, visible=True)
        return shown

    def at_end(self) -> Shown:
        """Return the updates at the end of a run."""
        return {self.paint: gr.update(interactive=True), self.stop: gr.update(interactive=False)}

    @property
    def outputs(self) -> list[Any]:
        """All components that are updated."""
        return [self.preview, self.whole, self.status, self.command, self.file, self.paint, self.stop]


Resume = tuple[Callable[[gr.Request], Iterator[Shown]], list[Any]]  # a function, and its outputs


def wire(state: AppState, panel: OutputPanel, inputs: Sequence[Any], gather: Gather, name: str) -> Resume:
    """Connect the buttons: ``gather`` builds a job from the input values, ``name`` is its output file.

    Returns:
        What shows the run again that the visit has, when the page is loaded again.
    """

    def paint(values: dict[Any, Any], request: gr.Request) -> Iterator[Shown]:
        session = request.session_hash

        def start() -> Started:
            state.come(session)
            wanted = gather(values, session)
            return state.run(wanted, session, name)

        yield from following(state, panel, start)

    def resume(request: gr.Request) -> Iterator[Shown]:
        found = state.latest(request.session_hash, name)
        # One that this page started meanwhile is shown by its button: a browser loses what both show.
        earlier = None if found is None or found.session == request.session_hash else found
        yield from following(state, panel, lambda: earlier)

    def stop(request: gr.Request) -> None:
        state.stop(request.session_hash, name)

    # On a phone the output is below the inputs.
    panel.paint.click(None, None, None, js=SEEK % panel.status.elem_id, **QUIET)
    # No limit here: runs wait in the queue of the state, which reports their position.
    panel.paint.click(paint, set(inputs), panel.outputs, concurrency_limit=None, **QUIET)
    panel.stop.click(stop, None, None, queue=False, **QUIET)
    return resume, panel.outputs


def following(state: AppState, panel: OutputPanel, found: Callable[[], Started | None]) -> Iterator[Shown]:
    """Follow a run, if there is one, and return the updates of its panel."""
    made, last = None, Shown()
    try:
        if (mine := found()) is None:
            yield panel.at_end()  # without an update, Gradio would clear the panel
            return
        run, wanted = mine.run, mine.wanted
        begun = panel.at_start(wanted.job, run.out.name)
        drawn = 0.0
        if run.is_over(within=QUICK):
            last = {panel.command: begun[panel.command]}
        else:
            yield begun
            # In each update: after a reload, a browser may lose the first of several.
            last = {part: begun[part] for part in (panel.command, panel.paint, panel.stop)}
            drawn = time.monotonic() + SETTLED
        for latest in run.updates():
            made = latest.file
            if made is not None:
                # A browser loses the second of two quick updates that hide and show a component.
                time.sleep(max(0.0, drawn - time.monotonic()))
                if not made.exists():
                    return  # the visit ended, and its files were deleted
            yield (last := last | panel.on_update(latest, wanted))
    except Exception as error:
        text = state.sentence(error)
        yield panel.at_end() | {panel.status: text}
        known = isinstance(error, ImpastoError)
        raise gr.Error(text, duration=20, print_exception=not known) from error
    yield (last if made else {}) | panel.at_end()
