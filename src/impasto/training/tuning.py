"""Tuning of a predicted style for seconds: its row alone, on the same few crops in every step.

A row has about two thousand numbers, and on fixed crops and noise its loss is smooth; L-BFGS therefore comes
further in a dozen steps than Adam does on new crops.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.backbones import Backbone
from impasto.networks import Pack
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
FIRST_STEP, LONGEST_STEP = 0.02, 0.1  # RMS change of the row


def tune(
    pack: Pack,
    row: NDArray[np.float32],
    target: StyleRow,
    photos: Tensor,
    *,
    backbone: Backbone,
    seconds: float,
) -> NDArray[np.float32]:
    """Return a row of a pack's network, tuned to a style image; the trunk stays as it is.

    Args:
        row: the row to start with, as predicted.
        target: style image and size of its strokes.
        photos: crops ``(N, 3, S, S)``, N >= 2, to tune on.
        seconds: time until the last step begins; the first two always run.
    """
    clock = Clock()
    device = backbone.device
    target, photos = replace(target, picture=target.picture.to(device)), photos.to(device)
    network = StyleNetwork(pack.plan, rows=2).to(device)
    network.load(pack.trunk, np.stack([pack.rows[0], row]))
    for parameter in network.trunk.parameters():
        parameter.requires_grad_(False)
    objective = Objective([target], backbone=backbone, photos=photos, style_weight=STYLE_WEIGHT)
    weights = torch.tensor([[0.0, 1.0]]).expand(len(photos), -1).to(device)
    size = (photos.shape[-2], photos.shape[-1])
    noise = CropPosition(0, (0.0, 0.0)).field(pack.plan, size)
    noise = noise.expand(len(photos), -1, -1, -1).to(device) if noise is not None else None
    bound = objective.bind(photos, weights)

    def loss(flat: Tensor) -> tuple[float, Tensor]:
        network.rows.data[1] = flat.view_as(network.rows[1])
        network.rows.grad = None
        painted = network(photos, weights, noise=noise)
        found = evaluate(bound, painted.detach(), backbone=backbone, windows=[Window.full(size)])
        excess = LATTICE * lattice.excess(painted, photos)
        ((painted * found.gradient).sum() + excess).backward()
        gradient: Any = network.rows.grad
        return found.value + float(excess.detach()), gradient[1].flatten().clone()

    solver = Lbfgs(first_step=FIRST_STEP, longest_step=LONGEST_STEP)
    best, step = network.rows.detach()[1].flatten().clone(), 0
    while step < 2 or clock.seconds() < seconds:
        best, _ = solver.step(best, loss)
        step += 1
    tuned: NDArray[np.float32] = best.view_as(network.rows[1]).cpu().numpy().copy()
    return tuned
