"""What a layer knows: figure 1 of Gatys et al. 2015, reconstructions of content and of style from noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

from impasto import tensors
from impasto.backbones import Backbone
from impasto.errors import InputError
from impasto.image import Source
from impasto.losses import LAYERS, Content, Gram
from impasto.optim import Lbfgs, Outcome, Stage, minimize
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
) -> Outcome:
    """Finds, from white noise, a picture with the same features (content) or the same Gram matrices (style).

    Args:
        picture: what to reconstruct; anything :func:`impasto.image.read` takes.
        layers: layer names; for style the paper uses the first one to five of ``losses.LAYERS``.
        what: ``content`` or ``style``.
        backbone: the network.
        size: long side of the result, pixels.
        steps: evaluations of loss and gradient.
        seed: of the noise.
        watch: called after every step.

    Raises:
        InputError: an unknown layer, or neither content nor style.

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
        Pixels(noise).to(next(backbone.buffers()).device),
        schedule=(Stage(small, steps),),
        backbone=backbone,
        optimiser=Lbfgs(),
        watch=watch,
    )


FIGURE_1 = tuple(LAYERS[: count + 1] for count in range(len(LAYERS)))
"""The five sets of layers of the paper's style reconstructions (a) to (e)."""
