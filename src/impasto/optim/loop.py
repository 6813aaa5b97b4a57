"""The optimization loop."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

from impasto.backbones import Backbone
from impasto.errors import ImpastoError
from impasto.losses import BindContext, Bound, FeatureCache, Loss
from impasto.optim.adam import Adam
from impasto.optim.allocator import retain_freed_memory
from impasto.optim.ascent import Ascent
from impasto.optim.checkpoint import Checkpoint
from impasto.optim.evaluation import evaluate, propagate
from impasto.optim.lbfgs import Lbfgs
from impasto.optim.memory import is_out_of_memory
from impasto.optim.memory import tiling as fitting
from impasto.optim.schedule import Schedule, Stage
from impasto.optim.state import OptimizationState, from_checkpoint, is_fault
from impasto.optim.transforms import Transform
from impasto.parametrizations import Parametrization
from impasto.record import Clock, HistoryEntry, Progress, Watch
from impasto.tiles import Size, Tiling, Window

Optimizer = Lbfgs | Adam | Ascent
Cut = Callable[[Size], Sequence[Window]]
T = TypeVar("T")

_log = logging.getLogger("impasto")

RECOVERIES = 5  # consecutive rollbacks before the run fails
MEMORY = 0.95  # decay of the average of iterates, for optimizers that oscillate around the minimum


@dataclass(frozen=True)
class OptimizationResult:
    """Result of an optimization: the image ``(1, 3, H, W)``, clipped to 0..1, and its history."""

    picture: Tensor = field(repr=False)
    history: tuple[HistoryEntry, ...] = field(repr=False)
    evaluations: int
    stopped: bool


def minimize(
    loss: Loss,
    parametrization: Parametrization,
    *,
    schedule: Schedule,
    backbone: Backbone,
    optimiser: Optimizer | None = None,
    plateau: float = 0.0,
    tiling: Cut | None = None,
    transform: Transform | None = None,
    watch: Watch | None = None,
    checkpoint: Checkpoint | None = None,
    seen: FeatureCache | None = None,
) -> OptimizationResult:
    """Optimize an image from coarse to fine.

    Args:
        loss: the loss to minimize; bound at each size.
        parametrization: the parameters to optimize, moved to the device of the backbone; holds the result on
            return.
        schedule: sizes and evaluations, see :func:`impasto.optim.scales`.
        backbone: feature extractor.
        optimiser: default: :class:`Lbfgs`. The loop works on a copy.
        plateau: a stage ends early if ten steps lower the loss by less than this fraction; 0: never.
        tiling: returns the windows of an image of a given size; default: one window. If memory runs out, the
            loop retries once with smaller tiles.
        transform: applied to the image before the backbone, see :mod:`impasto.optim.transforms`.
        watch: called after every step. A ``KeyboardInterrupt``, from here or from the keyboard, stops the
            run and returns the current image.
        checkpoint: where to save the run, and whether to resume it.
        seen: cache of features of images shared by several runs.

    Raises:
        ImpastoError: the loss stays non-finite after rollbacks, or memory ran out twice.
        InputError: the checkpoint is damaged, or belongs to another run.

    Examples:
        >>> picture, plan = Pixels("photo.jpg"), scales((384, 512))  # doctest: +SKIP
        >>> out = minimize(loss, picture, schedule=plan, backbone=load())  # doctest: +SKIP
    """
    chosen = copy.deepcopy(optimiser) if optimiser else Lbfgs()
    picture = parametrization.to(backbone.device)
    return _Loop(
        loss, picture, schedule, backbone, chosen, plateau, tiling, transform, watch, checkpoint, seen
    ).run()


@dataclass
class _Loop:
    loss: Loss
    parametrization: Parametrization
    schedule: Schedule
    backbone: Backbone
    optimiser: Optimizer
    plateau: float
    tiling: Cut | None
    transform: Transform | None
    watch: Watch | None
    checkpoint: Checkpoint | None
    seen: FeatureCache | None
    fallen: bool = False  # whether memory ran out once

    @retain_freed_memory()
    def run(self) -> OptimizationResult:
        start = self.parametrization.vector()
        self.state = OptimizationState(start, start, start)
        # Whether state and optimizer are consistent. Between two steps or two sizes nothing is saved.
        self.settled = False
        resumed = self._take_up()
        self.clock = Clock(self.state.seconds)
        self.saved = self.state.evaluations
        stopped = False
        try:
            while self.state.stage < len(self.schedule):
                self._paint(self.schedule[self.state.stage], resumed=resumed)
                resumed = False
        except KeyboardInterrupt:
            stopped = True
            if self.settled:
                self._save()
            # Between two sizes the parametrization is newer than the state.
            if self.parametrization.vector().numel() == self.state.good.numel():
                self.parametrization.assign(self.state.good)
            self.parametrization.resize(self.schedule[-1].size)
        with torch.no_grad():
            picture = self.parametrization().clamp(0, 1)
        return OptimizationResult(picture, tuple(self.state.history), self.state.evaluations, stopped)

    def _paint(self, stage: Stage, *, resumed: bool) -> None:
        """Run one stage: resize, bind the loss, and step until the budget or a plateau."""
        state = self.state
        if not resumed:
            self.optimiser.move(lambda vector: self.parametrization.resize_state(vector, stage.size))
            self.parametrization.resize(stage.size)
            state.x = state.good = state.begun = self.parametrization.vector()
            state.step = state.recoveries = 0
            self.settled = True
        self.bound = self._within_memory(lambda: self._bind(stage.size))
        while state.step < stage.steps and not self._is_flat():
            self._advance(stage)
            if self.checkpoint and state.evaluations - self.saved >= self.checkpoint.every:
                self._save()
        self.parametrization.assign(state.good)
        self.settled = False
        state.stage += 1

    def _bind(self, size: Size) -> Bound:
        self.windows = self.tiling(size) if self.tiling else [Window.full(size)]
        if self.state.begun is not self.state.x:  # resumed in the middle of a stage
            self.parametrization.assign(self.state.begun)
        with torch.no_grad():
            present = self.parametrization().clone()
        context = BindContext(
            self.backbone,
            size,
            wanted=self.loss.needs,
            cut=self.tiling,
            seen=self.seen,
            present=present,
            stage=self.state.stage,
        )
        return self.loss.bind(context)

    def _within_memory(self, work: Callable[[], T]) -> T:
        """Call ``work``; if memory runs out, retry once with smaller tiles."""
        try:
            return work()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            size = self.schedule[self.state.stage].size
            smaller = self._smaller(size)
            if self.fallen or smaller is None:
                raise ImpastoError(
                    f"there is not enough memory to paint {size[1]}x{size[0]} pixels: choose a smaller "
                    f"--size, or set the memory budget with --memory"
                ) from None
        # Outside the handler, so that the exception and the tensors it references are freed.
        self.tiling, self.fallen = smaller, True
        self.windows = smaller(size)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        _log.warning("memory ran out: continuing in %d tiles", len(self.windows))
        return self._within_memory(work)

    def _smaller(self, size: Size) -> Tiling | None:
        """Return a tiling with about a quarter of the pixels per tile."""
        if isinstance(self.tiling, Tiling) and len(self.windows) > 1:
            return self.tiling.smaller()
        return fitting(self.backbone, self.loss.needs, pixels=size[0] * size[1] // 4)

    def _advance(self, stage: Stage) -> None:
        """Take one optimizer step, check for divergence, update the average, and report progress."""
        state, points = self.state, self._points()
        self.tried: list[tuple[float, Mapping[str, float]]] = []
        moved, value = self.optimiser.step(state.x, self._evaluate)
        state.step += len(self.tried)
        state.evaluations += len(self.tried)
        if not bool(torch.isfinite(moved).all()) or is_fault(value, [p.loss for p in points]):
            self._roll_back(value)
            self.settled = True
            return
        state.x, state.recoveries = moved, 0
        if self.optimiser.averages and points:
            state.good = state.good.lerp(moved, max(1 - MEMORY, 1 / (1 + len(points))))
        else:
            state.good = moved
        # A step without improvement returns the loss at its start, not the last one it tried.
        terms = dict(self.tried).get(value, points[-1].terms if points else {})
        state.history.append(HistoryEntry(self.clock.seconds(), state.stage + 1, value, terms))
        self.settled = True
        if self.watch:
            self.watch(self._progress(stage, state.history[-1]))

    def _roll_back(self, value: float) -> None:
        """Return to the last good parameters after a divergence, and let the optimizer recover."""
        self.state.recoveries += 1
        if self.state.recoveries > RECOVERIES:
            raise ImpastoError(
                f"the loss diverged to {value:g} and {RECOVERIES} rollbacks did not help: "
                f"try a lower strength or weight, or --device cpu"
            )
        self.state.x = self.state.good
        self.optimiser.recover()

    def _evaluate(self, x: Tensor) -> tuple[float, Tensor]:
        """Compute loss and gradient at a flat vector of parameters, including the penalty."""
        self.settled = True  # an interrupt in here discards the step and leaves the optimizer unchanged
        self.parametrization.assign(x)
        picture = self.parametrization()
        if self.transform:
            picture = self.transform(picture, self.state.evaluations + len(self.tried))
        flat = picture.detach()
        found = self._within_memory(
            lambda: evaluate(self.bound, flat, backbone=self.backbone, windows=self.windows)
        )
        parameters = list(self.parametrization.parameters())
        gradient = _flat(propagate(picture, parameters, found.gradient), parameters)
        value, terms = found.value, found.terms
        del picture, found  # free the graph before the penalty: both are large for large images
        penalty = self.parametrization.penalty()
        if penalty.requires_grad:
            more = torch.autograd.grad(penalty, parameters, allow_unused=True)
            place = 0
            for parameter, added in zip(parameters, more, strict=True):
                if added is not None:
                    gradient[place : place + parameter.numel()] += added.flatten()
                place += parameter.numel()
        value += float(penalty.detach())
        self.tried.append((value, terms))
        self.settled = False
        return value, gradient

    def _points(self) -> list[HistoryEntry]:
        return [p for p in self.state.history if p.stage == self.state.stage + 1]

    def _is_flat(self) -> bool:
        """Return whether the mean loss of the last ten steps fell by less than the fraction ``plateau``."""
        losses = [p.loss for p in self._points()]
        if self.plateau <= 0 or len(losses) < 20:
            return False
        before, now = sum(losses[-20:-10]), sum(losses[-10:])
        return before - now <= self.plateau * abs(before)

    def _progress(self, stage: Stage, point: HistoryEntry) -> Progress:
        work = [s.steps * s.size[0] * s.size[1] for s in self.schedule]
        state = self.state
        step = min(state.step, stage.steps)  # the last step may exceed the budget by a few evaluations
        done = sum(work[: state.stage]) + step * stage.size[0] * stage.size[1]
        return Progress(
            stage=state.stage + 1,
            stages=len(self.schedule),
            size=stage.size,
            step=step,
            steps=stage.steps,
            done=done / max(1, sum(work)),
            seconds=self.clock.seconds(),
            loss=point.loss,
            terms=point.terms,
            picture=self._picture,
        )

    def _picture(self) -> Tensor:
        self.parametrization.assign(self.state.good)
        with torch.no_grad():
            picture: Tensor = self.parametrization().clamp(0, 1)
        return picture

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        self.checkpoint.save(*self.state.to_checkpoint(self.optimiser.state(), seconds=self.clock.seconds()))
        self.saved = self.state.evaluations

    def _take_up(self) -> bool:
        """Restore the checkpoint; return whether there was one."""
        saved = self.checkpoint.load() if self.checkpoint else None
        if self.checkpoint is None or saved is None:
            return False
        try:
            self._restore(*saved)
        except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
            raise self.checkpoint.misfit("run") from error
        self.checkpoint.warn()
        return True

    def _restore(self, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
        self.state, optimiser = from_checkpoint(tensors, meta, like=self.state.x)
        self.optimiser.restore(optimiser)
        self.parametrization.resize(self.schedule[self.state.stage].size)
        if self.state.x.shape != self.parametrization.vector().shape:
            raise ValueError("the picture has another size")
        self.settled = True


def _flat(gradients: Sequence[Tensor | None], parameters: Sequence[Tensor]) -> Tensor:
    """Concatenate gradients to one vector; None counts as zero."""
    pairs = zip(gradients, parameters, strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs])
