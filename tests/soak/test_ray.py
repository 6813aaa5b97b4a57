"""A real Ray cluster of two nodes on this machine; a worker is killed, and its job is done elsewhere.

It takes half a minute to start, and Ray is no part of what ``make test`` installs: ``make soak`` runs it.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from impasto import batching, image, samples
from impasto.batching.manifest import read
from impasto.errors import InputError
from impasto.networks import library, packs
from support import soaking
from support.networks import pack_of

# Those of Ray and of its dependencies are not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(library.HOME, str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    packs.save(pack_of(), tmp_path / "mine.safetensors")
    (tmp_path / "in").mkdir()
    for number in range(8):
        image.write(f"in/{number}.png", image.resize(samples.photo("chelsea")[number:], (40, 60)))
    Path("in/broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    return tmp_path


def test_two_nodes_and_a_killed_worker(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray
    from ray.cluster_utils import Cluster

    paths = {"env_vars": {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}}
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")  # as on another machine
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    monkeypatch.chdir(here)
    killed: list[int] = []

    def told(row: dict[str, Any], *_: object) -> None:
        if not killed:
            killed.append(next(_actors(os.getpid())))
            os.kill(killed[0], signal.SIGKILL)

    try:
        ray.init(address=cluster.address, runtime_env=paths, log_to_driver=False, logging_level=logging.ERROR)
        nodes = len([node for node in ray.nodes() if node["Alive"]])
        assert nodes == 2
        settings = {"styles": ["mine.safetensors#style1"]}
        outcome = batching.run("in", "out", settings=settings, engine="ray", workers=2, on_row=told)
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert killed and (outcome.done, outcome.failed) == (8, 1)
    assert len(list(Path("out").glob("*.png"))) == 8
    (error,) = [row for row in read(outcome.manifest) if row["status"] == "error"]
    assert error["origin"] == "in/broken.jpg" and "broken.jpg" in error["error"]
    row = {"engine": "ray", "nodes": nodes, "jobs": outcome.done + outcome.failed, "kills": len(killed)}
    soaking.record("soak, cluster", "two nodes", [{**row, "done": outcome.done}])


def _actors(parent: int) -> Iterator[int]:
    """The processes of actors below one; Ray names them after their class."""
    for listed in Path(f"/proc/{parent}/task").glob("*/children"):
        for child in map(int, listed.read_text().split()):
            if Path(f"/proc/{child}/cmdline").read_bytes().startswith(b"ray::_Worker"):
                yield child
            yield from _actors(child)


def test_a_cluster_that_is_not_there_is_told_in_one_line(here: Path) -> None:
    settings = {"styles": ["mine.safetensors#style1"]}
    with pytest.raises(InputError, match="cannot be reached") as refused:
        batching.run("in", "out", settings=settings, engine="ray", address="127.0.0.1:1")
    assert "\n" not in str(refused.value)
