"""Training batches: a function of the random seed and the number of the step only.

A resumed training therefore continues with the same images, and several processes that share each batch see
the images that one process would.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.networks import Plan, noise
from impasto.training.photos import Photos

SHIFT = 7  # largest shift of the second view of a crop, pixels
_WEAK = 0.3  # share of images painted at another strength than 1
_FAR = 4096.0  # side of the square from which positions of the noise are drawn, pixels
_REHEARSED = 0.25  # share of images painted with rehearsed rows, if there are any
_BLENDED = 0.15  # share of images painted with a blend of two rows


@dataclass(frozen=True)
class CropPosition:
    """Position of a crop in the noise plane: random seed and upper left corner (row, column) in pixels."""

    seed: int
    at: tuple[float, float]

    def shift_by(self, shift: tuple[int, int]) -> CropPosition:
        """Return the place ``shift`` (down, right) pixels further."""
        return CropPosition(self.seed, (self.at[0] + shift[0], self.at[1] + shift[1]))

    def field(self, plan: Plan, size: tuple[int, int]) -> Tensor | None:
        """Return the noise ``(1, octaves, h, w)`` of an image of this size; None if the plan has none."""
        if not plan.noise:
            return None
        height, width = (side // plan.multiple for side in size)
        return torch.from_numpy(noise.field(plan, seed=self.seed, size=(height, width), at=self.at))[None]


@dataclass(frozen=True)
class Batch:
    """A training batch: ``photos`` and ``weights`` for the network, and a second view of the same scenes.

    ``again`` is ``photos`` moved by ``shift`` (down, right) pixels, with a little noise.
    ``place`` is the position of ``photos`` in the noise plane; that of ``again`` moves with the scene.
    """

    photos: Tensor
    weights: Tensor
    again: Tensor
    shift: tuple[int, int]
    place: CropPosition


def draw(
    photos: Photos,
    *,
    step: int,
    indices: range,
    rows: range,
    total: int,
    side: int,
    seed: int,
    rehearsed: range = range(0),
) -> Batch:
    """Return the images ``indices`` of the batch of a step.

    Args:
        step: number of the step, from 0.
        indices: indices of the images in the global batch.
        rows: rows to train; row 0 reproduces the photo.
        total: number of all rows.
        side: side of the crops, pixels.
        rehearsed: rows to paint with that are not trained.
    """
    shared = _generator(seed, step, -1)
    down, right = (int(torch.randint(-SHIFT, SHIFT + 1, (), generator=shared)) for _ in range(2))
    views, again, weights = [], [], []
    for index in indices:
        generator = _generator(seed, step, index)
        wide = photos.crop(side + 2 * SHIFT, generator=generator)
        views.append(wide[:, SHIFT:-SHIFT, SHIFT:-SHIFT])
        moved = wide[:, SHIFT + down : SHIFT + down + side, SHIFT + right : SHIFT + right + side]
        grain = 0.02 * torch.rand((), generator=generator) * torch.randn(moved.shape, generator=generator)
        again.append((moved + grain).clamp(0, 1))
        rehearse = len(rehearsed) > 0 and float(torch.rand((), generator=generator)) < _REHEARSED
        weights.append(_weights(rehearsed if rehearse else rows, total, generator))
    place_seed = int(torch.randint(0, 2**31, (), generator=shared))
    top, left = (_FAR * torch.rand(2, generator=shared)).tolist()
    place = CropPosition(place_seed, (top, left))
    return Batch(torch.stack(views), torch.stack(weights), torch.stack(again), (down, right), place)


def calibration(photos: Photos, *, count: int, side: int, seed: int) -> Tensor:
    """Return the crops ``(count, 3, side, side)`` on which the terms of the loss are balanced."""
    return torch.stack([photos.crop(side, generator=_generator(seed, -1, i)) for i in range(count)])


def _weights(rows: range, total: int, generator: torch.Generator) -> Tensor:
    """Draw the weights ``(total,)`` of an image: one row or a blend of two, at a strength."""
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
    # Mersenne twisters with neighboring seeds start with correlated numbers, so the seed is a hash.
    mixed = hash((seed, step, index)) & 0x7FFF_FFFF_FFFF_FFFF
    return torch.Generator().manual_seed(mixed)
