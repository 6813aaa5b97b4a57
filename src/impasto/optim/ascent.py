"""Normalized gradient steps, as in Deep Dream (Mordvintsev, Olah and Tyka 2015)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from impasto.optim.lbfgs import Evaluate, State


class Ascent:
    """Gradient descent with steps of fixed length: ascent for a term that is subtracted from the loss.

    It has no state and does not converge: a dream ends after a number of steps, not at a minimum.

    Args:
        rate: mean absolute change in one step, over the parameters with a nonzero gradient.
    """

    averages = False

    def __init__(self, *, rate: float = 1.5 / 255) -> None:
        self.rate = rate

    def recover(self) -> None:
        """Halve the step length after a divergence."""
        self.rate /= 2

    def move(self, resize: Callable[[Tensor], Tensor]) -> None:
        """Do nothing: there is no state to resize."""

    def step(self, x: Tensor, evaluate: Evaluate) -> tuple[Tensor, float]:
        """Take one step from ``x``; return the new vector and the loss at ``x``."""
        loss, gradient = evaluate(x)
        # Mean over nonzero entries: with a small mask, the mean over all would make the steps huge.
        mean = gradient.norm(p=1) / torch.count_nonzero(gradient).clamp_min(1)
        return torch.addcmul(x, gradient, -self.rate / mean.clamp_min(1e-30)), loss

    def state(self) -> State:
        """Return the state for :meth:`restore`; resuming from it is exact."""
        return {"rate": torch.tensor([self.rate], dtype=torch.float64)}

    def restore(self, state: State) -> None:
        """Restore a state from :meth:`state`."""
        self.rate = float(state["rate"])
