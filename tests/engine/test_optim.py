"""The optimization loop: it lowers the loss, recovers from faults, stops on request and resumes."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from impasto import tensors
from impasto.backbones import PIXELS, Tiny
from impasto.errors import ImpastoError
from impasto.losses import (
    BindContext,
    Bound,
    Content,
    Features,
    Gram,
    Loss,
    MeanVariance,
    Sums,
    TotalVariation,
    Wasserstein,
)
from impasto.optim import Adam, Lbfgs, OptimizationResult, Stage, evaluate, minimize, scales
from impasto.optim.evaluation import propagate
from impasto.parametrizations import Pixels
from impasto.record import Progress
from impasto.tiles import Window, split
from support.optim import LAYERS, OPTIMIZERS, TWO, Watched, objective, paint, picture


def worth(loss: Loss, found: Tensor) -> float:
    """The loss of a finished picture, free of any watcher."""
    size, network = (found.shape[-2], found.shape[-1]), Tiny()
    bound = loss.bind(BindContext(network, size))
    return evaluate(bound, found, backbone=network, windows=[Window.full(size)]).value


# The loss falls

FALLING: dict[str, Callable[[], Loss]] = {
    "content": lambda: Content(picture(3), LAYERS),
    "pixels": lambda: Content(picture(3), PIXELS),
    "gram": lambda: Gram(picture(2), LAYERS),
    "meanvar": lambda: MeanVariance(picture(2), LAYERS),
    "wasserstein": lambda: Wasserstein(picture(2), LAYERS),
    "tv": TotalVariation,
    "sum": objective,
}


@pytest.mark.parametrize("name", FALLING)
@pytest.mark.parametrize("optimiser", OPTIMIZERS)
def test_the_loss_falls(name: str, optimiser: str) -> None:
    loss = FALLING[name]()
    found = paint(loss, schedule=(Stage((23, 28), 40),), optimiser=OPTIMIZERS[optimiser]())
    assert found.history[-1].loss < 0.7 * found.history[0].loss
    assert worth(loss, found.picture) < 0.7 * worth(loss, picture(1))
    assert found.picture.shape == (1, 3, 23, 28)
    assert 0 <= float(found.picture.min()) <= float(found.picture.max()) <= 1


def test_the_default_optimiser_is_lbfgs_and_its_losses_only_fall() -> None:
    found = paint(schedule=TWO)
    for stage in (1, 2):
        losses = [p.loss for p in found.history if p.stage == stage]
        assert losses == sorted(losses, reverse=True)
    assert torch.equal(found.picture, paint(schedule=TWO, optimiser=Lbfgs()).picture)


class Recorded(Pixels):
    """Pixels that keep every vector they are given."""

    def __init__(self) -> None:
        super().__init__(picture(1))
        self.given: list[Tensor] = []

    def assign(self, vector: Tensor) -> None:
        self.given.append(vector.clone())
        super().assign(vector)


def test_the_picture_kept_by_adam_is_an_average() -> None:
    def run(steps: int) -> tuple[OptimizationResult, list[Tensor]]:
        pixels, schedule = Recorded(), (Stage((23, 28), steps),)
        found = minimize(objective(), pixels, schedule=schedule, backbone=Tiny(), optimiser=Adam(rate=0.05))
        return found, pixels.given

    # What the sixth evaluation sees is where the fifth step led: five iterates after the start.
    kept, (_, iterates) = run(5)[0].picture, run(6)
    wanted = torch.stack(iterates[1:6]).mean(0).view_as(kept).clamp(0, 1)
    torch.testing.assert_close(kept, wanted, rtol=0, atol=1e-5)
    assert float((kept.flatten() - iterates[5].clamp(0, 1)).abs().max()) > 1e-3


def test_adam_goes_back_to_the_average() -> None:
    pixels, loss = Recorded(), Watched(objective(), factors={6: math.nan})
    schedule = (Stage((23, 28), 7),)
    minimize(loss, pixels, schedule=schedule, backbone=Tiny(), optimiser=Adam(rate=0.05))
    # The sixth evaluation, of the fifth iterate, was the fault; the seventh starts from the mean of all five.
    wanted = torch.stack(pixels.given[1:6]).mean(0)
    torch.testing.assert_close(pixels.given[6], wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("optimiser", OPTIMIZERS)
def test_an_optimiser_may_serve_several_runs(optimiser: str) -> None:
    chosen = OPTIMIZERS[optimiser]()
    first = paint(optimiser=chosen)
    assert torch.equal(paint(optimiser=chosen).picture, first.picture)
    assert torch.equal(paint(optimiser=OPTIMIZERS[optimiser]()).picture, first.picture)


@pytest.mark.parametrize("optimiser", OPTIMIZERS)
def test_content_alone_gives_back_the_photo(optimiser: str) -> None:
    loss = Content(picture(1), LAYERS).relative(picture(2))
    schedule = scales((23, 28), first=8, shortest=4, steps=(6, 6))
    assert len(schedule) > 2
    found = paint(loss, schedule=schedule, optimiser=OPTIMIZERS[optimiser]())
    torch.testing.assert_close(found.picture, picture(1), rtol=0, atol=1e-6)


@pytest.mark.parametrize("optimiser", OPTIMIZERS)
def test_content_alone_in_tiles_is_the_photo_within_rounding(optimiser: str) -> None:
    # In tiles the features differ in their last bit, so the loss starts just above zero: nothing to fear.
    loss = Content(picture(1), LAYERS).relative(picture(2))
    found = paint(
        loss,
        schedule=(Stage((23, 28), 30),),
        optimiser=OPTIMIZERS[optimiser](),
        tiling=lambda size: split(size, tile=12, halo=8, stride=4),
    )
    assert float((found.picture - picture(1)).abs().mean()) < 0.02


def test_painting_in_tiles_is_painting_in_one_piece() -> None:
    # Few steps: after many, rounding picks another of the pictures that are equally good.
    schedule = (Stage((23, 28), 6),)
    whole = paint(schedule=schedule)
    tiled = paint(schedule=schedule, tiling=lambda size: split(size, tile=8, halo=8, stride=4))
    torch.testing.assert_close(tiled.picture, whole.picture, rtol=0, atol=1e-3)
    assert [p.loss for p in tiled.history] == pytest.approx([p.loss for p in whole.history], rel=1e-3)


class Brightest(Loss):
    """As in Deep Dream, a loss that is negative and falls without end."""

    name, needs = "brightest", frozenset({PIXELS})

    def bind(self, scene: BindContext) -> Bound:
        return _Brightest()


class _Brightest(Bound):
    name, layers = "brightest", frozenset({PIXELS})

    def measure(self, features: Features, window: object) -> Sums:
        return {"mean": features[PIXELS].mean()}

    def each(self, sums: Sums) -> Tensor:
        return -20 * (sums["mean"] - 0.45)


@pytest.mark.parametrize("optimiser", OPTIMIZERS)
@pytest.mark.parametrize("plateau", [0.0, 1e-6])
def test_negative_losses_fall_too(optimiser: str, plateau: float) -> None:
    found = paint(
        Brightest(), schedule=(Stage((23, 28), 40),), optimiser=OPTIMIZERS[optimiser](), plateau=plateau
    )
    assert len(found.history) > 20
    assert found.history[0].loss > found.history[-1].loss
    assert found.history[-1].loss < -1


# Stopping early


@pytest.mark.parametrize("optimiser", OPTIMIZERS)
def test_a_plateau_ends_a_stage(optimiser: str) -> None:
    schedule = (Stage((16, 20), 300), Stage((23, 28), 300))
    found = paint(schedule=schedule, optimiser=OPTIMIZERS[optimiser](), plateau=0.05)
    for stage in (1, 2):
        losses = [p.loss for p in found.history if p.stage == stage]
        assert 20 <= len(losses) < 200
        assert sum(losses[-10:]) >= 0.95 * sum(losses[-20:-10])
    full = paint(schedule=(Stage((16, 20), 100),), optimiser=OPTIMIZERS[optimiser](), plateau=0.0)
    assert full.evaluations >= 100


def test_a_loss_of_zero_is_a_plateau() -> None:
    loss = Watched(Content(picture(1), PIXELS))
    paint(loss, schedule=(Stage((23, 28), 300),), plateau=0.01)
    assert loss.count == 20


def test_a_stage_without_steps_is_passed_through() -> None:
    found = paint(schedule=(Stage((16, 20), 0), Stage((23, 28), 5), Stage((30, 36), 0)))
    assert found.picture.shape[-2:] == (30, 36)
    assert {p.stage for p in found.history} == {2}


# Progress


@pytest.mark.parametrize("optimiser", OPTIMIZERS)
@pytest.mark.parametrize("raised", [(), (12, 13, 25)])
def test_progress_is_true(optimiser: str, raised: tuple[int, ...]) -> None:
    # A raised loss makes L-BFGS try again, which may take it beyond the steps of its stage.
    seen: list[Progress] = []
    pictures: list[Tensor] = []

    def watch(progress: Progress) -> None:
        seen.append(progress)
        pictures.append(progress.picture())

    loss = Watched(objective(), factors=dict.fromkeys(raised, 2.0))
    found = paint(loss, optimiser=OPTIMIZERS[optimiser](), watch=watch)
    assert found.evaluations == loss.count
    assert (loss.count > 24) == (bool(raised) and optimiser == "lbfgs")
    assert not found.stopped
    assert [p.loss for p in found.history] == [p.loss for p in seen]
    assert [p.terms for p in found.history] == [p.terms for p in seen]
    assert [p.stage for p in seen] == sorted(p.stage for p in seen)
    done = [p.done for p in seen]
    assert done == sorted(done)
    assert 0 < done[0] < 0.2
    assert done[-1] == 1
    assert seen[-1].seconds_left == 0
    for progress, shown in zip(seen, pictures, strict=True):
        stage = TWO[progress.stage - 1]
        assert progress.stages == 2
        assert progress.size == stage.size == tuple(shown.shape[-2:])
        assert 1 <= progress.step <= progress.steps == stage.steps
        assert progress.seconds >= 0
        assert sum(progress.terms.values()) == pytest.approx(progress.loss, abs=1e-2)
    assert torch.equal(pictures[-1], found.picture)


def test_looking_does_not_change_the_picture() -> None:
    looked = paint(optimiser=Adam(), watch=lambda progress: progress.picture().zero_())
    assert torch.equal(looked.picture, paint(optimiser=Adam()).picture)


def test_terms_are_those_of_the_picture_that_was_kept() -> None:
    # Raised losses in a row, enough for a step to give up and stay: so must its terms.
    loss = Watched(Content(picture(3), LAYERS), factors=dict.fromkeys(range(10, 18), 50.0))
    found = paint(loss, schedule=(Stage((23, 28), 24),))
    losses = [p.loss for p in found.history]
    assert any(now == before for before, now in pairwise(losses))
    for point in found.history:
        assert point.terms["watched"] == pytest.approx(point.loss, rel=1e-3, abs=1e-4)


# The guard


@pytest.mark.parametrize("optimiser", OPTIMIZERS)
@pytest.mark.parametrize("factor", [math.nan, math.inf, 1e8])
@pytest.mark.parametrize("when", [[1], [2], [15], [9, 10, 30]])
def test_a_fault_is_rolled_back(optimiser: str, factor: float, when: list[int]) -> None:
    schedule = (Stage((23, 28), 60),)
    unbroken = paint(schedule=schedule, optimiser=OPTIMIZERS[optimiser]())
    loss = Watched(objective(), factors=dict.fromkeys(when, factor))
    if when == [1] and factor == 1e8:
        return  # nothing is known yet to measure it against
    found = paint(loss, schedule=schedule, optimiser=OPTIMIZERS[optimiser]())
    assert torch.isfinite(found.picture).all()
    assert all(math.isfinite(p.loss) for p in found.history)
    start, end = worth(objective(), picture(1)), worth(objective(), unbroken.picture)
    assert worth(objective(), found.picture) < end + 0.15 * (start - end)


@pytest.mark.parametrize("optimiser", OPTIMIZERS)
@pytest.mark.parametrize("since", [1, 8])
def test_a_fault_that_stays_is_an_error_in_one_line(optimiser: str, since: int) -> None:
    loss = Watched(objective(), factors=dict.fromkeys(range(since, 1000), math.nan))
    with pytest.raises(ImpastoError, match="nan") as caught:
        paint(loss, schedule=(Stage((23, 28), 300),), optimiser=OPTIMIZERS[optimiser]())
    assert "\n" not in str(caught.value)
    assert loss.count < 100


# Ctrl-C


@pytest.mark.parametrize("optimiser", OPTIMIZERS)
def test_an_interrupt_keeps_what_there_is_at_the_final_size(optimiser: str) -> None:
    shown: list[Tensor] = []

    def watch(progress: Progress) -> None:
        shown.append(progress.picture())
        if len(shown) == 7:
            raise KeyboardInterrupt

    pixels = Pixels(picture(1))
    found = minimize(
        objective(), pixels, schedule=TWO, backbone=Tiny(), optimiser=OPTIMIZERS[optimiser](), watch=watch
    )
    assert found.stopped
    assert len(found.history) == 7
    assert found.picture.shape[-2:] == TWO[-1].size
    wanted = tensors.resize(shown[-1], (TWO[-1].size[0], TWO[-1].size[1])).clamp(0, 1)
    torch.testing.assert_close(found.picture, wanted, rtol=0, atol=1e-3)
    assert torch.equal(pixels().detach().clamp(0, 1), found.picture)


@pytest.mark.parametrize("fault", [{"interrupt": 1}, {"interrupt": 9}, {"binding": 1}, {"binding": 2}])
def test_an_interrupt_anywhere_gives_a_picture(fault: dict[str, int]) -> None:
    found = paint(Watched(objective(), **fault))  # type: ignore[arg-type]
    assert found.stopped
    assert found.picture.shape[-2:] == TWO[-1].size
    assert worth(objective(), found.picture) <= worth(objective(), picture(1)) + 1e-3


def test_a_result_shows_what_it_is_and_not_its_tensor() -> None:
    found = paint(Watched(objective()))
    assert repr(found) == f"OptimizationResult(evaluations={found.evaluations}, stopped=False)"


def test_gradients_are_propagated_to_the_bit() -> None:
    pixels = picture(1).requires_grad_()
    made = (3 * pixels).sin().transpose(2, 3)  # not contiguous
    gradient = torch.randn(made.shape, generator=torch.Generator().manual_seed(0))
    (wanted,) = torch.autograd.grad(made, pixels, gradient, retain_graph=True)
    assert torch.equal(propagate(made, [pixels], gradient)[0], wanted)
