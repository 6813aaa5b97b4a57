"""Command-line options generated from the fields of a job."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from impasto import files
from impasto.errors import InputError
from impasto.jobs import Job
from impasto.jobs.base import NightName, kinds_of, option, range_of
from impasto.session import SAVE_EVERY
from impasto.verbs.run import Verb

OUT = "Output file, whose suffix sets the format, or a folder for several results."
OVERWRITE = "Replace an existing output."
_FORMER = {"--optimiser": "--optimizer", "--licence": "--license"}  # options that still work, untold


@dataclass(frozen=True)
class OutputPath:
    """Output path of a result."""

    out: Path | None = option(None, OUT, flag="-o")
    overwrite: bool = option(False, OVERWRITE)


@dataclass(frozen=True)
class Watching:
    """Preview, checkpoints and resuming of a long run."""

    preview: Path | None = option(
        None, "Preview image, rewritten during the run; a folder keeps one per checkpoint."
    )
    save_every: int = option(SAVE_EVERY, "Evaluations between checkpoints.")
    resume: bool = option(False, "Resume a run that was stopped or killed.")

    def __post_init__(self) -> None:
        if self.save_every < 1:
            raise InputError(f"--save-every {self.save_every} must be 1 or more")

    def refuse(self, film: Path) -> None:
        """Reject these options for a video, which has its own preview and resuming."""
        if self.preview is not None:
            raise InputError("--preview is for photos: during the run, finished frames are in OUT.parts")
        if self.resume or self.save_every != SAVE_EVERY:
            raise InputError(
                f"--resume and --save-every are for photos: finished frames of {film} are kept, and the same "
                f"command resumes"
            )


@dataclass(frozen=True)
class Restarting:
    """Resuming of a video: the same command continues a run that was killed."""

    restart: bool = option(False, "Discard the partial work of a killed run on a video, and start again.")

    def refuse_restart(self, photo: Path) -> None:
        """Reject --restart for a photo, whose runs always start from the beginning."""
        if self.restart:
            raise InputError(f"--restart is for videos, and {photo} is not one: leave it out")


@dataclass(frozen=True)
class Reporting:
    """Format of results and errors."""

    json: bool = option(False, "Print the result as JSON.")
    debug: bool = option(False, "Show the traceback of an error.")


@dataclass(frozen=True)
class Showing(Reporting):
    """:class:`Reporting` for a verb with a progress bar."""

    quiet: bool = option(False, "No progress bar, and no line per image.", flag="-q")


# For a verb that is written as a function and has no other option of :class:`OutputPath`.
Overwrite = Annotated[bool, typer.Option("--overwrite", help=OVERWRITE)]


@dataclass(frozen=True)
class CommonOptions:
    """Options of a command beside those of its job, with their defaults where a verb does not have them."""

    place: OutputPath
    watching: Watching
    again: Restarting
    showing: Showing
    also: Mapping[str, Path]


def command(verb: Verb, handler: Callable[[Job, CommonOptions], None]) -> Callable[..., None]:
    """Return a function for Typer whose parameters are those of a verb; it calls ``handler``."""
    job = verb.job
    also = dataclasses.make_dataclass(
        "Also", [(name, Path | None, option(None, text)) for name, text in verb.also.items()]
    )
    extras: list[type] = [OutputPath]
    extras += [Watching] if "checkpoint" in verb.takes else []
    extras += [Restarting] if "restart" in verb.takes else []
    extras += [also, Showing if "quiet" in verb.takes else Reporting]

    def run(**values: Any) -> None:
        own = {f.name for f in dataclasses.fields(job)}
        hints = typing.get_type_hints(job)
        settings = {k: _parse_list(k, v, hints[k]) for k, v in values.items() if k in own}
        given = job.parse({k: v for k, v in settings.items() if v is not None})
        rest = {k: v for k, v in values.items() if k not in own}
        outputs = {name: rest[name] for name in verb.also if rest[name] is not None}
        place, watching, again, showing = (
            _build_dataclass(kind, rest) for kind in (OutputPath, Watching, Restarting, Showing)
        )
        with files.tidy(values.get("out")):
            handler(given, CommonOptions(place, watching, again, showing, outputs))

    order = verb.arguments
    parameters = [p for kind in (job, *extras) for p in _parameters(kind, order)]
    parameters.sort(key=lambda p: order.index(p.name) if p.name in order else len(order))
    return _set_signature(run, parameters, job.__doc__)


def expand_dataclasses(function: Callable[..., None]) -> Callable[..., None]:
    """Return a function for Typer with the options of each parameter that is a dataclass in its place."""
    hints = typing.get_type_hints(function, include_extras=True)
    groups: dict[str, type] = {n: h for n, h in hints.items() if dataclasses.is_dataclass(h)}  # type: ignore[misc]
    grouped = {item.name for kind in groups.values() for item in dataclasses.fields(kind)}

    def run(**values: Any) -> None:
        built = {name: _build_dataclass(kind, values) for name, kind in groups.items()}
        function(**{k: v for k, v in values.items() if k not in grouped}, **built)

    parameters: list[inspect.Parameter] = []
    for name, own in inspect.signature(function).parameters.items():
        one = own.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        parameters += _parameters(groups[name]) if name in groups else [one]
    return _set_signature(run, parameters, function.__doc__)


def _set_signature(
    run: Callable[..., None], parameters: list[inspect.Parameter], text: str | None
) -> Callable[..., None]:
    """Give a function the parameters and the help text that Typer reads."""
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__doc__ = text
    return run


def _parameters(kind: Any, positional: Sequence[str] = ()) -> list[inspect.Parameter]:
    hints = typing.get_type_hints(kind)
    return [_parameter(f, hints[f.name], positional=f.name in positional) for f in dataclasses.fields(kind)]


def _build_dataclass(extra: type, values: dict[str, Any]) -> Any:
    return extra(**{f.name: values[f.name] for f in dataclasses.fields(extra) if f.name in values})


def _parameter(item: dataclasses.Field[Any], hint: Any, *, positional: bool) -> inspect.Parameter:
    text, flag = f"{item.metadata['help']} {range_of(item)}".rstrip(), item.metadata.get("flag")
    missing = item.default is dataclasses.MISSING
    if positional:
        several = typing.get_origin(hint) is tuple
        name = item.name.removesuffix("s") if several else item.name
        info = typer.Argument(
            help=text, metavar=name.upper() + ("..." if several else ""), show_default=False
        )
        kind = list[str] if several and missing else list[str] | None if several else _plain(hint)
        annotation: Any = Annotated[kind, info]
    else:
        names = ["--" + item.name.replace("_", "-")] + ([flag] if flag else [])
        info = typer.Option(
            *names, help=text, show_default=item.default is not None and item.default is not False
        )
        annotation = Annotated[_plain(hint), info]
    default = inspect.Parameter.empty if missing else _convert_default(item.default)
    # Keyword-only: Typer matches by name, and arguments without defaults may then follow options.
    return inspect.Parameter(
        item.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _convert_default(default: Any) -> Any:
    if isinstance(default, tuple):
        return [",".join(map(str, default))] if default else None
    return default


def _plain(hint: Any) -> Any:
    """Return the type that Typer parses for a hint; lists are strings that :func:`_parse_list` splits."""
    kinds = kinds_of(hint)
    rest = [kind for kind in kinds if kind is not type(None)]
    if typing.get_origin(rest[0]) is tuple:
        return list[str] | None
    plain = str if len(rest) > 1 else rest[0]
    return plain | None if len(rest) < len(kinds) else plain


def _parse_list(name: str, value: Any, hint: Any) -> Any:
    """Convert a list of strings to the tuple that the job expects."""
    lists = [kind for kind in kinds_of(hint) if typing.get_origin(kind) is tuple]
    if not lists or value is None:
        return value
    inner = typing.get_args(lists[0])[0]
    if inner is str:
        # File names may contain commas.
        return tuple(p for text in value for p in ([text] if Path(text).exists() else text.split(",")))
    parts = [part.strip() for text in value for part in text.split(",")]
    if typing.get_origin(inner) is Literal:
        return tuple(parts)
    try:
        return tuple(inner(part) for part in parts)
    except ValueError:
        flag = name.replace("_", "-")
        raise InputError(
            f"--{flag} {','.join(parts)} is not a list of numbers: write them as 0.7,0.3"
        ) from None


def expand_options(arguments: Sequence[str]) -> list[str]:
    """Rewrite ``--masks A B ...`` as repeated options, ``--night`` with its kind, and former spellings.

    If photo and styles come first, all words after ``--masks`` are masks, otherwise two. ``--night`` without
    a kind is ``--night city``.
    """
    options = [argument.partition("=") for argument in arguments]
    found = [_FORMER.get(name, name) + rest + value for name, rest, value in options]
    if found[:1] == ["photoreal"] and "--night" in found:
        place = found.index("--night") + 1
        if not any(_is_kind(word) for word in found[place : place + 1]):
            found.insert(place, "city")
    if found[:1] != ["photoreal"] or found.count("--masks") != 1:
        return found
    place = found.index("--masks") + 1
    words = list(takewhile(_is_word, found[place:]))
    if "," not in "".join(words[:1]):
        words = words if len(list(takewhile(_is_word, found[1:]))) > 1 else words[:2]
        found[place : place + len(words)] = [part for word in words for part in ("--masks", word)][1:]
    return found


def _is_kind(word: str) -> bool:
    """Return whether a word after ``--night`` is a kind, or means to be one: it is no option and no file."""
    return word in typing.get_args(NightName) or (
        _is_word(word) and not Path(word).suffix and not Path(word).exists()
    )


def _is_word(argument: str) -> bool:
    return not argument.startswith("-")
