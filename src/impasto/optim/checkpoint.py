"""A run's memory on disk: where it stood, so that a killed run goes on and ends at the same picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from impasto import files
from impasto.errors import InputError


@dataclass
class Checkpoint:
    """Where and how often a run is saved.

    Args:
        path: the file; it is replaced whole, so a kill while it is written leaves the one before.
        every: evaluations between saves.
        key: what makes the run this run (a hash of its recipe); a file of another run is refused.
        resume: whether to go on from the file if it is there.
        note: what else a run that goes on should know before it begins, see :meth:`noted`.
    """

    path: Path
    every: int
    key: str
    resume: bool = False
    note: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The saved state, or None if there is nothing to go on from.

        Raises:
            InputError: the file is damaged, or of another run.
        """
        if not self.resume or not self.path.exists():
            return None
        tensors, meta = files.load_checkpoint(self.path)
        if meta.get("key") != self.key:
            raise InputError(
                f"{self.path} was left by a run with other settings or inputs: repeat those to go on, "
                f"or leave out --resume to start anew"
            )
        return tensors, meta

    def save(self, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
        """Replaces the file."""
        files.save_checkpoint(self.path, tensors, {**meta, "key": self.key, "note": dict(self.note)})

    @staticmethod
    def noted(path: Path) -> dict[str, Any]:
        """The note in a file, without its tensors; empty if there is no file or no note.

        Raises:
            InputError: the file is damaged.
        """
        return dict(files.describe_checkpoint(path).get("note", {})) if path.exists() else {}
