"""Normalised gradient steps, as Deep Dream takes them (Mordvintsev, Olah and Tyka 2015)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from impasto.optim.lbfgs import Evaluate, State


class Ascent:
    """Steps of a set length along the gradient: up what is subtracted from a loss.

    It has no memory, so that a dream goes on dreaming: it is a number of steps, and not a minimum.

    Args:
        rate: mean absolute change of a step, over the parameters that the gradient reaches.
    """

    averages = False

    def __init__(self, *, rate: float = 1.5 / 255) -> None:
        self.rate = rate

    def recover(self) -> None:
        """After a divergence: half as far."""
        self.rate /= 2

    def move(self, resize: Callable[[Tensor], Tensor]) -> None:
        """Nothing is carried to another size."""

    def step(self, x: Tensor, evaluate: Evaluate) -> tuple[Tensor, float]:
        """One step from ``x``; returns the new vector, and the loss at the old one."""
        loss, gradient = evaluate(x)
        # Over what is reached alone: under a small mask the mean over all would make the steps huge.
        mean = gradient.norm(p=1) / torch.count_nonzero(gradient).clamp_min(1)
        return torch.addcmul(x, gradient, -self.rate / mean.clamp_min(1e-30)), loss

    def state(self) -> State:
        """What :meth:`restore` needs to go on exactly here."""
        return {"rate": torch.tensor([self.rate], dtype=torch.float64)}

    def restore(self, state: State) -> None:
        """Takes up a state saved by :meth:`state`."""
        self.rate = float(state["rate"])
