"""GoogLeNet (Szegedy et al. 2014, arXiv 1409.4842) with the torchvision weights, without the classifier.

It differs from the network of the first Deep Dream images (2015): it has batch normalization, and its 5x5
branch is 3x3. It has a larger receptive field than VGG at a tenth of the computation.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.backbones.features import Backbone, FloatFormat
from impasto.weights import State

_EPSILON = 1e-3  # of the batch normalization
INCEPTIONS = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
LAYERS = ("conv1", "conv2", "conv3", *(f"inception{name}" for name in INCEPTIONS))
BRANCHES = ("branch1", "branch2.0", "branch2.1", "branch3.0", "branch3.1", "branch4.1")


class GoogLeNet(Backbone):
    """GoogLeNet with the layers ``conv1`` to ``conv3`` and ``inception3a`` to ``inception5b``, frozen.

    Args:
        state: torchvision state dict, ``{"inception3a.branch1.conv.weight": ..., ...}``; batch normalization
            is folded into the convolutions.
        precision: precision of the convolutions and of the features.
    """

    def __init__(self, state: State, *, precision: FloatFormat = "float32") -> None:
        strides, fields = _geometry()
        super().__init__(LAYERS, strides=strides, fields=fields)
        self.dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        for name in convolutions():
            weight, bias = _fold_batch_norm(state, name)
            self.register_buffer(_key(name, "weight"), weight.to(self.dtype).contiguous())
            self.register_buffer(_key(name, "bias"), bias.to(self.dtype).contiguous())

    def forward(self, picture: Tensor, layers: frozenset[str] | set[str]) -> dict[str, Tensor]:
        """See :meth:`Backbone.forward`; stops at the deepest requested layer."""
        height, width = picture.shape[-2:]
        found: dict[str, Tensor] = {}
        x = (2 * picture - 1).to(self.dtype)  # equal to the published preprocessing
        for layer in self.layers[: self.depth(layers)]:
            if layer in ("conv2", "inception3a", "inception4a"):
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            elif layer == "inception5a":
                x = F.max_pool2d(x, 2, 2, ceil_mode=True)
            if layer == "conv1":
                x = self._convolve(x, layer, stride=2)
            elif layer.startswith("conv"):
                x = self._convolve(x, layer)
            else:
                x = self._inception(x, layer)
            if layer in layers:
                stride = self.stride(layer)
                # ceil_mode adds a position for a remainder below one stride; drop it.
                found[layer] = x[..., : height // stride, : width // stride]
        return found

    def _inception(self, x: Tensor, name: str) -> Tensor:
        three = self._convolve(self._convolve(x, f"{name}.branch2.0"), f"{name}.branch2.1")
        five = self._convolve(self._convolve(x, f"{name}.branch3.0"), f"{name}.branch3.1")
        pooled = self._convolve(F.max_pool2d(x, 3, 1, 1, ceil_mode=True), f"{name}.branch4.1")
        return torch.cat([self._convolve(x, f"{name}.branch1"), three, five, pooled], 1)

    def _convolve(self, x: Tensor, name: str, *, stride: int = 1) -> Tensor:
        weight: Tensor = getattr(self, _key(name, "weight"))
        bias: Tensor = getattr(self, _key(name, "bias"))
        return F.relu(F.conv2d(x, weight, bias, stride=stride, padding=weight.shape[-1] // 2), inplace=True)


def convolutions() -> list[str]:
    """Return the torchvision names of all convolutions."""
    return ["conv1", "conv2", "conv3", *(f"inception{n}.{branch}" for n in INCEPTIONS for branch in BRANCHES)]


def _key(name: str, part: str) -> str:
    return f"{name}.{part}".replace(".", "_")


def _fold_batch_norm(state: Mapping[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a convolution with its batch normalization folded in."""
    gain = state[f"{name}.bn.weight"] / (state[f"{name}.bn.running_var"] + _EPSILON).sqrt()
    bias = state[f"{name}.bn.bias"] - gain * state[f"{name}.bn.running_mean"]
    return state[f"{name}.conv.weight"] * gain[:, None, None, None], bias


def _geometry() -> tuple[dict[str, int], dict[str, int]]:
    """Return strides and fields; a field is a position's cell plus twice the larger reach beyond it."""
    strides, fields = {}, {}
    stride, before, after = 2, 3, 2  # conv1: 7x7 with stride 2; the cell starts at its center
    for layer in LAYERS:
        if layer in ("conv2", "inception3a", "inception4a"):
            # Unpadded pooling windows of 3 start at their own position: they reach one further after it.
            stride, after = 2 * stride, after + stride
        elif layer == "inception5a":
            stride *= 2
        if layer == "conv3" or layer.startswith("inception"):
            before, after = before + stride, after + stride
        strides[layer], fields[layer] = stride, stride + 2 * max(before, after)
    return strides, fields
