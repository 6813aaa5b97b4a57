"""Ends a run of tests in which nothing happens any more, and says why.

pytest's own ``faulthandler_timeout`` ends a test that hangs. It does not see a worker that waits outside of
a test, is stopped, or died while a child of it keeps its pipe open.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest


class StallWatch:
    """Plugin of the process that hands out the tests.

    Args:
        config: of this process; its terminal tells what happens.
        patience: seconds without a report after which the workers are killed. Each prints its stacks first.
            pytest-xdist counts the test of each as failed and starts another worker for those that are left.
    """

    def __init__(self, config: pytest.Config, patience: float) -> None:
        self._config, self._patience = config, patience
        self._running: dict[str, None] = {}
        self._heard = time.monotonic()
        self._ended = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._running[nodeid] = None
        self._heard = time.monotonic()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._heard = time.monotonic()
        if report.when == "teardown":
            self._running.pop(report.nodeid, None)

    def pytest_sessionfinish(self) -> None:
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(self._patience / 10):
            if time.monotonic() - self._heard > self._patience:
                self._end_workers()
                self._heard = time.monotonic()

    def _end_workers(self) -> None:
        reporter: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        say = reporter.write_line
        say(f"\nno report for {self._patience:g} seconds while these tests run: {', '.join(self._running)}")
        for pid, (state, parent, *_) in _processes().items():
            say(f"{pid} {state}, child of {parent}: {_command(pid)}")
        self._running.clear()
        mine = _descendants(os.getpid())
        for pid, above in mine.items():
            if above == os.getpid():
                _send(pid, signal.SIGABRT)  # which faulthandler answers with the stacks of all threads
        time.sleep(2)
        for pid in mine | _orphans():
            _send(pid, signal.SIGKILL)


def _descendants(root: int) -> dict[int, int]:
    """Returns the processes below ``root``, each with its parent."""
    parents = {pid: int(fields[1]) for pid, fields in _processes().items()}
    found: dict[int, int] = {}
    while new := {pid: up for pid, up in parents.items() if pid not in found and (up == root or up in found)}:
        found |= new
    return found


def _orphans() -> dict[int, int]:
    """Returns what forked workers that died have left: Python processes of this group that have no parent."""
    group, python = str(os.getpgrp()), Path(sys.executable).resolve()
    return {
        pid: 1
        for pid, fields in _processes().items()
        if fields[1] == "1" and fields[2] == group and pid != os.getpid() and _program(pid) == python
    }


def _processes() -> dict[int, list[str]]:
    """Returns the fields of ``/proc/PID/stat`` from the state on: state, parent, group."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found[int(entry.name)] = (entry / "stat").read_text().rpartition(")")[2].split()
    return found


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:200]
    return "ended"


def _program(pid: int) -> Path | None:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/exe").resolve()
    return None


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
