"""Work of a batch's workers: run one job, and return the entries of its row in the manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from impasto import files
from impasto.errors import ImpastoError
from impasto.jobs import Job, LearnJob, VideoJob
from impasto.painters.inputs import recipe_of
from impasto.record import Recipe, other_version
from impasto.session import Session
from impasto.verbs.run import VERBS, is_moving, run

# A setting for the images of a data set, which is in no job: store the result like the photo, with one
# channel if the photo is gray, and with its EXIF orientation, so that programs read both in the same way.
AS_STORED = "as_stored"
SHOT = "shot"
_PLACES = ("output", "folder", "page", "seconds", "stopped")  # facts that a row has by itself


@dataclass(frozen=True)
class Share:
    """Resources of a worker: threads, and memory in bytes (None: all free memory)."""

    threads: int
    memory: int | None = None


def carry_out(verb: str, settings: Mapping[str, Any], out: Path, state: Path, share: Share) -> dict[str, Any]:
    """Run one job; return its manifest entries, or those of :func:`error_entries` on any error."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        state.parent.mkdir(parents=True, exist_ok=True)
        work = _shot if verb == SHOT else _work
        return work(verb, settings, out, state, share)
    except Exception as error:
        return error_entries(error)


def _work(verb: str, settings: Mapping[str, Any], out: Path, state: Path, share: Share) -> dict[str, Any]:
    job = VERBS[verb].job.parse({name: value for name, value in settings.items() if name != AS_STORED})
    if not isinstance(job, LearnJob):  # a training, which takes hours, goes on with a warning
        _discard_older(state)
    said: list[str] = []
    session = Session(
        log=said.append,
        checkpoint=state,
        resume=True,
        restart=is_moving(job) and _is_of_other_version(out),
        overwrite=True,
        partial=False,  # a stopped batch resumes from the checkpoint
        as_stored=bool(settings.get(AS_STORED)),
        threads=share.threads,
        memory=share.memory,
    )
    outcome = run(job, out, session)
    facts = {name: value for name, value in outcome.facts.items() if name not in _PLACES}
    row = {**facts, "recipe": json.loads((outcome.recipe or _recipe(job)).to_json())}
    return {**row, "said": said} if said else row


def _is_of_other_version(out: Path) -> bool:
    """Return whether a video was begun by another version of impasto: a batch begins it again."""
    from impasto.media.segments import of_other_version  # loads PyAV, which images do not need

    return of_other_version(out)


def _discard_older(state: Path) -> None:
    """Delete a checkpoint of another version of impasto: a batch begins such a job again."""
    if state.exists() and other_version(files.describe_checkpoint(state)):
        state.unlink()


def _recipe(job: Job) -> Recipe:
    """Return the recipe of a job whose output cannot hold one."""
    from impasto.backbones.devices import choose_device, use_threads

    device = str(choose_device(job.settings()["device"]))
    return recipe_of(job, device, engine="torch", threads=use_threads(None))


def _shot(verb: str, settings: Mapping[str, Any], out: Path, state: Path, share: Share) -> dict[str, Any]:
    """Stylize one shot of a video; used by :mod:`impasto.batching.splitting` only."""
    from impasto.films import FrameRange, shots

    job, shot = VideoJob.parse(settings["job"]), FrameRange(settings["first"], settings["last"])
    folder = shots_of(state.parents[1], settings["film"])
    painted = shots.paint_shot(job, shot, folder=folder, suffix=out.suffix, threads=share.threads)
    height, width = painted.result.size
    parts = [str(part) for part in painted.parts]
    frames = painted.result.frames
    return {"frames": frames, "size": [width, height], "parts": parts, "recipe": painted.recipe}


def shots_of(folder: Path, key: str) -> Path:
    """Return the folder of a video's shots within the output folder of a batch."""
    return folder / ".state" / f"{key}.shots"


def error_entries(error: Exception) -> dict[str, Any]:
    """Return the manifest entries of an error: ``{"error": one line}``.

    An unexpected error is reported with its type and marked as a fault, since a batch shows no traceback.
    """
    if isinstance(error, ImpastoError):
        return {"error": " ".join(str(error).split())}
    if isinstance(error, OSError) and (mended := files.explain_os_error(error)) is not None:
        return {"error": mended}
    return {"error": " ".join(f"{type(error).__name__}: {error}".split())[:1000], "fault": True}
