"""A Neural Algorithm of Artistic Style, Gatys, Ecker and Bethge 2015 (arXiv 1508.06576), as published.

VGG-19 with average pooling; content at conv4_2, style at conv1_1 .. conv5_1 with weight 1/5 each; white noise
as the initial image, L-BFGS at one size.
"""

from __future__ import annotations

import torch
from torch import Tensor

from impasto.backbones import Backbone
from impasto.losses import LAYERS, Content, Gram
from impasto.optim import Checkpoint, Cut, Lbfgs, OptimizationResult, Optimizer, Stage, minimize
from impasto.parametrizations import Pixels
from impasto.record import Watch

CHANNELS = {"relu1_1": 64, "relu2_1": 128, "relu3_1": 256, "relu4_1": 512, "relu5_1": 512}
RATIO = 1e-3  # alpha / beta; the paper uses 1e-3 and 1e-4
STEPS = 500  # not given in the paper; the loss has converged by then


def paper(
    content: Tensor,
    style: Tensor,
    *,
    backbone: Backbone,
    seed: int = 0,
    steps: int = STEPS,
    optimiser: Optimizer | None = None,
    tiling: Cut | None = None,
    watch: Watch | None = None,
    checkpoint: Checkpoint | None = None,
) -> OptimizationResult:
    """Stylize ``content (1, 3, H, W)`` with ``style`` by equations 1 to 7 of the paper.

    Args:
        content: content image, at the size of the result.
        style: style image.
        backbone: VGG-19 with average pooling.
        seed: random seed of the white noise.
        steps: evaluations of loss and gradient.
        optimiser, tiling, watch, checkpoint: see :func:`impasto.optim.minimize`.
    """
    size = (content.shape[-2], content.shape[-1])
    # Equation 1 is 1/2 the sum over N channels and M positions; Content is the mean: hence 1/2 N M.
    positions = (size[0] // 8) * (size[1] // 8)
    content_weight = RATIO * 0.5 * 512 * positions
    # Equation 4, with Gram matrices summed over M positions:
    # 1 / (4 N^2 M^2) |G - A|^2 = 1 / (4 N^2) |G/M - A/M|^2.
    layers = {layer: (1 / len(LAYERS)) / (4 * count**2) for layer, count in CHANNELS.items()}
    # Gram is the weighted mean over layers; the paper uses the weighted sum.
    style_weight = sum(layers.values())
    loss = content_weight * Content(content, "relu4_2", unit="absolute") + style_weight * Gram(
        style, layers, unit="absolute"
    )
    noise = torch.rand(content.shape, generator=torch.Generator().manual_seed(seed))
    return minimize(
        loss,
        Pixels(noise),
        schedule=(Stage(size, steps),),
        backbone=backbone,
        optimiser=optimiser or Lbfgs(history=20),
        tiling=tiling,
        watch=watch,
        checkpoint=checkpoint,
    )
