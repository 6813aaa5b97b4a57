"""The network that a training starts with, its first weights, and the course."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from impasto import tensors
from impasto.errors import InputError
from impasto.jobs import LearnJob
from impasto.losses import BindContext
from impasto.networks import PLANS, Pack, library, packs, predictor
from impasto.networks.torch_engine import StyleNetwork
from impasto.tiles import Window
from impasto.training.objective import Objective
from impasto.training.trainer import TrainingConfig

NEAREST = 3  # rows of the old pack whose mean a new row starts at
NEW_MINUTES, ROW_MINUTES = 60.0, 8.0
PREDICTED_MINUTES = 1.0  # for each style added to the shipped trunk, whose row starts as predicted
ROW_RATE = 1e-2
PRETRAINED_RATE, ROW_FACTOR = 5e-4, 20.0  # learning rate of a pretrained trunk; of rows a multiple
ENDLESS = 10_000_000

Picture = tuple[str, Path, Tensor]
"""Name, file and image ``(1, 3, H, W)`` of a style."""


def start(
    job: LearnJob,
    old: Pack | None,
    objective: Objective,
    *,
    pictures: Sequence[Picture],
    others: Sequence[Picture],
    photos: Tensor,
) -> tuple[StyleNetwork, TrainingConfig]:
    """Return the network with its first weights, and the course.

    Args:
        old: the pack that rows are added to, if any.
        objective: what the rows are trained for, in order: those of ``pictures``, then those of ``others``.
        others: styles whose rows stay as predicted.
        photos: crops ``(N, 3, S, S)``.
    """
    count = len(pictures) * len(job.scales)
    if old is not None:
        return _add_rows(job, old, objective, pictures=pictures, photos=photos)
    network = StyleNetwork(PLANS[job.network], rows=1 + count + len(others), seed=job.seed)
    chosen = course(job, range(1, count + 1), minutes=NEW_MINUTES)
    first = job.begin_from or (job.network if job.network == predictor.NETWORK else None)
    if first:
        named = [(name, scale, p) for name, _, p in pictures for scale in job.scales]
        pack = begin(network, first, [*named, *(("", 1.0, p) for _, _, p in others)])
        chosen = dataclasses.replace(chosen, grows=False, rehearsed=len(others))
        if predictor.fits(pack):
            chosen = dataclasses.replace(chosen, rate=job.rate or PRETRAINED_RATE, row_factor=ROW_FACTOR)
    return network, chosen


def student(job: LearnJob, teacher: Pack) -> tuple[StyleNetwork, TrainingConfig]:
    """Return the network that learns from a teacher, with its first weights, and the course."""
    network = StyleNetwork(PLANS[job.network], rows=len(teacher.rows), seed=job.seed)
    chosen = course(job, range(1, len(teacher.rows)), minutes=NEW_MINUTES)
    if job.begin_from:
        named = {row: (s.name, c) for s in teacher.styles for row, c in zip(s.rows, s.scales, strict=True)}
        begin(network, job.begin_from, [(*named[row], None) for row in chosen.rows])
        chosen = dataclasses.replace(chosen, grows=False)
    return network, chosen


def _add_rows(
    job: LearnJob, old: Pack, objective: Objective, *, pictures: Sequence[Picture], photos: Tensor
) -> tuple[StyleNetwork, TrainingConfig]:
    """Return a pack's network with rows added for the pictures; only those are trained."""
    first, count = len(old.rows), len(pictures) * len(job.scales)
    network = StyleNetwork(old.plan, rows=first + count).to(photos.device)
    if predictor.fits(old):
        given = [tensors.to_array(picture) for _, _, picture in pictures]
        begun = [predictor.predict(picture) for picture in given for _ in job.scales]
    else:
        begun = [old.rows[near].mean(0) for near in _nearest(old, objective, photos=photos)]
    # Rows are predicted for the shipped trunk; another one of the same plan needs more time.
    minutes = PREDICTED_MINUTES * len(pictures) if job.into == predictor.NETWORK else ROW_MINUTES
    network.load(old.trunk, np.concatenate([old.rows, np.stack(begun)]))
    chosen = course(job, range(first, first + count), minutes=minutes)
    return network, dataclasses.replace(chosen, trunk=False, rate=job.rate or ROW_RATE)


def begin(network: StyleNetwork, name: str, styles: Sequence[tuple[str, float, Tensor | None]]) -> Pack:
    """Load a pack's trunk, and its rows of these names and scales, into a network.

    Other rows start as predicted from their images, or at the mean row if the plan has no predictor.

    Raises:
        InputError: the pack holds a network of another plan.
    """
    pack = packs.load(library.pack_file(name))
    if pack.plan != network.plan:
        own, wanted = pack.plan.name, network.plan.name
        raise InputError(
            f"{name} holds a network of an earlier version of '{own}': give another --begin-from"
            if own == wanted
            else f"{name} holds a '{own}' network: give --network {own}, or another --begin-from"
        )
    known = {(s.name, c): row for s in pack.styles for row, c in zip(s.rows, s.scales, strict=True)}
    rows = [pack.rows[0]]
    for style, scale, picture in styles:
        if (style, scale) in known:
            rows.append(pack.rows[known[style, scale]])
        elif picture is not None and predictor.fits(pack):
            rows.append(predictor.predict(tensors.to_array(picture)))
        else:
            rows.append(pack.rows[1:].mean(0))
    network.load(pack.trunk, np.stack(rows))
    return pack


def course(job: LearnJob, rows: range, *, minutes: float) -> TrainingConfig:
    """Return the course that a job asks for; so many minutes if it gives neither time nor steps."""
    return TrainingConfig(
        steps=job.steps or ENDLESS,
        minutes=float("inf") if job.steps and not job.minutes else job.minutes or minutes,
        rows=rows,
        batch=job.batch,
        side=job.side,
        rate=job.rate or TrainingConfig.rate,
        seed=job.seed,
    )


def _nearest(old: Pack, objective: Objective, *, photos: Tensor) -> list[list[int]]:
    """Return the old rows nearest to each new style, by the loss that it will be trained for."""
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
            features = BindContext(objective.backbone, size).features(painted, objective.wanted)
        targets = F.pad(torch.eye(count, device=photo.device), (1, 0))
        bound = objective.bind(photo.expand(count, -1, -1, -1), targets)
        wide = {name: value.expand(count, -1, -1, -1) for name, value in features.items()}
        wide["pixels"] = painted.expand(count, -1, -1, -1)
        losses.append(bound.each(bound.measure(wide, Window.full(size))).cpu())
    order = torch.stack(losses).argsort(0)[:NEAREST]
    return [[int(row) + 1 for row in order[:, index]] for index in range(count)]
