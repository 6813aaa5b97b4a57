"""From a painting, or a folder of them, to a style pack."""

from __future__ import annotations

import atexit
import dataclasses
import hashlib
import io
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from PIL import Image
from torch import Tensor

from impasto import backbones, files, image, tensors
from impasto.backbones import Slim
from impasto.errors import InputError
from impasto.jobs import LearnJob
from impasto.losses import Scene
from impasto.networks import PLANS, LearnedStyle, Pack, library, packs
from impasto.networks.torch_engine import StyleNetwork
from impasto.optim import Checkpoint
from impasto.record import Watch
from impasto.tiles import Window
from impasto.training import batches
from impasto.training.distillation import Distillation
from impasto.training.fit import Course, Trained, fit, leave
from impasto.training.objective import Objective, Row
from impasto.training.photos import Photos

CALIBRATION = 12  # photos by which content and style are balanced
NEAREST = 3  # old rows whose mean a new row begins with
NEW_MINUTES, ROW_MINUTES = 60.0, 8.0
ROW_RATE = 1e-2
ENDLESS = 10_000_000
_SHOWN = 4  # photos, and rows, of a sample sheet
_THUMBNAIL = 128


@dataclasses.dataclass(frozen=True)
class Learned:
    """The pack with the new styles in it, their names, and what the training was like.

    Of several processes one is the ``leader``, who writes; all have the same pack.
    """

    pack: Pack
    names: tuple[str, ...]
    trained: Trained
    leader: bool


def learn(
    job: LearnJob,
    *,
    watch: Watch | None = None,
    told: Callable[[str], None] | None = None,
    checkpoint: Path | None = None,
    save_every: int = 200,
    resume: bool = False,
) -> Learned:
    """Trains a network on the styles of a job: a new one, or, with ``job.into``, new rows for an old trunk.

    Args:
        job: what to learn and how.
        watch: called after every step; ``KeyboardInterrupt`` keeps what there is.
        told: called with a line for each photo that cannot be used.
        checkpoint: a file to save the training in every ``save_every`` steps; with ``resume`` a killed one
            goes on from it.

    Raises:
        InputError: a picture, a folder, a pack or a setting that cannot be used.
    """
    if job.teacher:
        return _distil(
            job, watch=watch, told=told, checkpoint=checkpoint, save_every=save_every, resume=resume
        )
    old = packs.load(library.pack_file(job.into)) if job.into else None
    pictures = _pictures(job, old)
    photos = Photos(job.photos, told=told)
    fabric = _fabric(job)
    shares = job.weights or (1.0,) * len(pictures)
    if len(shares) != len(pictures):
        raise InputError(f"there are {len(shares)} weights for {len(pictures)} paintings: give one for each")
    rows = [
        Row(p, scale, share)
        for (_, _, p), share in zip(pictures, shares, strict=True)
        for scale in job.scales
    ]
    seen = batches.calibration(photos, count=CALIBRATION, side=job.side, seed=job.seed).to(fabric.device)
    exact = backbones.load(device=fabric.device, precision=job.precision)
    backbone = Slim(exact, torch.cat([seen, *_patches(pictures, job.side)]))
    objective = Objective(rows, backbone=backbone, photos=seen, style_weight=job.style_weight)
    network, course = _start(job, old, objective, names=[name for name, _, _ in pictures], photos=seen)
    keeper = None
    if checkpoint is not None:
        files_of = [path for _, path, _ in pictures]
        keeper = Checkpoint(checkpoint, every=save_every, key=_key(job, files_of), resume=resume)
    trained = fit(
        network,
        objective,
        photos,
        course=course,
        fabric=fabric,
        watch=watch,
        sample=lambda n: sample(n, seen[:_SHOWN], course.rows),
        checkpoint=keeper,
    )
    pack = _packed(job, old, network, pictures, trained, photos=len(photos))
    return Learned(pack, tuple(name for name, _, _ in pictures), trained, fabric.is_global_zero)


def _distil(
    job: LearnJob,
    *,
    watch: Watch | None,
    told: Callable[[str], None] | None,
    checkpoint: Path | None,
    save_every: int,
    resume: bool,
) -> Learned:
    """A network that learns all the styles of a pack from it."""
    assert job.teacher is not None
    teacher = packs.load(library.pack_file(job.teacher))
    photos = Photos(job.photos, told=told)
    fabric = _fabric(job)
    seen = batches.calibration(photos, count=CALIBRATION, side=job.side, seed=job.seed).to(fabric.device)
    exact = backbones.load(device=fabric.device, precision=job.precision)
    aim = Distillation(teacher, backbone=exact, photos=seen)
    network = StyleNetwork(PLANS[job.network], rows=len(teacher.rows), seed=job.seed)
    course = _course(job, range(1, len(teacher.rows)), minutes=NEW_MINUTES)
    if job.begin_from:
        named = {row: (s.name, c) for s in teacher.styles for row, c in zip(s.rows, s.scales, strict=True)}
        _begin(network, job, [named[row] for row in course.rows])
        course = dataclasses.replace(course, grows=False)
    keeper = None
    if checkpoint is not None:
        keeper = Checkpoint(checkpoint, every=save_every, key=_key(job, []), resume=resume)
    trained = fit(
        network,
        aim,
        photos,
        course=course,
        fabric=fabric,
        watch=watch,
        sample=lambda n: sample(n, seen[:_SHOWN], course.rows),
        checkpoint=keeper,
    )
    recipe = {**_recipe(job, trained, photos=len(photos)), "teacher": teacher.hash()}
    styles = [dataclasses.replace(s, recipe={**s.recipe, "distilled": recipe}) for s in teacher.styles]
    trunk, rows = _arrays(network)
    pack = Pack(network.plan, trunk, rows, tuple(styles))
    return Learned(pack, tuple(pack.names), trained, fabric.is_global_zero)


def _pictures(job: LearnJob, old: Pack | None) -> list[tuple[str, Path, Tensor]]:
    """Name, file and picture of each style."""
    paths = [Path(p) for p in job.pictures]
    if folder := next((path for path in paths if path.is_dir()), None):
        raise InputError(f"{folder} is a folder: --styles {folder} learns each painting in it")
    if job.styles:
        folder = Path(job.styles)
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder: --styles takes a folder of paintings")
        paths += image.pictures_among(folder.iterdir()).pictures
    if not paths:
        raise InputError("learn needs a painting, or --styles with a folder of them")
    if missing := next((p for p in paths if not p.is_file()), None):
        raise InputError(f"cannot read {missing}: there is no such file")
    names = [packs.clean_name(p.stem) for p in paths]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"there are two styles called '{name}': give one file another name")
        if old and name in old.names:
            raise InputError(f"{job.into} has a style called '{name}' already: give the file another name")
    return [(name, p, tensors.from_source(p)) for name, p in zip(names, paths, strict=True)]


def _patches(pictures: Sequence[tuple[str, Path, Tensor]], side: int) -> list[Tensor]:
    """The middle of each painting, by which the loss network is slimmed beside the photos."""
    patches = []
    for _, _, picture in pictures[:CALIBRATION]:
        height, width = picture.shape[-2:]
        scale = side / min(height, width)
        size = (max(side, round(height * scale)), max(side, round(width * scale)))
        small = tensors.resize(picture, size).clamp(0, 1)
        top, left = (size[0] - side) // 2, (size[1] - side) // 2
        patches.append(small[..., top : top + side, left : left + side])
    return patches


def _start(
    job: LearnJob, old: Pack | None, objective: Objective, *, names: Sequence[str], photos: Tensor
) -> tuple[StyleNetwork, Course]:
    """The network to begin with, and the course."""
    count = objective.rows
    course = _course(job, range(1, count + 1), minutes=ROW_MINUTES if old else NEW_MINUTES)
    if old is None:
        network = StyleNetwork(PLANS[job.network], rows=count + 1, seed=job.seed)
        if job.begin_from:
            _begin(network, job, [(name, scale) for name in names for scale in job.scales])
            course = dataclasses.replace(course, grows=False)
        return network, course
    first = len(old.rows)
    network = StyleNetwork(old.plan, rows=first + count).to(photos.device)
    nearest = _nearest(old, objective, photos=photos)
    grown = np.concatenate([old.rows, np.stack([old.rows[near].mean(0) for near in nearest])])
    network.load(old.trunk, grown)
    rows = range(first, first + count)
    return network, dataclasses.replace(course, rows=rows, trunk=False, rate=job.rate or ROW_RATE)


def _begin(network: StyleNetwork, job: LearnJob, styles: Sequence[tuple[str, float]]) -> None:
    """Gives a network a pack's trunk, and its rows of these names and scales; others begin at their mean."""
    assert job.begin_from is not None
    pack = packs.load(library.pack_file(job.begin_from))
    if pack.plan != network.plan:
        raise InputError(
            f"{job.begin_from} holds a '{pack.plan.name}' network: give --network {pack.plan.name}, "
            "or another --begin-from"
        )
    known = {
        (s.name, scale): pack.rows[row]
        for s in pack.styles
        for row, scale in zip(s.rows, s.scales, strict=True)
    }
    mean = pack.rows[1:].mean(0)
    network.load(pack.trunk, np.stack([pack.rows[0], *(known.get(style, mean) for style in styles)]))


def _course(job: LearnJob, rows: range, *, minutes: float) -> Course:
    """The course that a job asks for; so many minutes if it says neither time nor steps."""
    return Course(
        steps=job.steps or ENDLESS,
        minutes=float("inf") if job.steps and not job.minutes else job.minutes or minutes,
        rows=rows,
        batch=job.batch,
        side=job.side,
        rate=job.rate or Course.rate,
        seed=job.seed,
    )


def _nearest(old: Pack, objective: Objective, *, photos: Tensor) -> list[list[int]]:
    """For each new style, the old rows that paint most like it, by the loss that it will be trained for."""
    network = StyleNetwork(old.plan, rows=len(old.rows)).to(photos.device)
    network.load(old.trunk, old.rows)
    photo = photos[:1]
    size = (photo.shape[-2], photo.shape[-1])
    count = objective.rows
    losses = []
    for row in range(1, len(old.rows)):
        weights = torch.zeros(1, len(old.rows), device=photo.device)
        weights[0, row] = 1
        with torch.no_grad():
            painted = network(photo, weights)
            features = Scene(objective.backbone, size).features(painted, objective.wanted)
        shares = torch.eye(count, device=photo.device)
        targets = torch.cat([shares.new_zeros(count, 1), shares], 1)
        bound = objective.bind(photo.expand(count, -1, -1, -1), targets)
        wide = {name: value.expand(count, -1, -1, -1) for name, value in features.items()}
        wide["pixels"] = painted.expand(count, -1, -1, -1)
        losses.append(bound.each(bound.measure(wide, Window.full(size))).cpu())
    order = torch.stack(losses).argsort(0)[:NEAREST]
    return [[int(row) + 1 for row in order[:, index]] for index in range(count)]


def sample(network: StyleNetwork, photos: Tensor, rows: range) -> Tensor:
    """Photos across, rows down: a sheet ``(1, 3, H, W)`` to look at while training."""
    step = max(1, len(rows) // _SHOWN)
    lines = [torch.cat(list(photos), -1)]
    for row in list(rows)[::step][:_SHOWN]:
        weights = torch.zeros(1, network.rows.shape[0], device=photos.device)
        weights[0, row] = 1
        lines.append(torch.cat([network(photo[None], weights)[0] for photo in photos], -1))
    return torch.cat(lines, -2)[None]


def _packed(
    job: LearnJob,
    old: Pack | None,
    network: StyleNetwork,
    pictures: Sequence[tuple[str, Path, Tensor]],
    trained: Trained,
    *,
    photos: int,
) -> Pack:
    trunk, rows = _arrays(network)
    pack = old or Pack(network.plan, trunk, rows[:1])
    each, first = len(job.scales), len(pack.rows)
    recipe = {
        **_recipe(job, trained, photos=photos),
        "styles_together": len(pictures),
        "trunk_trained": old is None,
    }
    for index, (name, path, _) in enumerate(pictures):
        start = first + index * each
        style = LearnedStyle(
            name,
            rows=(),
            scales=job.scales,
            picture=files.sha256(path),
            recipe=recipe,
            thumbnail=thumbnail(path),
        )
        pack = pack.added(style, rows[start : start + each])
    return pack


def _arrays(network: StyleNetwork) -> tuple[dict[str, Any], Any]:
    """Trunk and rows as a pack holds them."""
    trunk = {name: p.detach().cpu().numpy() for name, p in network.trunk.items()}
    return trunk, network.rows.detach().cpu().numpy()


def _recipe(job: LearnJob, trained: Trained, *, photos: int) -> dict[str, Any]:
    """How it was trained, without a path."""
    paths = ("pictures", "styles", "photos", "into", "begin_from", "teacher")
    return {
        "job": {k: v for k, v in job.settings().items() if k not in paths},
        "steps": trained.steps,
        "seconds": round(trained.seconds),
        "photos": photos,
        "versions": {name: metadata.version(name) for name in ("impasto", "torch")},
    }


def thumbnail(path: Path) -> bytes:
    """A small JPEG of a picture."""
    rgb = image.read(path).flat()
    small = image.resize(rgb, image.fit((rgb.shape[0], rgb.shape[1]), _THUMBNAIL))
    stream = io.BytesIO()
    Image.fromarray((small.clip(0, 1) * 255 + 0.5).astype(np.uint8)).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def _fabric(job: LearnJob) -> Fabric:
    """Where it is trained; with several processes this command is started again for each other one."""
    device = job.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    strategy = "ddp" if job.processes > 1 else "auto"
    precision = backbones.best_precision(torch.device(device)) if job.precision == "auto" else job.precision
    try:
        fabric = Fabric(
            accelerator=device.split(":")[0],
            devices=job.processes,
            strategy=strategy,
            precision="bf16-mixed" if precision == "bfloat16" else "32-true",
        )
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"cannot train on {job.processes} x {device} ({reason}): try --device cpu"
        ) from error
    if job.processes > 1:
        fabric.launch()
        atexit.register(leave)
    return fabric


def _key(job: LearnJob, pictures: Sequence[Path]) -> str:
    """What makes a training this training: its settings, its pictures and the packs that it begins with."""
    settings = {
        k: v
        for k, v in job.settings().items()
        if k not in ("photos", "into", "begin_from", "teacher", "device", "minutes", "processes")
    }
    given = (job.into, job.begin_from, job.teacher)
    begun = [library.pack_file(pack) for pack in given if pack is not None]
    text = repr((sorted(settings.items()), [files.sha256(p) for p in (*pictures, *begun)]))
    return hashlib.sha256(text.encode()).hexdigest()
