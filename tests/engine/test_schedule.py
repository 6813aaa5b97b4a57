"""Schedules: sizes that grow by the square root of 2, and the evaluations at each."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto.errors import InputError
from impasto.optim import scales
from impasto.painters import BUDGETS


@given(
    size=st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
    first=st.integers(1, 600),
    steps=st.lists(st.integers(0, 500), min_size=1, max_size=5),
)
def test_a_schedule_rises_by_the_root_of_two(size: tuple[int, int], first: int, steps: list[int]) -> None:
    stages = scales(size, first=first, steps=steps)
    assert stages[-1].size == size
    for stage in stages:
        assert min(stage.size) >= 1
        assert min(steps) <= stage.steps <= sum(steps)
        # The shape is kept to half a pixel.
        scale = max(stage.size) / max(size)
        assert abs(min(stage.size) - min(size) * scale) <= 0.5 + 0.5 * min(size) / max(size) + 1e-9
    for one, two in pairwise(stages):
        assert max(two.size) / max(one.size) == pytest.approx(2**0.5, abs=1.3 / max(one.size))
        assert max(one.size) >= first - 0.5
    if len(stages) > 1:
        assert (stages[0].steps, stages[-1].steps) == (steps[0], steps[-1])
    assert all(isinstance(s, int) for stage in stages for s in (*stage.size, stage.steps))


def test_a_schedule_begins_as_small_as_allowed() -> None:
    assert [s.size for s in scales((96, 192), first=96, shortest=1)] == [(48, 96), (68, 136), (96, 192)]
    assert [s.size for s in scales((96, 192), first=97, shortest=1)] == [(68, 136), (96, 192)]
    # A panorama is not made so flat that the deep layers see nothing.
    assert [s.size for s in scales((96, 960), first=96, shortest=60)] == [(68, 679), (96, 960)]
    assert [s.size for s in scales((9, 12), first=128)] == [(9, 12)]


def test_steps_are_spread_over_the_stages() -> None:
    def counts(steps: Iterable[int], size: int) -> list[int]:
        return [s.steps for s in scales((size, size), first=64, shortest=1, steps=tuple(steps))]

    assert counts((100, 50, 10), 128) == [100, 50, 10]
    assert counts((100, 20), 181) == [100, 73, 47, 20]
    assert counts((100, 50, 10), 64) == [160]  # a lone stage does the work of all
    assert counts((30,), 128) == [30, 30, 30]


@pytest.mark.parametrize(
    "wrong",
    [{"steps": ()}, {"steps": (10, -1)}, {"ratio": 1.0}, {"ratio": math.nan}, {"first": 0}, {"shortest": 0}],
)
def test_a_schedule_that_leads_nowhere_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match="a schedule needs"):
        scales((64, 64), **wrong)  # type: ignore[arg-type]


def test_a_preset_spends_more_away_from_its_own_size() -> None:
    budget = BUDGETS["good"]
    assert budget.steps_at(budget.size) == budget.steps
    assert budget.steps_at(768) == tuple(round(1.5 * n) for n in budget.steps)
    assert sum(budget.steps_at(256)) > 1.3 * sum(budget.steps)
    assert sum(budget.steps_at(10_000)) <= 2 * sum(budget.steps) + len(budget.steps)
    assert budget.steps_at(budget.first - 1) == budget.steps
