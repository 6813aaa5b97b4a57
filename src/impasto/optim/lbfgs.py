"""Limited-memory BFGS (Liu and Nocedal 1989), made safe for pictures.

One evaluation a step as a rule: the full quasi-Newton step is tried first and only cut when it raises the
loss. Pairs without positive curvature are not learned, a step is never longer than a picture can bear, and
a gradient that is not finite is treated like a raised loss. PyTorch's own L-BFGS takes unchecked steps
unless it is allowed several evaluations for each.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Evaluate = Callable[[Tensor], tuple[float, Tensor]]
State = dict[str, Tensor]


class Lbfgs:
    """Minimises a function of one flat vector.

    Args:
        history: pairs kept; each costs two vectors.
        first_step: root-mean-square length of the first step, in units of the parameters.
        longest_step: the same for any later step.
    """

    averages = False

    def __init__(self, *, history: int = 20, first_step: float = 0.02, longest_step: float = 0.2) -> None:
        self.history, self.first_step, self.longest_step = history, first_step, longest_step
        self.restart()

    def restart(self) -> None:
        """Forgets all it learned; the next step begins anew from wherever it is."""
        self.pairs: list[tuple[Tensor, Tensor]] = []
        self.loss: float | None = None
        self.gradient: Tensor | None = None

    def recover(self) -> None:
        """After a divergence: forget, and be half as bold."""
        self.restart()
        self.first_step /= 2
        self.longest_step /= 2

    def move(self, resize: Callable[[Tensor], Tensor]) -> None:
        """At a new size the old curvature is of another function: restart."""
        self.restart()

    def step(self, x: Tensor, evaluate: Evaluate) -> tuple[Tensor, float]:
        """One step from ``x``; returns the new vector and its loss. Uses one to four evaluations.

        If no evaluation of a step is finite, neither is the loss returned.
        """
        if self.gradient is None or self.loss is None:
            self.loss, self.gradient = evaluate(x)
            return x, self.loss
        direction = self._direction(self.gradient)
        slope = float(direction @ self.gradient)
        if not slope < 0:
            self.pairs.clear()
            direction = self._direction(self.gradient)
            slope = float(direction @ self.gradient)
        length, seen = 1.0, False
        for attempt in range(4):
            moved = x + length * direction
            loss, gradient = evaluate(moved)
            finite = math.isfinite(loss) and bool(torch.isfinite(gradient).all())
            seen = seen or finite
            if finite and loss <= self.loss + 1e-4 * length * slope:
                break
            if attempt == 3:
                # Not even a short step helps: the memory is wrong here. Stay, and begin anew next time.
                self.pairs.clear()
                return x, self.loss if seen else math.nan
            # The minimum of the parabola through what is known, kept between a tenth and a half.
            rise = loss - self.loss - length * slope
            best = -slope * length * length / (2 * rise) if finite and rise > 0 else 0.0
            length = min(max(best, 0.1 * length), 0.5 * length)
        self._learn(moved - x, gradient - self.gradient)
        self.loss, self.gradient = loss, gradient
        return moved, loss

    def _learn(self, s: Tensor, y: Tensor) -> None:
        if float(s @ y) > 1e-8 * float(s.norm() * y.norm()):
            self.pairs.append((s, y))
            del self.pairs[: -self.history]

    def _direction(self, gradient: Tensor) -> Tensor:
        """The two-loop recursion; without pairs, steepest descent of a set length."""
        rms = gradient.numel() ** 0.5
        if not self.pairs:
            first: Tensor = -gradient * (self.first_step * rms / gradient.norm().clamp_min(1e-30))
            return first
        q, factors = gradient.clone(), []
        for s, y in reversed(self.pairs):
            factor = (s @ q) / (s @ y)
            factors.append(factor)
            q -= factor * y
        s, y = self.pairs[-1]
        q *= (s @ y) / (y @ y)
        for (s, y), factor in zip(self.pairs, reversed(factors), strict=True):
            q += (factor - (y @ q) / (s @ y)) * s
        length = q.norm() / rms
        direction: Tensor = -q * (self.longest_step / length).clamp_max(1.0)
        return direction

    def state(self) -> State:
        """What :meth:`restore` needs to go on exactly here."""
        state: State = {"steps": torch.tensor([self.first_step, self.longest_step], dtype=torch.float64)}
        if self.gradient is not None and self.loss is not None:
            state["gradient"] = self.gradient
            state["loss"] = torch.tensor(self.loss, dtype=torch.float64)
        if self.pairs:
            state["s"] = torch.stack([s for s, _ in self.pairs])
            state["y"] = torch.stack([y for _, y in self.pairs])
        return state

    def restore(self, state: State) -> None:
        """Takes up a state saved by :meth:`state`."""
        # Copies: a product of vectors at another alignment in memory may differ in its last bit.
        state = {key: value.clone() for key, value in state.items()}
        self.first_step, self.longest_step = state["steps"].tolist()
        self.gradient = state.get("gradient")
        self.loss = float(state["loss"]) if "loss" in state else None
        pairs = zip(state["s"], state["y"], strict=True) if "s" in state else ()
        self.pairs = [(s.clone(), y.clone()) for s, y in pairs]
