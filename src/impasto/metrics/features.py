"""A picture handed to the metrics, and what a network sees in it: checked before anything runs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from impasto import image, tensors
from impasto.backbones import Backbone
from impasto.errors import InputError
from impasto.image import Source


def one_picture(source: Source) -> Tensor:
    """One picture as ``(1, 3, H, W)``, RGB 0..1, by way of :func:`impasto.image.read`, which checks it."""
    return tensors.from_array(image.read(source).flat())


def names_of(layers: str | Sequence[str], *, backbone: Backbone) -> list[str]:
    """The layers as a list that the network has, without repeats.

    Raises:
        InputError: no layer at all, or one that the network does not have.
    """
    names = backbone.check(dict.fromkeys((layers,) if isinstance(layers, str) else layers))
    if not names:
        raise InputError(f"no layer to compare: name at least one of {', '.join(backbone.layers)}")
    return names


def features_of(picture: Tensor, layers: Sequence[str], *, backbone: Backbone) -> dict[str, Tensor]:
    """Features ``{layer: (1, C, h, w)}`` of ``picture (1, 3, H, W)``, float32, without gradient.

    Raises:
        InputError: the picture is so small that a layer has no position.
    """
    device = next(backbone.buffers()).device
    with torch.no_grad():
        found = backbone.features(picture.to(device), layers)
    return {layer: found[layer].float() for layer in layers}
