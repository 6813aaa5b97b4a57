"""Adam (Kingma and Ba 2014) on one flat vector, with moments that can be brought to another size."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from impasto.optim.lbfgs import Evaluate, State


class Adam:
    """One evaluation a step; the picture to keep is an average of iterates, not the last one.

    Args:
        rate: step size, in units of the parameters.
        betas: decay of the first and second moment.
    """

    averages = True

    def __init__(self, *, rate: float = 0.02, betas: tuple[float, float] = (0.9, 0.99)) -> None:
        self.rate, self.betas = rate, betas
        self.restart()

    def restart(self) -> None:
        """Forgets the moments."""
        self.first: Tensor | None = None
        self.second: Tensor | None = None
        self.count = 0

    def recover(self) -> None:
        """After a divergence: forget, and be half as fast."""
        self.restart()
        self.rate /= 2

    def move(self, resize: Callable[[Tensor], Tensor]) -> None:
        """Brings both moments to the next size (after K. Crowson), so that nothing is warmed up again.

        ``resize`` must be an average, without negative weights: the second moment then stays positive and
        no smaller than the square of the first, which bounds the steps that follow.
        """
        if self.first is not None and self.second is not None:
            self.first, self.second = resize(self.first), resize(self.second)

    def step(self, x: Tensor, evaluate: Evaluate) -> tuple[Tensor, float]:
        """One step from ``x``; returns the new vector, and the loss at the old one."""
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
        """What :meth:`restore` needs to go on exactly here."""
        state: State = {"rate": torch.tensor([self.rate, float(self.count)], dtype=torch.float64)}
        if self.first is not None and self.second is not None:
            state |= {"first": self.first, "second": self.second}
        return state

    def restore(self, state: State) -> None:
        """Takes up a state saved by :meth:`state`."""
        self.rate, count = state["rate"].tolist()
        self.count = int(count)
        self.first, self.second = state.get("first"), state.get("second")
