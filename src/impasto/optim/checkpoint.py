"""Checkpoints: the state of a run on disk, from which an interrupted run resumes to the same result."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from impasto import files
from impasto.errors import InputError
from impasto.record import MADE_BY, other_version, version

_log = logging.getLogger("impasto")


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
    other: str = field(default="", init=False)  # another version of impasto that wrote what was loaded

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Read the saved state; return None if there is no checkpoint to resume.

        Raises:
            InputError: the file is damaged, or belongs to another run.
        """
        if not self.resume or not self.path.exists():
            return None
        tensors, meta = files.load_checkpoint(self.path)
        self.other = other_version(meta)
        if meta.get("key") != self.key:
            of = f", or of {self.other}" if self.other else ""
            raise InputError(
                f"{self.path} is a checkpoint of a run with other settings or inputs{of}: resume "
                f"with the same ones, or leave out --resume to start over"
            )
        return tensors, meta

    def save(self, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
        """Write the checkpoint."""
        named = {**meta, "key": self.key, "note": dict(self.note), MADE_BY: version()}
        files.save_checkpoint(self.path, tensors, named)

    def misfit(self, run: str) -> InputError:
        """Return the error of a loaded state that does not fit a ``run``."""
        other = f", and was written by {self.other}" if self.other else ""
        return InputError(f"{self.path} does not fit this {run}{other}: remove it, or leave out --resume")

    def warn(self) -> None:
        """Warn if another version of impasto wrote what was loaded: the run is then a mixture of both."""
        if self.other:
            text = "%s was written by %s, and this is %s: the result may match neither version"
            _log.warning(text, self.path, self.other, version())

    @staticmethod
    def read_note(path: Path) -> dict[str, Any]:
        """Read the note of a checkpoint without its tensors; empty if there is no file or no note.

        Raises:
            InputError: the file is damaged.
        """
        return dict(files.describe_checkpoint(path).get("note", {})) if path.exists() else {}
