"""Schedules: plain data that say at which sizes to paint, and how many evaluations each is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from impasto.errors import InputError
from impasto.tiles import Size


@dataclass(frozen=True)
class Stage:
    """One size ``(height, width)`` and the evaluations of loss and gradient spent at it."""

    size: Size
    steps: int


Schedule = tuple[Stage, ...]


def scales(
    size: Size,
    *,
    first: int = 128,
    shortest: int = 32,
    steps: Sequence[int] = (120, 100, 60, 30),
    ratio: float = 2**0.5,
) -> Schedule:
    """Coarse to fine: sizes that grow by ``ratio`` up to ``size``, none smaller than two limits.

    Args:
        size: (height, width) of the result, pixels.
        first: least long side of a coarse stage, pixels; a smaller result has one stage.
        shortest: least short side of a coarse stage, pixels: a long panorama begins where the deepest
            layers still see something.
        steps: evaluations from the coarsest stage on; the *last* counts for the finest stage, the first for
            the coarsest, and those between are spread over the stages there are. A lone stage does them all.
        ratio: from one long side to the next, above 1.

    Raises:
        InputError: no steps, or a negative number; a ratio or limits that lead nowhere.

    Examples:
        >>> [stage.size for stage in scales((96, 192), first=128)]
        [(68, 136), (96, 192)]
    """
    if not steps or min(steps) < 0:
        raise InputError(f"a schedule needs a number of steps of 0 or more for each stage; got {list(steps)}")
    if not ratio > 1 or first < 1 or shortest < 1:
        raise InputError(
            f"a schedule needs a ratio above 1 and sides of 1 pixel or more; got {ratio}, {first}, {shortest}"
        )
    sizes = [size]
    # Rounded before they are compared: 512 by sqrt 2 four times over is a little more or less than 128.
    while max(smaller := _scaled(size, ratio ** -len(sizes))) >= first and min(smaller) >= shortest:
        sizes.insert(0, smaller)
    return tuple(Stage(here, _spread(steps, index, len(sizes))) for index, here in enumerate(sizes))


def octaves(
    size: Size, *, count: int = 4, ratio: float = 1.4, steps: Sequence[int] = (10,), least: int = 32
) -> Schedule:
    """As many sizes as are asked for, up to ``size`` and each ``ratio`` times the one before.

    Args:
        size: (height, width) of the result, pixels.
        count: octaves, the finest included; those with a side below ``least`` are left out.
        ratio: from one to the next, above 1.
        steps: of each octave: one number for all, or from the coarsest to the finest, spread over those
            there are.
        least: pixels.

    Raises:
        InputError: no octave, no steps or a negative number, a ratio that leads nowhere.

    Examples:
        >>> [(stage.size, stage.steps) for stage in octaves((140, 280), count=2, steps=(12, 6))]
        [((100, 200), 12), ((140, 280), 6)]
    """
    if count < 1 or not ratio > 1 or not steps or min(steps) < 0:
        raise InputError(
            f"octaves need to be 1 or more, with a ratio above 1 and steps of 0 or more; got {count}, "
            f"{ratio:g}, {list(steps)}"
        )
    sizes = [_scaled(size, ratio**-index) for index in reversed(range(count))]
    sizes = [s for s in sizes if min(s) >= least] or [size]
    budget = (
        [steps[0]] * len(sizes)
        if len(steps) == 1
        else [_spread(steps, index, len(sizes)) for index in range(len(sizes))]
    )
    return tuple(Stage(here, work) for here, work in zip(sizes, budget, strict=True))


def _scaled(size: Size, factor: float) -> Size:
    return round(size[0] * factor), round(size[1] * factor)


def _spread(values: Sequence[int], index: int, count: int) -> int:
    """The value at ``index`` of ``count`` when ``values`` are stretched over them."""
    if count == 1:
        return sum(values)
    place = index / (count - 1) * (len(values) - 1)
    low = min(int(place), max(0, len(values) - 2))
    high = min(low + 1, len(values) - 1)
    return round(values[low] + (values[high] - values[low]) * (place - low))
