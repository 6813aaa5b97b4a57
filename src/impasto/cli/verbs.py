"""The verbs: each builds a job from its options, runs it and prints where the result is.

Heavy modules are imported inside the verb that needs them, so that help and errors are fast.
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
from impasto.cli.options import Again, Curve, Place, Reporting, Showing, Watching, command
from impasto.cli.photoreal_verbs import photoreal
from impasto.cli.plain_verbs import demo, doctor, replay
from impasto.cli.say import say, tell
from impasto.cli.style_verbs import export, styles
from impasto.errors import InputError, OutputError
from impasto.jobs import CompareJob, LearnJob, LiveJob, MeasureJob, StylizeJob, VideoJob

app = typer.Typer(
    rich_markup_mode=None,  # Rich would double the time of --help
    help="Stylize photos and videos, offline.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

GREETING = """impasto stylizes photos and videos, offline.

  impasto stylize photo.jpg painting.jpg         paint a photo in the style of a painting
  impasto stylize photo.jpg waves                use a learned style; see impasto styles list
  impasto video film.mp4 waves                   stylize a video with temporal consistency
  impasto photoreal day.jpg night.jpg            transfer light and colours between photos
  impasto dream photo.jpg                        DeepDream
  impasto learn painting.jpg --photos photos/    train a style of your own
  impasto batch photos/ --style waves -o out/    stylize many photos
  impasto styles samples                         write sample images to start with
  impasto doctor                                 check the installation

impasto --help lists all verbs, impasto VERB --help the options of one."""


@app.callback()
def greet(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Stylize photos and videos, offline."""
    if version:
        from impasto import __version__

        say(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        say(GREETING)


def _stylize(job: StylizeJob, place: Place, watching: Watching, reporting: Showing) -> None:
    from impasto import batch, image

    photos = batch.photos(job.content)
    if photos is None:
        out = place.out or _beside(Path(job.content), job)
        watching.say_if_anew(_state(out))
        if film_verbs.is_film(Path(job.content)) and Path(job.content).suffix.lower() in image.READABLE:
            tell(f"{job.content} is animated: only its first frame is used; impasto video processes all")
        _say(_paint(job, out, place=place, watching=watching, quiet=reporting.quiet), reporting)
    else:
        if passed := batch.passed_over(job.content):
            tell(passed)
        _paint_folder(job, photos, place=place, watching=watching, reporting=reporting)


def _paint_folder(
    job: StylizeJob, photos: list[Path], *, place: Place, watching: Watching, reporting: Showing
) -> None:
    """Stylize each photo; print the errors at the end, one line each."""
    from impasto import batch

    _refuse_a_file(place.out)

    def paint(source: Path, out: Path) -> None:
        one = dataclasses.replace(job, content=str(source))
        _paint(one, out, place=place, watching=watching, quiet=reporting.quiet)

    if place.out is None:
        photos = [p for p in photos if not p.stem.endswith(_suffix(job))]  # results of an earlier run
    stems = batch.stems(photos)

    def target(source: Path) -> Path:
        if place.out is None:
            return source.with_name(f"{Path(stems[source]).name}{_suffix(job)}.png")
        return place.out / f"{stems[source]}.png"

    def told(path: Path, what: str) -> None:
        if not reporting.quiet:
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


def _paint(job: StylizeJob, out: Path, *, place: Place, watching: Watching, quiet: bool) -> dict[str, Any]:
    """Stylize one photo, write the file and return the summary."""
    from impasto import files
    from impasto.image.writing import check_suffix
    from impasto.painters.paintings import spread

    check_suffix(out)
    job = spread(job)
    for target in (out, watching.preview):
        files.spare(target, (job.content, *job.styles, *(job.mask or ()), job.init))
    files.check_output(out, overwrite=place.overwrite)
    from impasto import painters
    from impasto.cli import progress

    state = _state(out)
    every = watching.save_every
    with progress.watching(out.name, quiet=quiet, preview=watching.preview, every=every) as watch:
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
        tell("stopped: the best result so far is kept; to continue, repeat with --resume --overwrite")


def _state(out: Path) -> Path:
    """Return the path of the checkpoint."""
    return out.with_name(out.name + ".checkpoint")


def _suffix(job: StylizeJob) -> str:
    return "-" + "-".join(Path(style).stem for style in job.styles)


def _beside(content: Path, job: StylizeJob) -> Path:
    return content.with_name(content.stem + _suffix(job) + ".png")


def _refuse_a_file(out: Path | None) -> None:
    from impasto import image

    if out is not None and not out.is_dir() and (out.is_file() or out.suffix.lower() in image.SUFFIXES):
        raise OutputError(f"{out} is the name of a file: for several photos, --out must be a folder")


def _compare(job: CompareJob, place: Place, reporting: Showing) -> None:
    from impasto.cli import progress
    from impasto.verbs.compare import compare

    folder = place.out or Path(job.content).with_name(
        f"compare-{Path(job.content).stem}-{Path(job.style).stem}"
    )
    with progress.watching("compare", quiet=reporting.quiet, preview=None) as watch:
        said = None if reporting.quiet else tell
        rows = compare(job, folder=folder, overwrite=place.overwrite, watch=watch, told=said)
    if reporting.json:
        say(json.dumps({"folder": str(folder), "methods": rows}))
    else:
        say(f"{folder / 'index.html'}\n{folder / 'compare.png'}")


def _measure(job: MeasureJob, place: Place, reporting: Reporting) -> None:
    if job.original is not None:
        film_verbs.measure(job, place, reporting)
        return
    if film_verbs.is_film(Path(job.output)):
        raise InputError(f"{job.output} is a video: give its source as --original")
    if job.baseline or place.out:
        raise InputError("--baseline and --out are for videos: give the source video as --original")
    from impasto import backbones, metrics
    from impasto.backbones.devices import choose_device

    backbone = backbones.load(job.backbone, device=choose_device(job.device), precision="float32")
    found = metrics.measure(
        job.output, content=job.content, styles=job.style or (), weights=job.weights, backbone=backbone
    )
    if reporting.json:
        say(found.to_json())
        return
    for name, value in found.summary().items():
        say(f"{name:16} {value:.4g}")


def _pack_beside(job: LearnJob, first: str) -> Path:
    """Return the default output: the pack to add to, or a file of the user's own if it is a bundled one."""
    from impasto.networks import library

    if job.into is None:
        return library.user_folder() / f"{first}{library.PACK_SUFFIX}"
    if library.pack_file(job.into).parent == library.SHIPPED:
        return library.user_folder() / f"{first}{library.STYLE_SUFFIX}"
    return Path(job.into)


def _learn(job: LearnJob, place: Place, watching: Watching, drawn: Curve, reporting: Showing) -> None:
    from impasto import files
    from impasto.cli import progress
    from impasto.networks import library, packs

    first = packs.clean_name(Path(job.pictures[0] if job.pictures else job.styles or job.network).stem)
    out = place.out or _pack_beside(job, first)
    overwrite = place.overwrite or (job.into is not None and out == Path(job.into) and place.out is None)
    if not (job.pictures or job.styles or job.teacher):
        raise InputError("learn needs a style image: impasto learn mine.jpg, or --styles with a folder")
    if out.suffix == library.STYLE_SUFFIX and (len(job.pictures) != 1 or job.styles):
        raise InputError(
            f"{out.name} holds one style: give one style image, or -o {first}.safetensors for several"
        )
    for target in (None if overwrite and out == Path(job.into or "") else out, watching.preview):
        files.spare(target, (*job.pictures, job.into, job.begin_from, job.teacher))
    files.check_output(out, overwrite=overwrite)
    if drawn.curve is not None:
        files.check_output(drawn.curve, overwrite=place.overwrite)
    from impasto import training
    from impasto.training import curve

    state = _state(out)
    watching.say_if_anew(state)
    leader = os.environ.get("LOCAL_RANK", "0") == "0"  # only one of several processes shows progress
    preview = watching.preview if leader else None
    quiet, every = reporting.quiet or not leader, watching.save_every
    with progress.watching_training(out.name, quiet=quiet, preview=preview, every=every) as watch:
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
    if out.suffix == library.STYLE_SUFFIX:
        packs.save_style(learned.pack, learned.names[0], out, overwrite=overwrite)
    else:
        packs.save(learned.pack, out, overwrite=overwrite)
    trained = learned.trained
    if drawn.curve is not None:
        curve.write(drawn.curve, trained.history, overwrite=place.overwrite)
    if trained.stopped:
        tell("stopped: the styles trained so far are kept; to continue, repeat with --resume --overwrite")
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
    command(StylizeJob, Place, Watching, Showing, arguments=("content", "styles"), handler=_stylize)
)
app.command("compare")(command(CompareJob, Place, Showing, arguments=("content", "style"), handler=_compare))


app.command("video")(
    command(VideoJob, Place, Again, Showing, arguments=("film", "styles"), handler=film_verbs.video)
)


def _live(job: LiveJob, place: Place, reporting: Reporting) -> None:
    from impasto import live

    told = live.play(job, out=place.out, overwrite=place.overwrite, told=tell)
    if reporting.json:
        say(json.dumps({"output": None if place.out is None else str(place.out), **told}))
    else:
        width, height = told["size"]
        rate = told["painted"] / max(told["seconds"], 1e-9)
        say(f"{told['painted']} of {told['seen']} frames, {rate:.1f} frames/s, final size {width}x{height}")


app.command("live")(command(LiveJob, Place, Reporting, arguments=("styles",), handler=_live))
app.command("learn")(
    command(LearnJob, Place, Watching, Curve, Showing, arguments=("pictures",), handler=_learn)
)
app.command("measure")(command(MeasureJob, Place, Reporting, arguments=("output",), handler=_measure))


app.command("replay")(replay)
app.command("batch")(batch)
app.command("augment")(augment)
app.command("photoreal")(photoreal)
app.add_typer(styles, name="styles")
app.command("dream")(dream)
app.command("layers")(layers)
app.command("export")(export)
app.command("app")(studio)
app.command("demo")(demo)
app.command("doctor")(doctor)
