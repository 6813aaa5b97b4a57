"""Helpers of the tests of backbones."""

from __future__ import annotations

import torch
from torch import Tensor

from impasto.backbones import CONVOLUTIONS, Backbone, Vgg
from impasto.weights import State


def noise(seed: int, *shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def narrow_state(network: str = "vgg19") -> State:
    """Random weights of the architecture at a sixteenth of its width, but for the last block."""
    state, channels = {}, 3
    for block, count in enumerate(CONVOLUTIONS[network], 1):
        for conv in range(1, count + 1):
            width = (4, 8, 16, 32, 128)[block - 1]
            state[f"conv{block}_{conv}.weight"] = noise(10 * block + conv, width, channels, 3, 3) - 0.5
            state[f"conv{block}_{conv}.bias"] = noise(block, width) - 0.5
            channels = width
    return state


def narrow(network: str = "vgg19", **options: object) -> Vgg:
    """The architecture with :func:`narrow_state`."""
    return Vgg(CONVOLUTIONS[network], narrow_state(network), **options)  # type: ignore[arg-type]


def seen(network: Backbone, layer: str, position: int, size: int) -> tuple[int, int]:
    """First and last pixel along the columns that change one position of a layer, found by nudging them."""
    x = noise(0, 1, 3, size, size)

    def at(picture: Tensor) -> Tensor:
        return network.features(picture, [layer])[layer][0, :, position, position]

    middle = position * network.stride(layer) + network.stride(layer) // 2
    before, changed = at(x), []
    for column in range(size):
        nudged = x.clone()
        nudged[..., middle - 1 : middle + 1, column] += 0.5
        if float((at(nudged) - before).abs().max()) > 1e-6 * float(before.abs().max()):
            changed.append(column)
    return changed[0], changed[-1]
