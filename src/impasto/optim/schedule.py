"""Schedules: the image sizes of a run, and the number of evaluations at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from impasto.errors import InputError
from impasto.tiles import Size


@dataclass(frozen=True)
class Stage:
    """Image size ``(height, width)`` and the number of evaluations of loss and gradient at it."""

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
    """Return a coarse-to-fine schedule of sizes that grow by ``ratio`` up to ``size``.

    Args:
        size: (height, width) of the result, in pixels.
        first: least long side of a coarse stage, in pixels; a smaller result has one stage.
        shortest: least short side of a coarse stage, in pixels, so that the deepest layers of a long panorama
            are not empty.
        steps: evaluations from the coarsest to the finest stage, interpolated over the actual number of
            stages. A single stage gets the sum.
        ratio: ratio of consecutive long sides, above 1.

    Raises:
        InputError: no steps or a negative number of steps; ``ratio``, ``first`` or ``shortest`` out of range.

    Examples:
        >>> [stage.size for stage in scales((96, 192), first=128)]
        [(68, 136), (96, 192)]
    """
    if not steps or min(steps) < 0:
        raise InputError(f"a schedule needs steps of 0 or more for each stage: got {list(steps)}")
    if not ratio > 1 or first < 1 or shortest < 1:
        raise InputError(
            f"a schedule needs a ratio above 1 and sides of 1 pixel or more: got {ratio}, {first}, {shortest}"
        )
    sizes = [size]
    # Compare after rounding: 512 / sqrt(2)**4 is not exactly 128.
    while max(smaller := _scale_size(size, ratio ** -len(sizes))) >= first and min(smaller) >= shortest:
        sizes.insert(0, smaller)
    return tuple(Stage(here, _interpolate(steps, index, len(sizes))) for index, here in enumerate(sizes))


def octaves(
    size: Size, *, count: int = 4, ratio: float = 1.4, steps: Sequence[int] = (10,), least: int = 32
) -> Schedule:
    """Return a schedule of ``count`` sizes up to ``size``, each ``ratio`` times the previous one.

    Args:
        size: (height, width) of the result, in pixels.
        count: number of octaves; those with a side below ``least`` are skipped.
        ratio: ratio of consecutive sizes, above 1.
        steps: steps of each octave: one number for all, or several from the coarsest to the finest,
            interpolated over the actual number of octaves.
        least: least side of an octave, in pixels.

    Raises:
        InputError: no octave, no steps, a negative number of steps, or a ratio of 1 or less.

    Examples:
        >>> [(stage.size, stage.steps) for stage in octaves((140, 280), count=2, steps=(12, 6))]
        [((100, 200), 12), ((140, 280), 6)]
    """
    if count < 1 or not ratio > 1 or not steps or min(steps) < 0:
        raise InputError(
            f"octaves need a count of 1 or more, a ratio above 1 and steps of 0 or more: got {count}, "
            f"{ratio:g}, {list(steps)}"
        )
    sizes = [_scale_size(size, ratio**-index) for index in reversed(range(count))]
    sizes = [s for s in sizes if min(s) >= least] or [size]
    return tuple(Stage(here, _interpolate(steps, index, len(sizes))) for index, here in enumerate(sizes))


def _scale_size(size: Size, factor: float) -> Size:
    return round(size[0] * factor), round(size[1] * factor)


def _interpolate(values: Sequence[int], index: int, count: int) -> int:
    """Interpolate ``values``, stretched over ``count`` entries, at ``index``; for one entry, their sum."""
    if count == 1:
        return sum(values)
    place = index / (count - 1) * (len(values) - 1)
    low = min(int(place), max(0, len(values) - 2))
    high = min(low + 1, len(values) - 1)
    return round(values[low] + (values[high] - values[low]) * (place - low))
