"""From a job's fields to a command's options, so that both are always the same."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from impasto.cli.say import tell
from impasto.errors import InputError
from impasto.jobs import Job

OUT = "Where to write: a file, whose suffix chooses the format, or a folder for several."
OVERWRITE = "Replace an output that exists."
QUIET = "No progress bar, and no line a picture."
JSON = "Print the result as JSON."
SAVE_EVERY = 50
DEBUG = "Show the traceback of an error."


@dataclass(frozen=True)
class Place:
    """Where a result goes, and what happens on the way: nothing here changes the picture."""

    out: Path | None = field(
        default=None,
        metadata={
            "help": OUT,
            "flag": "-o",
        },
    )
    overwrite: bool = field(default=False, metadata={"help": OVERWRITE})


@dataclass(frozen=True)
class Watching:
    """How a long run is watched, saved and taken up again."""

    preview: Path | None = field(
        default=None,
        metadata={
            "help": "Rewrite this small picture while painting; a folder keeps one at every save.",
            "flag": None,
        },
    )
    save_every: int = field(
        default=SAVE_EVERY, metadata={"help": "Evaluations between saves of the run's state."}
    )
    resume: bool = field(default=False, metadata={"help": "Go on from a run that was stopped or killed."})

    def __post_init__(self) -> None:
        if self.save_every < 1:
            raise InputError(f"--save-every {self.save_every} must be 1 or more")

    def refuse(self, film: Path) -> None:
        """Says that films are watched and taken up again otherwise, where that of photos was asked for."""
        if self.preview is not None:
            raise InputError("--preview is for photos: a film's frames lie in OUT.parts while it is made")
        if self.resume or self.save_every != SAVE_EVERY:
            raise InputError(
                f"--resume and --save-every are for photos: what was made of {film} is kept as it comes, and "
                f"the same command goes on from it"
            )

    def say_if_anew(self, state: Path) -> None:
        """Says that there is nothing to go on from, where that was asked for."""
        if self.resume and not state.exists():
            tell(f"nothing to resume: there is no {state}, so this begins anew")


@dataclass(frozen=True)
class Curve:
    """Where a training's loss is written."""

    curve: Path | None = field(
        default=None, metadata={"help": "Write here how the loss fell: a .csv, or drawn as .svg or .png."}
    )

    def __post_init__(self) -> None:
        if self.curve is not None and self.curve.suffix not in (".csv", ".svg", ".png"):
            raise InputError(f"--curve {self.curve} must end in .csv, .svg or .png")


@dataclass(frozen=True)
class Again:
    """How a film is taken up again: the same command goes on from what a killed run left."""

    restart: bool = field(
        default=False,
        metadata={"help": "Of a film: throw away what a killed run left, and begin anew."},
    )

    def refuse_restart(self, photo: Path) -> None:
        """Says that a photo begins anew by itself, where that was asked for."""
        if self.restart:
            raise InputError(f"--restart is for films, and {photo} is none by its suffix")


@dataclass(frozen=True)
class Reporting:
    """How results and errors are said."""

    json: bool = field(default=False, metadata={"help": JSON})
    debug: bool = field(default=False, metadata={"help": DEBUG})


@dataclass(frozen=True)
class Showing(Reporting):
    """The same, of a verb that shows how it goes."""

    quiet: bool = field(default=False, metadata={"help": QUIET, "flag": "-q"})


# The same, for verbs that are written as functions.
Overwrite = Annotated[bool, typer.Option("--overwrite", help=OVERWRITE)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help=QUIET)]
AsJson = Annotated[bool, typer.Option("--json", help=JSON)]
Debug = Annotated[bool, typer.Option("--debug", help=DEBUG)]


def command(
    job: type[Job], *extras: type, arguments: Sequence[str], handler: Callable[..., None]
) -> Callable[..., None]:
    """A function that Typer can read: its parameters are the fields of ``job`` and of ``extras``.

    Args:
        job: the verb's job.
        extras: further dataclasses of options.
        arguments: the fields given by position, in order.
        handler: called with the job and one instance of each extra.
    """

    def run(**values: Any) -> None:
        own = {f.name for f in dataclasses.fields(job)}
        hints = typing.get_type_hints(job)
        settings = {k: _parsed(k, v, hints[k]) for k, v in values.items() if k in own}
        given = job.parse({k: v for k, v in settings.items() if v is not None})
        handler(given, *(_built(extra, values) for extra in extras))

    parameters = []
    for kind in (job, *extras):
        hints = typing.get_type_hints(kind)
        for item in dataclasses.fields(kind):
            parameters.append(_parameter(item, hints[item.name], positional=item.name in arguments))
    parameters.sort(key=lambda p: list(arguments).index(p.name) if p.name in arguments else len(arguments))
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__doc__ = job.__doc__
    return run


def _built(extra: type, values: dict[str, Any]) -> Any:
    return extra(**{f.name: values[f.name] for f in dataclasses.fields(extra)})


def _parameter(item: dataclasses.Field[Any], hint: Any, *, positional: bool) -> inspect.Parameter:
    text, flag = item.metadata["help"], item.metadata.get("flag")
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
    default = inspect.Parameter.empty if missing else _shown(item.default)
    # Keyword-only throughout: Typer goes by names, and arguments without defaults may then follow options.
    return inspect.Parameter(
        item.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _shown(default: Any) -> Any:
    if isinstance(default, tuple):
        return [",".join(map(str, default))] if default else None
    return default


def _plain(hint: Any) -> Any:
    """What Typer reads for a hint: lists come as texts, which may hold commas, and are taken apart by us."""
    kinds = _kinds(hint)
    rest = [kind for kind in kinds if kind is not type(None)]
    if typing.get_origin(rest[0]) is tuple:
        return list[str] | None
    plain = str if len(rest) > 1 else rest[0]
    return plain | None if len(rest) < len(kinds) else plain


def _kinds(hint: Any) -> tuple[Any, ...]:
    """The kinds of a union, or the one there is."""
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


def _parsed(name: str, value: Any, hint: Any) -> Any:
    """A list given as texts, as the tuple that the job wants."""
    lists = [kind for kind in _kinds(hint) if typing.get_origin(kind) is tuple]
    if not lists or value is None:
        return value
    inner = typing.get_args(lists[0])[0]
    if inner is str:
        # A comma may be part of a file's name.
        return tuple(p for text in value for p in ([text] if Path(text).exists() else text.split(",")))
    parts = [part.strip() for text in value for part in text.split(",")]
    if typing.get_origin(inner) is Literal:
        return tuple(parts)
    try:
        return tuple(inner(part) for part in parts)
    except ValueError:
        option = name.replace("_", "-")
        raise InputError(
            f"--{option} {','.join(parts)} is not a list of numbers: write them as 0.7,0.3"
        ) from None
