"""What a parametrization is: numbers that an optimiser moves, and the picture they stand for."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from impasto.tiles import Size


class Parametrization(nn.Module, ABC):
    """A module whose ``forward()`` is the picture ``(1, 3, H, W)``; it can move itself to another size."""

    @abstractmethod
    def forward(self) -> Tensor:
        """The picture, RGB; it may leave 0..1 while it is optimised."""

    @abstractmethod
    def resize(self, size: Size) -> None:
        """Moves the parameters to a picture of ``size``, in place; the picture stays what it shows."""

    @abstractmethod
    def resize_state(self, state: Tensor, size: Size) -> Tensor:
        """Brings a flat vector that belongs to the parameters (a moment of Adam) to ``size``.

        Linear, and without negative weights: what was positive stays so. Must be called before
        :meth:`resize`.
        """

    def penalty(self) -> Tensor:
        """A scalar added to the loss, on the parameters alone."""
        return torch.zeros((), device=next(self.parameters()).device)

    def vector(self) -> Tensor:
        """All parameters as one flat vector, a copy."""
        return torch.cat([p.detach().flatten() for p in self.parameters()]).clone()

    @torch.no_grad()
    def assign(self, vector: Tensor) -> None:
        """Sets all parameters from one flat vector."""
        offset = 0
        for parameter in self.parameters():
            parameter.copy_(vector[offset : offset + parameter.numel()].view_as(parameter))
            offset += parameter.numel()
