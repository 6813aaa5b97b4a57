"""The training loop."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor

from impasto.errors import ImpastoError, InputError
from impasto.networks.torch_engine import StyleNetwork
from impasto.optim import Checkpoint
from impasto.optim.allocator import retain_freed_memory
from impasto.optim.evaluation import evaluate
from impasto.record import Clock, HistoryEntry, Progress, Watch
from impasto.tiles import Window
from impasto.training import batches, lattice
from impasto.training.batches import SHIFT, Batch
from impasto.training.distillation import Distillation
from impasto.training.objective import Objective
from impasto.training.photos import Photos
from impasto.training.training_state import TrainingState

STEADY = 250.0  # weight of the squared difference between two views of one scene
LATTICE = 3.0  # weight of :func:`lattice.excess`
WARM_UP = 50  # steps until the full learning rate
LAST_RATE = 0.02  # final share of the learning rate; a cosine leads there
CLIP = 10.0  # largest norm of the gradient; the loss starts at about 1 + the style weight
SNAPSHOT = 50  # steps between the states that a rollback returns to
RECOVERIES = 5  # rollbacks in a row before the training fails
SMALL = 0.6  # share of the crop's side in the first half of the training


@dataclass(frozen=True)
class TrainingConfig:
    """The hyperparameters of a training.

    Args:
        steps: most steps of the optimizer.
        minutes: most minutes; the learning rate then follows the clock.
        batch: crops a step, over all processes.
        side: side of the crops, pixels.
        grows: use smaller crops in the first half.
        rate: highest learning rate of Adam.
        row_factor: learning rate of the rows as a multiple of the trunk's.
        rehearsed: number of rows after ``rows`` that are rendered but not trained.
    """

    steps: int
    rows: range
    minutes: float = math.inf
    batch: int = 4
    side: int = 192
    grows: bool = True
    rate: float = 1.5e-3
    seed: int = 0
    trunk: bool = True
    row_factor: float = 1.0
    rehearsed: int = 0

    def side_at(self, done: float, multiple: int) -> int:
        """Return the side of the crops, given the share of the training that is done."""
        side = self.side * (SMALL if self.grows and done < 0.5 else 1.0)
        return max(multiple, round(side / multiple) * multiple)

    def rate_at(self, step: int, done: float) -> float:
        """Return the learning rate of a step."""
        cosine = LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
        return self.rate * cosine * min(1.0, (step + 1) / WARM_UP)


@dataclass(frozen=True)
class FitResult:
    """The record of a training; the network itself holds the averaged weights."""

    steps: int
    seconds: float
    history: tuple[HistoryEntry, ...]
    stopped: bool


def fit(
    network: StyleNetwork,
    objective: Objective | Distillation,
    photos: Photos,
    *,
    course: TrainingConfig,
    fabric: Fabric | None = None,
    watch: Watch | None = None,
    sample: Callable[[StyleNetwork], Tensor] | None = None,
    checkpoint: Checkpoint | None = None,
) -> FitResult:
    """Train a style network in place; on return it holds the average of its weights over the last steps.

    Args:
        fabric: devices, processes and precision; default: one process on the CPU. Several processes share
            each batch and take the same steps as one.
        watch: called after every step; a ``KeyboardInterrupt`` ends the training and keeps the result so far.
        sample: renders the image ``(1, 3, H, W)`` that ``watch`` may ask for.
        checkpoint: where the training is saved and resumed from.

    Raises:
        ImpastoError: the loss is not finite, even after rolling back.
        InputError: the checkpoint is damaged, or of another training.
    """
    fabric = fabric or Fabric(accelerator="cpu", devices=1)
    if course.batch % fabric.world_size:
        raise InputError(f"a batch of {course.batch} cannot be shared by {fabric.world_size} processes")
    return _Fit(objective, photos, course, fabric, watch, sample, checkpoint).run(network)


def leave() -> None:
    """Leave the process group of a launched fabric, if there is one.

    Call it before Python exits: threads of the group that release tensors during interpreter shutdown abort
    the process.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


@dataclass(eq=False)
class _Fit:
    objective: Objective | Distillation
    photos: Photos
    course: TrainingConfig
    fabric: Fabric
    watch: Watch | None
    sample: Callable[[StyleNetwork], Tensor] | None
    checkpoint: Checkpoint | None

    @retain_freed_memory()
    def run(self, network: StyleNetwork) -> FitResult:
        """Train to the end, or to an interrupt."""
        self._prepare(network)
        if self.checkpoint:
            self.state.load(self.checkpoint)
        self.clock = Clock(self.state.seconds)
        self.good = self.state.snapshot()
        stopped = False
        try:
            while (done := self._share_of_training()) < 1:
                self._step(done)
        except KeyboardInterrupt:
            stopped = True
        if self.checkpoint and stopped:
            self._save()
        self.state.take_mean()
        return FitResult(self.state.step, self.clock.seconds(), tuple(self.state.history), stopped)

    def _prepare(self, network: StyleNetwork) -> None:
        course, fabric = self.course, self.fabric
        for parameter in network.trunk.parameters():
            parameter.requires_grad_(course.trunk)
        self.network = network.to(fabric.device)
        trunk = [p for p in network.trunk.parameters() if p.requires_grad]
        self.optimiser = torch.optim.Adam([{"params": trunk}, {"params": [network.rows]}], lr=course.rate)
        self.wrapped, self.wrapped_optimiser = fabric.setup(network, self.optimiser)
        self.state = TrainingState(network, self.optimiser)

    def _share_of_training(self) -> float:
        by_clock = self.clock.seconds() / 60 / self.course.minutes
        return self.fabric.broadcast(max(self.state.step / self.course.steps, by_clock))

    def _step(self, done: float) -> None:
        side = self.course.side_at(done, self.network.plan.multiple)
        batch = self._draw(side)
        rate = self.course.rate_at(self.state.step, done) * self.state.damped
        for group, times in zip(self.optimiser.param_groups, (1.0, self.course.row_factor), strict=True):
            group["lr"] = rate * times
        self.optimiser.zero_grad(set_to_none=True)
        value, terms = self._backward(batch)
        norm = torch.nn.utils.clip_grad_norm_(self.state.parameters, CLIP)
        if not (math.isfinite(value) and math.isfinite(float(norm))):
            self._roll_back(value)
            return
        self.wrapped_optimiser.step()
        self.state.step += 1
        self.state.recoveries = 0
        self.state.average()
        self.state.history.append(HistoryEntry(self.clock.seconds(), 1, value, terms))
        if self.state.step % SNAPSHOT == 0:
            self.good = self.state.snapshot()
        if self.checkpoint and self.state.step % self.checkpoint.every == 0:
            self._save()
        if self.watch:
            self.watch(self._progress(side, done))

    def _draw(self, side: int) -> Batch:
        each = self.course.batch // self.fabric.world_size
        first = each * self.fabric.global_rank
        return batches.draw(
            self.photos,
            step=self.state.step,
            indices=range(first, first + each),
            rows=self.course.rows,
            total=self.network.rows.shape[0],
            side=side,
            seed=self.course.seed,
            rehearsed=range(self.course.rows.stop, self.course.rows.stop + self.course.rehearsed),
        )

    def _backward(self, batch: Batch) -> tuple[float, dict[str, float]]:
        """Compute the gradients; return the mean loss over all processes, and the terms of this one."""
        given = (batch.photos, batch.weights, batch.again)
        photos, weights, again = map(self.fabric.to_device, given)
        noise = self._noise(batch)
        both = self.wrapped(torch.cat([photos, again[::2]]), torch.cat([weights, weights[::2]]), noise=noise)
        painted, second = both[: len(photos)], both[len(photos) :]
        rows = self.course.rows
        own = torch.cat([weights[:, :1], weights[:, rows.start : rows.stop + self.course.rehearsed]], 1)
        bound = self.objective.bind(photos, own, place=batch.place)
        window = Window.full((photos.shape[-2], photos.shape[-1]))
        found = evaluate(bound, painted.detach(), backbone=self.objective.backbone, windows=[window])
        steady = STEADY * _difference(painted[::2], second, batch.shift)
        excess = LATTICE * lattice.excess(painted, photos)
        self.fabric.backward((painted * found.gradient).sum() + steady + excess)
        if (gradient := self.network.rows.grad) is not None:
            gradient[rows.stop :] = 0
            if not self.course.trunk:
                gradient[: rows.start] = 0
        more = {"steady": float(steady.detach()), "lattice": float(excess.detach())}
        value = torch.tensor(found.value + sum(more.values()))
        whole = self.fabric.all_reduce(value, reduce_op="mean")
        return float(torch.as_tensor(whole)), {**found.terms, **more}

    def _noise(self, batch: Batch) -> Tensor | None:
        """Return the noise of each photo, then that of each second view."""
        size = (batch.photos.shape[-2], batch.photos.shape[-1])
        places = (batch.place, batch.place.shift_by(batch.shift))
        fields = [place.field(self.network.plan, size) for place in places]
        counts = (len(batch.photos), len(batch.again[::2]))
        parts = [f.expand(n, -1, -1, -1) for f, n in zip(fields, counts, strict=True) if f is not None]
        return self.fabric.to_device(torch.cat(parts)) if parts else None

    def _roll_back(self, value: float) -> None:
        self.state.recoveries += 1
        if self.state.recoveries > RECOVERIES:
            raise ImpastoError(
                f"the loss became {value:g} and stayed so after {RECOVERIES} rollbacks: "
                f"try a lower --rate, or --device cpu"
            )
        recoveries, damped = self.state.recoveries, self.state.damped / 2
        self.state.restore(self.good)
        self.state.recoveries, self.state.damped = recoveries, damped
        # The very batch that failed would come again: the count goes past it.
        self.state.step += recoveries

    def _progress(self, side: int, done: float) -> Progress:
        point = self.state.history[-1]
        return Progress(
            stage=1,
            stages=1,
            size=(side, side),
            step=self.state.step,
            steps=self.course.steps,
            done=done,
            seconds=self.clock.seconds(),
            loss=point.loss,
            terms=point.terms,
            picture=self._picture,
        )

    def _save(self) -> None:
        if self.checkpoint and self.fabric.is_global_zero:
            self.state.save(self.checkpoint, seconds=self.clock.seconds())

    def _picture(self) -> Tensor:
        if self.sample is None:
            raise InputError("no sample was asked for: give fit a sample")
        with self.state.use_average(), torch.no_grad():
            return self.sample(self.network)


_MARGIN = 12  # pixels from the border, where the two views know different things


def _difference(painted: Tensor, again: Tensor, shift: tuple[int, int]) -> Tensor:
    """Mean squared difference where both views show the same scene: what would flicker in a film."""
    down, right = shift
    height, width = painted.shape[-2:]
    margin = min(_MARGIN, (min(height, width) - 2 * SHIFT) // 2 - 1)
    rows = slice(SHIFT + margin, height - SHIFT - margin)
    columns = slice(SHIFT + margin, width - SHIFT - margin)
    moved = painted[..., rows.start + down : rows.stop + down, columns.start + right : columns.stop + right]
    return (moved - again[..., rows, columns]).square().mean()
