"""Reimplementation of the PyTorch tutorial "Neural Transfer Using PyTorch".

Its style layers ``conv_1 .. conv_5`` are the first five convolutions of VGG-19, before the ReLU; its content
layer is ``conv_4``. Style weight 1e6, content weight 1, Gram matrices divided by the number of features, 300
evaluations of L-BFGS from the content image.

Differences: the tutorial clamps the image inside the closure, which corrupts the curvature estimate of
L-BFGS, and requires images of equal size; this version does neither. The tutorial uses torchvision weights on
standardized pixels. The features of the original VGG-19, on 0..255, are larger by ``SCALE``; the loss weights
compensate for that.
"""

from __future__ import annotations

from torch import Tensor

from impasto.backbones import Backbone
from impasto.losses import Content, Gram
from impasto.optim import Checkpoint, Cut, Lbfgs, OptimizationResult, Optimizer, Stage, minimize
from impasto.parametrizations import Pixels
from impasto.record import Watch

CHANNELS = {"conv1_1": 64, "conv1_2": 64, "conv2_1": 128, "conv2_2": 128, "conv3_1": 256}
CONTENT_LAYER = "conv2_2"
STYLE_WEIGHT, CONTENT_WEIGHT = 1e6, 1.0
SCALE = 255 * 0.225  # ratio of features on 0..255 to features on standardized pixels
STEPS = 300


def tutorial(
    content: Tensor,
    style: Tensor,
    *,
    backbone: Backbone,
    steps: int = STEPS,
    standardized: bool = False,
    optimiser: Optimizer | None = None,
    tiling: Cut | None = None,
    watch: Watch | None = None,
    checkpoint: Checkpoint | None = None,
) -> OptimizationResult:
    """Stylize ``content (1, 3, H, W)`` with ``style`` as the tutorial does.

    Args:
        content: content image, at the size of the result.
        style: style image.
        backbone: VGG-19.
        steps: evaluations of loss and gradient.
        standardized: whether the backbone expects standardized pixels, as torchvision models do.
        optimiser, tiling, watch, checkpoint: see :func:`impasto.optim.minimize`.
    """
    scale = 1.0 if standardized else SCALE
    # mse(G / CM, A / CM) over C^2 entries is 1 / C^4 |G/M - A/M|^2. The Gram loss is of degree 4 in the
    # features, the content loss of degree 2.
    layers = {layer: STYLE_WEIGHT / count**4 / scale**4 for layer, count in CHANNELS.items()}
    loss = (CONTENT_WEIGHT / scale**2) * Content(content, CONTENT_LAYER, unit="absolute")
    loss = loss + sum(layers.values()) * Gram(style, layers, unit="absolute")
    return minimize(
        loss,
        Pixels(content),
        schedule=(Stage((content.shape[-2], content.shape[-1]), steps),),
        backbone=backbone,
        optimiser=optimiser or Lbfgs(history=20),
        tiling=tiling,
        watch=watch,
        checkpoint=checkpoint,
    )
