"""All metrics of one painting at once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import fmean

from impasto import backbones, image, tensors
from impasto.backbones import Backbone
from impasto.image import Picture, Source
from impasto.metrics.content import content_distance
from impasto.metrics.edges import sharpness
from impasto.metrics.features import one_picture
from impasto.metrics.palette import palette_distance
from impasto.metrics.structure import edge_ssim, ssim
from impasto.metrics.style import HELD_OUT, LAYERS, StyleDistance, style_distance


@dataclass(frozen=True)
class Measurement:
    """What was measured of a painting; what had nothing to be measured against is empty or None.

    Attributes:
        size: height and width of the painting, pixels: the scale of everything else.
        style: by layer, see :func:`style_distance`.
        held_out: the same in layers that no method optimises (but that the tutorial's algorithm knows
            conv2_2, of which the first of them is the ReLU).
        content: by layer, see :func:`content_distance`.
        ssim: against the photograph, see :func:`ssim`.
        edge_ssim: against the photograph, see :func:`edge_ssim`.
        palette_style: distance of colours to those of the styles, see :func:`palette_distance`.
        palette_content: to those of the photograph.
        sharpness: see :func:`sharpness`.
        sharpness_ratio: sharpness divided by that of the photograph; None for a photograph of one colour.
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
        """One number for each thing measured, distances by layer as their mean over layers."""
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
        """One line of JSON: every field, and the summary."""
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
    """Measures a painting against its photograph and its styles.

    Args:
        output: the painting, anything :func:`impasto.image.read` takes; its size is the scale of the
            measurement, so compare only paintings of one size.
        backbone: the network, or its name. Numbers that are kept or published are those of ``vgg19`` in
            float32, which a name stands for.
        content: the photograph; if it has another size it is resized to the output's.
        styles: a picture or several, resized to the output's area, but never enlarged.
        weights: share of each style, scaled to sum 1. Default: equal.
        layers: where style is compared.
        held_out: where style is compared too, reported apart; may be empty.
        content_layers: where content is compared.

    Raises:
        InputError: not a picture, one too small, an unknown layer, or weights that do not fit.

    Source: each metric's own.

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
        found = replace(
            found,
            style={layer: every[layer] for layer in layers},
            held_out={layer: every[layer] for layer in held_out},
            palette_style=palette_distance(picture, read, weights=weights),
        )
    if content is not None:
        found = _against_photo(found, picture, image.read(content))
        distances = content_distance(picture, content, backbone=backbone, layers=content_layers)
        found = replace(found, content=distances)
    return found


def _against_photo(found: Measurement, picture: Picture, content: Picture) -> Measurement:
    """What compares pixels with those of the photograph, at the painting's size."""
    photo = tensors.to_array(tensors.resize(one_picture(content), picture.size))
    own = sharpness(photo)
    return replace(
        found,
        ssim=ssim(picture, photo),
        edge_ssim=edge_ssim(picture, photo),
        palette_content=palette_distance(picture, content),
        sharpness_ratio=found.sharpness / own if own > 1e-12 else None,
    )
