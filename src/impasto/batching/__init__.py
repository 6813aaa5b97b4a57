"""Many jobs in parallel, on this machine or a cluster."""

from __future__ import annotations

from impasto.batching.dispatch import BatchResult, run
from impasto.batching.folder import clips, non_image_message, photos, stems
from impasto.batching.tasks import Task, from_file, from_folder, task

__all__ = [
    "BatchResult",
    "Task",
    "clips",
    "from_file",
    "from_folder",
    "non_image_message",
    "photos",
    "run",
    "stems",
    "task",
]
