"""Work done ahead of its turn, on another thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
_END = object()


@contextmanager
def ahead(source: Iterator[T], *, by: int = 2) -> Iterator[Iterator[T]]:
    """The items of ``source``, made up to ``by`` of them ahead; its errors come where its item would.

    When the ``with`` is left, nothing of it runs any more.
    """
    items: queue.Queue[object] = queue.Queue(maxsize=by)
    ended = threading.Event()

    def put(item: object) -> None:
        while not ended.is_set():
            try:
                items.put(item, timeout=0.1)
                return
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in source:
                put(item)
                if ended.is_set():
                    return
            put(_END)
        except BaseException as error:  # whatever it is, it is for whoever waits
            put(error)

    def taken() -> Iterator[T]:
        while (item := items.get()) is not _END:
            if isinstance(item, BaseException):
                raise item
            yield item  # type: ignore[misc]

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        ended.set()
        thread.join()
