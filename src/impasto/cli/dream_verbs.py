"""``impasto dream`` and ``impasto layers``."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from impasto.cli.film_verbs import is_film, watched
from impasto.cli.options import Again, Place, Showing, Watching, command
from impasto.cli.say import say, tell
from impasto.errors import InputError
from impasto.jobs import WRITABLE, DreamJob, LayersJob


def _dream(job: DreamJob, place: Place, watching: Watching, again: Again, reporting: Showing) -> None:
    from impasto import files

    source = Path(job.content)
    moves = is_film(source)
    suffix = source.suffix.lower() if source.suffix.lower() in WRITABLE else ".mp4"
    out = place.out or source.with_name(f"{source.stem}-dream{suffix if moves or job.zoom else '.png'}")
    for target in (out, watching.preview):
        files.spare(target, (job.content, job.guide, job.mask, *job.style))
    if moves and job.zoom:
        raise InputError(f"--zoom needs a photo, and {job.content} is a video: leave out --zoom")
    job.check_kind("film" if moves else "zoom" if job.zoom else "photo")
    if moves or job.zoom:
        watching.refuse(source)
        _film(job, out, place=place, again=again, reporting=reporting)
    else:
        again.refuse_restart(source)
        _photo(job, out, place=place, watching=watching, reporting=reporting)


def _photo(job: DreamJob, out: Path, *, place: Place, watching: Watching, reporting: Showing) -> None:
    from impasto import files
    from impasto.image.writing import check_suffix

    check_suffix(out)
    files.check_output(out, overwrite=place.overwrite)
    from impasto.cli import progress
    from impasto.painters import dreaming

    state = out.with_name(out.name + ".checkpoint")
    watching.say_if_anew(state)
    every = watching.save_every
    with progress.watching(out.name, quiet=reporting.quiet, preview=watching.preview, every=every) as watch:
        result = dreaming.run_dream(
            job, watch=watch, checkpoint=state, save_every=watching.save_every, resume=watching.resume
        )
    result.save(out, overwrite=place.overwrite)
    if not result.stopped:
        state.unlink(missing_ok=True)
    height, width = result.picture.shape[:2]
    if reporting.json:
        said = {
            "output": str(out),
            "size": [width, height],
            "seconds": round(result.seconds, 1),
            "evaluations": len(result.history),
            "loss": result.history[-1].loss if result.history else 0.0,
            "stopped": result.stopped,
        }
        say(json.dumps(said))
        return
    say(f"{out}: {width}x{height}, {result.seconds:.0f} s")
    if result.stopped:
        tell("stopped: the result so far is kept; to continue, repeat with --resume --overwrite")


def _film(job: DreamJob, out: Path, *, place: Place, again: Again, reporting: Showing) -> None:
    if job.strip:
        raise InputError("--strip is for photos: leave it out")
    if job.zoom:
        from impasto.films.zooming import zoom as film
    else:
        from impasto.films.dreaming import dream_film as film
    make = partial(film, job, out=out, overwrite=place.overwrite, restart=again.restart)
    watched(make, out, reporting)


def _layers(job: LayersJob, place: Place, reporting: Showing) -> None:
    from impasto.cli import progress
    from impasto.verbs.layers import draw

    folder = place.out or Path(f"layers-{job.backbone}")
    with progress.watching(folder.name, quiet=reporting.quiet, preview=None) as watch:
        entries = draw(job, folder=folder, overwrite=place.overwrite, watch=watch)
    page = folder / "index.html"
    if reporting.json:
        say(json.dumps({"page": str(page), "names": [entry.name for entry in entries]}))
    else:
        say(f"{page}: {len(entries)} thumbnails")


dream = command(DreamJob, Place, Watching, Again, Showing, arguments=("content",), handler=_dream)
layers = command(LayersJob, Place, Showing, arguments=("backbone",), handler=_layers)
