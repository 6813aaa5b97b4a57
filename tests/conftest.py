"""Settings of all tests: one thread, so that results are reproducible and the machine stays usable."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from impasto import backbones, painters, weights
from impasto.batching import Task, dispatch, local
from impasto.batching.worker import Share, carry_out
from impasto.cli import main
from impasto.looks import look
from support.backbones import narrow_state
from support.pages import served
from support.stall import StallWatch

Run = Callable[..., tuple[int, str, str]]

# The same examples every time, and no verdict on time: the machine may be busy.
settings.register_profile("impasto", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("impasto")


def pytest_configure(config: pytest.Config) -> None:
    """Watch the workers of pytest-xdist, from the process that hands out the tests."""
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(StallWatch(config, patience=720))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what looks with the real VGG-19, so that ``make quick`` can leave it out."""
    for item in items:
        if {"vgg", "vgg19"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.vgg)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _not_real_time() -> Iterator[None]:
    yield
    if sys.platform == "linux" and os.sched_getscheduler(0) != os.SCHED_OTHER:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        pytest.fail("the test made its process real-time: all that it starts would starve the browser")


class _InProcess:
    """Stands in for the worker processes of a batch: jobs run here, one by one."""

    divide_resources = staticmethod(local.divide_resources)

    @staticmethod
    def execute(tasks: Iterator[Task], folder: Path, *, workers: int, share: Share) -> Iterator[local.Done]:
        for task in tasks:
            state = local.state_of(folder, task.key)
            yield task, carry_out(task.verb, task.settings, folder / task.output, state, share)


@pytest.fixture
def processes() -> None:
    """Batches run in processes of their own, which take seconds to start."""


@pytest.fixture(autouse=True)
def _in_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "processes" not in request.fixturenames:
        monkeypatch.setattr(dispatch, "local", _InProcess)


@pytest.fixture(scope="session")
def vgg19() -> backbones.Vgg:
    """The real VGG-19 in float32."""
    return backbones.load("vgg19", precision="float32")


@pytest.fixture
def narrow_vgg19(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A VGG-19 of few channels, where a test is not about what the real one sees, and does not ask for it."""
    if "vgg19" in request.fixturenames:
        return
    state, load = narrow_state(), weights.load
    monkeypatch.setattr(weights, "load", lambda name: state if name == "vgg19" else load(name))
    monkeypatch.setattr(look, "_SEEN", 32 + 2)
    for layer, channels in look.FEATURE_LAYERS.items():
        monkeypatch.setitem(look.FEATURE_LAYERS, layer, channels // 16)


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paintings of few evaluations, where a test is not about how well they are painted."""
    for name in painters.BUDGETS:
        monkeypatch.setitem(painters.BUDGETS, name, painters.Budget(64, 64, (12,)))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line here: exit code, standard output, standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        said = capsys.readouterr()
        return int(stop.value.code or 0), said.out, said.err

    return call


@pytest.fixture(scope="session")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page of ``address`` has its folder."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="session")
def address(temporary: Path) -> Iterator[str]:
    """The app for all tests, as its start and that of PyTorch take seconds; it soon forgets who left."""
    with served(temporary, "--max-away", "0.2") as url:
        yield url
