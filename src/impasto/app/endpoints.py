"""The page as an API: one endpoint for each tab, with the checks and limits of the page.

Gradio reads the annotations, so they are no strings here.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypedDict

import gradio as gr
from gradio import FileData

from impasto import image
from impasto.app.controls import check_sliders
from impasto.app.gathering import OFFERS, Given, check_names
from impasto.app.live import AT_ONCE, LIVE, Mirror, shrink_frame
from impasto.app.visits import AppState
from impasto.errors import ImpastoError, InputError
from impasto.jobs import DreamJob, Job, LiveJob, PhotorealJob, StylizeJob, VideoJob

Settings = dict[str, Any]


class Answer(TypedDict):
    """What an endpoint yields: how far the job is, and at last its file, which is deleted soon after."""

    text: str
    file: FileData | None


class Endpoints:
    """The endpoints. Each call is a visit of its own."""

    def __init__(self, state: AppState) -> None:
        self.state = state

    def stylize(
        self,
        photo: FileData,
        styles: list[str] | None = None,
        style_files: list[FileData] | None = None,
        mask: FileData | None = None,
        settings: Settings | None = None,
    ) -> Iterator[Answer]:
        """Paint a photo in learned styles, by name, or in style files. A mask is white for the first."""
        yield from self._job(StylizeJob, photo, settings, styles=styles, files=style_files, drawn=mask)

    def video(
        self,
        video: FileData,
        styles: list[str] | None = None,
        style_files: list[FileData] | None = None,
        mask: FileData | None = None,
        settings: Settings | None = None,
    ) -> Iterator[Answer]:
        """Paint a video in learned styles, by name, or in style files. A mask holds for all frames."""
        yield from self._job(VideoJob, video, settings, styles=styles, files=style_files, drawn=mask)

    def photoreal(
        self,
        photo: FileData,
        style_files: list[FileData] | None = None,
        lamps: FileData | None = None,
        settings: Settings | None = None,
    ) -> Iterator[Answer]:
        """Give a photo the light and colors of others, or of a night, which lights its lamps."""
        yield from self._job(PhotorealJob, photo, settings, files=style_files, drawn=lamps)

    def dream(
        self,
        photo: FileData,
        guide: FileData | None = None,
        mask: FileData | None = None,
        settings: Settings | None = None,
    ) -> Iterator[Answer]:
        """Dream over a photo."""
        yield from self._job(DreamJob, photo, settings, drawn=mask, guide=guide)

    def live(self, frame: FileData, style: str, strength: float = 1.0) -> Iterator[Answer]:
        """Paint one frame of a camera in a learned style, at once."""
        with self._visit() as visit:
            check_names([style])
            mirror = Mirror(LiveJob(styles=(style,), strength=strength))
            seen = image.read(self._path(frame), max_pixels=self.state.limits.pixels).flat()
            painted = mirror.paint(shrink_frame(image.as_bytes(seen)))
            out = image.write(self.state.place(visit, "frame.png"), painted)
            yield Answer(text="done", file=FileData(path=str(out), orig_name=out.name))

    def _job(
        self,
        kind: type[Job],
        source: FileData,
        settings: Settings | None,
        *,
        styles: Sequence[str] | None = None,
        files: Sequence[FileData] | None = None,
        drawn: FileData | None = None,
        guide: FileData | None = None,
    ) -> Iterator[Answer]:
        """Run a job, as the tab does, and yield its progress and its result."""
        with self._visit() as visit:
            given = Given(
                self._path(source),
                _check_settings(kind, settings or {}),
                names=(styles,) if isinstance(styles, str) else tuple(styles or ()),
                files=tuple(self._path(file) for file in files or ()),
                drawn=None if drawn is None else Path(self._path(drawn)),
                guide=None if guide is None else self._path(guide),
            )
            wanted = OFFERS[kind].gather(self.state, given)
            run = self.state.run(wanted, visit, OFFERS[kind].result).run
            try:
                for said in run.updates():
                    file = said.file and FileData(path=str(said.file), orig_name=said.file.name)
                    text = "\n".join(filter(None, (wanted.note, said.text)))
                    yield Answer(text=text, file=file or None)
            finally:
                run.stop()  # the caller may have left

    @contextmanager
    def _visit(self) -> Iterator[str]:
        """Open a visit for one call; errors are one line without folders."""
        visit = secrets.token_hex(16)
        self.state.come(visit)
        try:
            yield visit
        except Exception as error:
            known = isinstance(error, ImpastoError)
            raise gr.Error(self.state.sentence(error), print_exception=not known) from error
        finally:
            self.state.go(visit)

    def _path(self, file: Any) -> str:
        """Return the path of an upload; Gradio passes what the client sent, which may name any file."""
        path = Path(str(file["path"] if isinstance(file, Mapping) else file)).resolve()
        if not path.is_relative_to(self.state.uploads.resolve()) or not path.is_file():
            raise InputError(f"{path.name} was not uploaded: send files with handle_file of gradio_client")
        return str(path)


def _check_settings(kind: type[Job], settings: Settings) -> Settings:
    """Return the settings if the page has controls for them, with values within those of its sliders."""
    if not isinstance(settings, Mapping):
        raise InputError('settings are names with values, such as {"size": 640}')
    names = [*OFFERS[kind].first, *OFFERS[kind].others]
    for name in settings:
        if name not in names:
            near = get_close_matches(name, names, n=1) or names
            raise InputError(
                f"the page has no setting '{name}' for {kind.verb}: did you mean {', '.join(near)}?"
            )
    check_sliders(settings)
    return settings


def add_endpoints(state: AppState) -> None:
    """Add the endpoints to the page that is being built."""
    made = Endpoints(state)
    jobs: list[Callable[..., Iterator[Answer]]] = [made.stylize, made.video, made.photoreal, made.dream]
    for endpoint in [*jobs, made.live]:
        # Gradio documents what is annotated as returned, and a generator returns what it yields.
        endpoint.__annotations__["return"] = Answer
        # Jobs wait in the queue of the state, which reports their position.
        limits = {} if endpoint in jobs else {"concurrency_id": LIVE}
        gr.events.api(endpoint, concurrency_limit=None if endpoint in jobs else AT_ONCE, **limits)
