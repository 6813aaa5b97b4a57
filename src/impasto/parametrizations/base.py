"""Base class of image parametrizations."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from impasto.tiles import Size


class Parametrization(nn.Module, ABC):
    """Module whose ``forward()`` returns the image ``(1, 3, H, W)``, and which can be resized."""

    @abstractmethod
    def forward(self) -> Tensor:
        """Return the RGB image; values may leave 0..1 during optimization."""

    @abstractmethod
    def resize(self, size: Size) -> None:
        """Resize the parameters to an image of ``size``, in place; the content of the image is kept."""

    @abstractmethod
    def resize_state(self, state: Tensor, size: Size) -> Tensor:
        """Resize a flat vector aligned with the parameters (a moment of Adam) to ``size``.

        The map is linear without negative weights, so positive entries stay positive. Call it before
        :meth:`resize`.
        """

    def penalty(self) -> Tensor:
        """Return a scalar penalty on the parameters, added to the loss."""
        return torch.zeros((), device=next(self.parameters()).device)

    def vector(self) -> Tensor:
        """Return a copy of all parameters as one flat vector."""
        return torch.cat([p.detach().flatten() for p in self.parameters()]).clone()

    @torch.no_grad()
    def assign(self, vector: Tensor) -> None:
        """Set all parameters from one flat vector."""
        offset = 0
        for parameter in self.parameters():
            parameter.copy_(vector[offset : offset + parameter.numel()].view_as(parameter))
            offset += parameter.numel()
