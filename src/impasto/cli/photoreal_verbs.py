"""``impasto photoreal``: light and colours of one photograph for another, or for a video."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import get_args

from impasto import files
from impasto.cli.film_verbs import is_film, watched
from impasto.cli.options import Again, Place, Showing, Watching, command
from impasto.cli.say import say, tell
from impasto.errors import InputError, OutputError
from impasto.jobs import LOOK, WRITABLE, PhotorealJob
from impasto.jobs.base import NightName


@dataclass(frozen=True)
class Keeping(Again):
    """Further outputs, and resuming of a video."""

    save_look: Path | None = field(
        default=None,
        metadata={"help": "Write the statistics of the styles to this .look file, to use as a style."},
    )
    save_masks: Path | None = field(
        default=None,
        metadata={"help": "Write the class masks to this folder, to inspect, edit and pass to --masks."},
    )
    save_lamps: Path | None = field(
        default=None,
        metadata={"help": "Write the lamps that are on to this image, as labels for --lamps or training."},
    )


def paired(arguments: Sequence[str]) -> list[str]:
    """Rewrite ``--masks A B ...`` as repeated options, and ``--night`` with its kind, for the parser.

    If photo and styles come first, all words after ``--masks`` are masks, otherwise two. ``--night`` without
    a kind is ``--night city``.
    """
    found = list(arguments)
    if found[:1] == ["photoreal"] and "--night" in found:
        place = found.index("--night") + 1
        if found[place : place + 1] == [] or found[place] not in get_args(NightName):
            found.insert(place, "city")
    if found[:1] != ["photoreal"] or found.count("--masks") != 1:
        return found
    place = found.index("--masks") + 1
    words = list(takewhile(_is_word, found[place:]))
    if "," not in "".join(words[:1]):
        words = words if len(list(takewhile(_is_word, found[1:]))) > 1 else words[:2]
        found[place : place + len(words)] = [part for word in words for part in ("--masks", word)][1:]
    return found


def _is_word(argument: str) -> bool:
    return not argument.startswith("-")


def _photoreal(
    job: PhotorealJob, place: Place, keeping: Keeping, watching: Watching, reporting: Showing
) -> None:
    content = Path(job.content)
    if is_film(content):
        watching.refuse(content)
        _film(job, place, keeping, reporting)
        return
    if job.start or job.end is not None or job.every > 1:
        raise InputError(f"--start, --end and --every are for videos, and {content} is not one")
    keeping.refuse_restart(content)
    out = place.out or content.with_name(f"{content.stem}-{_named(job)}.png")
    _check(job, out, place, keeping)
    files.spare(watching.preview, _inputs(job))
    from impasto.cli import progress
    from impasto.painters.relighting import run

    state = out.with_name(out.name + ".checkpoint")
    watching.say_if_anew(state)
    every = watching.save_every
    with progress.watching(out.name, quiet=reporting.quiet, preview=watching.preview, every=every) as watch:
        result = run(
            job,
            save_look=keeping.save_look,
            save_masks=keeping.save_masks,
            save_lamps=keeping.save_lamps,
            overwrite=place.overwrite,
            watch=watch,
            checkpoint=state,
            save_every=watching.save_every,
            resume=watching.resume,
            told=tell,
        )
    result.save(out, overwrite=place.overwrite)
    if not result.stopped:
        state.unlink(missing_ok=True)
    height, width = result.picture.shape[:2]
    said = {
        "output": str(out),
        "size": [width, height],
        "seconds": round(result.seconds, 1),
        "evaluations": 0 if job.fast or not job.styles else len(result.history),
        "stopped": result.stopped,
    }
    say(json.dumps(said) if reporting.json else f"{out}: {width}x{height}, {result.seconds:.1f} s")
    if result.stopped:
        tell("stopped: the best result so far is kept; to continue, repeat with --resume --overwrite")


def _check(job: PhotorealJob, out: Path, place: Place, keeping: Keeping) -> None:
    """Raise an error before any work if an output cannot be written."""
    from impasto.image.writing import check_suffix

    check_suffix(out)
    targets = [out]
    if keeping.save_look is not None:
        targets.append(keeping.save_look)
        if keeping.save_look.suffix.lower() != LOOK:
            raise OutputError(f"{keeping.save_look} is no name of a look: it must end in {LOOK}")
        if job.look is not None:
            raise InputError(f"{job.look} is already a saved look: leave out --save-look")
    if keeping.save_masks is not None:
        targets.append(keeping.save_masks / "photo.png")
        if not job.styles:
            raise InputError("--save-masks needs a style, and --night alone has no classes: leave it out")
    if keeping.save_lamps is not None:
        check_suffix(keeping.save_lamps)
        targets.append(keeping.save_lamps)
    for target in targets:
        files.spare(target, _inputs(job))
        files.check_output(target, overwrite=place.overwrite)


def _named(job: PhotorealJob) -> str:
    """Return the part of an output's name that says what was done."""
    styles = [Path(style).stem for style in job.styles]
    return "-".join([*styles, *(["night"] if job.night and not styles else [])])


def _inputs(job: PhotorealJob) -> tuple[str, ...]:
    """Return the input files of a job, which no output may replace."""
    return (job.content, *job.styles, *(job.masks or ()), *([job.lamps] if job.lamps else []))


def _film(job: PhotorealJob, place: Place, keeping: Keeping, reporting: Showing) -> None:
    film = Path(job.content)
    suffix = "" if film.is_dir() else film.suffix if film.suffix.lower() in WRITABLE else ".mp4"
    out = place.out or film.with_name(f"{film.stem}-{_named(job)}{suffix}")
    files.spare(out, _inputs(job))
    if job.strip:
        raise InputError("--strip is for photos: leave it out")
    if keeping.save_look is not None:
        raise InputError("--save-look is for photos: save it from a photo, and use it as the video's style")
    if keeping.save_masks is not None:
        raise InputError("--save-masks is for photos: leave it out, the classes of a video move")
    if keeping.save_lamps is not None:
        raise InputError("--save-lamps is for photos: leave it out, the lamps of a video move")
    from impasto.films import grading

    make = partial(
        grading.grade_film, job, out=out, overwrite=place.overwrite, restart=keeping.restart, say=tell
    )
    watched(make, out, reporting)


photoreal = command(
    PhotorealJob,
    Place,
    Keeping,
    Watching,
    Showing,
    arguments=("content", "styles"),
    handler=_photoreal,
)
