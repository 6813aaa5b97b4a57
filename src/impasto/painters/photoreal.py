"""``photoreal``: photorealistic transfer of a job. With masks and ``fast`` it needs no PyTorch.

Modules that only some jobs need are imported by those.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from impasto import image, looks
from impasto.errors import InputError
from impasto.jobs import PhotorealJob
from impasto.jobs.base import NightName
from impasto.looks import Look, Mattes
from impasto.looks.clustering import resize_input
from impasto.looks.grading import Subject, mix
from impasto.looks.look import of_night
from impasto.painters.inputs import Inputs
from impasto.painters.subjects import LazyBackbone, prepare, say_classes, say_signal
from impasto.record import HistoryEntry, Recipe, Result
from impasto.session import Session

Array = NDArray[np.float32]


def run(job: PhotorealJob, session: Session = Session()) -> Result:
    """Run a job; ``session.also`` has the further outputs, as the arguments of :func:`impasto.photoreal`.

    The table of classes and warnings go to ``session.log``; default: the log.
    """
    inputs = Inputs(job, session.pictures)
    look, night = night_of(job, inputs)
    if "save_lamps" in session.also and night is None:
        raise InputError("--save-lamps is for nights: add --night, or leave it out")
    if (labels := session.also.get("save_lamps")) and labels.suffix.lower() in (".jpg", ".jpeg"):
        raise InputError(f"{labels} would change the colors of labels: save them as .png")
    made = _prepare_photo(job, inputs, look, night, session)
    if night is not None:
        made = _light_lamps(job, inputs, night, made, session)
    return _result(job, inputs, made)


def grade_photo(job: PhotorealJob, session: Session = Session()) -> tuple[Array, Array | None]:
    """Return the photo of a job and the same in the light of its styles, before any lamp is lit.

    Both are ``(H, W, 3)``, sRGB, 0..1; the second is None for a night without a style. Further outputs are
    not written.
    """
    inputs = Inputs(job, session.pictures)
    look, night = night_of(job, inputs)
    made = _prepare_photo(job, inputs, look, night, replace(session, also={}))
    return made.photo, made.painted


@dataclass(frozen=True, eq=False)
class _Made:
    """The photo ``(H, W, 3)`` at its size, and what was made of it so far; None: nothing."""

    photo: Array
    painted: Array | None
    recipe: Recipe
    history: tuple[HistoryEntry, ...] = ()
    stopped: bool = False


def night_of(job: PhotorealJob, inputs: Inputs) -> tuple[Look | None, NightName | None]:
    """Return the look of a job, and the kind of its night; None: it has none."""
    look = None if job.look is None else looks.load(str(inputs.source(job.look)))
    return look, job.night if look is None or job.night is not None else look.night


def _prepare_photo(
    job: PhotorealJob, inputs: Inputs, look: Look | None, night: NightName | None, session: Session
) -> _Made:
    """Read the photo of a job, and grade it if its style has colors."""
    if job.styles and (look is None or look.has_colors):
        return _apply_styles(job, inputs, LazyBackbone(job, session.threads), session)
    if night is None:
        raise InputError(f"{job.look} has neither colors nor a night: save it again")
    photo = inputs.read_at(job.content, job.size)
    recipe = inputs.recipe("cpu", engine="numpy", threads=1)
    if target := session.also.get("save_look"):
        looks.save(of_night(night), target, overwrite=session.overwrite)
    return _Made(photo, None, recipe)


def _light_lamps(job: PhotorealJob, inputs: Inputs, night: NightName, made: _Made, session: Session) -> _Made:
    """Light the lamps of a photo or of a graded photo."""
    from impasto.looks.lamps import draw_lamps
    from impasto.painters.nights import light_lamps

    start = time.monotonic()
    result = light_lamps(job, inputs, night, made.photo, made.painted, log=session.log)
    if target := session.also.get("save_lamps"):
        image.write(target, draw_lamps(result.on), overwrite=session.overwrite)
    seconds = time.monotonic() - start
    last = made.history[-1] if made.history else HistoryEntry(0.0, 1, 0.0, {})
    history = (*made.history[:-1], replace(last, seconds=last.seconds + seconds))
    return replace(made, painted=result.rgb, history=history)


def _apply_styles(job: PhotorealJob, inputs: Inputs, eyes: LazyBackbone, session: Session) -> _Made:
    """Grade a photo by its styles."""
    start, log = time.monotonic(), session.log
    target = session.also.get("save_look")
    saves = target is not None
    subject = prepare(job, inputs, eyes=eyes, features=not job.fast or saves, keep=saves, log=log)
    if target is not None:
        looks.save(replace(subject.look, night=job.night), target, overwrite=session.overwrite)
    if folder := session.also.get("save_masks"):
        _save_masks(subject, folder, overwrite=session.overwrite)
    given, own = looks.shift(subject.small, subject.regions, subject.look)
    say_classes(job, subject, own, log=log)
    mattes = Mattes.of(
        subject.photo, subject.regions.labels, len(subject.look.names), sure=subject.regions.sure
    )
    history: tuple[HistoryEntry, ...] = ()
    stopped = False
    if job.fast:
        recipe = inputs.recipe("cpu", engine="numpy", threads=eyes.threads or os.cpu_count() or 1)
        painted = looks.grade(subject.photo, mattes, given)
        history = (HistoryEntry(time.monotonic() - start, 1, 0.0, {}),)
    else:
        from impasto.backbones.devices import use_threads
        from impasto.painters.optimize import checkpoint_of
        from impasto.painters.photoreal_refine import refine, render

        threads = use_threads(eyes.threads)
        recipe = inputs.recipe(str(eyes.backbone.device), engine="torch", threads=threads)
        saved = checkpoint_of(session, recipe)
        grid, outcome = refine(
            job, subject, mattes, given, backbone=eyes.backbone, watch=session.watch, checkpoint=saved
        )
        painted = render(grid, subject.photo, mattes, given)
        history, stopped = outcome.history, outcome.stopped
    photo = subject.photo if subject.given is None else subject.given
    painted = mix(photo, painted, job.strength)
    say_signal(resize_input(photo), resize_input(painted), log=log)
    return _Made(photo, painted, recipe, history, stopped)


def _result(job: PhotorealJob, inputs: Inputs, made: _Made) -> Result:
    """Return the result with transparency, depth and metadata of the photo."""
    painted = made.painted
    assert painted is not None
    photo = inputs.read(job.content)
    alpha = None if photo.alpha is None else image.resize(photo.alpha, (painted.shape[0], painted.shape[1]))
    return Result(
        painted,
        made.recipe,
        made.history,
        alpha=alpha,
        bits=16 if photo.bits == 16 else 8,
        stopped=made.stopped,
        metadata=None if job.strip else image.read_metadata(inputs.source(job.content)),
    )


def _save_masks(subject: Subject, folder: Path, *, overwrite: bool) -> None:
    """Write the classes as masks: ``photo.png``, and ``style.png``, or ``style-1.png`` and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    several = len(subject.styles) > 1
    names = [
        f"style-{number}.png" if several else "style.png" for number in range(1, len(subject.styles) + 1)
    ]
    for name, regions in zip(["photo.png", *names], [subject.regions, *subject.styles], strict=True):
        image.write(folder / name, looks.draw_classes(regions), overwrite=overwrite)
