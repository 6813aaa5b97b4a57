"""The one loop that optimises a picture."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from impasto.backbones import Backbone
from impasto.errors import ImpastoError, InputError
from impasto.losses import Bound, FeatureCache, Loss, Scene
from impasto.optim.adam import Adam
from impasto.optim.allocator import retain_freed_memory
from impasto.optim.ascent import Ascent
from impasto.optim.checkpoint import Checkpoint
from impasto.optim.evaluation import evaluate
from impasto.optim.lbfgs import Lbfgs
from impasto.optim.memory import is_out_of_memory
from impasto.optim.memory import tiling as fitting
from impasto.optim.schedule import Schedule, Stage
from impasto.optim.state import State, is_fault, restored
from impasto.optim.transforms import Transform
from impasto.parametrizations import Parametrization
from impasto.record import Clock, Point, Progress, Watch
from impasto.tiles import Size, Tiling, Window

Optimiser = Lbfgs | Adam | Ascent
Cut = Callable[[Size], Sequence[Window]]
T = TypeVar("T")

_log = logging.getLogger("impasto")

RECOVERIES = 5  # rollbacks in a row before the run is given up
MEMORY = 0.95  # decay of the average of iterates, for optimisers that wander around the minimum


@dataclass(frozen=True)
class Outcome:
    """The picture ``(1, 3, H, W)``, clipped to 0..1, and how it came about."""

    picture: Tensor
    history: tuple[Point, ...]
    evaluations: int
    stopped: bool


def minimize(
    loss: Loss,
    parametrization: Parametrization,
    *,
    schedule: Schedule,
    backbone: Backbone,
    optimiser: Optimiser | None = None,
    plateau: float = 0.0,
    tiling: Cut | None = None,
    transform: Transform | None = None,
    watch: Watch | None = None,
    checkpoint: Checkpoint | None = None,
    seen: FeatureCache | None = None,
) -> Outcome:
    """Finds the picture that makes a loss small, from coarse to fine.

    Args:
        loss: what the picture should be like; bound anew at each size.
        parametrization: what is moved; on return it holds the result.
        schedule: sizes and evaluations, see :func:`impasto.optim.scales`.
        backbone: the network whose features the loss compares.
        optimiser: default :class:`Lbfgs`. A copy is used, so one may serve several runs.
        plateau: a stage ends early once ten steps lowered its loss by less than this share; 0: never.
        tiling: how a picture of a size is cut; default: one piece. If memory runs out it is cut smaller,
            once.
        transform: what is done to the picture before the network sees it: see
            :mod:`impasto.optim.transforms`.
        watch: called after every step. A ``KeyboardInterrupt``, from here or the keyboard, keeps what there
            is.
        checkpoint: where the run is saved, and perhaps taken up again.
        seen: what was seen of pictures that stay the same in several runs.

    Raises:
        ImpastoError: the loss is not a finite number, even after rolling back; or memory ran out twice.
        InputError: the checkpoint is damaged, or of another run.

    Examples:
        >>> picture, plan = Pixels("photo.jpg"), scales((384, 512))  # doctest: +SKIP
        >>> out = minimize(loss, picture, schedule=plan, backbone=load())  # doctest: +SKIP
    """
    chosen = copy.deepcopy(optimiser) if optimiser else Lbfgs()
    return _Loop(
        loss, parametrization, schedule, backbone, chosen, plateau, tiling, transform, watch, checkpoint, seen
    ).run()


@dataclass
class _Loop:
    loss: Loss
    parametrization: Parametrization
    schedule: Schedule
    backbone: Backbone
    optimiser: Optimiser
    plateau: float
    tiling: Cut | None
    transform: Transform | None
    watch: Watch | None
    checkpoint: Checkpoint | None
    seen: FeatureCache | None
    fallen: bool = False  # whether memory ran out once

    @retain_freed_memory()
    def run(self) -> Outcome:
        start = self.parametrization.vector()
        self.state = State(start, start, start)
        # Whether state and optimiser belong together: what is between two steps, or two sizes, is not saved.
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
            # Between two sizes the parametrization holds the picture already, and the state an older one.
            if self.parametrization.vector().numel() == self.state.good.numel():
                self.parametrization.assign(self.state.good)
            self.parametrization.resize(self.schedule[-1].size)
        with torch.no_grad():
            picture = self.parametrization().clamp(0, 1)
        return Outcome(picture, tuple(self.state.history), self.state.evaluations, stopped)

    def _paint(self, stage: Stage, *, resumed: bool) -> None:
        """One stage: move to its size, bind the loss there, and step until the budget or a plateau."""
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
        if self.state.begun is not self.state.x:  # taken up in the middle of a stage
            self.parametrization.assign(self.state.begun)
        with torch.no_grad():
            present = self.parametrization().clone()
        scene = Scene(
            self.backbone,
            size,
            wanted=self.loss.needs,
            cut=self.tiling,
            seen=self.seen,
            present=present,
            stage=self.state.stage,
        )
        return self.loss.bind(scene)

    def _within_memory(self, work: Callable[[], T]) -> T:
        """Does it; and if memory runs out, does it once more in smaller pieces."""
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
                    f"--size, or say with --memory how much there is"
                ) from None
        # Out here the error is gone, and with it all that it held.
        self.tiling, self.fallen = smaller, True
        self.windows = smaller(size)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        _log.warning("memory ran out: going on in %d tiles", len(self.windows))
        return self._within_memory(work)

    def _smaller(self, size: Size) -> Tiling | None:
        """Tiles with about a quarter of the pixels that the pieces had."""
        if isinstance(self.tiling, Tiling) and len(self.windows) > 1:
            return self.tiling.smaller()
        return fitting(self.backbone, self.loss.needs, pixels=size[0] * size[1] // 4)

    def _advance(self, stage: Stage) -> None:
        """One step of the optimiser, the guard against divergence, the average, and the report."""
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
        # A step that found nothing better returns the loss it began with, not the last one it tried.
        terms = dict(self.tried).get(value, points[-1].terms if points else {})
        state.history.append(Point(self.clock.seconds(), state.stage + 1, value, terms))
        self.settled = True
        if self.watch:
            self.watch(self._progress(stage, state.history[-1]))

    def _roll_back(self, value: float) -> None:
        """After a loss that is no number, or far too large: back to what was good, with less boldness."""
        self.state.recoveries += 1
        if self.state.recoveries > RECOVERIES:
            raise ImpastoError(
                f"the loss became {value:g} and stayed so after {RECOVERIES} rollbacks: "
                f"try a lower strength or weight, or --device cpu"
            )
        self.state.x = self.state.good
        self.optimiser.recover()

    def _evaluate(self, x: Tensor) -> tuple[float, Tensor]:
        """Loss and gradient of a flat vector of parameters, penalty included."""
        self.settled = True  # an interrupt in here leaves the step undone, and the optimiser as it was
        self.parametrization.assign(x)
        picture = self.parametrization()
        if self.transform:
            picture = self.transform(picture, self.state.evaluations + len(self.tried))
        flat = picture.detach()
        found = self._within_memory(
            lambda: evaluate(self.bound, flat, backbone=self.backbone, windows=self.windows)
        )
        parameters = list(self.parametrization.parameters())
        gradient = _flat(torch.autograd.grad(picture, parameters, found.gradient), parameters)
        value, terms = found.value, found.terms
        del picture, found  # a poster's way here takes memory, and so will its penalty
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

    def _points(self) -> list[Point]:
        return [p for p in self.state.history if p.stage == self.state.stage + 1]

    def _is_flat(self) -> bool:
        """Whether ten steps brought less than the share ``plateau``; averages smooth both ends."""
        losses = [p.loss for p in self._points()]
        if self.plateau <= 0 or len(losses) < 20:
            return False
        before, now = sum(losses[-20:-10]), sum(losses[-10:])
        return before - now <= self.plateau * abs(before)

    def _progress(self, stage: Stage, point: Point) -> Progress:
        work = [s.steps * s.size[0] * s.size[1] for s in self.schedule]
        state = self.state
        step = min(state.step, stage.steps)  # the last step may need an evaluation or two beyond its stage
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
        self.checkpoint.save(*self.state.saved(self.optimiser.state(), seconds=self.clock.seconds()))
        self.saved = self.state.evaluations

    def _take_up(self) -> bool:
        """Restores what the checkpoint holds; whether there was anything."""
        saved = self.checkpoint.load() if self.checkpoint else None
        if self.checkpoint is None or saved is None:
            return False
        try:
            self._restore(*saved)
        except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
            raise InputError(
                f"{self.checkpoint.path} does not fit this run: remove it, or leave out --resume"
            ) from error
        return True

    def _restore(self, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
        self.state, optimiser = restored(tensors, meta, like=self.state.x)
        self.optimiser.restore(optimiser)
        self.parametrization.resize(self.schedule[self.state.stage].size)
        if self.state.x.shape != self.parametrization.vector().shape:
            raise ValueError("the picture has another size")
        self.settled = True


def _flat(gradients: Sequence[Tensor | None], parameters: Sequence[Tensor]) -> Tensor:
    """Gradients as one vector; none counts as zero."""
    pairs = zip(gradients, parameters, strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs])
