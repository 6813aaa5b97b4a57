"""A run of tests ends, whatever a worker does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = """
import os, signal, subprocess, sys, time
import pytest

@pytest.mark.parametrize("number", range(8))
def test_number(number):
    time.sleep(0.05)

def test_that_stops_its_worker():
    os.kill(os.getpid(), signal.SIGSTOP)

def test_that_ends_while_a_child_keeps_the_pipe_open():
    if os.fork() == 0:
        time.sleep(600)
    os.kill(os.getpid(), signal.SIGKILL)
"""

CONFTEST = """
from support.stall import StallWatch

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(StallWatch(config, patience=4))
"""


def test_workers_that_say_nothing_are_killed_and_their_tests_fail(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_some.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-n2", "--dist", "worksteal", "-q", "-p", "no:cacheprovider"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "PYTEST_ADDOPTS": ""}
    ended = subprocess.run(
        command, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 1, ended.stdout
    assert "2 failed, 8 passed" in ended.stdout
    assert "no report for 4 seconds while these tests run: " in ended.stdout
    for name in ("test_that_stops_its_worker", "test_that_ends_while_a_child_keeps_the_pipe_open"):
        assert f"crashed while running 'test_some.py::{name}'" in ended.stdout
