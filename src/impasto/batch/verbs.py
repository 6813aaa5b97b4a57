"""What a batch can do: for each verb its job, the suffix of its output, and how it is carried out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from impasto import files, jobs
from impasto.errors import ImpastoError, InputError
from impasto.image.writing import check_suffix
from impasto.jobs import VideoJob


@dataclass(frozen=True)
class Share:
    """What one worker may use of a machine: threads, and bytes of memory (None: what is free)."""

    threads: int
    memory: int | None = None


Work = Callable[[Mapping[str, Any], Path, Path, Share], dict[str, Any]]


@dataclass(frozen=True)
class Verb:
    """A verb of a batch.

    Args:
        job: its settings.
        suffix: of an output that has no name of its own; empty for a folder.
        work: carries out settings into an output, with a file for the state of a run that may be killed;
            returns what the manifest should hold, such as the recipe.
    """

    job: type[jobs.Job]
    suffix: str
    work: Work


def _stylize(settings: Mapping[str, Any], out: Path, state: Path, share: Share) -> dict[str, Any]:
    from impasto import painters

    check_suffix(out)
    job = jobs.StylizeJob.parse(settings)
    if any(
        Path(name).is_file() and out.exists() and out.samefile(name) for name in (job.content, *job.styles)
    ):
        raise InputError(f"{out.name} is an input of this painting, which would be lost: choose another name")
    files.check_output(out, overwrite=True)
    result = painters.run(job, checkpoint=state, resume=True, threads=share.threads, budget=share.memory)
    result.save(out, overwrite=True)
    state.unlink(missing_ok=True)
    return {"recipe": json.loads(result.recipe.to_json()), "size": list(result.picture.shape[1::-1])}


def _video(settings: Mapping[str, Any], out: Path, state: Path, share: Share) -> dict[str, Any]:
    from impasto import films

    found = films.paint_film(VideoJob.parse(settings), out=out, overwrite=True)
    return {"frames": found.frames, "size": list(found.size[::-1])}


def _compare(settings: Mapping[str, Any], out: Path, state: Path, share: Share) -> dict[str, Any]:
    from impasto.comparison import compare

    return {"methods": compare(jobs.CompareJob.parse(settings), folder=out, overwrite=True)}


def _measure(settings: Mapping[str, Any], out: Path, state: Path, share: Share) -> dict[str, Any]:
    from impasto import backbones, metrics
    from impasto.painters.devices import choose_device

    job = jobs.MeasureJob.parse(settings)
    if job.original is not None or job.content is None:
        raise InputError("a batch measures pictures, with their content; films: impasto measure --original")
    backbone = backbones.load(job.backbone, device=choose_device(job.device), precision="float32")
    found = metrics.measure(
        job.output, content=job.content, styles=job.style or (), weights=job.weights, backbone=backbone
    )
    files.check_output(out, overwrite=True)
    with files.atomic(out) as temporary:
        temporary.write_text(found.to_json() + "\n", encoding="utf-8")
    return {"summary": found.summary()}


VERBS: dict[str, Verb] = {
    "stylize": Verb(jobs.StylizeJob, ".png", _stylize),
    "video": Verb(VideoJob, ".mp4", _video),
    "compare": Verb(jobs.CompareJob, "", _compare),
    "measure": Verb(jobs.MeasureJob, ".json", _measure),
}


def carry_out(verb: str, settings: Mapping[str, Any], out: Path, state: Path, share: Share) -> dict[str, Any]:
    """Does one job, whatever comes: what it made, or ``{"error": one line}``.

    An error that is none of ours is told with its kind: in a batch nobody sees a traceback, and the other
    jobs go on.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        state.parent.mkdir(parents=True, exist_ok=True)
        return VERBS[verb].work(settings, out, state, share)
    except ImpastoError as error:
        return {"error": " ".join(str(error).split())}
    except Exception as error:
        kind = type(error).__name__
        return cast("dict[str, Any]", {"error": " ".join(f"{kind}: {error}".split())[:1000], "fault": True})
