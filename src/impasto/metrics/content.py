"""Distance to the photograph: are the features of the painting where the photograph has them?"""

from __future__ import annotations

from collections.abc import Sequence

from impasto import tensors
from impasto.backbones import Backbone
from impasto.image import Source
from impasto.metrics.features import features_of, names_of, one_picture

_LEAST = 1e-12  # of the photograph's own energy, where a layer is silent


def content_distance(
    output: Source, content: Source, *, backbone: Backbone, layers: str | Sequence[str] = ("relu4_2",)
) -> dict[str, float]:
    """Squared distance of features, position by position: ``|F - P|^2 / |P|^2``.

    Args:
        output: the painting, anything :func:`impasto.image.read` takes.
        content: the photograph, resized to the output's size (bicubic) if it has another.
        backbone: the network; two of another precision, pooling or kind give other numbers.
        layers: names of its layers.

    Returns:
        For each layer a number of at least 0; 1 is the size of the photograph's own features.

    Raises:
        InputError: an unknown layer, or a picture too small for one.

    Source: Gatys, Ecker and Bethge 2015 (arXiv 1508.06576), equation 1, made relative.

    Examples:
        >>> picture = np.random.default_rng(0).random((16, 16, 3))
        >>> content_distance(picture, picture, backbone=Tiny(), layers="relu2_1")
        {'relu2_1': 0.0}
    """
    names = names_of(layers, backbone=backbone)
    picture = one_picture(output)
    photo = tensors.resize(one_picture(content), (picture.shape[-2], picture.shape[-1]))
    found = features_of(picture, names, backbone=backbone)
    wanted = features_of(photo, names, backbone=backbone)
    return {
        name: float(
            (found[name] - wanted[name]).square().mean() / wanted[name].square().mean().clamp_min(_LEAST)
        )
        for name in names
    }
