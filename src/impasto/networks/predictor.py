"""Predict the row of any style image without training (Ghiasi et al. 2017, arXiv 1705.06830).

A MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381) turns the image into 100 numbers; a linear map turns
those into a row of the ``quality`` network. Runs on the CPU with OpenVINO.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto import files, image
from impasto.errors import InputError
from impasto.networks.packs import Pack
from impasto.networks.plan import PLANS, shape

Array = NDArray[np.float32]
Node = Any  # an output of OpenVINO, which ships no types

FILE = Path(__file__).resolve().parent / "shipped" / "quality.predictor"
KIND = "style predictor"
NETWORK = "quality"
SIDE = 256  # side of the network's input, pixels
# Each group of blocks: expansion factor, output channels, number of blocks, stride of the first block.
_GROUPS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def fits(pack: Pack) -> bool:
    """Return whether rows of this pack can be predicted: its plan must be that of ``NETWORK``."""
    return pack.plan == PLANS[NETWORK]


def predict(picture: Array) -> Array:
    """Predict the row ``(kinds, channels)`` of a style image ``(H, W, 3)``, RGB 0..1.

    Uses the central square of the image.

    Raises:
        InputError: the file of the predictor is damaged.
    """
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image.resize(picture[top : top + side, left : left + side], (SIDE, SIDE))
    tensors, look = _load()
    planes = np.ascontiguousarray(square.clip(0, 1).transpose(2, 0, 1)[None], np.float32)
    numbers = look([planes])[0].reshape(-1)
    styled = (tensors["row.weight"] @ numbers + tensors["row.bias"]).reshape(2, -1)
    # Noise is scaled like the channel it is added to.
    noise = tensors["noise"] * np.abs(styled[0])
    row: Array = np.concatenate([styled, noise]).astype(np.float32)
    return row


@lru_cache(maxsize=1)
def _load() -> tuple[Mapping[str, NDArray[Any]], Any]:
    from impasto.networks.openvino_runtime import core

    tensors, meta = files.load_arrays(FILE)
    channels = sum(shape(PLANS[NETWORK]).norms)
    try:
        if meta["kind"] != KIND or tensors["row.bias"].shape != (2 * channels,):
            raise ValueError("its output does not fit the network")
        model = _model(tensors)
    except (KeyError, ValueError) as error:
        raise InputError(f"{FILE} is damaged ({error}): reinstall impasto") from error
    return tensors, core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def _model(tensors: Mapping[str, NDArray[Any]]) -> Any:
    from impasto.networks.openvino_runtime import ops, ov

    photo = ops.parameter([1, 3, SIDE, SIDE], np.float32, name="painting")
    layers = _Layers(tensors)
    x = layers.convolve(photo, stride=2)
    channels = 32
    for within, wide, blocks, stride in _GROUPS:
        for block in range(blocks):
            y = layers.convolve(x) if within > 1 else x
            y = layers.convolve(y, stride=1 if block else stride, groups=within * channels)
            y = layers.convolve(y, bounded=False)
            x = ops.add(x, y) if block else y
            channels = wide
    x = ops.reduce_mean(layers.convolve(x), np.array([2, 3]), keep_dims=True)
    return ov.Model([ops.result(layers.convolve(x, bounded=False))], [photo], "predictor")


class _Layers:
    """The convolutions in order, with weights as 8-bit integers times a scale per output channel."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self.tensors, self.count = tensors, 0

    def convolve(self, x: Node, *, stride: int = 1, groups: int = 1, bounded: bool = True) -> Node:
        """Apply the next convolution; ``bounded``: followed by ReLU6."""
        from impasto.networks.openvino_runtime import ops

        weight, scale, bias = (
            self.tensors[f"{self.count:02}.{kind}"] for kind in ("weight", "scale", "bias")
        )
        self.count += 1
        kernel = weight.astype(np.float32) * scale.reshape(-1, 1, 1, 1)
        # Strided layers were trained with padding below and to the right only.
        after = kernel.shape[-1] // 2
        before = after if stride == 1 else 0
        edges: tuple[Any, ...] = ([stride] * 2, [before] * 2, [after] * 2, [1, 1])
        if groups > 1:
            x = ops.group_convolution(x, kernel[:, None], *edges)
        else:
            x = ops.convolution(x, kernel, *edges)
        x = ops.add(x, bias.astype(np.float32).reshape(1, -1, 1, 1))
        return ops.clamp(x, 0, 6) if bounded else x
