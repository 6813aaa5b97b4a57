"""Where a run of the loop stands, how it lies in a checkpoint, and when its loss is a fault."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from impasto.record import Point

DIVERGED = 10.0  # a loss that rises by this many times its stage's median is a fault, not a detour
NEGLIGIBLE = 1e-2  # no rise from a loss smaller than this is a fault: relative terms are about 1
_OPTIMISER = "optimiser."
_COUNTERS = ("stage", "step", "evaluations", "recoveries")


@dataclass
class State:
    """With the optimiser's own state, all that a checkpoint holds."""

    x: Tensor  # the parameters
    good: Tensor  # the parameters to keep: x itself, or the average of iterates
    begun: Tensor  # the parameters with which the stage began, to which its loss is bound
    stage: int = 0
    step: int = 0
    evaluations: int = 0
    recoveries: int = 0
    seconds: float = 0.0
    history: list[Point] = field(default_factory=list)

    def saved(
        self, optimiser: Mapping[str, Tensor], *, seconds: float
    ) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and numbers for a checkpoint, with the optimiser's state."""
        tensors = {f"{_OPTIMISER}{key}": value for key, value in optimiser.items()}
        tensors |= {"x": self.x, "begun": self.begun}
        if self.good is not self.x:
            tensors["good"] = self.good
        history = [[p.seconds, p.stage, p.loss, dict(p.terms)] for p in self.history]
        numbers = {name: getattr(self, name) for name in _COUNTERS}
        return tensors, {**numbers, "seconds": seconds, "history": history}


def restored(
    tensors: Mapping[str, Tensor], meta: Mapping[str, Any], *, like: Tensor
) -> tuple[State, dict[str, Tensor]]:
    """The state of a checkpoint, and that of its optimiser, on the device of ``like``."""
    # Copies on this device, clear of the file that will be replaced; single numbers stay where they are.
    copies = {k: (v.to(like.device) if v.dtype == like.dtype else v).clone() for k, v in tensors.items()}
    optimiser = {k.removeprefix(_OPTIMISER): v for k, v in copies.items() if k.startswith(_OPTIMISER)}
    numbers = {name: meta[name] for name in (*_COUNTERS, "seconds")}
    history = [Point(*point) for point in meta["history"]]
    x = copies["x"]
    # Checkpoints of earlier versions lack the beginning, which their losses did not look at.
    begun = copies.get("begun", x)
    return State(x, copies.get("good", x), begun, history=history, **numbers), optimiser


def is_fault(value: float, losses: Sequence[float]) -> bool:
    """Whether a loss is no number, or far above what its stage has seen. Losses may be zero or negative."""
    if not math.isfinite(value) or not losses:
        return not math.isfinite(value)
    usual = statistics.median(abs(loss) for loss in losses)
    return value - min(losses) > DIVERGED * max(usual, NEGLIGIBLE)
