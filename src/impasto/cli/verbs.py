"""The verbs: each builds a job from its options, runs it and prints the result.

Heavy modules are imported inside the verb that needs them, so that help and errors are fast.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from impasto.cli.app import studio, watch
from impasto.cli.batch import augment, batch, is_several, run_several
from impasto.cli.misc import demo, doctor, replay
from impasto.cli.options import CommonOptions, command
from impasto.cli.say import INTERRUPTED, say, tell
from impasto.cli.styles import export, styles
from impasto.jobs import Job, LiveJob
from impasto.session import Session, checkpoint_beside
from impasto.verbs.run import VERBS, Outcome, default_output, is_moving, run

GREETING = """impasto stylizes photos and videos, offline.

  impasto stylize photo.jpg painting.jpg         paint a photo in the style of a painting
  impasto stylize photo.jpg waves                use a learned style; see impasto styles list
  impasto video film.mp4 waves                   stylize a video with temporal consistency
  impasto photoreal day.jpg night.jpg            transfer light and colors between photos
  impasto dream photo.jpg                        DeepDream
  impasto learn painting.jpg --photos photos/    train a style of your own
  impasto batch photos/ --style waves -o out/    stylize many photos
  impasto styles samples                         write sample images to start with
  impasto doctor                                 check the installation

impasto --help lists all verbs, impasto VERB --help the options of one."""


def application() -> typer.Typer:
    """Return the command line, with a command for each of ``VERBS``."""
    app = typer.Typer(
        rich_markup_mode=None,  # Rich would double the time of --help
        help="Stylize photos and videos, offline.",
        invoke_without_command=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(greet)
    for name, verb in VERBS.items():
        if verb.command:
            app.command(name)(command(verb, handle))
    named = {"replay": replay, "batch": batch, "augment": augment, "export": export, "demo": demo}
    for name, function in {**named, "doctor": doctor}.items():
        app.command(name)(function)
    app.add_typer(styles, name="styles")
    app.command("app")(studio)
    return app


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


def handle(job: Job, given: CommonOptions) -> None:
    """Run a job and print its result; a folder of photos or videos is a batch."""
    if is_several(job):
        run_several(job, given)
        return
    if isinstance(job, LiveJob) and given.place.out is None:
        outcome = watch(job)
    else:
        outcome = _run(job, given.place.out or default_output(job), given)
    if not outcome.text:
        return
    if given.showing.json or not given.showing.quiet:
        say(json.dumps(outcome.facts) if given.showing.json else outcome.text)
    if outcome.stopped:
        tell("stopped: the result so far is kept; to continue, repeat with --resume --overwrite")


def _run(job: Job, out: Path | None, given: CommonOptions) -> Outcome:
    """Run a job with a progress bar."""
    from impasto import files
    from impasto.cli import progress

    watching, moving = given.watching, is_moving(job)
    files.protect_inputs(watching.preview, job.inputs())
    if moving:
        watching.refuse(Path(job.inputs()[0]))
    else:
        given.again.refuse_restart(Path(next(iter(job.inputs()), job.verb)))
    if watching.resume and out is not None and not (state := checkpoint_beside(out)).exists():
        tell(f"nothing to resume: there is no {state}, so this starts from the beginning")
    leads = os.environ.get("LOCAL_RANK", "0") == "0"  # only one of several processes shows progress
    quiet, preview = given.showing.quiet or not leads, watching.preview if leads else None
    title = job.verb if out is None else out.name
    with progress.progress_bar(title, quiet=quiet, preview=preview, every=watching.save_every) as bar:
        session = Session(
            watch=bar.training if job.verb == "learn" else bar.watch,
            on_progress=bar.film,
            log=tell,
            save_every=watching.save_every,
            resume=watching.resume,
            restart=given.again.restart,
            overwrite=given.place.overwrite,
            also=given.also,
        )
        try:
            return run(job, out, session)
        except KeyboardInterrupt:
            if not moving or out is None:
                raise
            tell(f"stopped: finished frames are in {out.name}.parts; repeat the command to resume")
            raise typer.Exit(INTERRUPTED) from None
