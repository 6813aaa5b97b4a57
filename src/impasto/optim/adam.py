"""Adam (Kingma and Ba 2014) on one flat vector, with moments that can be resized."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from impasto.optim.lbfgs import Evaluate, State


class Adam:
    """Adam with one evaluation per step; the result is an average of iterates, not the last one.

    Args:
        rate: learning rate, in units of the parameters.
        betas: decay rates of the first and second moment.
    """

    averages = True

    def __init__(self, *, rate: float = 0.02, betas: tuple[float, float] = (0.9, 0.99)) -> None:
        self.rate, self.betas = rate, betas
        self.restart()

    def restart(self) -> None:
        """Reset the moments."""
        self.first: Tensor | None = None
        self.second: Tensor | None = None
        self.count = 0

    def recover(self) -> None:
        """Reset after a divergence and halve the learning rate."""
        self.restart()
        self.rate /= 2

    def move(self, resize: Callable[[Tensor], Tensor]) -> None:
        """Resize both moments (after K. Crowson), which avoids a warm-up at the new size.

        ``resize`` must be an average, without negative weights: the second moment then stays positive and
        at least the square of the first, which bounds the following steps.
        """
        if self.first is not None and self.second is not None:
            self.first, self.second = resize(self.first), resize(self.second)

    def step(self, x: Tensor, evaluate: Evaluate) -> tuple[Tensor, float]:
        """Take one step from ``x``; return the new vector and the loss at ``x``."""
        loss, gradient = evaluate(x)
        first = torch.zeros_like(x) if self.first is None else self.first
        second = torch.zeros_like(x) if self.second is None else self.second
        self.first = first.lerp(gradient, 1 - self.betas[0])
        self.second = second.lerp(gradient.square(), 1 - self.betas[1])
        self.count += 1
        mean = self.first / (1 - self.betas[0] ** self.count)
        deviation = (self.second / (1 - self.betas[1] ** self.count)).sqrt()
        return x - self.rate * mean / (deviation + 1e-12), loss

    def state(self) -> State:
        """Return the state for :meth:`restore`; resuming from it is exact."""
        state: State = {"rate": torch.tensor([self.rate, float(self.count)], dtype=torch.float64)}
        if self.first is not None and self.second is not None:
            state |= {"first": self.first, "second": self.second}
        return state

    def restore(self, state: State) -> None:
        """Restore a state from :meth:`state`."""
        self.rate, count = state["rate"].tolist()
        self.count = int(count)
        self.first, self.second = state.get("first"), state.get("second")
