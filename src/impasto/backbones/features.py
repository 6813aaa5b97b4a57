"""What a backbone is: a frozen network that turns a picture into named feature maps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Literal

from torch import Tensor, nn

from impasto.errors import InputError

Precision = Literal["float32", "bfloat16"]
PIXELS = "pixels"  # the name of the picture itself among the layers


class Backbone(nn.Module, ABC):
    """Base of the networks whose features the losses compare.

    Args:
        layers: the names of all layers, from shallow to deep.
        strides: pixels from one feature position to the next, by layer.
        fields: side of the square of pixels that one position sees, by layer.
    """

    block = 1
    """Positions that a convolution computes together: tiles on multiples of it round like the whole."""

    def __init__(
        self, layers: tuple[str, ...], *, strides: Mapping[str, int], fields: Mapping[str, int]
    ) -> None:
        super().__init__()
        self.layers = layers
        self._strides = {PIXELS: 1, **strides}
        self._fields = {PIXELS: 1, **fields}

    @abstractmethod
    def forward(self, picture: Tensor, layers: frozenset[str] | set[str]) -> dict[str, Tensor]:
        """Features ``{layer: (B, C, h, w)}`` of ``picture (B, 3, H, W)``, RGB 0..1, with h = H // stride."""

    def features(self, picture: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """As :meth:`forward`, with ``"pixels"`` standing for the picture itself.

        Raises:
            InputError: a layer the network does not have, the message lists those it has; a picture with
                a side shorter than the stride of a layer.
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
        """The layers as given, if the network has them all."""
        layers = list(layers)
        for layer in layers:
            if layer not in self._strides:
                raise InputError(f"unknown layer '{layer}': this network has {', '.join(self.layers)}")
        return layers

    def depth(self, layers: Iterable[str]) -> int:
        """How many of ``self.layers`` must run to have all of these."""
        return max((self.layers.index(layer) + 1 for layer in layers if layer != PIXELS), default=0)

    def stride(self, layer: str) -> int:
        """Pixels from one position of the layer to the next."""
        return self._strides[layer]

    def field(self, layer: str) -> int:
        """Side, in pixels, of the square that one position of the layer sees."""
        return self._fields[layer]
