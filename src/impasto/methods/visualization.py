"""What a layer or a channel of a network answers to most, made from noise.

C. Olah, A. Mordvintsev and L. Schubert, *Feature Visualization* (Distill 2017): a picture in decorrelated
Fourier space, seen turned, scaled and shifted a little at each step. Here a whole layer is raised by its
length, and a channel by its length and its mean, seen before the ReLU: see
:class:`impasto.losses.Activation`.
"""

from __future__ import annotations

from impasto.backbones import Backbone
from impasto.losses import Activation
from impasto.optim import Adam, Compose, Jitter, Outcome, RandomAffine, Stage, minimize
from impasto.parametrizations import Fourier
from impasto.record import Watch
from impasto.tiles import Size


def visualize(
    layer: str,
    *,
    size: Size,
    steps: int,
    backbone: Backbone,
    rate: float = 0.05,
    seed: int = 0,
    watch: Watch | None = None,
) -> Outcome:
    """The picture for ``layer``, as :meth:`impasto.losses.Target.parse` reads it.

    Args:
        layer: a layer or one of its channels.
        size: (height, width), pixels.
        steps: evaluations.
        backbone: the network that looks.
        rate: of Adam, in units of the spectrum.
        seed: of the noise to begin with, and of the transforms.
        watch: see :func:`impasto.optim.minimize`.
    """
    picture = Fourier(size, seed=seed)
    return minimize(
        -1 * Activation(layer),
        picture.to(next(backbone.buffers()).device),
        schedule=(Stage(size, steps),),
        backbone=backbone,
        optimiser=Adam(rate=rate),
        transform=Compose(Jitter(8, seed=seed), RandomAffine(seed=seed)),
        watch=watch,
    )
