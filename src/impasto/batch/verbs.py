"""Verbs of a batch: the job of each, the suffix of its output, and the function that runs it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto import files, image, jobs, record
from impasto.errors import ImpastoError, InputError
from impasto.image.writing import check_suffix
from impasto.jobs import FILMS, WRITABLE, VideoJob
from impasto.painters.inputs import labels
from impasto.record import Result

if TYPE_CHECKING:
    from impasto.films import FilmResult


@dataclass(frozen=True)
class Share:
    """Resources of a worker: threads, and memory in bytes (None: all free memory)."""

    threads: int
    memory: int | None = None


Work = Callable[[Mapping[str, Any], Path, Path, Share], dict[str, Any]]


@dataclass(frozen=True)
class Verb:
    """A verb of a batch.

    Args:
        job: the class of its settings.
        suffix: suffix of an output without a name; empty for a folder.
        work: runs a job with the given settings, output, checkpoint and resources; returns the entries of the
            manifest, such as the recipe.
    """

    job: type[jobs.Job]
    suffix: str
    work: Work


# A setting for the images of a data set, which is in no job: store the result like the photo, with one
# channel if the photo is grey, and with its EXIF orientation, so that programs read both in the same way.
AS_STORED = "as_stored"


def _stylize(settings: Mapping[str, Any], out: Path, state: Path, share: Share) -> dict[str, Any]:
    from impasto import painters

    job = jobs.StylizeJob.parse(_plain(settings))
    _check(out, job.content, *job.styles)
    result = painters.run(job, checkpoint=state, resume=True, threads=share.threads, budget=share.memory)
    return _saved(result, out, state, like=job.content if settings.get(AS_STORED) else None)


def _photoreal(settings: Mapping[str, Any], out: Path, state: Path, share: Share) -> dict[str, Any]:
    job = jobs.PhotorealJob.parse(_plain(settings))
    said: list[str] = []
    if Path(job.content).suffix.lower() in FILMS:
        from impasto.films.grading import grade_film

        return _filmed(grade_film(job, out=out, overwrite=True, say=said.append, threads=share.threads))
    from impasto.painters import relighting

    _check(out, job.content, *job.styles, *(job.masks or ()))
    result = relighting.run(
        job, checkpoint=state, resume=True, threads=share.threads, told=said.append, overwrite=True
    )
    return {**_saved(result, out, state, like=job.content if settings.get(AS_STORED) else None), "said": said}


def _dream(settings: Mapping[str, Any], out: Path, state: Path, share: Share) -> dict[str, Any]:
    job = jobs.DreamJob.parse(settings)
    if Path(job.content).suffix.lower() in FILMS:
        from impasto.films.dreaming import dream_film

        return _filmed(dream_film(job, out=out, overwrite=True, threads=share.threads))
    if job.zoom:
        from impasto.films.zooming import zoom

        return _filmed(zoom(job, out=out, overwrite=True, threads=share.threads))
    from impasto.painters import dreaming

    _check(out, job.content, *(name for name in (job.guide, job.mask, *job.style) if name))
    result = dreaming.run_dream(job, checkpoint=state, resume=True, threads=share.threads)
    return _saved(result, out, state)


def _video(settings: Mapping[str, Any], out: Path, state: Path, share: Share) -> dict[str, Any]:
    from impasto import films

    job = VideoJob.parse(settings)
    return _filmed(films.paint_film(job, out=out, overwrite=True, threads=share.threads))


def _check(out: Path, *inputs: str) -> None:
    """Raise an error if an output cannot be written, or is an input."""
    check_suffix(out)
    files.spare(out, inputs)
    files.check_output(out, overwrite=True)


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that belong to the job."""
    return {name: value for name, value in settings.items() if name != AS_STORED}


def _saved(result: Result, out: Path, state: Path, *, like: str | None = None) -> dict[str, Any]:
    """Write an image, stored like the photo ``like``; delete its checkpoint; return the manifest entries."""
    if result.stopped:
        raise KeyboardInterrupt  # a stopped batch resumes from the checkpoint
    grey, turn = (False, 1) if like is None else image.stored_as(Path(like))
    if turn != 1:
        result = replace(result, metadata=replace(result.metadata or image.Metadata(), turn=turn))
    result.save(out, overwrite=True, grey=grey)
    state.unlink(missing_ok=True)
    return {"recipe": json.loads(result.recipe.to_json()), "size": list(result.picture.shape[1::-1])}


def _filmed(found: FilmResult) -> dict[str, Any]:
    assert found.recipe is not None
    size = list(found.size[::-1])
    return {"recipe": json.loads(found.recipe.to_json()), "frames": found.frames, "size": size}


def _recipe(job: jobs.Job, device: str, share: Share) -> dict[str, Any]:
    """Return the recipe of a job whose output cannot hold one; set the threads of PyTorch to the share's."""
    from impasto.backbones.devices import choose_device, use_threads

    names: list[str] = []

    def noted(name: str) -> str:
        names.append(name)
        return name

    job.renamed(job.settings(), noted)
    short = labels(names)
    found = record.recipe(
        job.verb,
        job.renamed(job.settings(), short.__getitem__),
        hashes={label: files.sha256(name) for name, label in short.items() if Path(name).is_file()},
        device=str(choose_device(device)),
        engine="torch",
        threads=use_threads(share.threads),
    )
    return {"recipe": json.loads(found.to_json())}


def _compare(settings: Mapping[str, Any], out: Path, state: Path, share: Share) -> dict[str, Any]:
    from impasto.verbs.compare import compare

    job = jobs.CompareJob.parse(settings)
    recipe = _recipe(job, job.device, share)
    return {**recipe, "methods": compare(job, folder=out, overwrite=True)}


def _measure(settings: Mapping[str, Any], out: Path, state: Path, share: Share) -> dict[str, Any]:
    from impasto import backbones, metrics
    from impasto.backbones.devices import choose_device

    job = jobs.MeasureJob.parse(settings)
    if job.original is not None or job.content is None:
        raise InputError(
            "a batch measures images, with their content; for videos use impasto measure --original"
        )
    recipe = _recipe(job, job.device, share)
    backbone = backbones.load(job.backbone, device=choose_device(job.device), precision="float32")
    found = metrics.measure(
        job.output, content=job.content, styles=job.style or (), weights=job.weights, backbone=backbone
    )
    files.check_output(out, overwrite=True)
    with files.atomic(out) as temporary:
        temporary.write_text(found.to_json() + "\n", encoding="utf-8")
    return {**recipe, "summary": found.summary()}


def _learn(settings: Mapping[str, Any], out: Path, state: Path, share: Share) -> dict[str, Any]:
    from impasto import training
    from impasto.networks import library, packs

    job = jobs.LearnJob.parse(settings)
    single = out.suffix == library.STYLE_SUFFIX
    if job.processes > 1:
        raise InputError("a batch trains in one process: leave out processes")
    if not single and out.suffix != library.PACK_SUFFIX:
        raise InputError(f"{out.name} must end in {library.PACK_SUFFIX} or {library.STYLE_SUFFIX}")
    if single and (len(job.pictures) != 1 or job.styles):
        raise InputError(f"{out.name} holds one style: give one style image, or a {library.PACK_SUFFIX}")
    files.check_output(out, overwrite=True)
    recipe = _recipe(job, job.device, share)
    found = training.learn(job, checkpoint=state, resume=True)
    if found.trained.stopped:
        raise KeyboardInterrupt
    if single:
        packs.save_style(found.pack, found.names[0], out, overwrite=True)
    else:
        packs.save(found.pack, out, overwrite=True)
    state.unlink(missing_ok=True)
    return {**recipe, "styles": list(found.names), "steps": found.trained.steps}


def _layers(settings: Mapping[str, Any], out: Path, state: Path, share: Share) -> dict[str, Any]:
    from impasto.verbs.layers import draw

    job = jobs.LayersJob.parse(settings)
    recipe = _recipe(job, job.device, share)
    return {**recipe, "names": [entry.name for entry in draw(job, folder=out, overwrite=True)]}


VERBS: dict[str, Verb] = {
    "stylize": Verb(jobs.StylizeJob, ".png", _stylize),
    "photoreal": Verb(jobs.PhotorealJob, ".png", _photoreal),
    "dream": Verb(jobs.DreamJob, ".png", _dream),
    "video": Verb(VideoJob, ".mp4", _video),
    "learn": Verb(jobs.LearnJob, ".safetensors", _learn),
    "compare": Verb(jobs.CompareJob, "", _compare),
    "measure": Verb(jobs.MeasureJob, ".json", _measure),
    "layers": Verb(jobs.LayersJob, "", _layers),
}


def _shot(settings: Mapping[str, Any], out: Path, state: Path, share: Share) -> dict[str, Any]:
    """Stylize one shot of a video; used by :mod:`impasto.batch.splitting` only."""
    from impasto.films import Shot, shots

    job, shot = VideoJob.parse(settings["job"]), Shot(settings["first"], settings["last"])
    folder = shots_of(state.parents[1], settings["film"])
    painted = shots.paint_shot(job, shot, folder=folder, suffix=out.suffix, threads=share.threads)
    return {**_filmed(painted.result), "parts": [str(p) for p in painted.parts], "recipe": painted.recipe}


def shots_of(folder: Path, key: str) -> Path:
    """Return the folder of a video's shots within the output folder of a batch."""
    return folder / ".state" / f"{key}.shots"


SHOT = "shot"
_WORK = {**{name: verb.work for name, verb in VERBS.items()}, SHOT: _shot}


def suffix_of(verb: str, settings: Mapping[str, Any]) -> str:
    """Return the suffix of an output without a name; a video remains a video."""
    if verb in ("photoreal", "dream"):
        own = Path(str(settings.get("content"))).suffix.lower()
        if own in FILMS or settings.get("zoom"):
            return own if own in WRITABLE else ".mp4"
    return VERBS[verb].suffix


def carry_out(verb: str, settings: Mapping[str, Any], out: Path, state: Path, share: Share) -> dict[str, Any]:
    """Run one job; return its manifest entries, or those of :func:`failed` on any error."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        state.parent.mkdir(parents=True, exist_ok=True)
        return _WORK[verb](settings, out, state, share)
    except Exception as error:
        return failed(error)


def failed(error: Exception) -> dict[str, Any]:
    """Return the manifest entries of an error: ``{"error": one line}``.

    An unexpected error is reported with its type and marked as a fault, since a batch shows no traceback.
    """
    if isinstance(error, ImpastoError):
        return {"error": " ".join(str(error).split())}
    if isinstance(error, OSError) and (mended := files.mend(error)) is not None:
        return {"error": mended}
    return {"error": " ".join(f"{type(error).__name__}: {error}".split())[:1000], "fault": True}
