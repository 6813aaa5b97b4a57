"""``impasto photoreal``: a photo, or a film, in the light of another photograph."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import typer

from impasto.cli.options import Again, Place, Showing, Watching, command
from impasto.cli.say import say, tell
from impasto.errors import InputError, OutputError
from impasto.jobs import PhotorealJob

FILMS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")


@dataclass(frozen=True)
class Keeping(Again):
    """What is kept beside the picture, and of a run before."""

    save_look: Path | None = field(
        default=None,
        metadata={"help": "Write the styles' statistics here, to be used as a style, as night.look."},
    )


def paired(arguments: Sequence[str]) -> list[str]:
    """``--masks A B`` as the two options that the parser knows."""
    found = list(arguments)
    if found[:1] == ["photoreal"]:
        for place in reversed([i for i, word in enumerate(found) if word == "--masks"]):
            following = found[place + 2 : place + 3]
            lone = "," not in found[place + 1] if len(found) > place + 1 else False
            if lone and following and not following[0].startswith("-") and found.count("--masks") == 1:
                found.insert(place + 2, "--masks")
    return found


def _photoreal(
    job: PhotorealJob,
    place: Place,
    keeping: Keeping,
    watching: Watching,
    reporting: Showing,
) -> None:
    content = Path(job.content)
    if content.suffix.lower() in FILMS:
        watching.refuse_preview()
        _film(job, place, keeping, reporting)
        return
    styles = "-".join(Path(style).stem for style in job.styles)
    out = place.out or content.with_name(f"{content.stem}-{styles}.png")
    _check(job, out, place, keeping)
    from impasto.cli import progress
    from impasto.painters.relighting import run

    state = out.with_name(out.name + ".checkpoint")
    with progress.watching(out.name, quiet=reporting.quiet, preview=watching.preview) as watch:
        result = run(
            job,
            save_look=keeping.save_look,
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
        "evaluations": 0 if job.fast else len(result.history),
        "stopped": result.stopped,
    }
    say(json.dumps(said) if reporting.json else f"{out}: {width}x{height}, {result.seconds:.1f} s")
    if result.stopped:
        tell("stopped: this is the best so far; repeat the command with --resume --overwrite to go on")


def _check(job: PhotorealJob, out: Path, place: Place, keeping: Keeping) -> None:
    """Refuses what cannot be written before any work is done."""
    from impasto import files
    from impasto.image.writing import check_suffix

    if out.suffix.lower() not in FILMS:
        check_suffix(out)
    for target in (out, keeping.save_look):
        if target is None:
            continue
        for name in (job.content, *job.styles, *(job.masks or ())):
            if target.exists() and Path(name).exists() and target.samefile(name):
                raise OutputError(f"{target} is an input, which would be lost: choose another name")
        files.check_output(target, overwrite=place.overwrite)
    if keeping.save_look is not None and job.look is not None:
        raise InputError(f"{job.look} is a saved look already: --save-look is for photos")


def _film(job: PhotorealJob, place: Place, keeping: Keeping, reporting: Showing) -> None:
    film = Path(job.content)
    styles = "-".join(Path(style).stem for style in job.styles)
    suffix = film.suffix if film.suffix.lower() in (".mp4", ".mov", ".mkv", ".webm") else ".mp4"
    out = place.out or film.with_name(f"{film.stem}-{styles}{suffix}")
    _check(job, out, place, keeping)
    if keeping.save_look is not None:
        raise InputError("--save-look is for photos: save it from one, and give it to the film as its style")
    from impasto.cli import progress
    from impasto.films import grading

    with progress.watching_film(out.name, quiet=reporting.quiet) as told:
        try:
            result = grading.grade_film(
                job, out=out, overwrite=place.overwrite, restart=keeping.restart, told=told, say=tell
            )
        except KeyboardInterrupt:
            tell(f"stopped: what was painted lies in {out.name}.parts; give the same command again to go on")
            raise typer.Exit(130) from None
    height, width = result.size
    rate = result.painted / max(result.seconds, 1e-9)
    said = {
        "output": str(out),
        "frames": result.frames,
        "painted": result.painted,
        "shots": result.shots,
        "seconds": round(result.seconds, 1),
        "size": [width, height],
    }
    text = f"{out}: {result.frames} frames, {width}x{height}, {rate:.1f} a second"
    say(json.dumps(said) if reporting.json else text)


photoreal = command(
    PhotorealJob,
    Place,
    Keeping,
    Watching,
    Showing,
    arguments=("content", "styles"),
    handler=_photoreal,
)
