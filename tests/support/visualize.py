"""Helpers of the tests of visualize."""

from __future__ import annotations

from torch import Tensor

from support.backbones import noise

# Channels of table 1 of the paper: into a module, then #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj.
TABLE = {
    "3a": (192, 64, 96, 128, 16, 32, 32),
    "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64),
    "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64),
    "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128),
    "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}


def shapes() -> dict[str, tuple[int, int, int]]:
    """(out, in, side) of every convolution; the branch called 5x5 is 3x3 in torchvision."""
    result = {"conv1": (64, 3, 7), "conv2": (64, 64, 1), "conv3": (192, 64, 3)}
    for name, (into, one, reduce3, three, reduce5, five, pool) in TABLE.items():
        result |= {
            f"inception{name}.branch1": (one, into, 1),
            f"inception{name}.branch2.0": (reduce3, into, 1),
            f"inception{name}.branch2.1": (three, reduce3, 3),
            f"inception{name}.branch3.0": (reduce5, into, 1),
            f"inception{name}.branch3.1": (five, reduce5, 3),
            f"inception{name}.branch4.1": (pool, into, 1),
        }
    return result


def state() -> dict[str, Tensor]:
    """Random weights of the right shapes, as torchvision names them."""
    result: dict[str, Tensor] = {}
    for number, (name, (out, into, side)) in enumerate(shapes().items()):
        fan = into * side * side
        result[f"{name}.conv.weight"] = (noise(number, out, into, side, side) - 0.5) * (12 / fan) ** 0.5
        result[f"{name}.bn.weight"] = 0.5 + noise(number + 1000, out)
        result[f"{name}.bn.bias"] = noise(number + 2000, out) - 0.4
        result[f"{name}.bn.running_mean"] = noise(number + 3000, out) - 0.5
        result[f"{name}.bn.running_var"] = 0.5 + noise(number + 4000, out)
    result["fc.weight"] = noise(1, 4, 8)
    return result
