"""Limited-memory BFGS (Liu and Nocedal 1989) with safeguards for image optimization.

Usually one evaluation per step: the full quasi-Newton step is tried first and shortened only if it raises the
loss. Pairs without positive curvature are skipped, the step length is limited, and a non-finite gradient is
treated like a raised loss. PyTorch's L-BFGS takes unchecked steps unless it may use several evaluations per
step.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Evaluate = Callable[[Tensor], tuple[float, Tensor]]
State = dict[str, Tensor]


class Lbfgs:
    """Monotone L-BFGS minimizer of a function of one flat vector.

    Args:
        history: number of curvature pairs; each takes the memory of two vectors.
        first_step: RMS length of the first step, in units of the parameters.
        longest_step: RMS limit of later steps.
    """

    averages = False

    def __init__(self, *, history: int = 20, first_step: float = 0.02, longest_step: float = 0.2) -> None:
        self.history, self.first_step, self.longest_step = history, first_step, longest_step
        self.restart()

    def restart(self) -> None:
        """Reset the state; the next step starts from scratch."""
        self.pairs: list[tuple[Tensor, Tensor]] = []
        self.loss: float | None = None
        self.gradient: Tensor | None = None

    def recover(self) -> None:
        """Reset after a divergence and halve the step lengths."""
        self.restart()
        self.first_step /= 2
        self.longest_step /= 2

    def move(self, resize: Callable[[Tensor], Tensor]) -> None:
        """Restart at a new size, where the old curvature is not valid."""
        self.restart()

    def step(self, x: Tensor, evaluate: Evaluate) -> tuple[Tensor, float]:
        """Take one step from ``x``, with one to four evaluations; return the new vector and its loss.

        If no evaluation is finite, the returned loss is NaN.
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
                # Even a short step fails, so the curvature is wrong here. Stay at x and drop the pairs.
                self.pairs.clear()
                return x, self.loss if seen else math.nan
            # Minimum of the interpolating parabola, clamped to 0.1 .. 0.5 of the length.
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
        """Compute the direction by two-loop recursion; without pairs, steepest descent of a fixed length."""
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
        """Return the state for :meth:`restore`; resuming from it is exact."""
        state: State = {"steps": torch.tensor([self.first_step, self.longest_step], dtype=torch.float64)}
        if self.gradient is not None and self.loss is not None:
            state["gradient"] = self.gradient
            state["loss"] = torch.tensor(self.loss, dtype=torch.float64)
        if self.pairs:
            state["s"] = torch.stack([s for s, _ in self.pairs])
            state["y"] = torch.stack([y for _, y in self.pairs])
        return state

    def restore(self, state: State) -> None:
        """Restore a state from :meth:`state`."""
        # Copies, because the last bit of a dot product can depend on the memory alignment.
        state = {key: value.clone() for key, value in state.items()}
        self.first_step, self.longest_step = state["steps"].tolist()
        self.gradient = state.get("gradient")
        self.loss = float(state["loss"]) if "loss" in state else None
        pairs = zip(state["s"], state["y"], strict=True) if "s" in state else ()
        self.pairs = [(s.clone(), y.clone()) for s, y in pairs]
