"""The verbs: each turns its options into a job, runs it, and says where the result is.

Everything heavy is imported inside the verb that needs it, so that help and errors come at once.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from impasto.cli import film_verbs
from impasto.cli.app_verb import studio
from impasto.cli.dream_verbs import dream, layers
from impasto.cli.many_verbs import augment, batch
from impasto.cli.options import FilmWatching, Place, Reporting, Watching, command
from impasto.cli.photoreal_verbs import photoreal
from impasto.cli.say import say, tell
from impasto.cli.style_verbs import export, styles
from impasto.errors import InputError, OutputError
from impasto.jobs import CompareJob, LearnJob, LiveJob, MeasureJob, StylizeJob, VideoJob

app = typer.Typer(
    help="Paint photographs in any style, offline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _stylize(job: StylizeJob, place: Place, watching: Watching, reporting: Reporting) -> None:
    from impasto import batch

    if watching.save_every < 1:
        raise InputError(f"--save-every {watching.save_every} must be 1 or more")
    photos = batch.photos(job.content)
    if photos is None:
        out = place.out or _beside(Path(job.content), job)
        _say(_paint(job, out, place=place, watching=watching), reporting)
    else:
        _paint_folder(job, photos, place=place, watching=watching, reporting=reporting)


def _paint_folder(
    job: StylizeJob, photos: list[Path], *, place: Place, watching: Watching, reporting: Reporting
) -> None:
    """Paints each photo; the reasons of those that could not be painted come last, a line each."""
    from impasto import batch

    _refuse_a_file(place.out)

    def paint(source: Path, out: Path) -> None:
        _paint(dataclasses.replace(job, content=str(source)), out, place=place, watching=watching)

    if place.out is None:
        photos = [p for p in photos if not p.stem.endswith(_suffix(job))]  # results of the last time
    stems = batch.stems(photos)

    def target(source: Path) -> Path:
        if place.out is None:
            return source.with_name(f"{stems[source]}{_suffix(job)}.png")
        return place.out / f"{stems[source]}.png"

    def told(path: Path, what: str) -> None:
        if not watching.quiet:
            tell(f"{path}: {what}")

    report = batch.paint_each(photos, paint, target=target, overwrite=place.overwrite, told=told)
    counts = {"painted": len(report.painted), "skipped": len(report.skipped), "refused": len(report.refused)}
    errors = {str(path): reason for path, reason in report.refused}
    if reporting.json:
        say(json.dumps({**counts, "errors": errors}))
    else:
        say(", ".join(f"{count} {what}" for what, count in counts.items()))
    for path, reason in list(errors.items())[:-1]:
        tell(f"impasto: {reason if path in reason else f'{path}: {reason}'}")
    if errors:
        path, reason = list(errors.items())[-1]
        raise InputError(reason if path in reason else f"{path}: {reason}")


def _paint(job: StylizeJob, out: Path, *, place: Place, watching: Watching) -> dict[str, Any]:
    """Paints one photo to a file; what to say of it."""
    from impasto import files
    from impasto.image.writing import check_suffix

    check_suffix(out)
    for name in (job.content, *job.styles, *(job.mask or ()), job.init):
        if out.exists() and Path(name).exists() and out.samefile(name):
            raise OutputError(f"{out} is an input of this painting, which would be lost: choose another name")
    files.check_output(out, overwrite=place.overwrite)
    from impasto import painters
    from impasto.cli import progress

    state = out.with_name(out.name + ".checkpoint")
    with progress.watching(out.name, quiet=watching.quiet, preview=watching.preview) as watch:
        result = painters.run(
            job, watch=watch, checkpoint=state, save_every=watching.save_every, resume=watching.resume
        )
    result.save(out, overwrite=place.overwrite)
    if not result.stopped:
        state.unlink(missing_ok=True)
    last = result.history[-1] if result.history else None
    return {
        "output": str(out),
        "size": [result.picture.shape[1], result.picture.shape[0]],
        "seconds": round(result.seconds, 1),
        "evaluations": len(result.history),
        "loss": last.loss if last else 0.0,
        "stopped": result.stopped,
    }


def _say(said: dict[str, Any], reporting: Reporting) -> None:
    if reporting.json:
        say(json.dumps(said))
        return
    width, height = said["size"]
    say(f"{said['output']}: {width}x{height}, {said['seconds']:.0f} s")
    if said["stopped"]:
        tell("stopped: this is the best so far; repeat the command with --resume --overwrite to go on")


def _suffix(job: StylizeJob) -> str:
    return "-" + "-".join(Path(style).stem for style in job.styles)


def _beside(content: Path, job: StylizeJob) -> Path:
    return content.with_name(content.stem + _suffix(job) + ".png")


def _refuse_a_file(out: Path | None) -> None:
    from impasto import image

    if out is not None and not out.is_dir() and (out.is_file() or out.suffix.lower() in image.SUFFIXES):
        raise OutputError(f"{out} is the name of a file: several photos need a folder to be painted into")


def _compare(job: CompareJob, place: Place, reporting: Reporting) -> None:
    from impasto.cli import progress
    from impasto.comparison import compare

    folder = place.out or Path(job.content).with_name(
        f"compare-{Path(job.content).stem}-{Path(job.style).stem}"
    )
    with progress.watching("compare", quiet=False, preview=None) as watch:
        rows = compare(job, folder=folder, overwrite=place.overwrite, watch=watch)
    if reporting.json:
        say(json.dumps({"folder": str(folder), "methods": rows}))
    else:
        say(f"{folder / 'index.html'}\n{folder / 'compare.png'}")


def _measure(job: MeasureJob, place: Place, reporting: Reporting) -> None:
    if job.original is not None:
        film_verbs.measure(job, place, reporting)
        return
    if job.baseline or place.out:
        raise InputError("--baseline and --out are for films: give the film that was painted as --original")
    from impasto import backbones, metrics
    from impasto.painters.devices import choose_device

    backbone = backbones.load(job.backbone, device=choose_device(job.device), precision="float32")
    found = metrics.measure(
        job.output, content=job.content, styles=job.style or (), weights=job.weights, backbone=backbone
    )
    if reporting.json:
        say(found.to_json())
        return
    for name, value in found.summary().items():
        say(f"{name:16} {value:.4g}")


def _learn(job: LearnJob, place: Place, watching: Watching, reporting: Reporting) -> None:
    from impasto import files
    from impasto.cli import progress
    from impasto.networks import library, packs

    if watching.save_every < 1:
        raise InputError(f"--save-every {watching.save_every} must be 1 or more")
    first = packs.clean_name(Path(job.pictures[0] if job.pictures else job.styles or job.network).stem)
    out = place.out or (Path(job.into) if job.into else library.user_folder() / f"{first}.safetensors")
    overwrite = place.overwrite or (job.into is not None and place.out is None)
    files.check_output(out, overwrite=overwrite)
    from impasto import training

    state = out.with_name(out.name + ".checkpoint")
    leader = os.environ.get("LOCAL_RANK", "0") == "0"  # of several processes only one shows how it goes
    preview = watching.preview if leader else None
    with progress.watching(out.name, quiet=watching.quiet or not leader, preview=preview) as watch:
        learned = training.learn(
            job,
            watch=watch,
            told=tell,
            checkpoint=state,
            save_every=watching.save_every,
            resume=watching.resume,
        )
    if not learned.leader:
        return
    packs.save(learned.pack, out, overwrite=overwrite)
    trained = learned.trained
    if trained.stopped:
        tell("stopped: the styles are as good as they got; repeat with --resume --overwrite to go on")
    else:
        state.unlink(missing_ok=True)
    said = {
        "output": str(out),
        "styles": list(learned.names),
        "steps": trained.steps,
        "seconds": round(trained.seconds),
        "loss": trained.history[-1].loss if trained.history else None,
        "stopped": trained.stopped,
    }
    text = f"{out}: {', '.join(learned.names)}, {trained.steps} steps, {trained.seconds:.0f} s"
    say(json.dumps(said) if reporting.json else text)


app.command("stylize")(
    command(StylizeJob, Place, Watching, Reporting, arguments=("content", "styles"), handler=_stylize)
)
app.command("compare")(
    command(CompareJob, Place, Reporting, arguments=("content", "style"), handler=_compare)
)


app.command("video")(
    command(VideoJob, Place, FilmWatching, Reporting, arguments=("film", "styles"), handler=film_verbs.video)
)


def _live(job: LiveJob, place: Place, reporting: Reporting) -> None:
    from impasto import live

    told = live.play(job, out=place.out, overwrite=place.overwrite, told=tell)
    if reporting.json:
        say(json.dumps(told))
    else:
        width, height = told["size"]
        rate = told["painted"] / max(told["seconds"], 1e-9)
        say(f"{told['painted']} of {told['seen']} frames, {rate:.1f} a second, at last {width}x{height}")


app.command("live")(command(LiveJob, Place, Reporting, arguments=("styles",), handler=_live))
app.command("learn")(command(LearnJob, Place, Watching, Reporting, arguments=("pictures",), handler=_learn))
app.command("measure")(command(MeasureJob, Place, Reporting, arguments=("output",), handler=_measure))


@app.command()
def replay(
    picture: Annotated[Path, typer.Argument(help="A picture written by impasto.", show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where to write.")] = None,
    search: Annotated[
        list[Path] | None, typer.Option(help="A folder in which inputs may lie; may be repeated.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Paint a picture again from the recipe in its metadata."""
    from impasto import files, recipes
    from impasto.cli import progress

    target = out or picture.with_name(f"{picture.stem}-replay{picture.suffix}")
    files.check_output(target, overwrite=overwrite)
    with progress.watching(target.name, quiet=False, preview=None) as watch:
        result = recipes.replay(picture, search=search or (), watch=watch)
    result.save(target, overwrite=overwrite)
    say(str(target))


app.command("batch")(batch)
app.command("augment")(augment)
app.command("photoreal")(photoreal)
app.add_typer(styles, name="styles")
app.command("dream")(dream)
app.command("layers")(layers)
app.command("export")(export)
app.command("app")(studio)


@app.command("demo")
def show(
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write into.")] = Path("demo"),
    size: Annotated[int, typer.Option("--size", "-s", help="Long side, pixels.")] = 384,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Paint two sample photos in sample styles, and one in both at once, and set them on one sheet."""
    from impasto import demo
    from impasto.cli import progress

    with progress.watching("demo", quiet=False, preview=None) as watch:
        for path in demo.demo(out, size=size, watch=watch):
            say(str(path))
