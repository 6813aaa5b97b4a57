"""What a batch can do: for each verb its job, the suffix of its output, and how it is carried out."""

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


# A setting of pictures of a data set, which no job has: to be stored as the photo is, in its one channel if
# it is grey, and turned if it is stored turned, so that all that reads the one can read the other.
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
    """Refuses an output that cannot be written, or that is an input."""
    check_suffix(out)
    files.spare(out, inputs)
    files.check_output(out, overwrite=True)


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are the job's own."""
    return {name: value for name, value in settings.items() if name != AS_STORED}


def _saved(result: Result, out: Path, state: Path, *, like: str | None = None) -> dict[str, Any]:
    """Writes a picture, as the photo ``like`` is stored, and ends the state of its run; what a row holds."""
    if result.stopped:
        raise KeyboardInterrupt  # a batch that is stopped goes on from the state
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
    """The recipe of a job whose output carries none, on PyTorch, with the share's threads from now on."""
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
        raise InputError("a batch measures pictures, with their content; films: impasto measure --original")
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
        raise InputError(f"{out.name} holds one style: give one painting, or a {library.PACK_SUFFIX}")
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
    """Part of a film; nobody asks for it but :mod:`impasto.batch.splitting`."""
    from impasto.films import Shot, shots

    job, shot = VideoJob.parse(settings["job"]), Shot(settings["first"], settings["last"])
    folder = shots_of(state.parents[1], settings["film"])
    painted = shots.paint_shot(job, shot, folder=folder, suffix=out.suffix, threads=share.threads)
    return {**_filmed(painted.result), "parts": [str(p) for p in painted.parts], "recipe": painted.recipe}


def shots_of(folder: Path, key: str) -> Path:
    """Where the shots of a film lie until it is whole, in a batch's output folder."""
    return folder / ".state" / f"{key}.shots"


SHOT = "shot"
_WORK = {**{name: verb.work for name, verb in VERBS.items()}, SHOT: _shot}


def suffix_of(verb: str, settings: Mapping[str, Any]) -> str:
    """The suffix of an output that has no name: a film that is dreamed, or lit otherwise, stays a film."""
    if verb in ("photoreal", "dream"):
        own = Path(str(settings.get("content"))).suffix.lower()
        if own in FILMS or settings.get("zoom"):
            return own if own in WRITABLE else ".mp4"
    return VERBS[verb].suffix


def carry_out(verb: str, settings: Mapping[str, Any], out: Path, state: Path, share: Share) -> dict[str, Any]:
    """Does one job, whatever comes: what it made, or what :func:`failed` says."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        state.parent.mkdir(parents=True, exist_ok=True)
        return _WORK[verb](settings, out, state, share)
    except Exception as error:
        return failed(error)


def failed(error: Exception) -> dict[str, Any]:
    """What a row says of an error: ``{"error": one line}``.

    One that is none of ours is told with its kind: in a batch nobody sees a traceback, and the other jobs
    go on.
    """
    if isinstance(error, ImpastoError):
        return {"error": " ".join(str(error).split())}
    if isinstance(error, OSError) and (mended := files.mend(error)) is not None:
        return {"error": mended}
    return {"error": " ".join(f"{type(error).__name__}: {error}".split())[:1000], "fault": True}
