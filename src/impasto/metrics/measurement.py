"""All metrics of one image."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import fmean

from impasto import backbones, image, tensors
from impasto.backbones import Backbone
from impasto.image import Picture, Source
from impasto.metrics.content_distances import content_distance
from impasto.metrics.edges import sharpness
from impasto.metrics.features import one_picture
from impasto.metrics.palette import palette_distance
from impasto.metrics.structure import edge_ssim, ssim
from impasto.metrics.style_distances import HELD_OUT, LAYERS, StyleDistance, style_distance


@dataclass(frozen=True)
class Measurement:
    """Metrics of a stylized image; those without a reference image are empty or None.

    Attributes:
        size: height and width of the image in pixels; all other values refer to this size.
        style: style distance by layer, see :func:`style_distance`.
        held_out: the same in layers that no method optimizes (the ``tutorial`` method uses conv2_2, which is
            relu2_2 before the ReLU).
        content: content distance by layer, see :func:`content_distance`.
        ssim: SSIM with the content image, see :func:`ssim`.
        edge_ssim: edge SSIM with the content image, see :func:`edge_ssim`.
        palette_style: color distance to the style images, see :func:`palette_distance`.
        palette_content: color distance to the content image.
        sharpness: see :func:`sharpness`.
        sharpness_ratio: sharpness relative to the content image; None if that is uniform.
    """

    size: tuple[int, int]
    sharpness: float
    style: Mapping[str, StyleDistance] = field(default_factory=dict)
    held_out: Mapping[str, StyleDistance] = field(default_factory=dict)
    content: Mapping[str, float] = field(default_factory=dict)
    ssim: float | None = None
    edge_ssim: float | None = None
    palette_style: float | None = None
    palette_content: float | None = None
    sharpness_ratio: float | None = None

    def summary(self) -> dict[str, float]:
        """Return one number for each metric; distances are averaged over layers."""
        found: dict[str, float | None] = {}
        for name, layers in (("style", self.style), ("held_out", self.held_out)):
            if layers:
                found[f"{name}_gram"] = fmean(d["gram"] for d in layers.values())
                found[f"{name}_w2"] = fmean(d["w2"] for d in layers.values())
        found["content"] = fmean(self.content.values()) if self.content else None
        names = ("ssim", "edge_ssim", "palette_style", "palette_content", "sharpness", "sharpness_ratio")
        found |= {name: getattr(self, name) for name in names}
        return {name: value for name, value in found.items() if value is not None}

    def to_json(self) -> str:
        """Return one line of JSON with every field and the summary."""
        return json.dumps({**asdict(self), "summary": self.summary()}, allow_nan=False)


def measure(
    output: Source,
    *,
    backbone: Backbone | str = "vgg19",
    content: Source | None = None,
    styles: Source | Sequence[Source] = (),
    weights: Sequence[float] | None = None,
    layers: Sequence[str] = LAYERS,
    held_out: Sequence[str] = HELD_OUT,
    content_layers: Sequence[str] = ("relu4_2",),
) -> Measurement:
    """Measure a stylized image against its content and style images.

    Args:
        output: stylized image, anything :func:`impasto.image.read` takes. Values depend on its size, so
            compare only images of equal size.
        backbone: feature extractor, or its name, which loads it in float32. Published values use ``vgg19`` in
            float32.
        content: content image, resized to the size of the output.
        styles: one style image or several, resized to the area of the output, never enlarged.
        weights: share of each style, normalized to sum 1. Default: equal.
        layers: layers of the style distance.
        held_out: further layers of the style distance, reported separately; may be empty.
        content_layers: layers of the content distance.

    Raises:
        InputError: an image cannot be read or is too small, a layer is unknown, or the weights do not match
            the styles.

    Examples:
        >>> picture = np.random.default_rng(0).random((16, 16, 3))
        >>> measure(picture, content=picture, backbone=Tiny(), content_layers=["relu2_1"]).ssim
        1.0
    """
    if isinstance(backbone, str):
        backbone = backbones.load(backbone, precision="float32")
    picture = image.read(output)
    found = Measurement(size=picture.size, sharpness=sharpness(picture))
    read = [image.read(style) for style in tensors.several(styles)]
    if read:
        every = style_distance(picture, read, backbone=backbone, layers=[*layers, *held_out], weights=weights)
        own, others = ({layer: every[layer] for layer in part} for part in (layers, held_out))
        palette = palette_distance(picture, read, weights=weights)
        found = replace(found, style=own, held_out=others, palette_style=palette)
    if content is not None:
        found = _against_photo(found, picture, image.read(content))
        distances = content_distance(picture, content, backbone=backbone, layers=content_layers)
        found = replace(found, content=distances)
    return found


def _against_photo(found: Measurement, picture: Picture, content: Picture) -> Measurement:
    """Add the pixel-based metrics with respect to the content image, at the size of the output."""
    photo = tensors.to_array(tensors.resize(one_picture(content), picture.size))
    own = sharpness(photo)
    return replace(
        found,
        ssim=ssim(picture, photo),
        edge_ssim=edge_ssim(picture, photo),
        palette_content=palette_distance(picture, content),
        sharpness_ratio=found.sharpness / own if own > 1e-12 else None,
    )
