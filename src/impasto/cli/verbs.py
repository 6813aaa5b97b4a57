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
from impasto.cli.options import Again, Curve, Place, Reporting, Showing, Watching, command
from impasto.cli.photoreal_verbs import photoreal
from impasto.cli.plain_verbs import demo, doctor, replay
from impasto.cli.say import say, tell
from impasto.cli.style_verbs import export, styles
from impasto.errors import InputError, OutputError
from impasto.jobs import CompareJob, LearnJob, LiveJob, MeasureJob, StylizeJob, VideoJob

app = typer.Typer(
    rich_markup_mode=None,  # Rich would double the time that --help takes
    help="Paint photographs and films in any style, offline.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

GREETING = """impasto paints photographs and films in any style, offline.

  impasto stylize photo.jpg painting.jpg         a photo like a painting
  impasto stylize photo.jpg waves                in a moment, in a learned style: impasto styles list
  impasto video film.mp4 waves                   a film, held still, with its sound
  impasto photoreal day.jpg night.jpg            a photo in the light of another
  impasto dream photo.jpg                        what a network sees in it
  impasto learn painting.jpg --photos photos/    a style of one's own
  impasto batch photos/ --style waves -o out/    many pictures
  impasto styles samples                         pictures to begin with
  impasto doctor                                 is all well on this machine?

impasto --help lists all verbs, impasto VERB --help the options of one."""


@app.callback()
def greet(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Paint photographs and films in any style, offline."""
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
            tell(f"{job.content} moves: its first picture is painted; impasto video paints them all")
        _say(_paint(job, out, place=place, watching=watching, quiet=reporting.quiet), reporting)
    else:
        if passed := batch.passed_over(job.content):
            tell(passed)
        _paint_folder(job, photos, place=place, watching=watching, reporting=reporting)


def _paint_folder(
    job: StylizeJob, photos: list[Path], *, place: Place, watching: Watching, reporting: Showing
) -> None:
    """Paints each photo; the reasons of those that could not be painted come last, a line each."""
    from impasto import batch

    _refuse_a_file(place.out)

    def paint(source: Path, out: Path) -> None:
        one = dataclasses.replace(job, content=str(source))
        _paint(one, out, place=place, watching=watching, quiet=reporting.quiet)

    if place.out is None:
        photos = [p for p in photos if not p.stem.endswith(_suffix(job))]  # results of the last time
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
    """Paints one photo to a file; what to say of it."""
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
        tell("stopped: this is the best so far; repeat the command with --resume --overwrite to go on")


def _state(out: Path) -> Path:
    """Where a run that is broken off lies."""
    return out.with_name(out.name + ".checkpoint")


def _suffix(job: StylizeJob) -> str:
    return "-" + "-".join(Path(style).stem for style in job.styles)


def _beside(content: Path, job: StylizeJob) -> Path:
    return content.with_name(content.stem + _suffix(job) + ".png")


def _refuse_a_file(out: Path | None) -> None:
    from impasto import image

    if out is not None and not out.is_dir() and (out.is_file() or out.suffix.lower() in image.SUFFIXES):
        raise OutputError(f"{out} is the name of a file: several photos need a folder to be painted into")


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
        raise InputError(f"{job.output} is a film: give the one that was painted as --original")
    if job.baseline or place.out:
        raise InputError("--baseline and --out are for films: give the film that was painted as --original")
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
    """Where what was learned goes: into its pack; of one that came with impasto, a file of the user's own."""
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
        raise InputError("learn needs a painting: impasto learn mine.jpg, or --styles with a folder of them")
    if out.suffix == library.STYLE_SUFFIX and (len(job.pictures) != 1 or job.styles):
        raise InputError(
            f"{out.name} holds one style: give one painting, or -o {first}.safetensors for several"
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
    leader = os.environ.get("LOCAL_RANK", "0") == "0"  # of several processes only one shows how it goes
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
        say(f"{told['painted']} of {told['seen']} frames, {rate:.1f} a second, at last {width}x{height}")


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
