"""Several threads paint at once, as visitors of the page do."""

from __future__ import annotations

import subprocess
import sys

# OpenVINO deadlocks in 17 of 20 such processes where its tables of types are not filled beforehand.
EIGHT_BEGIN = """
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import openvino

from impasto.networks.openvino_engine import core

sys.setswitchinterval(1e-6)
together = Barrier(8)

def begin(number):
    core()
    together.wait()
    return openvino.Type.f32.to_dtype().name

with ThreadPoolExecutor(8) as threads:
    print(*threads.map(begin, range(8)))
"""


def test_threads_that_use_openvino_first_at_the_same_moment_end() -> None:
    command = [sys.executable, "-c", EIGHT_BEGIN]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.split()) == (0, ["float32"] * 8), done.stderr
