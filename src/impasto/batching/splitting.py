"""Videos of a batch, split into shots for several workers and joined when all shots are done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from impasto import films
from impasto.batching.local import Done
from impasto.batching.tasks import Task
from impasto.batching.worker import SHOT, error_entries, shots_of
from impasto.films import shots
from impasto.jobs import VideoJob


@dataclass
class _Open:
    """A video in progress, with the results of its shots in order."""

    task: Task
    job: VideoJob
    results: list[dict[str, Any] | None]


@dataclass
class Films:
    """Splitter of the videos among the tasks, which joins them again.

    Args:
        folder: output folder of the batch, which keeps the shots until a video is complete.
    """

    folder: Path
    _open: dict[str, _Open] = field(default_factory=dict)

    def split(self, tasks: Iterator[Task]) -> Iterator[Task]:
        """Yield the tasks, with each video of several shots replaced by one task per shot."""
        for task in tasks:
            job, found = self._shots(task)
            if job is None or len(found) < 2:
                yield task
                continue
            self._open[task.key] = _Open(task, job, [None] * len(found))
            for number, shot in enumerate(found):
                settings = {
                    "job": dict(task.settings),
                    "first": shot.first,
                    "last": shot.last,
                    "film": task.key,
                }
                yield Task(SHOT, settings, task.output, f"{number}", f"{task.key}-{shot.first}")

    def join(self, done: Iterator[Done]) -> Iterator[Done]:
        """Yield the original tasks with their results; a video follows when its last shot is done."""
        for task, result in done:
            if task.verb != SHOT:
                yield task, result
                continue
            film = self._open[task.settings["film"]]
            film.results[int(task.origin)] = result
            if None not in film.results:
                del self._open[film.task.key]
                yield film.task, self._join(film)

    @staticmethod
    def _shots(task: Task) -> tuple[VideoJob | None, list[films.FrameRange]]:
        """Return job and shots of a video; none if it cannot be split or read, which its worker reports."""
        if task.verb != "video":
            return None, []
        try:
            job = VideoJob.parse(task.settings)
            suffix = Path(task.output).suffix
            return job, shots.shots(job, suffix=suffix) if shots.can_split(job) else []
        except Exception:
            return None, []

    def _join(self, film: _Open) -> dict[str, Any]:
        results = [result for result in film.results if result is not None]
        for result in results:
            if "error" in result:
                return result
        parts = [Path(part) for result in results for part in result["parts"]]
        size = (results[0]["size"][1], results[0]["size"][0])
        try:
            shots.join_shots(
                film.job,
                parts,
                self.folder / film.task.output,
                size=size,
                recipe=results[0]["recipe"],
                folder=shots_of(self.folder, film.task.key),
            )
        except Exception as error:
            return error_entries(error)
        return {
            "recipe": json.loads(results[0]["recipe"]),
            "frames": sum(result["frames"] for result in results),
            "size": results[0]["size"],
            "shots": len(results),
        }
