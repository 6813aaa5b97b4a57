"""Distance between color distributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from impasto import color, image, tensors
from impasto.errors import InputError
from impasto.image import Source
from impasto.moments import shares

Points = NDArray[np.floating[Any]]
Order = Literal[1, 2]
DIRECTIONS = 24


def palette_distance(
    a: Source, b: Source | Sequence[Source], *, weights: Sequence[float] | None = None
) -> float:
    """Compute the sliced 1-Wasserstein distance between the colors of two images, in CIE Lab.

    The unit is that of Lab, where 1 is about the smallest visible difference. The mean over directions halves
    it: two uniform colors with a Delta E of d have the distance d / 2.

    Args:
        a: anything :func:`impasto.image.read` takes.
        b: another image of any size, or several images, whose colors are pooled.
        weights: share of each of several images, normalized to sum 1. Default: equal.

    Returns:
        At least 0; symmetric for two single images.

    Raises:
        InputError: an image cannot be read, there is none, or the weights do not match the images.

    Source: Rabin, Peyre, Delon and Bernot 2011, "Wasserstein barycenter and its application to texture
    mixing"; CIE 15:2004 for Lab.

    Examples:
        >>> round(palette_distance(np.zeros((4, 4)), np.ones((4, 4))), 1)
        50.0
    """
    several = tensors.several(b)
    parts = shares(weights, count=len(several))
    points = [_colors(picture) for picture in several]
    if len(points) == 1:
        return sliced_wasserstein(_colors(a), points[0])
    counted = [np.full(len(p), part / len(p)) for p, part in zip(points, parts, strict=True)]
    return sliced_wasserstein(_colors(a), np.concatenate(points), b_weights=np.concatenate(counted))


def sliced_wasserstein(
    a: Points,
    b: Points,
    *,
    directions: Points | None = None,
    a_weights: Points | None = None,
    b_weights: Points | None = None,
    order: Order = 1,
) -> float:
    """Compute the sliced Wasserstein distance between two point sets, exact in each direction.

    Args:
        a: points, ``(N, D)``.
        b: points, ``(M, D)``.
        directions: unit vectors, ``(K, D)``; default: ``spread_directions()``, for three dimensions.
        a_weights: non-negative mass of each point, ``(N,)``, normalized to sum 1, such as a mask. Default:
            equal.
        b_weights: the same for ``b``, ``(M,)``.
        order: p, 1 or 2.

    Returns:
        ``(mean over directions of W_p^p)^(1/p)``, in the unit of the points.

    Raises:
        InputError: the shapes do not match, the weights are invalid, or the order is neither 1 nor 2.

    Source: Rabin et al. 2011, section 3; in one dimension the optimal coupling matches equal quantiles.

    Examples:
        >>> sliced_wasserstein(np.zeros((4, 1)), np.ones((3, 1)), directions=np.ones((1, 1)))
        1.0
    """
    directions = spread_directions() if directions is None else directions
    _check(a, b, directions, order)
    masses = _mass(a_weights, len(a)), _mass(b_weights, len(b))
    equal = a_weights is None and b_weights is None
    coupling = _couple(*(np.cumsum(mass) for mass in masses)) if equal else None
    total = 0.0
    for direction in directions:
        one, two = a @ direction.astype(a.dtype), b @ direction.astype(b.dtype)
        if coupling is not None:
            one.sort()
            two.sort()
            total += _cost(one, two, coupling, order)
        else:
            first, second = np.argsort(one), np.argsort(two)
            found = _couple(np.cumsum(masses[0][first]), np.cumsum(masses[1][second]))
            total += _cost(one[first], two[second], found, order)
    return float((total / len(directions)) ** (1 / order))


def spread_directions(count: int = DIRECTIONS) -> NDArray[np.float64]:
    """Return unit vectors ``(count, 3)`` spread evenly over a hemisphere (opposite ones are equivalent).

    A lattice covers the sphere more evenly than random directions, and does not depend on the NumPy version.

    Source: the Fibonacci lattice, Gonzalez 2010, "Measurement of areas on a sphere using Fibonacci and
    latitude-longitude lattices".

    Examples:
        >>> spread_directions(2).shape
        (2, 3)
    """
    if count < 1:
        raise InputError(f"a sliced distance needs at least one direction, not {count}")
    steps = np.arange(count)
    height = (steps + 0.5) / count
    turn = steps * np.pi * (3 - 5**0.5)
    radius = np.sqrt(1 - height**2)
    return np.stack([height, radius * np.cos(turn), radius * np.sin(turn)], axis=1)


def _colors(source: Source) -> Points:
    """Return Lab colors ``(N, 3)`` in float32, which NumPy sorts much faster; the error is about 1e-5."""
    return color.rgb_to_lab(image.read(source).flat()).reshape(-1, 3).astype(np.float32)


def _check(a: Points, b: Points, directions: Points, order: int) -> None:
    if order not in (1, 2):
        raise InputError(f"order {order} of the Wasserstein distance is not supported: choose 1 or 2")
    shapes = a.shape, b.shape, directions.shape
    if any(len(s) != 2 or 0 in s for s in shapes) or len({s[1] for s in shapes}) != 1:
        raise InputError(f"points and directions are (number, dimensions) with one dimension, not {shapes}")


def _mass(weights: Points | None, count: int) -> NDArray[np.float64]:
    """Return weights ``(count,)`` normalized to sum 1."""
    if weights is None:
        return np.full(count, 1 / count)
    mass = np.asarray(weights, np.float64)
    if mass.shape != (count,):
        raise InputError(f"{count} points need weights of shape ({count},), not {mass.shape}")
    if not (mass >= 0).all() or not 0 < mass.sum() < np.inf:
        raise InputError("weights of points must be finite, none negative, and not all zero")
    return np.asarray(mass / mass.sum())


Coupling = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]


def _couple(a: NDArray[np.float64], b: NDArray[np.float64]) -> Coupling:
    """Return the optimal coupling of sorted points, as index pairs and masses, from cumulative masses."""
    levels = np.concatenate([a, b])
    levels.sort(kind="stable")  # merges two sorted runs
    of_a = np.minimum(np.searchsorted(a, levels), len(a) - 1)
    of_b = np.minimum(np.searchsorted(b, levels), len(b) - 1)
    return of_a, of_b, np.diff(levels, prepend=0.0)


def _cost(a: Points, b: Points, coupling: Coupling, order: int) -> float:
    of_a, of_b, mass = coupling
    apart = np.abs(a[of_a].astype(np.float64) - b[of_b])
    return float(mass @ (apart if order == 1 else apart**2))
