"""The one loop that trains a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor

from impasto.backbones import Backbone
from impasto.errors import ImpastoError, InputError
from impasto.losses import Bound
from impasto.networks.torch_engine import StyleNetwork
from impasto.optim import Checkpoint
from impasto.optim.allocator import retain_freed_memory
from impasto.optim.evaluation import evaluate
from impasto.record import Clock, Point, Progress, Watch
from impasto.tiles import Window
from impasto.training import batches
from impasto.training.batches import SHIFT, Batch
from impasto.training.photos import Photos

STEADY = 250.0  # weight of the squared difference between two views of one scene; at 20 a grid stayed
WARM_UP = 50  # steps until the full rate
LAST_RATE = 0.02  # share of the rate that is left at the end (cosine in between)
CLIP = 10.0  # longest gradient; the loss begins at about 1 + the style weight
MEMORY = 0.999  # decay of the averaged weights
SNAPSHOT = 50  # steps between the states that a fault rolls back to
RECOVERIES = 5
SMALL = 0.6  # of the crop's side, in the first half of the training


class Aim(Protocol):
    """What a network is trained for; :class:`Objective` is one."""

    @property
    def backbone(self) -> Backbone:
        """The network that looks."""

    def bind(self, photos: Tensor, weights: Tensor, /) -> Bound:
        """The loss of painting ``photos (B, 3, H, W)`` with ``weights``: the photo's own, then ``rows``."""


@dataclass(frozen=True)
class Course:
    """How long and how a network is trained.

    Args:
        steps: of the optimiser.
        minutes: end after this long even if steps remain; what is left of the rate follows the clock.
        batch: pictures a step, over all processes.
        side: of the crops, pixels.
        grows: crops are smaller in the first half, when steps are to be many.
        rate: of Adam, at its highest.
        seed: of everything drawn.
        rows: the rows to train.
        trunk: whether the trunk is trained with them.
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

    def side_at(self, done: float, multiple: int) -> int:
        """The crop's side when this share of the course is done."""
        side = self.side * (SMALL if self.grows and done < 0.5 else 1.0)
        return max(multiple, round(side / multiple) * multiple)

    def rate_at(self, step: int, done: float) -> float:
        """The rate of a step."""
        cosine = LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
        return self.rate * cosine * min(1.0, (step + 1) / WARM_UP)


@dataclass
class _State:
    """Where a training stands; a checkpoint holds this, the weights and the optimiser's moments."""

    step: int = 0
    seconds: float = 0.0
    recoveries: int = 0
    damped: float = 1.0
    history: list[Point] = field(default_factory=list)


@dataclass(frozen=True)
class Trained:
    """The averaged weights are in the network; what the training was like."""

    steps: int
    seconds: float
    history: tuple[Point, ...]
    stopped: bool


def fit(
    network: StyleNetwork,
    objective: Aim,
    photos: Photos,
    *,
    course: Course,
    fabric: Fabric | None = None,
    watch: Watch | None = None,
    sample: Callable[[StyleNetwork], Tensor] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Trained:
    """Trains a style network; on return it holds the average of its weights over the last steps.

    Args:
        network: what is trained, in place.
        objective: what it is trained for.
        photos: what it is trained on.
        course: how long and how.
        fabric: devices, processes and precision; default: one process on the CPU. Several processes share
            each batch, and take the very steps that one would.
        watch: called after every step; a ``KeyboardInterrupt`` keeps what there is.
        sample: draws the picture ``(1, 3, H, W)`` that ``watch`` may ask for, given the network as it is.
        checkpoint: where the training is saved, and perhaps taken up again.

    Raises:
        ImpastoError: the loss is not a finite number, even after rolling back.
        InputError: the checkpoint is damaged, or of another training.
    """
    fabric = fabric or Fabric(accelerator="cpu", devices=1)
    if course.batch % fabric.world_size:
        raise InputError(f"a batch of {course.batch} cannot be shared by {fabric.world_size} processes")
    found = _Fit(objective, photos, course, fabric, watch=watch, sample=sample, checkpoint=checkpoint)
    return found.run(network)


def leave() -> None:
    """Take this process out of the group that a launched fabric put it in; without a group, do nothing.

    A process that shared a training calls it before Python ends: the threads of the group may still hold
    tensors, and where they let go of them while the interpreter is taken down, the process is aborted.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


class _Fit:
    def __init__(
        self,
        objective: Aim,
        photos: Photos,
        course: Course,
        fabric: Fabric,
        *,
        watch: Watch | None,
        sample: Callable[[StyleNetwork], Tensor] | None,
        checkpoint: Checkpoint | None,
    ) -> None:
        self.objective, self.photos, self.course, self.fabric = objective, photos, course, fabric
        self.watch, self.sample, self.checkpoint = watch, sample, checkpoint

    @retain_freed_memory()
    def run(self, network: StyleNetwork) -> Trained:
        """Trains to the end, or to an interrupt."""
        self._prepare(network)
        self._take_up()
        self.clock = Clock(self.state.seconds)
        self.good = self._snapshot()
        stopped = False
        try:
            while (done := self._done()) < 1:
                self._step(done)
        except KeyboardInterrupt:
            stopped = True
        if self.checkpoint and stopped:
            self._save()
        self._take(self.mean)
        return Trained(self.state.step, self.clock.seconds(), tuple(self.state.history), stopped)

    def _prepare(self, network: StyleNetwork) -> None:
        course, fabric = self.course, self.fabric
        for parameter in network.trunk.parameters():
            parameter.requires_grad_(course.trunk)
        self.network = network.to(fabric.device)
        self.parameters = [p for p in network.parameters() if p.requires_grad]
        self.optimiser = torch.optim.Adam(self.parameters, lr=course.rate)
        self.wrapped, self.wrapped_optimiser = fabric.setup(network, self.optimiser)
        self.mean = [p.detach().clone() for p in self.parameters]
        self.state = _State()

    def _done(self) -> float:
        """The share of the course that is behind."""
        by_clock = self.clock.seconds() / 60 / self.course.minutes
        return self.fabric.broadcast(max(self.state.step / self.course.steps, by_clock))

    def _step(self, done: float) -> None:
        side = self.course.side_at(done, self.network.plan.multiple)
        batch = self._draw(side)
        rate = self.course.rate_at(self.state.step, done) * self.state.damped
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        value, terms = self._backward(batch)
        if not math.isfinite(value) or not self._clip():
            self._roll_back(value)
            return
        self.wrapped_optimiser.step()
        self.state.step += 1
        self.state.recoveries = 0
        self._average()
        self.state.history.append(Point(self.clock.seconds(), 1, value, terms))
        if self.state.step % SNAPSHOT == 0:
            self.good = self._snapshot()
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
        )

    def _backward(self, batch: Batch) -> tuple[float, dict[str, float]]:
        """Gradients of all parameters; the loss over all processes, and its terms here."""
        photos, weights, again = (
            self.fabric.to_device(t) for t in (batch.photos, batch.weights, batch.again)
        )
        both = self.wrapped(torch.cat([photos, again[::2]]), torch.cat([weights, weights[::2]]))
        painted, second = both[: len(photos)], both[len(photos) :]
        rows = self.course.rows
        own = torch.cat([weights[:, :1], weights[:, rows.start : rows.stop]], 1)
        bound = self.objective.bind(photos, own)
        window = Window.full((photos.shape[-2], photos.shape[-1]))
        found = evaluate(bound, painted.detach(), backbone=self.objective.backbone, windows=[window])
        steady = STEADY * _difference(painted[::2], second, batch.shift)
        self.fabric.backward((painted * found.gradient).sum() + steady)
        if not self.course.trunk and self.network.rows.grad is not None:
            self.network.rows.grad[: self.course.rows.start] = 0
        value = torch.tensor(found.value + float(steady.detach()))
        whole = self.fabric.all_reduce(value, reduce_op="mean")
        return float(torch.as_tensor(whole)), {**found.terms, "steady": float(steady.detach())}

    def _clip(self) -> bool:
        """Shortens a long gradient; False if it is not finite."""
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, CLIP)
        return math.isfinite(float(norm))

    def _average(self) -> None:
        decay = min(MEMORY, (1 + self.state.step) / (10 + self.state.step))
        for mean, parameter in zip(self.mean, self.parameters, strict=True):
            mean.lerp_(parameter.detach(), 1 - decay)

    def _roll_back(self, value: float) -> None:
        self.state.recoveries += 1
        if self.state.recoveries > RECOVERIES:
            raise ImpastoError(
                f"the loss became {value:g} and stayed so after {RECOVERIES} rollbacks: "
                f"try a lower --rate, or --device cpu"
            )
        recoveries, damped = self.state.recoveries, self.state.damped / 2
        self._restore(*self.good)
        self.state.recoveries, self.state.damped = recoveries, damped
        # The very batch that failed would come again: the count goes past it.
        self.state.step += recoveries

    def _snapshot(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        named = dict(zip(self._names(), zip(self.parameters, self.mean, strict=True), strict=True))
        tensors = {f"network.{k}": p.detach().clone() for k, (p, _) in named.items()}
        tensors |= {f"mean.{k}": mean.clone() for k, (_, mean) in named.items()}
        for name, parameter in zip(self._names(), self.parameters, strict=True):
            for key, value in self.optimiser.state[parameter].items():
                tensors[f"adam.{key}.{name}"] = value.clone()
        state = self.state
        history = [[p.seconds, p.stage, p.loss, dict(p.terms)] for p in state.history]
        return tensors, {
            "step": state.step,
            "recoveries": state.recoveries,
            "damped": state.damped,
            "history": history,
        }

    def _names(self) -> Iterator[str]:
        return (name for name, p in self.network.named_parameters() if p.requires_grad)

    def _restore(self, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
        with torch.no_grad():
            for name, parameter, mean in zip(self._names(), self.parameters, self.mean, strict=True):
                parameter.copy_(tensors[f"network.{name}"])
                mean.copy_(tensors[f"mean.{name}"])
                self.optimiser.state.pop(parameter, None)
                moments = {k: tensors.get(f"adam.{k}.{name}") for k in ("step", "exp_avg", "exp_avg_sq")}
                if moments["step"] is not None:
                    self.optimiser.state[parameter] = {
                        k: v.clone().to("cpu" if k == "step" else parameter.device)
                        for k, v in moments.items()
                        if v is not None
                    }
        self.state = _State(
            step=int(meta["step"]),
            recoveries=int(meta["recoveries"]),
            damped=float(meta["damped"]),
            history=[Point(*p) for p in meta["history"]],
        )

    def _save(self) -> None:
        if self.checkpoint and self.fabric.is_global_zero:
            tensors, meta = self._snapshot()
            self.checkpoint.save(tensors, {**meta, "seconds": self.clock.seconds()})

    def _take_up(self) -> None:
        saved = self.checkpoint.load() if self.checkpoint else None
        if self.checkpoint is None or saved is None:
            return
        try:
            self._restore(*saved)
            self.state.seconds = float(saved[1]["seconds"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise InputError(
                f"{self.checkpoint.path} does not fit this training: remove it, or leave out --resume"
            ) from error

    def _take(self, values: list[Tensor]) -> None:
        with torch.no_grad():
            for parameter, value in zip(self.parameters, values, strict=True):
                parameter.copy_(value)

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

    def _picture(self) -> Tensor:
        """A sample by the averaged weights."""
        if self.sample is None:
            raise InputError("no sample was asked for: give fit a sample")
        now = [p.detach().clone() for p in self.parameters]
        self._take(self.mean)
        try:
            with torch.no_grad():
                return self.sample(self.network)
        finally:
            self._take(now)


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
