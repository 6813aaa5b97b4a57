"""Where a training stands: weights, their average, the optimizer's moments and the history."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from impasto.networks.torch_engine import StyleNetwork
from impasto.optim import Checkpoint
from impasto.record import HistoryEntry

MEMORY = 0.999  # decay of the averaged weights

Saved = tuple[dict[str, Tensor], dict[str, Any]]
"""Tensors, and what JSON can hold."""


class TrainingState:
    """The state of a training; a checkpoint holds all of it.

    Args:
        network: the network in training; parameters without gradient are no part of the state.
        optimiser: Adam over the same parameters.
    """

    def __init__(self, network: StyleNetwork, optimiser: torch.optim.Adam) -> None:
        named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
        self.names = [name for name, _ in named]
        self.parameters = [p for _, p in named]
        self.mean = [p.detach().clone() for p in self.parameters]
        self.optimiser = optimiser
        self.step, self.recoveries = 0, 0
        self.seconds, self.damped = 0.0, 1.0
        self.history: list[HistoryEntry] = []

    def average(self) -> None:
        """Update the average of the weights; the first steps count for less."""
        decay = min(MEMORY, (1 + self.step) / (10 + self.step))
        for mean, parameter in zip(self.mean, self.parameters, strict=True):
            mean.lerp_(parameter.detach(), 1 - decay)

    def take_mean(self) -> None:
        """Replace the weights by their average."""
        self._take(self.mean)

    @contextmanager
    def use_average(self) -> Iterator[None]:
        """Replace the weights by their average within the block."""
        now = [p.detach().clone() for p in self.parameters]
        self.take_mean()
        try:
            yield
        finally:
            self._take(now)

    def _take(self, values: list[Tensor]) -> None:
        with torch.no_grad():
            for parameter, value in zip(self.parameters, values, strict=True):
                parameter.copy_(value)

    def snapshot(self) -> Saved:
        """Return a copy of everything but the clock."""
        tensors = {}
        for name, parameter, mean in zip(self.names, self.parameters, self.mean, strict=True):
            tensors[f"network.{name}"] = parameter.detach().clone()
            tensors[f"mean.{name}"] = mean.clone()
            for key, value in self.optimiser.state[parameter].items():
                tensors[f"adam.{key}.{name}"] = value.clone()
        return tensors, {
            "step": self.step,
            "recoveries": self.recoveries,
            "damped": self.damped,
            "history": [[p.seconds, p.stage, p.loss, dict(p.terms)] for p in self.history],
        }

    def restore(self, saved: Saved) -> None:
        """Return to a snapshot."""
        tensors, meta = saved
        with torch.no_grad():
            for name, parameter, mean in zip(self.names, self.parameters, self.mean, strict=True):
                parameter.copy_(tensors[f"network.{name}"])
                mean.copy_(tensors[f"mean.{name}"])
                self.optimiser.state.pop(parameter, None)
                moments = {k: tensors.get(f"adam.{k}.{name}") for k in ("step", "exp_avg", "exp_avg_sq")}
                if moments["step"] is not None:
                    self.optimiser.state[parameter] = {
                        k: v.clone().to("cpu" if k == "step" else parameter.device)
                        for k, v in moments.items()
                        if v is not None
                    }
        self.step, self.recoveries = int(meta["step"]), int(meta["recoveries"])
        self.damped = float(meta["damped"])
        self.history = [HistoryEntry(*p) for p in meta["history"]]

    def save(self, checkpoint: Checkpoint, *, seconds: float) -> None:
        """Write a checkpoint."""
        tensors, meta = self.snapshot()
        checkpoint.save(tensors, {**meta, "seconds": seconds})

    def load(self, checkpoint: Checkpoint) -> None:
        """Resume from a checkpoint, if there is one.

        Raises:
            InputError: the checkpoint is damaged, or of another training.
        """
        saved = checkpoint.load()
        if saved is None:
            return
        try:
            self.restore(saved)
            self.seconds = float(saved[1]["seconds"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise checkpoint.misfit("training") from error
        checkpoint.warn()
