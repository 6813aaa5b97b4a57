"""Many images: a folder one by one, or many jobs in parallel, on this machine or a cluster."""

from __future__ import annotations

from impasto.batch.folder import Report, paint_each, passed_over, photos, stems
from impasto.batch.run import Outcome, run
from impasto.batch.tasks import Task, from_file, from_folder, task

__all__ = [
    "Outcome",
    "Report",
    "Task",
    "from_file",
    "from_folder",
    "paint_each",
    "passed_over",
    "photos",
    "run",
    "stems",
    "task",
]
