"""Checkpoints: the state of a run on disk, from which an interrupted run resumes to the same result."""

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
    """File and interval of the checkpoints of a run.

    Args:
        path: the file. It is replaced atomically, so a kill during a save leaves the previous checkpoint.
        every: evaluations between saves.
        key: identifies the run (a hash of its recipe); a checkpoint with another key is rejected.
        resume: resume from the file if it exists.
        note: data that a resumed run needs before it starts, see :meth:`read_note`.
    """

    path: Path
    every: int
    key: str
    resume: bool = False
    note: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Read the saved state; return None if there is no checkpoint to resume.

        Raises:
            InputError: the file is damaged, or belongs to another run.
        """
        if not self.resume or not self.path.exists():
            return None
        tensors, meta = files.load_checkpoint(self.path)
        if meta.get("key") != self.key:
            raise InputError(
                f"{self.path} is a checkpoint of a run with other settings or inputs: repeat those to "
                f"resume, or leave out --resume to start over"
            )
        return tensors, meta

    def save(self, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
        """Write the checkpoint."""
        files.save_checkpoint(self.path, tensors, {**meta, "key": self.key, "note": dict(self.note)})

    @staticmethod
    def noted(path: Path) -> dict[str, Any]:
        """Read the note of a checkpoint without its tensors; empty if there is no file or no note.

        Raises:
            InputError: the file is damaged.
        """
        return dict(files.describe_checkpoint(path).get("note", {})) if path.exists() else {}
