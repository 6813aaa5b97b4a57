"""What a step of training sees: drawn from the seed and the number of the step, and from nothing else.

So a killed training goes on with the very pictures it would have seen, and several processes that each take
their part of a batch see what one would.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.training.photos import Photos

SHIFT = 7  # pixels that the second view of a crop is moved by, at most
_WEAK = 0.3  # share of pictures painted at another strength than 1
_BLENDED = 0.15  # share of pictures painted in two rows at once


@dataclass(frozen=True)
class Batch:
    """``photos`` and ``weights`` as the network takes them, and a second view of the same scene.

    ``again`` shows what ``photos`` shows moved by ``shift`` (down, right) pixels, with a little noise.
    """

    photos: Tensor
    weights: Tensor
    again: Tensor
    shift: tuple[int, int]


def draw(
    photos: Photos, *, step: int, indices: range, rows: range, total: int, side: int, seed: int
) -> Batch:
    """The pictures ``indices`` of the batch of a step.

    Args:
        photos: where crops come from.
        step: number of the step, from 0.
        indices: which pictures of the global batch.
        rows: the rows that are trained; row 0 is the photograph.
        total: number of rows there are.
        side: of the crops, pixels.
        seed: of the whole training.
    """
    shared = _generator(seed, step, -1)
    down, right = (int(torch.randint(-SHIFT, SHIFT + 1, (), generator=shared)) for _ in range(2))
    views, again, weights = [], [], []
    for index in indices:
        generator = _generator(seed, step, index)
        wide = photos.crop(side + 2 * SHIFT, generator=generator)
        views.append(wide[:, SHIFT:-SHIFT, SHIFT:-SHIFT])
        moved = wide[:, SHIFT + down : SHIFT + down + side, SHIFT + right : SHIFT + right + side]
        noise = 0.02 * torch.rand((), generator=generator) * torch.randn(moved.shape, generator=generator)
        again.append((moved + noise).clamp(0, 1))
        weights.append(_weights(rows, total, generator))
    return Batch(torch.stack(views), torch.stack(weights), torch.stack(again), (down, right))


def calibration(photos: Photos, *, count: int, side: int, seed: int) -> Tensor:
    """``(count, 3, side, side)``: the crops by which terms are balanced."""
    return torch.stack([photos.crop(side, generator=_generator(seed, -1, i)) for i in range(count)])


def _weights(rows: range, total: int, generator: torch.Generator) -> Tensor:
    """Which row, or which two, and how strongly: ``(total,)``."""
    weights = torch.zeros(total)
    first, second = (int(torch.randint(rows.start, rows.stop, (), generator=generator)) for _ in range(2))
    blended, weak, share, strength = torch.rand(4, generator=generator).tolist()
    share = share if blended < _BLENDED else 1.0
    weights[first] += share
    weights[second] += 1 - share
    if weak < _WEAK:
        weights *= 0.05 + 1.25 * strength
    weights[0] = 1 - weights.sum()
    return weights


def _generator(seed: int, step: int, index: int) -> torch.Generator:
    # Mersenne twisters of neighbouring seeds are alike in their first numbers: a hash sets them apart.
    mixed = hash((seed, step, index)) & 0x7FFF_FFFF_FFFF_FFFF
    return torch.Generator().manual_seed(mixed)
