"""Local workers: separate processes, so that a worker that dies loses only its own job."""

from __future__ import annotations

import functools
import multiprocessing
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from impasto import openmp
from impasto.batching.tasks import Task
from impasto.batching.worker import Share, carry_out

TRIES = 2  # attempts at a job whose worker dies
GIGABYTES = 1.5  # typical memory of a worker

Done = tuple[Task, dict[str, Any]]


def divide_resources(workers: int | None, *, memory: int, threads: int | None = None) -> tuple[int, Share]:
    """Return the number of workers, and the resources of each, by the free memory in bytes.

    By default there are as many workers as cores and memory allow: many workers with few threads have a
    higher throughput than few workers with many.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = workers or max(1, min(cores // (threads or 1), int(memory / (GIGABYTES * 2**30))))
    return count, Share(threads or max(1, cores // count), memory // count)


@dataclass
class _Process:
    process: Any
    line: Connection
    task: Task | None = None


def execute(
    tasks: Iterator[Task],
    folder: Path,
    *,
    workers: int,
    share: Share,
    serve: Callable[[Connection, str, Share], None] | None = None,
) -> Iterator[Done]:
    """Run tasks in parallel workers; yield each task with its result.

    Tasks are taken from the iterator only when a worker is free. A worker that dies (killed, or out of
    memory) is replaced, and its job is tried once more. ``serve`` is the main function of a worker; default:
    run jobs.
    """
    # Not forked: the threads of loaded libraries do not survive a fork.
    context = multiprocessing.get_context("spawn")
    hire = functools.partial(_hire, context, (serve or _serve, str(folder), share))
    staff: list[_Process] = []
    tries: dict[str, int] = {}
    again: list[Task] = []
    try:
        while True:
            _hand_out(hire, staff, tasks, again, workers=workers)
            busy = [worker for worker in staff if worker.task is not None]
            if not busy:
                return
            for ready in wait([worker.line for worker in busy]):
                worker = next(w for w in busy if w.line is ready)
                task = worker.task
                assert task is not None
                try:
                    result = worker.line.recv()
                except (EOFError, OSError):
                    _end(worker)
                    staff.remove(worker)
                    tries[task.key] = tries.get(task.key, 0) + 1
                    if tries[task.key] < TRIES:
                        again.append(task)
                        continue
                    result = {"error": "its worker died twice: killed, or out of memory", "fault": True}
                worker.task = None
                yield task, result
    finally:
        for worker in staff:
            _end(worker)


def _hand_out(
    hire: Callable[[], _Process],
    staff: list[_Process],
    tasks: Iterator[Task],
    again: list[Task],
    *,
    workers: int,
) -> None:
    idle = [worker for worker in staff if worker.task is None]
    while idle or len(staff) < workers:
        task = again.pop() if again else next(tasks, None)
        if task is None:
            return
        if not idle:
            staff.append(hire())
            idle.append(staff[-1])
        worker = idle.pop()
        try:
            worker.line.send((task.verb, dict(task.settings), task.output, task.key))
            worker.task = task
        except OSError:  # it died while idle
            _end(worker)
            staff.remove(worker)
            again.append(task)


def _hire(context: Any, work: tuple[Callable[..., None], str, Share]) -> _Process:
    ours, theirs = context.Pipe()
    process = context.Process(target=work[0], args=(theirs, *work[1:]), daemon=True)
    process.start()
    theirs.close()  # otherwise the worker's exit would go unnoticed
    return _Process(process, ours)


def _end(worker: _Process) -> None:
    worker.line.close()
    worker.process.terminate()
    worker.process.join(10)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()


def _serve(line: Connection, folder: str, share: Share) -> None:
    """Run jobs from the connection until it is closed."""
    os.environ["OMP_NUM_THREADS"] = str(share.threads)
    openmp.wait_briefly()
    place = Path(folder)
    while True:
        try:
            verb, settings, output, key = line.recv()
            line.send(carry_out(verb, settings, place / output, state_of(place, key), share))
        except (EOFError, OSError, KeyboardInterrupt):
            return


def state_of(folder: Path, key: str) -> Path:
    """Return the path of a job's checkpoint."""
    return folder / ".state" / f"{key}.checkpoint"
