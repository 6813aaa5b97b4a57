"""Both optimizers on functions with a known minimum, compared to SciPy and PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import Tensor

from impasto import files
from impasto.optim import Adam, Lbfgs

Function = Callable[[Tensor], Tensor]


class Watched:
    """A function with its gradient; keeps every loss, and can be told to fail."""

    def __init__(self, function: Function, *, bad: dict[int, tuple[float, float]] | None = None) -> None:
        self.function, self.bad, self.losses = function, bad or {}, list[float]()

    def __call__(self, x: Tensor) -> tuple[float, Tensor]:
        leaf = x.detach().clone().requires_grad_()
        loss = self.function(leaf)
        (gradient,) = torch.autograd.grad(loss, leaf)
        value = float(loss.detach())
        loss_factor, gradient_factor = self.bad.get(len(self.losses), (1.0, 1.0))
        self.losses.append(value * loss_factor)
        return value * loss_factor, gradient * gradient_factor


def quadratic(count: int = 60, *, condition: float = 1e3) -> tuple[Function, Tensor]:
    """A bowl, stretched by ``condition`` along turned axes, and where to begin."""
    generator = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn((count, count), generator=generator, dtype=torch.float64))[0]
    scale = torch.logspace(0, math.log10(condition), count, dtype=torch.float64)
    matrix = turn @ torch.diag(scale) @ turn.mT
    center = torch.randn(count, generator=generator, dtype=torch.float64)
    return lambda x: 0.5 * (x - center) @ matrix @ (x - center), torch.zeros(count, dtype=torch.float64)


def rosenbrock(count: int = 8) -> tuple[Function, Tensor]:
    def function(x: Tensor) -> Tensor:
        return (100 * (x[1:] - x[:-1].square()).square() + (1 - x[:-1]).square()).sum()

    return function, torch.full((count,), -0.7, dtype=torch.float64)


PROBLEMS = {"quadratic": quadratic, "rosenbrock": rosenbrock}


def run(
    optimiser: Lbfgs | Adam, x: Tensor, watched: Watched, *, evaluations: int
) -> tuple[Tensor, list[float]]:
    returned = []
    while len(watched.losses) < evaluations:
        x, loss = optimiser.step(x, watched)
        returned.append(loss)
    return x, returned


@pytest.mark.parametrize("name", PROBLEMS)
def test_lbfgs_is_about_as_good_as_that_of_scipy(name: str) -> None:
    function, start = PROBLEMS[name]()

    def for_scipy(x: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = Watched(function)(torch.from_numpy(x))
        return loss, gradient.numpy()

    begin = float(function(start))
    theirs = scipy.optimize.minimize(
        for_scipy, start.numpy(), jac=True, method="L-BFGS-B", options={"maxcor": 20, "ftol": 0, "gtol": 1e-7}
    )
    watched = Watched(function)
    ours, _ = run(
        Lbfgs(history=20, longest_step=10.0), start, watched, evaluations=int(1.5 * theirs.nfev) + 5
    )
    assert theirs.fun < 1e-8 * begin
    assert float(function(ours)) < 1e-8 * begin


@pytest.mark.parametrize("name", PROBLEMS)
def test_lbfgs_never_accepts_a_raised_loss(name: str) -> None:
    function, start = PROBLEMS[name]()
    watched = Watched(function)
    x, losses = run(Lbfgs(), start, watched, evaluations=80)
    assert all(now <= before for before, now in pairwise(losses))
    assert max(watched.losses) > min(watched.losses)
    assert float(function(x)) == losses[-1]


def test_steps_are_no_longer_than_allowed() -> None:
    function, x = quadratic()
    optimiser, watched = Lbfgs(first_step=0.01, longest_step=0.05), Watched(function)
    lengths = []
    for _ in range(30):
        moved, _ = optimiser.step(x, watched)
        lengths.append(float((moved - x).square().mean().sqrt()))
        x = moved
    assert lengths[0] == 0  # the first evaluation is of the start itself
    assert 0 < lengths[1] <= 0.01 * (1 + 1e-9)
    assert 0.01 < max(lengths) <= 0.05 * (1 + 1e-9)


@pytest.mark.parametrize(
    "bad", [(math.nan, 1.0), (1.0, math.nan), (math.inf, 1.0), (1.0, math.inf), (1e9, 1.0)]
)
@pytest.mark.parametrize("when", [1, 2, 10])
def test_a_bad_evaluation_is_survived(bad: tuple[float, float], when: int) -> None:
    function, start = quadratic(condition=30)
    x, losses = run(Lbfgs(), start, Watched(function, bad={when: bad}), evaluations=100)
    assert torch.isfinite(x).all()
    assert all(math.isfinite(loss) for loss in losses)
    assert losses[-1] < 1e-4 * losses[0]


def test_a_loss_that_is_never_finite_is_said_so() -> None:
    function, start = quadratic()
    watched = Watched(function, bad=dict.fromkeys(range(5, 1000), (math.nan, math.nan)))
    _, losses = run(Lbfgs(), start, watched, evaluations=9)
    assert all(math.isfinite(loss) for loss in losses[:-1])
    assert math.isnan(losses[-1])


def test_at_the_minimum_nothing_moves() -> None:
    function, start = quadratic()
    for optimiser in (Lbfgs(), Adam()):
        x = start.clone()
        for _ in range(3):
            x, loss = optimiser.step(x, Watched(lambda v: 0 * function(v)))
        assert torch.equal(x, start)
        assert loss == 0


def test_recovery_forgets_and_is_less_bold() -> None:
    function, x = quadratic()
    lbfgs, adam = Lbfgs(first_step=0.02, longest_step=0.2), Adam(rate=0.02)
    run(lbfgs, x, Watched(function), evaluations=5)
    run(adam, x, Watched(function), evaluations=5)
    lbfgs.recover()
    adam.recover()
    assert (lbfgs.first_step, lbfgs.longest_step, adam.rate) == (0.01, 0.1, 0.01)
    assert lbfgs.pairs == []
    assert lbfgs.gradient is None
    assert adam.first is None
    assert adam.count == 0


def test_a_new_size_restarts_lbfgs() -> None:
    function, x = quadratic()
    optimiser = Lbfgs()
    run(optimiser, x, Watched(function), evaluations=5)
    assert optimiser.pairs
    optimiser.move(lambda state: state)
    assert optimiser.pairs == []
    moved, _ = optimiser.step(x, Watched(function))
    assert torch.equal(moved, x)


def test_a_new_size_resizes_the_moments_of_adam() -> None:
    function, x = quadratic()
    optimiser = Adam()
    run(optimiser, x, Watched(function), evaluations=5)
    first, second = optimiser.first, optimiser.second
    assert first is not None
    assert second is not None
    optimiser.move(lambda state: state.repeat_interleave(2))
    assert torch.equal(optimiser.first[::2], first)  # type: ignore[index]
    assert torch.equal(optimiser.second[1::2], second)  # type: ignore[index]
    assert optimiser.count == 5


@pytest.mark.parametrize("betas", [(0.9, 0.99), (0.8, 0.999)])
def test_adam_is_that_of_pytorch(betas: tuple[float, float]) -> None:
    function, start = rosenbrock()
    ours, _ = run(Adam(rate=0.03, betas=betas), start, Watched(function), evaluations=60)
    theirs = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([theirs], lr=0.03, betas=betas, eps=1e-12)
    for _ in range(60):
        optimiser.zero_grad()
        function(theirs).backward()
        optimiser.step()
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", [Lbfgs, Adam])
@pytest.mark.parametrize("pause", [0, 1, 2, 7, 23])
def test_a_run_taken_up_goes_on_bit_for_bit(
    kind: type[Lbfgs] | type[Adam], pause: int, tmp_path: Path
) -> None:
    # An odd count in float32: vectors that lie at another alignment in memory must not matter.
    generator = torch.Generator().manual_seed(0)
    scale, center = (torch.rand(1001, generator=generator) + 0.01 for _ in range(2))

    def function(x: Tensor) -> Tensor:
        return (scale * (x - center).square()).sum() + (x[1:] - x[:-1]).square().square().sum()

    def go(optimiser: Lbfgs | Adam, x: Tensor, steps: int) -> Tensor:
        for _ in range(steps):
            x, _ = optimiser.step(x, Watched(function))
        return x

    unbroken = go(kind(), torch.zeros(1001), 40)
    before = kind()
    x = go(before, torch.zeros(1001), pause)
    files.save_checkpoint(tmp_path / "state", {"x": x, **before.state()}, {})
    saved, _ = files.load_checkpoint(tmp_path / "state")
    x = saved.pop("x")
    after = kind()
    after.restore(saved)
    assert torch.equal(go(after, x, 40 - pause), unbroken)
