"""Distance to the styles: do the features of the painting have the statistics of theirs?"""

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

# The layers whose statistics the style losses bring together, and others that none of our methods does:
# a painting that is near in the first and far in the second has fooled the loss, not the eye.
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
HELD_OUT = ("relu2_2", "relu3_3", "relu4_3")

_LEAST = 1e-12  # of a target's own size, where a layer is silent


class StyleDistance(TypedDict):
    """Two relative distances in one layer: 0 is equal, 1 the size of the target itself."""

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
    """Distance between the feature statistics of a painting and of its styles, layer by layer.

    ``gram`` is ``|G - A|^2 / |A|^2``, of Gram matrices divided by the number of positions. ``w2`` is the
    squared 2-Wasserstein distance ``|m - n|^2 + tr(S + T - 2 (T^1/2 S T^1/2)^1/2)`` of Gaussians with the
    means m, n and covariances S, T of painting and styles, divided by ``tr T + |n|^2``. The roots are taken
    in float64: in float32 their error is some 1e-3, and the result may be negative.

    Args:
        output: the painting, anything :func:`impasto.image.read` takes. Its size is the scale of the
            measurement, so compare only paintings of one size.
        styles: a picture or several, resized at their own aspect to the output's area, but never enlarged.
        backbone: the network; two of another precision, pooling or kind give other numbers.
        layers: names of its layers.
        weights: share of each style, scaled to sum 1; the target is their mixture, the styles lying side by
            side. Default: equal.

    Returns:
        For each layer ``{"gram": float, "w2": float}``, neither below 0.

    Raises:
        InputError: an unknown layer, a picture too small for one, no style, or weights that do not fit.

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
    """Moments of each layer: summed where the network is, then float64 on the CPU (some GPUs have none)."""
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
