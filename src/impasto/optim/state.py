"""State of the optimization loop, its checkpoint format, and the divergence test."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from impasto.record import HistoryEntry

DIVERGED = 10.0  # a rise of the loss by this many times the median of its stage is a divergence
NEGLIGIBLE = 1e-2  # lower bound of that median; relative terms are about 1
_OPTIMISER = "optimiser."
_COUNTERS = ("stage", "step", "evaluations", "recoveries")


@dataclass
class OptimizationState:
    """State of a run; a checkpoint holds this and the state of the optimizer."""

    x: Tensor  # the parameters
    good: Tensor  # the parameters of the result: x itself, or the average of iterates
    begun: Tensor  # the parameters at the start of the stage, to which its loss is bound
    stage: int = 0
    step: int = 0
    evaluations: int = 0
    recoveries: int = 0
    seconds: float = 0.0
    history: list[HistoryEntry] = field(default_factory=list)

    def to_checkpoint(
        self, optimiser: Mapping[str, Tensor], *, seconds: float
    ) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return tensors and metadata for a checkpoint, including the state of the optimizer."""
        tensors = {f"{_OPTIMISER}{key}": value for key, value in optimiser.items()}
        tensors |= {"x": self.x, "begun": self.begun}
        if self.good is not self.x:
            tensors["good"] = self.good
        history = [[p.seconds, p.stage, p.loss, dict(p.terms)] for p in self.history]
        numbers = {name: getattr(self, name) for name in _COUNTERS}
        return tensors, {**numbers, "seconds": seconds, "history": history}


def from_checkpoint(
    tensors: Mapping[str, Tensor], meta: Mapping[str, Any], *, like: Tensor
) -> tuple[OptimizationState, dict[str, Tensor]]:
    """Return the state of a checkpoint and of its optimiser, on the device of ``like``."""
    # Copies on the device, independent of the file that will be replaced; float64 scalars stay on the CPU.
    copies = {k: (v.to(like.device) if v.dtype == like.dtype else v).clone() for k, v in tensors.items()}
    optimiser = {k.removeprefix(_OPTIMISER): v for k, v in copies.items() if k.startswith(_OPTIMISER)}
    numbers = {name: meta[name] for name in (*_COUNTERS, "seconds")}
    history = [HistoryEntry(*point) for point in meta["history"]]
    x = copies["x"]
    # Checkpoints of earlier versions have no "begun"; their losses do not need it.
    begun = copies.get("begun", x)
    return OptimizationState(x, copies.get("good", x), begun, history=history, **numbers), optimiser


def is_fault(value: float, losses: Sequence[float]) -> bool:
    """Return whether a loss is non-finite or far above the losses of its stage, which may be negative."""
    if not math.isfinite(value) or not losses:
        return not math.isfinite(value)
    usual = statistics.median(abs(loss) for loss in losses)
    return value - min(losses) > DIVERGED * max(usual, NEGLIGIBLE)
