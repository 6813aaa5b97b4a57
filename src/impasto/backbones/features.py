"""Base class of feature extractors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from impasto.errors import InputError

FloatFormat = Literal["float32", "bfloat16"]
PIXELS = "pixels"  # layer name of the image itself


class Backbone(nn.Module, ABC):
    """Frozen network that computes named feature maps of an image.

    Args:
        layers: names of all layers, from shallow to deep.
        strides: stride by layer, in pixels.
        fields: side of the receptive field by layer, in pixels.
    """

    block = 1
    """Block size of the convolutions; tiles aligned to it have the same rounding as the whole image."""

    def __init__(
        self, layers: tuple[str, ...], *, strides: Mapping[str, int], fields: Mapping[str, int]
    ) -> None:
        super().__init__()
        self.layers = layers
        self._strides = {PIXELS: 1, **strides}
        self._fields = {PIXELS: 1, **fields}

    @abstractmethod
    def forward(self, picture: Tensor, layers: frozenset[str] | set[str]) -> dict[str, Tensor]:
        """Compute ``{layer: (B, C, h, w)}`` of ``picture (B, 3, H, W)``, RGB 0..1, with h = H // stride."""

    @property
    def device(self) -> torch.device:
        """Device of its weights."""
        return next(self.buffers()).device

    @property
    def memory_format(self) -> torch.memory_format:
        """Memory layout of the features. Arithmetic between layouts is several times slower."""
        return torch.contiguous_format

    @property
    def wraps(self) -> bool:
        """Whether it is for images that continue across their borders."""
        return False

    @contextmanager
    def disable_wrapping(self) -> Iterator[None]:
        """Compute features of images that end at their borders, with a backbone for images that continue."""
        yield

    def features(self, picture: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Compute features as :meth:`forward` does; the layer ``"pixels"`` is the image itself.

        Raises:
            InputError: a layer is unknown (the message lists the valid ones), or a side of the image is
                shorter than the stride of a layer.
        """
        wanted = frozenset(self.check(layers))
        height, width = picture.shape[-2:]
        if wanted and min(height, width) < self.stride(deepest := max(wanted, key=self.stride)):
            raise InputError(
                f"a picture of {width}x{height} pixels is too small for layer '{deepest}', which needs "
                f"{self.stride(deepest)} each way: use a larger size or shallower layers"
            )
        found = self(picture, wanted - {PIXELS}) if wanted - {PIXELS} else {}
        if PIXELS in wanted:
            found[PIXELS] = picture
        return found

    def check(self, layers: Iterable[str]) -> list[str]:
        """Return the layers as a list.

        Raises:
            InputError: a layer is unknown; the message lists the valid ones.
        """
        layers = list(layers)
        for layer in layers:
            if layer not in self._strides:
                raise InputError(f"unknown layer '{layer}': this network has {', '.join(self.layers)}")
        return layers

    def depth(self, layers: Iterable[str]) -> int:
        """Return how many of ``self.layers`` must run to compute these layers."""
        return max((self.layers.index(layer) + 1 for layer in layers if layer != PIXELS), default=0)

    def stride(self, layer: str) -> int:
        """Return the stride of a layer, in pixels."""
        return self._strides[layer]

    def field(self, layer: str) -> int:
        """Return the side of the receptive field of a layer, in pixels."""
        return self._fields[layer]
