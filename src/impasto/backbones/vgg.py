"""VGG-16 and VGG-19 (Simonyan and Zisserman 2014, arXiv 1409.1556) as feature extractors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.backbones import winograd
from impasto.backbones.features import Backbone, FloatFormat
from impasto.weights import Preprocessing, State

Pooling = Literal["max", "avg"]
Padding = Literal["zeros", "replicate", "circular"]

CONVOLUTIONS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
_CAFFE_MEAN = (103.939, 116.779, 123.68)  # blue, green, red, of 0..255
_TORCHVISION_MEAN, _TORCHVISION_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Vgg(Backbone):
    """Convolutional part of a VGG network with frozen weights.

    Args:
        blocks: number of convolutions in each block, as in ``CONVOLUTIONS``.
        state: state dict, ``{"conv1_1.weight": ..., "conv1_1.bias": ...}``.
        preprocessing: ``caffe`` (BGR, 0..255, mean subtracted) or ``torchvision`` (RGB, standardized).
        pooling: ``max``, as trained, or ``avg``, as in Gatys et al.
        padding: padding after the first layer: ``zeros``, as trained, or ``replicate``; the first layer then
            uses ``replicate``. ``circular``, in all layers, is for images that continue across their borders.
        precision: precision of the convolutions and of the features.
    """

    def __init__(
        self,
        blocks: tuple[int, ...],
        state: State,
        *,
        preprocessing: Preprocessing = "caffe",
        pooling: Pooling = "max",
        padding: Padding = "zeros",
        precision: FloatFormat = "float32",
    ) -> None:
        names = [f"{b}_{c}" for b, count in enumerate(blocks, 1) for c in range(1, count + 1)]
        fields = _fields(names)
        super().__init__(
            tuple(f"{kind}{name}" for name in names for kind in ("conv", "relu")),
            strides={f"{kind}{n}": 2 ** (int(n[0]) - 1) for n in names for kind in ("conv", "relu")},
            fields={f"{kind}{n}": field for n, field in fields.items() for kind in ("conv", "relu")},
        )
        self.blocks, self.names = blocks, tuple(names)
        self.shift: Tensor
        self.scale: Tensor
        self.pooling, self.padding = pooling, padding
        self.dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        self.caffe = preprocessing == "caffe"
        self.winograd = precision == "float32" and winograd.available()
        self.block = winograd.BLOCK if self.winograd else 1
        self._turned: dict[str, Tensor] = {}
        shift, scale = (_CAFFE_MEAN, (1 / 255,) * 3) if self.caffe else (_TORCHVISION_MEAN, _TORCHVISION_STD)
        self.register_buffer("shift", torch.tensor(shift).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(scale).view(1, 3, 1, 1))
        for name in names:
            # Own buffers in the precision of the run; the values in the state may share memory.
            weight, bias = (state[f"conv{name}.{part}"].to(self.dtype) for part in ("weight", "bias"))
            self.register_buffer(f"weight{name}", weight.contiguous(memory_format=self.memory_format))
            self.register_buffer(f"bias{name}", bias.contiguous())

    def normalize(self, picture: Tensor) -> Tensor:
        """Convert RGB 0..1 to the input range of the network."""
        if self.caffe:
            seen = (picture.flip(1) / self.scale - self.shift).to(self.dtype)
        else:
            seen = ((picture - self.shift) / self.scale).to(self.dtype)
        return seen.contiguous(memory_format=self.memory_format)

    def forward(self, picture: Tensor, layers: frozenset[str] | set[str]) -> dict[str, Tensor]:
        """See :meth:`Backbone.forward`; stops at the deepest requested layer."""
        found: dict[str, Tensor] = {}
        x, block = self.normalize(picture), "1"
        for layer in self.layers[: self.depth(layers)]:
            name = layer[4:]
            if name[0] != block:
                x, block = self._pool(x), name[0]
            # ReLU in place unless its input is requested: saves a third of the memory.
            kept = f"conv{name}" in layers
            x = self._convolve(x, name) if layer.startswith("conv") else F.relu(x, inplace=not kept)
            if layer in layers:
                found[layer] = x
        return found

    @property
    def memory_format(self) -> torch.memory_format:
        """See :attr:`Backbone.memory_format`."""
        if self.dtype == torch.bfloat16 and self.shift.device.type == "cpu":
            # The layout of the CPU's matrix units; otherwise every convolution converts back and forth.
            return torch.channels_last
        return torch.contiguous_format

    @property
    def wraps(self) -> bool:
        """See :attr:`Backbone.wraps`."""
        return self.padding == "circular"

    @contextmanager
    def disable_wrapping(self) -> Iterator[None]:
        """See :meth:`Backbone.disable_wrapping`."""
        usual, self.padding = self.padding, "zeros" if self.padding == "circular" else self.padding
        try:
            yield
        finally:
            self.padding = usual

    def _pool(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, 2) if self.pooling == "max" else F.avg_pool2d(x, 2)

    def _convolve(self, x: Tensor, name: str) -> Tensor:
        weight, bias = getattr(self, f"weight{name}"), getattr(self, f"bias{name}")
        if self.padding == "circular":
            x = F.pad(x, (1, 1, 1, 1), mode="circular")
        elif name == "1_1" or self.padding == "replicate":
            # Zero padding would look like a gray border to the network.
            return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), weight, bias)
        if self.winograd and x.device.type == "cpu":
            if name not in self._turned:
                self._turned[name] = winograd.turn(weight)
            found = winograd.convolve(x, weight, bias, self._turned[name])
            return found[..., 1:-1, 1:-1] if self.padding == "circular" else found
        return F.conv2d(x, weight, bias, padding=0 if self.padding == "circular" else 1)


def _fields(names: list[str]) -> dict[str, int]:
    """Return receptive fields by "block_convolution"; 3x3 convolutions add 2 strides, poolings one."""
    field, block, result = 1, "1", {}
    for name in names:
        stride = 2 ** (int(name[0]) - 1)
        if name[0] != block:
            field, block = field + stride // 2, name[0]
        field += 2 * stride
        result[name] = field
    return result
