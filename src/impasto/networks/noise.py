"""Noise input of a style network, from which it makes brush strokes in flat areas.

A function of seed and position, so tiles match. Each octave is a cubic B-spline over normally distributed
numbers on a grid. The numbers are a hash of their grid position, so any part of the plane can be computed on
its own. The pitches share no multiple with the network's strides, so no grid is visible.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from impasto.networks.plan import Plan

Array = NDArray[np.float32]
_Hashes = NDArray[np.uint64]
_Places = NDArray[np.int64]
_Numbers = NDArray[np.float64]

PITCHES = (4.7, 9.3, 18.9, 37.1, 75.7, 149.3, 301.1, 599.9)  # grid spacing of each octave, pixels


def field(plan: Plan, *, seed: int, size: tuple[int, int], at: tuple[float, float] = (0, 0)) -> Array:
    """Return the noise of a part of the plane, ``(plan.noise, rows, columns)``, mean 0 and variance 1.

    Args:
        plan: sets the number of octaves and the pixels between positions.
        seed: random seed.
        size: rows and columns of the network's smallest feature map.
        at: upper left corner of the part (row, column), in pixels.
    """
    octaves = np.empty((plan.noise, *size), np.float32)
    for octave, pitch in zip(range(plan.noise), PITCHES, strict=False):
        rows, cells, down = _splines(at[0], size[0], plan.multiple, pitch)
        columns, cells_across, across = _splines(at[1], size[1], plan.multiple, pitch)
        numbers = _normal(seed, octave, rows[:, None], columns[None])
        octaves[octave] = _interpolate(_interpolate(numbers, cells, down).T, cells_across, across).T
    return octaves


def periodic_noise(plan: Plan, *, seed: int, size: tuple[int, int]) -> Array:
    """Return noise of ``size`` rows and columns that continues across its borders; else as ``field``.

    Two parts of the plane are blended over the whole size, with weights that keep the variance.
    """
    rows, columns = size
    plane = field(plan, seed=seed, size=(2 * rows, 2 * columns))
    for axis, count in ((1, rows), (2, columns)):
        turn = (np.arange(count) + 0.5) * (np.pi / 2 / count)
        shape = [1, count, 1] if axis == 1 else [1, 1, count]
        one, other = np.split(plane, 2, axis)
        plane = np.asarray(
            np.sin(turn).reshape(shape) * one + np.cos(turn).reshape(shape) * other, np.float32
        )
    return plane


def _splines(start: float, count: int, step: int, pitch: float) -> tuple[_Places, _Places, _Numbers]:
    """Return the grid numbers of an axis, and the first of four of each position with their weights.

    The weights ``(count, 4)`` are those of a cubic B-spline, of unit norm.
    """
    places = (start + step * (np.arange(count) + 0.5)) / pitch
    cell = np.floor(places).astype(np.int64)
    t = places - cell
    taps = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, 1 + 3 * t + 3 * t**2 - 3 * t**3, t**3], 1)
    taps /= np.sqrt(np.square(taps).sum(1, keepdims=True))
    return np.arange(cell[0] - 1, cell[-1] + 3), cell - cell[0], taps


def _interpolate(numbers: _Numbers, first: _Places, weights: _Numbers) -> _Numbers:
    """Return the weighted sum of four successive rows, from ``first``, for each position.

    Not as a product of matrices: the threads of BLAS spin afterwards, and slow the network down.
    """
    found: _Numbers = weights[:, [0]] * numbers[first]
    for tap in range(1, weights.shape[1]):
        found += weights[:, [tap]] * numbers[first + tap]
    return found


def _normal(seed: int, octave: int, rows: _Places, columns: _Places) -> _Numbers:
    """Return normally distributed numbers (Box-Muller transform)."""
    first, second = (_hash(seed, 2 * octave + part, rows, columns) >> np.uint64(11) for part in (0, 1))
    radius = np.sqrt(-2 * np.log((first + 1.0) / 2**53))
    normal: _Numbers = radius * np.cos(2 * np.pi * second / 2**53)
    return normal


def _hash(seed: int, salt: int, rows: _Places, columns: _Places) -> _Hashes:
    """Return a 64-bit hash of seed and position, mixed as in SplitMix64."""
    wrapped = (seed * 0x9E3779B97F4A7C15 + salt * 0xD1B54A32D192ED03) % 2**64
    mixed: _Hashes = (
        rows.astype(np.uint64) * np.uint64(0xBF58476D1CE4E5B9)
        + columns.astype(np.uint64) * np.uint64(0x94D049BB133111EB)
        + np.uint64(wrapped)
    )
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return mixed
