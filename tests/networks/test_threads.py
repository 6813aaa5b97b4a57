"""OpenVINO reports nothing to its makers, and threads may use it at the same moment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# It deadlocks in 17 of 20 such processes where its tables of types are not filled beforehand.
EIGHT_BEGIN = """
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from impasto.networks.openvino_runtime import core, ov

sys.setswitchinterval(1e-6)
together = Barrier(8)

def begin(number):
    core()
    together.wait()
    return ov.Type.f32.to_dtype().name

with ThreadPoolExecutor(8) as threads:
    print(*threads.map(begin, range(8)))
"""
PAINT = """
import threading

import impasto
from impasto import samples

print(impasto.stylize(samples.photo("coffee")[:48, :64], "waves").picture.shape)
print([thread.name for thread in threading.enumerate()])
"""


def told(code: str, **surroundings: str) -> list[str]:
    """What a process prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **surroundings},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_threads_that_use_openvino_first_at_the_same_moment_end() -> None:
    assert told(EIGHT_BEGIN) == [" ".join(["float32"] * 8)]


def test_openvino_reports_nothing(tmp_path: Path) -> None:
    """Its telemetry would send from a thread, and keep an identity in the home of the user."""
    cache = str(tmp_path / "cache")
    assert told(PAINT, HOME=str(tmp_path), XDG_CACHE_HOME=cache) == ["(48, 64, 3)", "['MainThread']"]
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
