"""Batch run: tasks are planned one by one, executed by an engine, and recorded in the manifest."""

from __future__ import annotations

import contextlib
import glob
import itertools
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Unpack

from impasto import files
from impasto.batching import local
from impasto.batching.folder import photos
from impasto.batching.local import Done
from impasto.batching.manifest import Manifest, Row
from impasto.batching.splitting import Films
from impasto.batching.tasks import Task, count, from_file, from_folder
from impasto.errors import InputError
from impasto.jobs import StylizeJob
from impasto.keywords import RunOptions
from impasto.networks import library
from impasto.painters import learned
from impasto.painters.inputs import Inputs
from impasto.painters.style_folders import expand_folders
from impasto.verbs.run import VERBS


@dataclass(frozen=True)
class BatchResult:
    """Numbers of jobs that were done, skipped as already done, and failed; and the path of the manifest.

    ``rejected`` counts the images of a data set that the gate rejects, ``unusable`` the failed jobs that are
    invalid and fail at every retry, ``turned`` the photos of a data set with an EXIF orientation.
    """

    done: int
    skipped: int
    failed: int
    manifest: Path
    rejected: int = 0
    unusable: int = 0
    turned: int = 0


def run(
    source: str | Path | Iterable[Task],
    out: str | Path,
    *,
    settings: Mapping[str, Any] | None = None,
    total: int | None = None,
    threads: int | None = None,
    **how: Unpack[RunOptions],
) -> BatchResult:
    """Run many jobs; a repeated call does only what is missing.

    Args:
        source: a folder of photos or a pattern, processed with ``settings``; a ``.jsonl`` file of jobs; or
            tasks.
        out: the output folder, which gets ``manifest.jsonl``.
        settings: settings of :class:`impasto.StylizeJob` for a folder or a pattern; ``styles`` is required.
        total: number of tasks, if ``source`` is an iterable of them; otherwise they are counted.
        threads: threads of each job, on which the last bits of its result depend; default: the worker's.
        **how: see :class:`impasto.keywords.RunOptions`.

    Raises:
        InputError: there are no jobs, or a setting is invalid.
        OutputError: the folder cannot be written to.

    Examples:
        >>> run("photos/", "painted/", settings={"styles": ["starry.jpg"]})  # doctest: +SKIP
    """
    workers = how.get("workers")
    if workers is not None and workers < 1:
        raise InputError(f"workers {workers} must be 1 or more")
    folder, counts = Path(out), how.get("on_row") is not None
    if isinstance(source, (str, Path)):
        tasks = _tasks(str(source), settings or {}, folder)
        total = _count(str(source)) if counts else total
    else:
        tasks = iter(source)
    first = next(tasks, None)
    if first is None:
        raise InputError(f"{source} contains no jobs")
    book = _Book(Manifest(folder), total, how)
    waiting = book.select_tasks(itertools.chain([first], tasks))
    for task, result in _carry_out(waiting, folder, threads, how):
        book.enter(task, result)
    with contextlib.suppress(OSError):
        (folder / ".state").rmdir()  # only if it is empty
    return BatchResult(book.done, book.skipped, book.failed, book.manifest.path, unusable=book.unusable)


def _is_list(source: str) -> bool:
    return Path(source).suffix.lower() in (".jsonl", ".ndjson")


def _count(source: str) -> int | None:
    """Return the number of jobs; None if counting would consume them."""
    if _is_list(source):
        return count(Path(source)) if Path(source).is_file() else None
    return len(photos(source) or ()) or None


def _tasks(source: str, settings: Mapping[str, Any], folder: Path) -> Iterator[Task]:
    if _is_list(source):
        if settings.get("styles"):
            raise InputError("a file of jobs has its own styles: leave out --style")
        if settings:
            raise InputError(f"a file of jobs has its own settings: leave out --set {next(iter(settings))}")
        return from_file(Path(source))
    if not settings.get("styles"):
        raise InputError("a folder needs a style: give --style")
    if Path(source).is_dir() and folder.exists() and folder.samefile(source):
        raise InputError(f"--out {folder} is the input folder: choose another, or results become inputs")
    if photos(source) is not None:
        _check(settings)
    return from_folder(source, settings)


def _check(settings: Mapping[str, Any]) -> None:
    """Check the settings once, before any photo is processed."""
    job = expand_folders(StylizeJob.parse({**settings, "content": "photo"}))
    learned.find_all(job, Inputs(job, {}))
    for name in job.styles:
        if library.find(name, network=job.network) is None and not Path(name).is_file():
            raise InputError(f"cannot read {name}: there is no such file")


def _carry_out(tasks: Iterator[Task], folder: Path, threads: int | None, how: RunOptions) -> Iterator[Done]:
    films, workers, address = Films(folder), how.get("workers"), how.get("address")
    if how.get("engine") == "ray":
        from impasto.batching import on_ray

        waiting = films.split(tasks)
        done = on_ray.execute(waiting, folder, workers=workers, address=address, threads=threads)
        return films.join(done)
    if address is not None:
        raise InputError("--address needs --engine ray: add it, or leave out --address")
    import torch

    from impasto.optim import memory

    count, share = local.divide_resources(workers, memory=memory.free(torch.device("cpu")), threads=threads)
    # With one worker, splitting a video would only decode it twice.
    waiting = films.split(tasks) if count > 1 else tasks
    return films.join(local.execute(waiting, folder, workers=count, share=share))


class _Book:
    """Record of a run: selects the tasks that remain and writes their results to the manifest."""

    def __init__(self, manifest: Manifest, total: int | None, how: RunOptions) -> None:
        self.manifest, self.total, self.on_row = manifest, total, how.get("on_row")
        self.retry_errors, self.overwrite = how.get("retry_errors", False), how.get("overwrite", False)
        self.done = self.skipped = self.failed = self.unusable = 0
        self._taken: set[str] = set()  # outputs of this run
        self._known: set[str] = set()  # keys of this run
        self._begun: dict[str, float] = {}

    def select_tasks(self, tasks: Iterator[Task]) -> Iterator[Task]:
        """Yield the tasks that remain, each recorded as begun."""
        for task in tasks:
            if task.key in self._known:
                self.skipped += 1  # the same job twice
                continue
            self._known.add(task.key)
            status = self.manifest.status(task.key)
            place = self.manifest.folder / task.output
            self.unusable += bool(task.fault) or task.output in self._taken
            if status == "done" and self.manifest.owner(task.output) == task.key and place.exists():
                self.skipped += 1
            elif status == "error" and not self.retry_errors:
                self.failed += 1
            elif reason := self._fault(task, place):
                self.enter(task, {"error": reason})
            else:
                if self.manifest.owner(task.output):
                    _sweep(place)
                self._begun[task.key] = time.monotonic()
                self.manifest.add({**_manifest_row(task), "status": "begun"})
                self._taken.add(task.output)
                yield task
                continue
            self._taken.add(task.output)

    def enter(self, task: Task, result: Mapping[str, Any]) -> None:
        """Record the result of a task."""
        row: Row = {**_manifest_row(task), **result, "status": "error" if "error" in result else "done"}
        if task.key in self._begun:
            row["seconds"] = round(time.monotonic() - self._begun.pop(task.key), 3)
        if row["status"] == "done":
            self.done += 1
            place = self.manifest.folder / task.output
            if place.is_file():
                row["sha256"] = files.sha256(place)
        else:
            self.failed += 1
        self.manifest.add(row)
        if self.on_row:
            self.on_row(row, self.done + self.skipped + self.failed, self.total)

    def _fault(self, task: Task, place: Path) -> str:
        """Return why a task must not run; empty if it may."""
        if task.fault:
            return task.fault
        if task.output in self._taken:
            return f'{task.output} is the output of another job of this batch: give each its own, as "output"'
        root = self.manifest.folder.resolve()
        try:
            real = place.resolve()
        except (OSError, RuntimeError) as error:
            return f"{task.output} cannot be resolved ({type(error).__name__}): choose another output"
        # A symbolic link in the folder may point outside.
        if not real.is_relative_to(root) or real in (root, self.manifest.path.resolve()):
            return f"{task.output} would lie outside the output folder: choose another output"
        if place.exists() and not self.overwrite:
            before = self.manifest.last.get(self.manifest.owner(task.output))
            if before is None:
                return f"{task.output} exists, but not from this batch: choose another folder, or --overwrite"
            # A changed input replaces the earlier result, changed settings do not.
            if before.get("verb") != task.verb or _whole(before) != _whole(_manifest_row(task)):
                return (
                    f"{task.output} was made with other settings, and would be lost: choose another folder, "
                    f"or --overwrite"
                )
        return ""


def _whole(row: Row) -> Row:
    """Return all settings of a row as they are written; other versions leave out other defaults."""
    usual = {item.name: item.default for item in fields(VERBS[row["verb"]].job)}
    known = {name: value for name, value in usual.items() if value is not MISSING}
    settings: Row = json.loads(json.dumps({**known, **dict(row.get("settings") or {})}, default=str))
    return settings


def _sweep(place: Path) -> None:
    """Remove the temporary files that killed writers of this output left beside it."""
    for left in place.parent.glob(f".{glob.escape(place.stem[:32])}.*.part*"):
        left.unlink(missing_ok=True)


def _manifest_row(task: Task) -> Row:
    row: Row = {"key": task.key, "origin": task.origin, "verb": task.verb, "output": task.output}
    return {**row, "settings": dict(task.settings), **task.notes}
