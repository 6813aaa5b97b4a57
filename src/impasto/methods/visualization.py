"""Feature visualization: optimize noise to maximize the activation of a layer or a channel.

C. Olah, A. Mordvintsev and L. Schubert, *Feature Visualization* (Distill 2017): an image in decorrelated
Fourier space, under small random rotations, scalings and shifts. The objective of a layer is the norm of its
activations; that of a channel is the norm plus the mean before the ReLU, see
:class:`impasto.losses.Activation`.
"""

from __future__ import annotations

from impasto.backbones import Backbone
from impasto.losses import Activation
from impasto.optim import Adam, Compose, Jitter, OptimizationResult, RandomAffine, Stage, minimize
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
) -> OptimizationResult:
    """Visualize a layer or a channel.

    Args:
        layer: layer or channel, in the syntax of :meth:`impasto.losses.Target.parse`.
        size: (height, width) in pixels.
        steps: number of evaluations.
        backbone: the network.
        rate: learning rate of Adam, in units of the spectrum.
        seed: random seed of the initial noise and of the transforms.
        watch: see :func:`impasto.optim.minimize`.
    """
    return minimize(
        -1 * Activation(layer),
        Fourier(size, seed=seed),
        schedule=(Stage(size, steps),),
        backbone=backbone,
        optimiser=Adam(rate=rate),
        transform=Compose(Jitter(8, seed=seed), RandomAffine(seed=seed)),
        watch=watch,
    )
