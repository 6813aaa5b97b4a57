"""The algorithm of PyTorch's tutorial "Neural Transfer Using PyTorch", from its published description.

Its layers ``conv_1 .. conv_5`` are the first five convolutions of VGG-19, before their ReLU, and its content
layer is ``conv_4``; style weight 1e6, content weight 1, Gram matrices divided by the number of all features,
300 evaluations of L-BFGS, begun at the photograph.

Departures: the tutorial clamps the picture inside the closure, which spoils the curvature L-BFGS learns, and
asks for pictures of equal size; neither is repeated here. Its weights are torchvision's, on standardised
pixels; with the original VGG-19, on 0..255, features are larger by ``SCALE``, and the two weights are brought
to the same balance.
"""

from __future__ import annotations

from torch import Tensor

from impasto.backbones import Backbone
from impasto.losses import Content, Gram
from impasto.optim import Checkpoint, Cut, Lbfgs, Optimiser, Outcome, Stage, minimize
from impasto.parametrizations import Pixels
from impasto.record import Watch

CHANNELS = {"conv1_1": 64, "conv1_2": 64, "conv2_1": 128, "conv2_2": 128, "conv3_1": 256}
CONTENT_LAYER = "conv2_2"
STYLE_WEIGHT, CONTENT_WEIGHT = 1e6, 1.0
SCALE = 255 * 0.225  # of features on 0..255 against those on pixels divided by their standard deviation
STEPS = 300


def tutorial(
    content: Tensor,
    style: Tensor,
    *,
    backbone: Backbone,
    steps: int = STEPS,
    standardised: bool = False,
    optimiser: Optimiser | None = None,
    tiling: Cut | None = None,
    watch: Watch | None = None,
    checkpoint: Checkpoint | None = None,
) -> Outcome:
    """Paints ``content (1, 3, H, W)`` like ``style``, as the tutorial does.

    Args:
        content: the photograph, at the size of the result.
        style: the painting.
        backbone: VGG-19.
        steps: evaluations of loss and gradient.
        standardised: whether the backbone takes standardised pixels, as torchvision's do.
        optimiser, tiling, watch, checkpoint: see :func:`impasto.optim.minimize`.
    """
    scale = 1.0 if standardised else SCALE
    # mse(G / CM, A / CM) over C^2 entries is 1 / C^4 |G/M - A/M|^2; Gram grows with the fourth power of the
    # features, content with the second.
    layers = {layer: STYLE_WEIGHT / count**4 / scale**4 for layer, count in CHANNELS.items()}
    loss = (CONTENT_WEIGHT / scale**2) * Content(content, CONTENT_LAYER, unit="absolute")
    loss = loss + sum(layers.values()) * Gram(style, layers, unit="absolute")
    return minimize(
        loss,
        Pixels(content).to(next(backbone.buffers()).device),
        schedule=(Stage((content.shape[-2], content.shape[-1]), steps),),
        backbone=backbone,
        optimiser=optimiser or Lbfgs(history=20),
        tiling=tiling,
        watch=watch,
        checkpoint=checkpoint,
    )
