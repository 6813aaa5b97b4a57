"""``learn``: check the outputs, train, and write the pack."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from impasto import files
from impasto.errors import InputError, OutputError
from impasto.jobs import LearnJob
from impasto.jobs.base import pluralize
from impasto.networks import library, packs
from impasto.session import Session, checkpoint_beside
from impasto.verbs.run import Outcome

if TYPE_CHECKING:
    from impasto.training import LearnResult


def run(job: LearnJob, out: Path | None, session: Session) -> Outcome:
    """Train a network; write a pack, a style file or, by default, add to the user's styles."""
    if not (job.pictures or job.styles or job.teacher):
        raise InputError("learn needs a style image: impasto learn mine.jpg, or --styles with a folder")
    if job.processes > 1 and multiprocessing.current_process().daemon:
        raise InputError("a batch trains in one process: leave out processes")
    first = packs.clean_name(Path(job.pictures[0] if job.pictures else job.styles or job.network).stem)
    out = out or _default_pack(job, first)
    session = replace(session.of_image(), checkpoint=session.checkpoint or checkpoint_beside(out))
    into = job.into is not None and out == Path(job.into)  # the pack to add to is both input and output
    overwrite, curve = session.overwrite or into, session.also.get("curve")
    if curve is not None and curve.suffix not in (".csv", ".svg", ".png"):
        raise InputError(f"--curve {curve} must end in .csv, .svg or .png")
    _check(job, out, first, overwrite=overwrite, into=into)
    if curve is not None:
        files.check_output(curve, overwrite=session.overwrite)
    from impasto import training
    from impasto.backbones.devices import use_threads
    from impasto.training import curve as curves

    use_threads(session.threads)
    learned = training.learn(
        job,
        watch=session.watch,
        log=session.log,
        checkpoint=session.checkpoint,
        save_every=session.save_every,
        resume=session.resume,
    )
    trained = learned.trained
    if trained.stopped and not session.partial:
        raise KeyboardInterrupt
    if learned.leader:
        _write(learned, out, overwrite=overwrite)
        if curve is not None:
            curves.write(curve, trained.history, overwrite=session.overwrite)
        if session.checkpoint is not None and not trained.stopped:
            session.checkpoint.unlink(missing_ok=True)
    facts = {
        "output": str(out),
        "styles": list(learned.names),
        "steps": trained.steps,
        "seconds": round(trained.seconds),
        "loss": trained.history[-1].loss if trained.history else None,
        "stopped": trained.stopped,
    }
    text = f"{out}: {', '.join(learned.names)}, {pluralize(trained.steps, 'step')}, {trained.seconds:.0f} s"
    said = text if learned.leader else ""  # one of several processes speaks
    return Outcome(learned, out, said, facts, stopped=trained.stopped)


def _write(learned: LearnResult, out: Path, *, overwrite: bool) -> None:
    """Write a pack or a style file, by the suffix of ``out``."""
    if out.suffix == library.STYLE_SUFFIX:
        packs.save_style(learned.pack, learned.names[0], out, overwrite=overwrite)
    else:
        packs.save(learned.pack, out, overwrite=overwrite)


def _default_pack(job: LearnJob, first: str) -> Path:
    """Return the default output: the pack to add to, or a file of the user's own if it is a bundled one."""
    if job.into is None:
        return library.user_folder() / f"{first}{library.PACK_SUFFIX}"
    if library.pack_file(job.into).parent == library.SHIPPED:
        return library.user_folder() / f"{first}{library.STYLE_SUFFIX}"
    return Path(job.into)


def _check(job: LearnJob, out: Path, first: str, *, overwrite: bool, into: bool) -> None:
    """Raise an error before the training if the output cannot be written."""
    if out.suffix == library.STYLE_SUFFIX and (len(job.pictures) != 1 or job.styles):
        raise InputError(
            f"{out.name} holds one style: give one style image, or -o {first}.safetensors for several"
        )
    if out.suffix not in (library.PACK_SUFFIX, library.STYLE_SUFFIX):
        raise OutputError(f"{out.name} must end in {library.PACK_SUFFIX} or {library.STYLE_SUFFIX}")
    files.protect_inputs(None if into else out, (*job.pictures, job.into, job.begin_from, job.teacher))
    files.check_output(out, overwrite=overwrite)
