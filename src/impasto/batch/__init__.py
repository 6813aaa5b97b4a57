"""Many jobs in parallel, on this machine or a cluster."""

from __future__ import annotations

from impasto.batch.dispatch import BatchResult, run
from impasto.batch.folder import clips, passed_over, photos, stems
from impasto.batch.tasks import Task, from_file, from_folder, task

__all__ = [
    "BatchResult",
    "Task",
    "clips",
    "from_file",
    "from_folder",
    "passed_over",
    "photos",
    "run",
    "stems",
    "task",
]
