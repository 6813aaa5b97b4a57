"""Prefetching on another thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar, cast

T = TypeVar("T")
_END = object()


class _Prefetcher(threading.Thread):
    """Thread that puts the items of a source into a queue until it ends, fails or is stopped."""

    def __init__(self, source: Iterator[object], by: int) -> None:
        super().__init__(daemon=True)
        self.source, self.ended = source, threading.Event()
        self.items: queue.Queue[object] = queue.Queue(maxsize=by)

    def run(self) -> None:
        try:
            for item in self.source:
                self._put(item)
                if self.ended.is_set():
                    return
            self._put(_END)
        except BaseException as error:  # raised in the consumer
            self._put(error)

    def _put(self, item: object) -> None:
        while not self.ended.is_set():
            with suppress(queue.Full):
                self.items.put(item, timeout=0.1)
                return


@contextmanager
def ahead(source: Iterator[T], *, by: int = 2) -> Iterator[Iterator[T]]:
    """Yield an iterator over ``source`` that prefetches up to ``by`` items.

    Errors of the source are raised in place of the item. The thread ends with the ``with`` block.
    """
    worker = _Prefetcher(source, by)

    def take_items() -> Iterator[T]:
        while (item := worker.items.get()) is not _END:
            if isinstance(item, BaseException):
                raise item
            yield cast(T, item)

    worker.start()
    try:
        yield take_items()
    finally:
        worker.ended.set()
        worker.join()
