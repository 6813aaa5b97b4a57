"""Training of a style pack from one or several style images."""

from __future__ import annotations

import atexit
import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from impasto import backbones, files, image, tensors
from impasto.backbones import Slim
from impasto.errors import InputError
from impasto.jobs import LearnJob
from impasto.jobs.base import pluralize
from impasto.networks import LearnedStyle, Pack, library, packs
from impasto.networks.torch_engine import StyleNetwork
from impasto.optim import Checkpoint
from impasto.record import Watch
from impasto.training import batches
from impasto.training.distillation import Distillation
from impasto.training.objective import Objective, StyleRow
from impasto.training.photos import Photos
from impasto.training.starting import Picture, start, student
from impasto.training.trainer import FitResult, fit, leave

CALIBRATION = 12  # photos on which content and style are balanced
_SHOWN = 4  # photos and rows on a sample sheet


@dataclasses.dataclass(frozen=True)
class LearnResult:
    """Result of :func:`learn`: the pack with the new styles, their names, and the training history.

    Exactly one of several processes is the ``leader``, which writes files; all have the same pack.
    """

    pack: Pack
    names: tuple[str, ...]
    trained: FitResult
    leader: bool


def learn(
    job: LearnJob,
    *,
    watch: Watch | None = None,
    log: Callable[[str], None] | None = None,
    checkpoint: Path | None = None,
    save_every: int = 200,
    resume: bool = False,
) -> LearnResult:
    """Train a network on the styles of a job: a new network, or with ``job.into`` new rows for its trunk.

    With ``job.teacher``, the styles are those of a pack, and the targets its outputs.

    Args:
        watch: called after every step; ``KeyboardInterrupt`` in it ends training with the result so far.
        log: called with a message for each photo that cannot be read.
        checkpoint: file in which the training is saved every ``save_every`` steps.
        resume: continue from ``checkpoint`` if it exists.

    Raises:
        InputError: a style image, a folder, a pack or a setting is not valid.
    """
    old, teacher = (packs.load(library.pack_file(name)) if name else None for name in (job.into, job.teacher))
    pictures = [] if teacher else _pictures(job, old)
    others = _folder(job.rehearse, "--rehearse") if job.rehearse else []
    photos, fabric = Photos(job.photos, log=log), _fabric(job)
    seen = batches.calibration(photos, count=CALIBRATION, side=job.side, seed=job.seed).to(fabric.device)
    exact = backbones.load(device=fabric.device, precision=job.precision)
    if teacher:
        aim: Objective | Distillation = Distillation(teacher, backbone=exact, photos=seen)
        network, course = student(job, teacher)
    else:
        rows = _rows(job, pictures, others)
        slim = Slim(exact, torch.cat([seen, *_patches(pictures, job.side)]))
        aim = Objective(rows, backbone=slim, photos=seen, style_weight=job.style_weight)
        network, course = start(job, old, aim, pictures=pictures, others=others, photos=seen)
    key = _key(job, [path for _, path, _ in (*pictures, *others)])
    shown = partial(sample, photos=seen[:_SHOWN], rows=course.rows)
    saved = Checkpoint(checkpoint, every=save_every, key=key, resume=resume) if checkpoint else None
    trained = fit(
        network, aim, photos, course=course, fabric=fabric, watch=watch, sample=shown, checkpoint=saved
    )
    recipe = _recipe(job, trained, photos=len(photos))
    pack = _student_pack(network, teacher, recipe) if teacher else _pack(job, old, network, pictures, recipe)
    names = tuple(name for name, _, _ in pictures) or tuple(pack.names)
    return LearnResult(pack, names, trained, fabric.is_global_zero)


def _student_pack(network: StyleNetwork, teacher: Pack, recipe: dict[str, Any]) -> Pack:
    recipe = {**recipe, "teacher": teacher.hash()}
    styles = [dataclasses.replace(s, recipe={**s.recipe, "distilled": recipe}) for s in teacher.styles]
    trunk, rows = _arrays(network)
    return Pack(network.plan, trunk, rows, tuple(styles))


def _rows(job: LearnJob, pictures: Sequence[Picture], others: Sequence[Picture]) -> list[StyleRow]:
    """Return what each row is trained for: the pictures at every scale, then those that are rehearsed."""
    shares = job.weights or (1.0,) * len(pictures)
    if len(shares) != len(pictures):
        given, needed = pluralize(len(shares), "weight"), pluralize(len(pictures), "painting")
        raise InputError(f"{given} for {needed}: give one for each")
    shared = zip(pictures, shares, strict=True)
    rows = [StyleRow(p, scale, share) for (_, _, p), share in shared for scale in job.scales]
    return rows + [StyleRow(p) for _, _, p in others]


def _pictures(job: LearnJob, old: Pack | None) -> list[Picture]:
    paths = [Path(p) for p in job.pictures]
    if folder := next((path for path in paths if path.is_dir()), None):
        raise InputError(f"{folder} is a folder: to learn each painting in it, use --styles {folder}")
    if missing := next((p for p in paths if not p.is_file()), None):
        raise InputError(f"cannot read {missing}: there is no such file")
    found = [_read(p) for p in paths]
    if job.styles:
        found += _folder(job.styles, "--styles")
    if not found:
        raise InputError("learn needs a painting, or --styles with a folder of them")
    names = [name for name, _, _ in found]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two files give the style name '{name}': rename one of them")
        if old and name in old.names:
            raise InputError(f"{job.into} already has a style '{name}': rename the file")
    return found


def _folder(path: str, option: str) -> list[Picture]:
    folder = Path(path)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: {option} takes a folder of paintings")
    return [_read(p) for p in image.pictures_among(folder.iterdir()).pictures]


def _read(path: Path) -> Picture:
    return packs.clean_name(path.stem), path, tensors.from_source(path)


def _patches(pictures: Sequence[Picture], side: int) -> list[Tensor]:
    """Return the central square of each style image, for slimming the loss network."""
    patches = []
    for _, _, picture in pictures[:CALIBRATION]:
        height, width = picture.shape[-2:]
        scale = side / min(height, width)
        size = (max(side, round(height * scale)), max(side, round(width * scale)))
        small = tensors.resize(picture, size).clamp(0, 1)
        top, left = (size[0] - side) // 2, (size[1] - side) // 2
        patches.append(small[..., top : top + side, left : left + side])
    return patches


def sample(network: StyleNetwork, photos: Tensor, rows: range) -> Tensor:
    """Return a sample sheet ``(1, 3, H, W)``: the photos, and below them the photos in each row's style."""
    step = max(1, len(rows) // _SHOWN)
    lines = [torch.cat(list(photos), -1)]
    for row in list(rows)[::step][:_SHOWN]:
        weights = torch.zeros(1, network.rows.shape[0], device=photos.device)
        weights[0, row] = 1
        lines.append(torch.cat([network(photo[None], weights)[0] for photo in photos], -1))
    return torch.cat(lines, -2)[None]


def _pack(
    job: LearnJob,
    old: Pack | None,
    network: StyleNetwork,
    pictures: Sequence[Picture],
    recipe: dict[str, Any],
) -> Pack:
    trunk, rows = _arrays(network)
    pack = old or Pack(network.plan, trunk, rows[:1])
    each, first = len(job.scales), len(pack.rows)
    recipe = {**recipe, "styles_together": len(pictures), "trunk_trained": old is None}
    for index, (name, path, _) in enumerate(pictures):
        start = first + index * each
        thumbnail = packs.thumbnail(image.read(path).flat())
        picture = files.sha256(path)
        style = LearnedStyle(name, (), job.scales, picture=picture, recipe=recipe, thumbnail=thumbnail)
        pack = pack.add_style(style, rows[start : start + each])
    return pack


def _arrays(network: StyleNetwork) -> tuple[dict[str, Any], Any]:
    trunk = {name: p.detach().cpu().numpy() for name, p in network.trunk.items()}
    return trunk, network.rows.detach().cpu().numpy()


def _recipe(job: LearnJob, trained: FitResult, *, photos: int) -> dict[str, Any]:
    """Return the training settings without file names."""
    paths = ("pictures", "styles", "rehearse", "photos", "into", "begin_from", "teacher")
    return {
        "job": {k: v for k, v in job.settings().items() if k not in paths},
        "steps": trained.steps,
        "seconds": round(trained.seconds),
        "photos": photos,
        "versions": {name: metadata.version(name) for name in ("impasto", "torch")},
    }


def _fabric(job: LearnJob) -> Fabric:
    """Return the device to train on; with several processes, Fabric runs this command again for each."""
    usual = "cuda" if torch.cuda.is_available() else "cpu"
    device = usual if job.device == "auto" else job.device
    precision = backbones.best_precision(torch.device(device)) if job.precision == "auto" else job.precision
    try:
        fabric = Fabric(
            accelerator=device.split(":")[0],
            devices=job.processes,
            strategy="ddp" if job.processes > 1 else "auto",
            precision="bf16-mixed" if precision == "bfloat16" else "32-true",
        )
    except (RuntimeError, ValueError) as error:
        text = f"cannot train on {job.processes} x {device} ({' '.join(str(error).split())})"
        raise InputError(f"{text}: try --device cpu") from error
    if job.processes > 1:
        fabric.launch()
        atexit.register(leave)
    return fabric


def _key(job: LearnJob, pictures: Sequence[Path]) -> str:
    """Return a hash of the settings, style images and starting packs, which a checkpoint must match."""
    free = ("photos", "rehearse", "into", "begin_from", "teacher", "device", "minutes", "processes")
    settings = {k: v for k, v in job.settings().items() if k not in free}
    given = (job.into, job.begin_from, job.teacher)
    begun = [library.pack_file(pack) for pack in given if pack is not None]
    text = repr((sorted(settings.items()), [files.sha256(p) for p in (*pictures, *begun)]))
    return hashlib.sha256(text.encode()).hexdigest()
