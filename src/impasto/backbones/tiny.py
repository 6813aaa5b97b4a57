"""Random network of three convolutions, for tests of this package and of custom losses."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.backbones.features import Backbone


class Tiny(Backbone):
    """Random network with layers ``relu1_1`` (stride 1), ``relu2_1`` (2) and ``relu3_1`` (4)."""

    def __init__(self, *, seed: int = 0, width: int = 8) -> None:
        super().__init__(
            ("relu1_1", "relu2_1", "relu3_1"),
            strides={"relu1_1": 1, "relu2_1": 2, "relu3_1": 4},
            fields={"relu1_1": 3, "relu2_1": 8, "relu3_1": 18},
        )
        generator = torch.Generator().manual_seed(seed)
        channels = (3, width, 2 * width, 3 * width)
        for index in range(3):
            shape = (channels[index + 1], channels[index], 3, 3)
            scale = (2 / (9 * channels[index])) ** 0.5
            self.register_buffer(f"weight{index}", torch.randn(shape, generator=generator) * scale)

    def forward(self, picture: Tensor, layers: frozenset[str] | set[str]) -> dict[str, Tensor]:
        """See :meth:`Backbone.forward`."""
        found: dict[str, Tensor] = {}
        x = 4 * (picture - 0.5)
        for index, layer in enumerate(self.layers[: self.depth(layers)]):
            x = F.max_pool2d(x, 2) if index else x
            x = F.relu(F.conv2d(x, getattr(self, f"weight{index}").to(x), padding=1))
            if layer in layers:
                found[layer] = x
        return found
