"""Workers on a Ray cluster of one or more machines with a shared file system.

Ray distributes the work and keeps count of cores and GPUs; retries are handled here.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from impasto.batching.local import TRIES, Done, state_of
from impasto.batching.tasks import Task, resolve_path
from impasto.batching.worker import SHOT, Share, carry_out
from impasto.errors import InputError
from impasto.jobs import VideoJob
from impasto.verbs.run import VERBS

Node = tuple[int, int]  # cores and GPUs
PATIENCE = 10.0  # timeout of a connection in seconds


class _RayWorker:
    """Ray actor that runs one job after another and keeps its networks loaded."""

    def __init__(self, folder: str, threads: int, options: dict[str, int], count: int) -> None:
        self.folder = Path(folder)
        self.share = Share(threads, _own_memory(options, count))

    def work(self, verb: str, settings: dict[str, Any], output: str, key: str) -> dict[str, Any]:
        """Run one job; see :func:`impasto.batching.worker.carry_out`."""
        state = state_of(self.folder, key)
        return carry_out(verb, settings, self.folder / output, state, self.share)


def execute(
    tasks: Iterator[Task],
    folder: Path,
    *,
    workers: int | None,
    address: str | None,
    threads: int | None = None,
) -> Iterator[Done]:
    """Run tasks on a cluster; yield each task with its result.

    An actor reserves its cores (or one GPU, if there are any) and runs one job at a time; tasks are taken
    from the iterator when an actor is free. The job of an actor that dies is tried once more, by a new actor
    if the cluster has room for it. All machines must see the inputs and the output folder.

    Args:
        workers, threads: number of actors, and threads of each; see :func:`divide_resources`.
        address: address of the cluster (``auto`` for one on this machine); default: start one.

    Raises:
        InputError: Ray is not installed, or the cluster cannot be reached.
    """
    try:
        import ray
    except ImportError as error:
        raise InputError("--engine ray needs Ray: pip install '.[batch]', in the clone") from error
    ours = not ray.is_initialized()
    if ours:
        try:
            _knock(address)
            ray.init(
                address=address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
            )
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise InputError(f"the Ray cluster {address} cannot be reached: {_short(error)}") from error
    try:
        yield from _distribute(ray, tasks, folder.resolve(), workers, threads)
    finally:
        if ours:
            ray.shutdown()


def _knock(address: str | None) -> None:
    """Raise an OSError if nothing listens at ``HOST:PORT``; Ray itself would retry for minutes."""
    host, _, port = (address or "").rpartition(":")
    if host and port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()


def _distribute(
    ray: Any, tasks: Iterator[Task], folder: Path, workers: int | None, wanted: int | None
) -> Iterator[Done]:
    count, threads, options = divide_resources([*_nodes(ray).values()], workers, threads=wanted)
    # No restarts by Ray: retries are decided here.
    actor = ray.remote(_RayWorker).options(max_restarts=0, max_concurrency=1, **options)
    idle: list[Any] = []
    busy: dict[Any, tuple[Any, Task]] = {}
    again: list[Task] = []
    tries: dict[str, int] = {}
    alive = 0
    while True:
        # A node may be gone: without room for another actor, waiting for one would never end.
        while idle or alive < min(count, max(1, _room(_nodes(ray).values(), options))):
            task = again.pop() if again else next(tasks, None)
            if task is None:
                break
            if not idle:
                idle.append(actor.remote(str(folder), threads, options, count))
                alive += 1
            worker = idle.pop()
            settings = absolute(task.verb, task.settings)
            busy[worker.work.remote(task.verb, settings, task.output, task.key)] = (worker, task)
        if not busy:
            return
        (ready, *_), _ = ray.wait(list(busy), num_returns=1)
        worker, task = busy.pop(ready)
        try:
            result = ray.get(ready)
            idle.append(worker)
        except ray.exceptions.RayError as error:
            alive -= 1
            tries[task.key] = tries.get(task.key, 0) + 1
            if tries[task.key] < TRIES:
                again.append(task)
                continue
            result = {"error": f"its worker died twice: {_short(error)}", "fault": True}
        yield task, result


def absolute(verb: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with absolute paths of inputs, since an actor has its own working directory."""
    if verb == SHOT:
        return {**settings, "job": absolute(VideoJob.verb, settings["job"])}
    return VERBS[verb].job.rename_files(settings, lambda name: resolve_path(name, Path.cwd()))


def divide_resources(
    nodes: Sequence[Node], workers: int | None, *, threads: int | None = None
) -> tuple[int, int, dict[str, int]]:
    """Return the number of actors, the threads of each, and its Ray options; no more than the nodes can hold.

    By default there is one actor per GPU, or one per core.

    Raises:
        InputError: no node has a core.
    """
    cores, gpus = (sum(amounts) for amounts in zip(*nodes, strict=True)) if nodes else (0, 0)
    if not cores and not gpus:
        raise InputError("no machine of the Ray cluster has a core: add one with ray start")
    count = workers or gpus or max(1, cores // (threads or 1))
    each = threads or max(1, cores // count)
    if gpus:
        return min(count, gpus), each, {"num_gpus": 1, "num_cpus": 0}
    while threads is None and each > 1 and _room(nodes, {"num_cpus": each}) < count:
        each -= 1
    options = {"num_cpus": each}
    return min(count, _room(nodes, options)), each, options


def _room(nodes: Iterable[Node], options: Mapping[str, int]) -> int:
    """Return the number of actors that the nodes can hold, each on a single node."""
    if "num_gpus" in options:
        return sum(gpus for _, gpus in nodes)
    return sum(cores // options["num_cpus"] for cores, _ in nodes)


def memory_of_each(node: Node, options: Mapping[str, int], count: int, *, free: int) -> int | None:
    """Return the bytes for each actor on a node with ``free`` bytes; None if each actor has its own GPU.

    ``options`` and ``count`` are Ray options and number of actors; see :func:`divide_resources`.
    """
    return None if "num_gpus" in options else free // max(1, min(count, _room([node], options)))


def _own_memory(options: Mapping[str, int], count: int) -> int | None:
    """Return the memory of the calling actor on its node."""
    import ray
    import torch

    from impasto.optim import memory

    own = ray.get_runtime_context().get_node_id()
    node = next((found for name, found in _nodes(ray).items() if name == own), (1, 0))
    return memory_of_each(node, options, count, free=memory.free(torch.device("cpu")))


def _nodes(ray: Any) -> dict[str, Node]:
    """Return cores and GPUs of each live node by its id."""
    found = {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}
    return {name: (int(r.get("CPU", 0)), int(r.get("GPU", 0))) for name, r in found.items()}


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
