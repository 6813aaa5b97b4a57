"""Allocator settings that keep freed memory in the process between evaluations.

Each evaluation allocates and frees the same gigabytes, in blocks that glibc maps and unmaps one by one. The
kernel then zeroes every page again, which takes a fifth to a third of the time with a fast network.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

# Parameters of glibc's mallopt(3), and their defaults.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_USUAL = {_TRIM_THRESHOLD: 128 * 1024, _MMAP_MAX: 65536}


@contextmanager
def retain_freed_memory() -> Iterator[None]:
    """Keep freed memory for later allocations; return it to the system at the end.

    Uses up to a fifth more memory, because of fragmentation. Without glibc it does nothing.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_TRIM_THRESHOLD, -1)
    libc.mallopt(_MMAP_MAX, 0)
    try:
        yield
    finally:
        for parameter, value in _USUAL.items():
            libc.mallopt(parameter, value)
        libc.malloc_trim(0)
