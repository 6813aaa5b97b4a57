"""Tuning of a predicted style for seconds: its row alone, on the same few crops in every step.

On fixed crops and noise the loss is smooth; L-BFGS therefore comes further in a dozen steps than Adam does on
new crops. Its variables are the scales and shifts of the row, and beside them the hundred numbers of which
the predictor makes a row: a step goes mostly along the directions in which paintings differ. The noise keeps
its predicted weights: with few crops, the losses would fill plain areas with clouds of it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto import tensors
from impasto.backbones import Slim, Vgg
from impasto.networks import Pack, predictor
from impasto.networks.torch_engine import StyleNetwork
from impasto.optim import Lbfgs
from impasto.optim.evaluation import evaluate
from impasto.record import Clock
from impasto.tiles import Window
from impasto.training import lattice
from impasto.training.batches import CropPosition
from impasto.training.objective import Objective, StyleRow
from impasto.training.trainer import LATTICE

STYLE_WEIGHT = 8.0  # as the shipped styles
FIRST_STEP, LONGEST_STEP = 0.02, 0.1  # RMS change of the variables


def tune(
    pack: Pack,
    row: NDArray[np.float32],
    picture: Tensor,
    photos: Tensor,
    *,
    backbone: Vgg,
    seconds: float,
) -> NDArray[np.float32]:
    """Return a row of a pack's network, tuned to a style image; the trunk stays as it is.

    Args:
        pack: pack whose trunk is used; its rows can be predicted.
        row: the row to start with, as predicted.
        picture: style image ``(1, 3, H, W)``, RGB 0..1.
        photos: crops ``(N, 3, S, S)``, N >= 2, to tune on.
        backbone: feature extractor, of which the loss uses a low-rank approximation.
        seconds: time until the last step begins; the first two always run.
    """
    clock = Clock()
    device = next(backbone.buffers()).device
    picture, photos = picture.to(device), photos.to(device)
    network = StyleNetwork(pack.plan, rows=2).to(device)
    network.load(pack.trunk, np.stack([pack.rows[0], row]))
    for parameter in network.trunk.parameters():
        parameter.requires_grad_(False)
    size = (photos.shape[-2], photos.shape[-1])
    slim = Slim(backbone, torch.cat([photos, tensors.resize(picture, size)]))
    objective = Objective([StyleRow(picture)], backbone=slim, photos=photos, style_weight=STYLE_WEIGHT)
    weights = torch.tensor([[0.0, 1.0]]).expand(len(photos), -1).to(device)
    noise = CropPosition(0, (0.0, 0.0)).field(pack.plan, size)
    noise = noise.expand(len(photos), -1, -1, -1).to(device) if noise is not None else None
    bound = objective.bind(photos, weights)
    variables = RowVariables(torch.from_numpy(row).to(device))

    def loss(flat: Tensor) -> tuple[float, Tensor]:
        network.rows.data[1] = variables.row(flat)
        painted = network(photos, weights, noise=noise)
        found = evaluate(bound, painted.detach(), backbone=slim, windows=[Window.full(size)])
        excess = LATTICE * lattice.excess(painted, photos)
        (slope,) = torch.autograd.grad((painted * found.gradient).sum() + excess, network.rows)
        return found.value + float(excess.detach()), variables.slope(slope[1])

    solver = Lbfgs(first_step=FIRST_STEP, longest_step=LONGEST_STEP)
    best, step = variables.zero(), 0
    while step < 2 or clock.seconds() < seconds:
        best, _ = solver.step(best, loss)
        step += 1
    tuned: NDArray[np.float32] = variables.row(best).cpu().numpy().copy()
    return tuned


class RowVariables:
    """A row ``(kinds, channels)`` as a function of changes: of the style's numbers, of scales and shifts."""

    def __init__(self, start: Tensor) -> None:
        self.start = start
        self.directions = torch.from_numpy(predictor.directions()).to(start.device)

    def zero(self) -> Tensor:
        """Return the variables of the row to start with."""
        return self.start.new_zeros(self.directions.shape[-1] + self.start[:2].numel())

    def row(self, flat: Tensor) -> Tensor:
        """Return the row."""
        numbers = self.directions.shape[-1]
        changed = self.start[:2] + self.directions @ flat[:numbers] + flat[numbers:].view_as(self.start[:2])
        return torch.cat([changed, self.start[2:]])

    def slope(self, gradient: Tensor) -> Tensor:
        """Return the gradient of a loss with respect to the variables, given that to the row."""
        own = gradient[:2]
        return torch.cat([torch.einsum("kcn,kc->n", self.directions, own), own.flatten()])
