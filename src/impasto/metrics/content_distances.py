"""Content distance: position-wise difference of features."""

from __future__ import annotations

from collections.abc import Sequence

from impasto import tensors
from impasto.backbones import Backbone
from impasto.image import Source
from impasto.metrics.features import features_of, names_of, one_picture

_LEAST = 1e-12  # least divisor, for layers without activations


def content_distance(
    output: Source, content: Source, *, backbone: Backbone, layers: str | Sequence[str] = ("relu4_2",)
) -> dict[str, float]:
    """Compute the relative squared distance of features, ``|F - P|^2 / |P|^2``.

    Args:
        output: stylized image, anything :func:`impasto.image.read` takes.
        content: content image, resized (bicubic) to the size of the output.
        backbone: feature extractor; values depend on its weights, precision and pooling.
        layers: layer names.

    Returns:
        For each layer a number of at least 0; 1 is the size of the content features.

    Raises:
        InputError: a layer is unknown, or an image is too small for it.

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
