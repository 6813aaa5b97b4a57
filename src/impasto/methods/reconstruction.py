"""Reconstruction of content or style from noise (figure 1 of Gatys et al. 2015)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

from impasto import tensors
from impasto.backbones import Backbone
from impasto.errors import InputError
from impasto.image import Source
from impasto.losses import Content, Gram
from impasto.optim import Lbfgs, OptimizationResult, Stage, minimize
from impasto.parametrizations import Pixels
from impasto.record import Watch

What = Literal["content", "style"]


def reconstruct(
    picture: Source,
    layers: str | Sequence[str],
    *,
    what: What = "content",
    backbone: Backbone,
    size: int = 256,
    steps: int = 200,
    seed: int = 0,
    watch: Watch | None = None,
) -> OptimizationResult:
    """Optimize white noise to the same features (content) or Gram matrices (style) as an image.

    Args:
        picture: image to reconstruct; anything :func:`impasto.image.read` takes.
        layers: layer names; for style the paper uses the first one to five of ``losses.LAYERS``.
        what: ``content`` or ``style``.
        backbone: feature extractor.
        size: long side of the result, in pixels.
        steps: evaluations of loss and gradient.
        seed: random seed of the noise.
        watch: called after every step.

    Raises:
        InputError: an unknown layer, or ``what`` is neither content nor style.

    Examples:
        >>> out = reconstruct("starry.jpg", LAYERS[:3], what="style", backbone=load())  # doctest: +SKIP
    """
    names = [layers] if isinstance(layers, str) else list(layers)
    backbone.check(names)
    if what not in ("content", "style"):
        raise InputError(f"{what!r} cannot be reconstructed: choose content or style")
    source = tensors.from_source(picture)
    small = tensors.long_side((source.shape[-2], source.shape[-1]), size)
    source = tensors.resize(source, small).clamp(0, 1)
    loss = Content(source, names) if what == "content" else Gram(source, names)
    noise = torch.rand(source.shape, generator=torch.Generator().manual_seed(seed))
    return minimize(
        loss,
        Pixels(noise),
        schedule=(Stage(small, steps),),
        backbone=backbone,
        optimiser=Lbfgs(),
        watch=watch,
    )
