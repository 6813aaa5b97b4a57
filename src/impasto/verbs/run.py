"""One entry point for all jobs: the command line, the page, batches, replay and Python call :func:`run`.

A verb is a job in ``jobs/``, a function in ``verbs/`` and an entry of ``VERBS``. The function decides how a
job is done, such as that of a photo or of a video. Importing this module loads nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto.errors import InputError
from impasto.jobs import (
    FILMS,
    CompareJob,
    DreamJob,
    Job,
    LayersJob,
    LearnJob,
    LiveJob,
    MeasureJob,
    PhotorealJob,
    StylizeJob,
    VideoJob,
    VisualizeJob,
)
from impasto.session import Session

if TYPE_CHECKING:
    from impasto.record import Recipe

_KEPT = (".mp4", ".mov", ".mkv", ".webm", ".gif", ".webp")  # suffixes of videos that the output keeps


@dataclass(frozen=True)
class Outcome:
    """Result of a job.

    Args:
        value: the result itself, such as a :class:`impasto.Result`.
        out: the file or folder that was written, or None.
        text: the result in words.
        facts: the result as JSON-compatible values.
        recipe: recipe of the output, if it has one.
        stopped: whether the run was stopped, and ``value`` is the result so far.
    """

    value: Any
    out: Path | None
    text: str
    facts: Mapping[str, Any]
    recipe: Recipe | None = None
    stopped: bool = False


@dataclass(frozen=True)
class Verb:
    """A verb.

    Args:
        job: the class of its settings.
        function: called with job, output and session, returns an :class:`Outcome`; or ``module:name`` of it,
            for a module of ``impasto.verbs``.
        arguments: the positional arguments of the command, in order.
        name: name of an output without one, with the stems of file names in place of fields; empty: none.
        suffix: suffix of that name; empty for a folder. An image's becomes that of a video if it is one.
        takes: what applies to it: ``quiet`` (a progress bar), ``checkpoint`` (preview and checkpoints),
            ``restart`` (resuming of a video).
        also: help texts of further outputs, by the name of their option.
        command: whether the command line has it.
        batch: whether a batch may run it.
        replays: whether its outputs carry a recipe that can be run again.
    """

    job: type[Job]
    function: str | Callable[[Any, Path | None, Session], Outcome]
    arguments: tuple[str, ...]
    name: str = ""
    suffix: str = ".png"
    takes: frozenset[str] = frozenset({"quiet"})
    also: Mapping[str, str] = field(default_factory=dict)
    command: bool = True
    batch: bool = True
    replays: bool = False


_IMAGE = frozenset({"quiet", "checkpoint"})
_FILM = frozenset({"quiet", "restart"})
_LOOKS = {
    "save_look": "Write the statistics of the styles to this .look file, to use as a style.",
    "save_masks": "Write the class masks to this folder, to inspect, edit and pass to --masks.",
    "save_lamps": "Write the lamps that are on to this image, as labels for --lamps or training.",
}
_CURVE = {"curve": "Write the training loss to this .csv, .svg or .png file."}
_BY_STYLE = "{content}-{styles}"

_TABLE = (
    Verb(StylizeJob, "paint:stylize", ("content", "styles"), _BY_STYLE, takes=_IMAGE, replays=True),
    Verb(VideoJob, "paint:video", ("film", "styles"), "{film}-{styles}", ".mp4", takes=_FILM, replays=True),
    Verb(
        PhotorealJob,
        "paint:photoreal",
        ("content", "styles"),
        _BY_STYLE,
        takes=_IMAGE | _FILM,
        also=_LOOKS,
        replays=True,
    ),
    Verb(DreamJob, "paint:dream", ("content",), "{content}-dream", takes=_IMAGE | _FILM, replays=True),
    Verb(LearnJob, "learn:run", ("pictures",), suffix=".safetensors", takes=_IMAGE, also=_CURVE),
    Verb(LiveJob, "live:run", ("styles",), suffix=".mp4", takes=frozenset(), batch=False),
    Verb(CompareJob, "compare:run", ("content", "style"), "compare-{content}-{style}", ""),
    Verb(MeasureJob, "measure:run", ("output",), suffix=".json", takes=frozenset()),
    Verb(LayersJob, "layers:run", ("backbone",), "layers-{backbone}", ""),
    Verb(VisualizeJob, "paint:visualize", ("layer",), command=False, batch=False, replays=True),
)
VERBS = {verb.job.verb: verb for verb in _TABLE}


def in_batches() -> dict[str, Verb]:
    """Return the verbs that a batch may run."""
    return {name: verb for name, verb in VERBS.items() if verb.batch}


def run(job: Job, out: Path | None = None, session: Session = Session()) -> Outcome:
    """Run a job.

    Args:
        job: the job.
        out: the output; None: only return the result, which videos and folders do not support.
        session: progress, checkpoints, threads, and what may be replaced.

    Raises:
        InputError: an input or a setting cannot be used.
        OutputError: an output cannot be written.
    """
    function = VERBS[job.verb].function
    if isinstance(function, str):
        module, _, name = function.partition(":")
        function = getattr(import_module(f"impasto.verbs.{module}"), name)
    outcome: Outcome = function(job, out, session)
    return outcome


def is_film(source: Path) -> bool:
    """Return whether an input is a video: by its suffix, as a folder, or as an animated image."""
    if source.suffix.lower() in FILMS or source.is_dir():
        return True
    if source.suffix.lower() not in (".gif", ".webp"):
        return False
    from impasto.media.image_sequences import is_animated

    return is_animated(source)


def is_moving(job: Job) -> bool:
    """Return whether the output of a job is a video."""
    if isinstance(job, DreamJob) and job.zoom:
        return True
    return isinstance(job, VideoJob) or (
        isinstance(job, (PhotorealJob, DreamJob)) and is_film(Path(job.content))
    )


def suffix_of(job: Job) -> str:
    """Return the suffix of an output without a name: a video stays one of its kind, a folder a folder."""
    if not is_moving(job):
        return VERBS[job.verb].suffix
    source = Path(job.inputs()[0])
    if source.is_dir():
        return ""
    return source.suffix if source.suffix.lower() in _KEPT else ".mp4"


def default_output(job: Job) -> Path | None:
    """Return the path of an output without a name, beside the first input; None if the verb has none."""
    name = VERBS[job.verb].name
    if not name:
        return None
    words = {key: stems(value) for key, value in job.settings().items()}
    if isinstance(job, PhotorealJob) and not job.styles:
        words["styles"] = "night"
    first = next(iter(job.inputs()), "")
    return Path(first).parent / (name.format(**words) + suffix_of(job))


def stems(value: Any) -> str:
    """Return the stems of one or several file names, for the name of an output."""
    names = value if isinstance(value, (list, tuple)) else [value]
    return "-".join(Path(str(name)).stem for name in names) or "steady"


def needs_output(job: Job, out: Path | None) -> Path:
    """Return the output.

    Raises:
        InputError: there is none.
    """
    if out is None:
        raise InputError(f"{job.verb} writes a video or a folder: give its path as out")
    return out
