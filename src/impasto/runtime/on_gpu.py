"""The style network in PyTorch, for GPUs (and for PyTorch on a CPU, as ``torch:cpu``)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.networks.packs import Pack
from impasto.networks.plan import paint
from impasto.networks.style_network import StyleNetwork, TorchEngine
from impasto.runtime.painter import Precision

Array = NDArray[np.float32]


class OnGpu:
    """The network on a device of PyTorch's."""

    def __init__(self, pack: Pack, *, device: str, precision: Precision = "auto") -> None:
        self.device = torch.device(device.removeprefix("torch:"))
        self.short = precision == "bfloat16"
        network = StyleNetwork(pack.plan, rows=len(pack.rows))
        network.load(pack.trunk, pack.rows)
        self.model = network.to(self.device).eval()

    def paint(self, photo: Array, weights: Array, statistics: Array | None) -> Array:
        """See :class:`impasto.runtime.painter.Network`."""
        given = None if statistics is None else torch.from_numpy(statistics).to(self.device)
        # Statistics stay in float32: they are taken once, and then hold for a whole film or all tiles.
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.short):
            painted = self.model(self._planes(photo), self._weights(weights), statistics=given)
        result: Array = painted[0].permute(1, 2, 0).float().cpu().numpy()
        return result

    def statistics(self, photo: Array, weights: Array) -> Array:
        """See :class:`impasto.runtime.painter.Network`."""
        with torch.inference_mode():
            found: Array = self.model.statistics(self._planes(photo), self._weights(weights)).cpu().numpy()
        return found

    def features(self, photo: Array, weights: Array, statistics: Array, norm: int) -> Array:
        """See :class:`impasto.runtime.painter.Network`."""
        given = torch.from_numpy(statistics).to(self.device)
        engine = _Until(self.model, self._weights(weights), given, norm)
        try:
            with torch.inference_mode():
                paint(engine, self.model.plan, self._planes(photo))
        except _Reached as reached:
            result: Array = reached.features[0].float().cpu().numpy()
            return result
        raise IndexError(f"the network has no normalisation {norm}")

    def _planes(self, photo: Array) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(photo)).permute(2, 0, 1)[None].to(self.device)

    def _weights(self, weights: Array) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(weights))[None].to(self.device)


class _Reached(Exception):  # noqa: N818 - it ends the walk, nothing went wrong
    def __init__(self, features: Tensor) -> None:
        self.features = features


class _Until(TorchEngine):
    """Goes as far as the input of one normalisation."""

    def __init__(self, network: StyleNetwork, weights: Tensor, given: Tensor, norm: int) -> None:
        super().__init__(network, weights, given)
        self.norm = norm

    def normalise(self, x: Tensor, /) -> Tensor:
        """See :class:`impasto.networks.plan.Engine`."""
        if self.index == self.norm:
            raise _Reached(x)
        return super().normalise(x)
