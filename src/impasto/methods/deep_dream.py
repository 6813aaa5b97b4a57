"""Deep Dream (Mordvintsev, Olah and Tyka 2015): a photograph painted over with what a network sees in it.

The algorithm is that of the original notebook: octaves, each carrying the *difference* that was dreamed at
the one before; at each step the picture is rolled at random, the gradient of the layer's answer is taken, and
a step of set length follows it. Where this departs from it, and why:

- Several layers at once, each with a gradient of unit length (K. Crowson, deep_dream).
- The gradient is blurred a little (A. Gordic, pytorch-deepdream), or VGG grows more grain than shapes.
- It is led along the colours of photographs (after *Feature Visualization*, 2017), or noise of all hues
  grows.
- In place of cutting pixels off at black and white, their excess and their distance from the photo are held
  against them, so that colours do not saturate.
- A mask is a factor of the difference, so the photo outside it stays exactly as it is.
- Large pictures are seen in tiles whose gradients add up to that of the whole, and stepped once.
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
    Outcome,
    Schedule,
    Transform,
    minimize,
)
from impasto.parametrizations import Residual
from impasto.record import Watch
from impasto.tiles import Size, Window, split

WHOLE = 640 * 640  # pixels up to which a picture is seen in one piece
TILE = 384  # pixels a tile owns, each way: with what relu5_4 sees around it, 1.2 GB
THUMBNAIL = 256  # pixels, on which the photo's own answer is measured
FLOOR = 1e-3  # of that answer: a plain grey picture has next to none


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
) -> Outcome:
    """Dreams over ``photo (1, 3, H, W)``.

    Args:
        photo: at the size of the last stage of the schedule.
        layers: what to raise, as :meth:`impasto.losses.Target.parse` reads it.
        schedule: the octaves, see :func:`impasto.optim.octaves`.
        backbone: the network that dreams.
        guide: a picture whose shapes the dream takes.
        mask: ``(1, 1, H, W)``, 0..1: where to dream.
        start: a difference to begin with, ``(1, 3, H, W)``, such as that of the frame before.
        rate: mean change of a pixel a step, of values 0..1.
        jitter: pixels by which the picture is rolled at most.
        smoothing: deviation in pixels of the middle one of three Gaussians that blur the gradient; 0: none.
        distance: weight that holds the picture to the photo, against saturation.
        seed: of the rolls.
        watch, checkpoint: see :func:`impasto.optim.minimize`.
    """
    loss = Activation(layers, guide=guide)
    return minimize(
        loss * (-1 / own_answer(photo, loss.targets, backbone)),
        _over(photo, mask, start, distance, backbone),
        schedule=schedule,
        backbone=backbone,
        optimiser=Ascent(rate=rate),
        tiling=lambda size: tiling(size, loss.needs, backbone),
        transform=shaken(jitter, smoothing, seed=seed),
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
) -> Outcome:
    """Paints and dreams at once: ``Content + style - Activation``, one sum.

    Content holds the picture in its place, so it is not rolled; and where there is a style to reach there is
    something to converge to, so L-BFGS takes the steps. ``weight`` is that of the dream, in units of the
    photo's own answer; the other arguments are those of :func:`dream` and
    :func:`impasto.methods.modern`.
    """
    dreaming = Activation(layers, guide=guide)
    painted = objective(photo, styles, strength=strength)
    return minimize(
        painted - dreaming * (weight / own_answer(photo, dreaming.targets, backbone)),
        _over(photo, mask, None, 0.0, backbone),
        schedule=schedule,
        backbone=backbone,
        optimiser=Lbfgs(),
        plateau=0.002,
        watch=watch,
        checkpoint=checkpoint,
    )


def shaken(jitter: int, smoothing: float, *, seed: int = 0) -> Transform:
    """The colours, the smoothing and the rolls of a dream, as one transform."""
    parts: list[Transform] = [Decorrelate()]
    if smoothing > 0:
        parts.append(BlurGradient.around(smoothing))
    if jitter > 0:
        parts.append(Jitter(jitter, seed=seed))
    return Compose(*parts)


def tiling(size: Size, layers: frozenset[str], backbone: Backbone) -> list[Window]:
    """One piece while that fits, else tiles with halos of half of what the layers see."""
    if size[0] * size[1] <= WHOLE:
        return [Window.full(size)]
    stride = max(backbone.stride(layer) for layer in layers)
    halo = max(-(-backbone.field(layer) // 2) for layer in layers)
    return split(size, tile=max(stride, TILE // stride * stride), halo=halo, stride=stride)


@torch.no_grad()
def own_answer(photo: Tensor, targets: Sequence[Target], backbone: Backbone) -> float:
    """The value of :class:`Activation` at the photo itself, measured small: the unit of a dream.

    A single channel counts as the layer's share for one, for it may be silent.
    """
    size = (photo.shape[-2], photo.shape[-1])
    small = tensors.long_side(size, THUMBNAIL) if max(size) > THUMBNAIL else size
    device = next(backbone.buffers()).device
    layers = {target.layer for target in targets}
    found = backbone.features(tensors.resize(photo.to(device), small), layers)
    total = 0.0
    for target in targets:
        answer = tensors.precise(found[target.layer])
        shares = 1 if target.channel is None else answer.shape[1]
        total += abs(target.weight) * float((answer.square().sum() / shares).sqrt())
    return max(total / math.sqrt(small[0] * small[1]), FLOOR)


def _over(
    photo: Tensor, mask: Tensor | None, start: Tensor | None, distance: float, backbone: Backbone
) -> Residual:
    picture = Residual(photo, mask=mask, difference=start, distance=distance)
    return picture.to(next(backbone.buffers()).device)
