"""Style distance: difference of feature statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import torch
from torch import Tensor

from impasto import tensors
from impasto.backbones import Backbone
from impasto.image import Source
from impasto.metrics.features import features_of, names_of, one_picture
from impasto.moments import Moments, mixture, moments, root, shares, wasserstein2

# Layers of the style losses, and held-out layers that no method optimizes: an image that is close in the
# first and far in the second has overfitted to the loss.
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
HELD_OUT = ("relu2_2", "relu3_3", "relu4_3")

_LEAST = 1e-12  # least divisor, for layers without activations


class StyleDistance(TypedDict):
    """Relative distances in one layer: 0 is equal, 1 is the size of the target itself."""

    gram: float
    w2: float


def style_distance(
    output: Source,
    styles: Source | Sequence[Source],
    *,
    backbone: Backbone,
    layers: str | Sequence[str] = LAYERS,
    weights: Sequence[float] | None = None,
) -> dict[str, StyleDistance]:
    """Compute the distance between the feature statistics of an image and its styles, by layer.

    ``gram`` is ``|G - A|^2 / |A|^2``, of Gram matrices divided by the number of positions. ``w2`` is the
    squared 2-Wasserstein distance ``|m - n|^2 + tr(S + T - 2 (T^1/2 S T^1/2)^1/2)`` of Gaussians with the
    means m, n and covariances S, T of image and styles, divided by ``tr T + |n|^2``. The roots are computed
    in float64: in float32 their error is about 1e-3, and the result may be negative.

    Args:
        output: stylized image, anything :func:`impasto.image.read` takes. Values depend on its size, so
            compare only images of equal size.
        styles: one style image or several, resized to the area of the output with their own aspect ratio,
            never enlarged.
        backbone: feature extractor; values depend on its weights, precision and pooling.
        layers: layer names.
        weights: share of each style, normalized to sum 1; the target is the mixture of the styles. Default:
            equal.

    Returns:
        For each layer ``{"gram": float, "w2": float}``, both at least 0.

    Raises:
        InputError: a layer is unknown, an image is too small for it, there is no style, or the weights do not
            match the styles.

    Source: Gatys, Ecker and Bethge 2015 (arXiv 1508.06576), equation 4; Dowson and Landau 1982.

    Examples:
        >>> picture = np.random.default_rng(0).random((16, 16, 3))
        >>> style_distance(picture, picture, backbone=Tiny(), layers="relu1_1")["relu1_1"]["gram"]
        0.0
    """
    names = names_of(layers, backbone=backbone)
    several = tensors.several(styles)
    parts = shares(weights, count=len(several))
    picture = one_picture(output)
    found = _statistics(picture, names, backbone)
    targets = []
    for style in several:
        painting = one_picture(style)
        size = tensors.same_area(_size(painting), _size(picture))
        targets.append(_statistics(tensors.resize(painting, size), names, backbone))
    return {name: _compare(found[name], mixture([t[name] for t in targets], parts)) for name in names}


def _size(picture: Tensor) -> tuple[int, int]:
    return picture.shape[-2], picture.shape[-1]


def _statistics(picture: Tensor, layers: Sequence[str], backbone: Backbone) -> dict[str, Moments]:
    """Compute the moments of each layer on the device, then convert to float64 on the CPU (MPS lacks it)."""
    result: dict[str, Moments] = {}
    for layer, values in features_of(picture, layers, backbone=backbone).items():
        found = moments(values[0].flatten(1))
        result[layer] = Moments(found.mean.cpu().double(), found.cov.cpu().double())
    return result


def _compare(found: Moments, target: Moments) -> StyleDistance:
    second = target.second
    gram = (found.second - second).square().sum() / second.square().sum().clamp_min(_LEAST)
    w2 = wasserstein2(found, root(target.cov), target) / torch.trace(second).clamp_min(_LEAST)
    return {"gram": float(gram), "w2": max(0.0, float(w2))}
