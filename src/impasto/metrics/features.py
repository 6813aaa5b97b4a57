"""Input checks and feature extraction for the metrics."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from impasto import image, tensors
from impasto.backbones import Backbone
from impasto.errors import InputError
from impasto.image import Source


def one_picture(source: Source) -> Tensor:
    """Read one image by :func:`impasto.image.read`, as ``(1, 3, H, W)``, RGB 0..1."""
    return tensors.from_array(image.read(source).flat())


def names_of(layers: str | Sequence[str], *, backbone: Backbone) -> list[str]:
    """Return the layers as a list without duplicates.

    Raises:
        InputError: there is no layer, or one is unknown.
    """
    names = backbone.check(dict.fromkeys((layers,) if isinstance(layers, str) else layers))
    if not names:
        raise InputError(f"no layer to compare: name at least one of {', '.join(backbone.layers)}")
    return names


def features_of(picture: Tensor, layers: Sequence[str], *, backbone: Backbone) -> dict[str, Tensor]:
    """Compute features ``{layer: (1, C, h, w)}`` of ``picture (1, 3, H, W)``, float32, without gradient.

    Raises:
        InputError: the image is too small for a layer.
    """
    device = backbone.device
    with torch.no_grad():
        found = backbone.features(picture.to(device), layers)
    return {layer: found[layer].float() for layer in layers}
