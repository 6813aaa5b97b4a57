"""How much a painted film flickers (Lai et al. 2018, arXiv 1808.00449), and if it bought calm by blur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from impasto.errors import InputError
from impasto.video.flow import Dis, FlowMethod, trust, warp

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Flicker:
    """What was measured; differences of values 0..1.

    Args:
        error: warp error: mean squared difference of a frame and the one ``lag`` later, carried back to it,
            over the pixels where the film's own flow can be trusted.
        floor: the same of the film itself.
        energy: mean squared gradient of the painted frames: what blur takes away.
        trusted: share of pixels compared.
    """

    error: float
    floor: float
    energy: float
    trusted: float


def flicker(
    painted: Sequence[Bytes], film: Sequence[Bytes], *, lag: int = 1, flow: FlowMethod | None = None
) -> Flicker:
    """Measures a painted film against the film it was painted from.

    Args:
        painted: its frames ``(H, W, 3)``.
        film: as many frames of the same size.
        lag: frames between those compared.
        flow: between frames of the film; default DIS, medium.

    Raises:
        InputError: as many frames, of one size, are needed, and more than ``lag``.
    """
    if len(painted) != len(film) or len(film) <= lag:
        raise InputError(f"{len(painted)} painted frames and {len(film)} of the film cannot be compared")
    flow = flow or Dis()
    errors, floors, shares = [], [], []
    for index in range(len(film) - lag):
        first, second = film[index], film[index + lag]
        if painted[index].shape != first.shape:
            raise InputError(f"the painted film is {painted[index].shape[:2]}, the film {first.shape[:2]}")
        forward = flow(first, second)
        where = trust(forward, flow(second, first)).hard > 0
        shares.append(where.mean())
        errors.append(_error(painted[index], painted[index + lag], forward, where))
        floors.append(_error(first, second, forward, where))
    energy = np.mean([_energy(frame) for frame in painted])
    return Flicker(float(np.mean(errors)), float(np.mean(floors)), float(energy), float(np.mean(shares)))


def _error(first: Bytes, second: Bytes, forward: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    difference = first.astype(np.float32) - warp(second, forward, cubic=False)
    squares = np.square(difference / 255).mean(2)
    return float(squares[where].mean()) if where.any() else 0.0


def _energy(frame: Bytes) -> float:
    floats = frame.astype(np.float32) / 255
    down, across = np.gradient(floats, axis=(0, 1))
    return float(np.square(down).mean() + np.square(across).mean())
