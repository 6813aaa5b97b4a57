"""Deep Dream (Mordvintsev, Olah and Tyka 2015): gradient ascent on the activations of a network.

The algorithm is that of the original notebook: octaves, each starting from the *difference* found at the
previous one; each step rolls the image at random, computes the gradient of the activation and moves along it
by a fixed length. Differences from the notebook, and reasons:

- Several layers at once, each with a gradient of unit norm (K. Crowson, deep_dream).
- The gradient is blurred slightly (A. Gordic, pytorch-deepdream); otherwise VGG produces more grain than
  shapes.
- The gradient is projected towards the color statistics of photographs (*Feature Visualization*, 2017);
  otherwise noise of all hues grows.
- Pixels are not clipped; a penalty on their excess over 0..1 and on their distance from the content image
  prevents saturation.
- A mask multiplies the difference, so the image outside it is unchanged, bit for bit.
- Large images are evaluated in tiles whose gradients add up to the gradient of the whole image, followed by
  one step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from impasto import tensors
from impasto.backbones import Backbone
from impasto.image import Source
from impasto.losses import Activation, Target
from impasto.methods.coarse_to_fine import Style, objective
from impasto.optim import (
    Ascent,
    BlurGradient,
    Checkpoint,
    Compose,
    Decorrelate,
    Jitter,
    Lbfgs,
    OptimizationResult,
    Schedule,
    Transform,
    minimize,
)
from impasto.parametrizations import Residual
from impasto.record import Watch
from impasto.tiles import Size, Window, split

WHOLE = 640 * 640  # pixels; larger images are tiled
TILE = 384  # side of the owned part of a tile, in pixels; 1.2 GB with the halo of relu5_4
THUMBNAIL = 256  # long side, in pixels, at which the reference activation is measured
FLOOR = 1e-3  # least reference activation: that of a uniform image is near zero


def dream(
    photo: Tensor,
    layers: Sequence[str],
    *,
    schedule: Schedule,
    backbone: Backbone,
    guide: Source | None = None,
    mask: Tensor | None = None,
    start: Tensor | None = None,
    rate: float = 1.5 / 255,
    jitter: int = 32,
    smoothing: float = 1.0,
    distance: float = 150.0,
    seed: int = 0,
    watch: Watch | None = None,
    checkpoint: Checkpoint | None = None,
) -> OptimizationResult:
    """Apply Deep Dream to ``photo (1, 3, H, W)``.

    Args:
        photo: content image, at the size of the last stage of the schedule.
        layers: layers or channels to maximize, in the syntax of :meth:`impasto.losses.Target.parse`.
        schedule: the octaves, see :func:`impasto.optim.octaves`.
        backbone: the network.
        guide: image whose features guide the dream.
        mask: region to change, ``(1, 1, H, W)``, 0..1.
        start: initial difference, ``(1, 3, H, W)``, such as that of the previous frame.
        rate: mean change of a pixel value (0..1) in one step.
        jitter: largest random shift, in pixels.
        smoothing: standard deviation, in pixels, of the middle one of the three Gaussians that blur the
            gradient; 0: no blur.
        distance: weight of the squared distance from the content image, against saturation.
        seed: random seed of the shifts.
        watch, checkpoint: see :func:`impasto.optim.minimize`.
    """
    loss = Activation(layers, guide=guide)
    return minimize(
        loss * (-1 / own_answer(photo, loss.targets, backbone)),
        Residual(photo, mask=mask, difference=start, distance=distance),
        schedule=schedule,
        backbone=backbone,
        optimiser=Ascent(rate=rate),
        tiling=lambda size: tiling(size, loss.needs, backbone),
        transform=dream_transform(jitter, smoothing, seed=seed),
        watch=watch,
        checkpoint=checkpoint,
    )


def dream_in_style(
    photo: Tensor,
    styles: Sequence[Style],
    layers: Sequence[str],
    *,
    schedule: Schedule,
    backbone: Backbone,
    guide: Source | None = None,
    mask: Tensor | None = None,
    strength: float = 1.0,
    weight: float = 1.0,
    watch: Watch | None = None,
    checkpoint: Checkpoint | None = None,
) -> OptimizationResult:
    """Combine style transfer and Deep Dream: minimize ``Content + style - Activation``.

    There is no jitter, because the content loss is tied to positions. The style term has a minimum, so
    L-BFGS takes the steps. ``weight`` is the weight of the dream, in units of the activation at the content
    image. The other arguments are those of :func:`dream` and :func:`impasto.methods.modern`.
    """
    dreaming = Activation(layers, guide=guide)
    painted = objective(photo, styles, strength=strength)
    return minimize(
        painted - dreaming * (weight / own_answer(photo, dreaming.targets, backbone)),
        Residual(photo, mask=mask),
        schedule=schedule,
        backbone=backbone,
        optimiser=Lbfgs(),
        plateau=0.002,
        watch=watch,
        checkpoint=checkpoint,
    )


def dream_transform(jitter: int, smoothing: float, *, seed: int = 0) -> Transform:
    """Return color decorrelation, gradient blur and jitter as one transform."""
    parts: list[Transform] = [Decorrelate()]
    if smoothing > 0:
        parts.append(BlurGradient.around(smoothing))
    if jitter > 0:
        parts.append(Jitter(jitter, seed=seed))
    return Compose(*parts)


def tiling(size: Size, layers: frozenset[str], backbone: Backbone) -> list[Window]:
    """Return one window up to ``WHOLE`` pixels, else tiles with a halo of half the receptive field."""
    if size[0] * size[1] <= WHOLE:
        return [Window.full(size)]
    stride = max(backbone.stride(layer) for layer in layers)
    halo = max(-(-backbone.field(layer) // 2) for layer in layers)
    return split(size, tile=max(stride, TILE // stride * stride), halo=halo, stride=stride)


@torch.no_grad()
def own_answer(photo: Tensor, targets: Sequence[Target], backbone: Backbone) -> float:
    """Return the value of :class:`Activation` at a thumbnail of the content image: the unit of a dream.

    For a single channel the average over the channels of its layer is used, as the channel may be inactive.
    """
    size = (photo.shape[-2], photo.shape[-1])
    small = tensors.long_side(size, THUMBNAIL) if max(size) > THUMBNAIL else size
    layers = {target.layer for target in targets}
    found = backbone.features(tensors.resize(photo.to(backbone.device), small), layers)
    total = 0.0
    for target in targets:
        answer = tensors.precise(found[target.layer])
        shares = 1 if target.channel is None else answer.shape[1]
        total += abs(target.weight) * float((answer.square().sum() / shares).sqrt())
    return max(total / math.sqrt(small[0] * small[1]), FLOOR)
