"""A new verb is a job, a function and an entry in ``VERBS``: then every program has it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from conftest import Run
from impasto import image
from impasto.batching import from_file
from impasto.batching.worker import Share, carry_out
from impasto.jobs import Job
from impasto.jobs.base import option
from impasto.painters.inputs import Inputs, recipe_of
from impasto.record import Result
from impasto.session import Session
from impasto.verbs.paint import image_of
from impasto.verbs.replay import replay
from impasto.verbs.run import VERBS, Outcome, Verb
from support.networks import photo_of


@dataclass(frozen=True)
class HelloJob(Job):
    """Darken a photo."""

    verb: ClassVar[str] = "hello"
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"content": ()}

    content: str = field(metadata={"help": "Photo."})
    light: float = option(0.5, "Share of the light that is kept.", least=0, most=1)
    max_pixels: int = option(1_000_000, "Refuse images with more pixels than this.")


def hello(job: HelloJob, out: Path | None, session: Session) -> Outcome:
    return image_of(job, out, session, paint)


def paint(job: HelloJob, session: Session) -> Result:
    inputs = Inputs(job, session.pictures)
    photo = inputs.read(job.content).flat()
    return Result(photo * np.float32(job.light), inputs.recipe("cpu", engine="numpy", threads=1))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(VERBS, "hello", Verb(HelloJob, hello, ("content",), "{content}-hello", replays=True))
    image.write("photo.png", photo_of(16, 24))
    return tmp_path


def light() -> float:
    return float(image.read("photo.png").rgb.mean())


def test_the_command_line_has_it(run: Run, here: Path) -> None:
    assert "Darken a photo" in run("--help")[1]
    code, said, _ = run("hello", "photo.png", "--light", "0.25", "--json")
    assert code == 0 and json.loads(said)["output"] == "photo-hello.png"
    assert image.read("photo-hello.png").rgb.mean() == pytest.approx(light() / 4, abs=0.01)
    code, _, wrong = run("hello", "photo.png", "--light", "2")
    assert code == 2 and "--light 2 is not between 0 and 1" in wrong
    assert run("hello", "photo.png", "-o", "photo.png", "--overwrite")[0] == 2  # never over an input


def test_the_page_runs_it(here: Path) -> None:
    from impasto.app.runner import AppRun as PageRun
    from impasto.app.runner import TurnQueue

    *_, last = (
        PageRun(HelloJob("photo.png"), here / "out.png", seconds=60, turns=TurnQueue(1)).start().updates()
    )
    assert last.file == here / "out.png" and "24 x 16" in last.text and last.picture is not None


def test_a_batch_runs_it(here: Path) -> None:
    Path("jobs.jsonl").write_text('{"verb": "hello", "content": "photo.png", "light": 0.5}')
    (task,) = from_file(here / "jobs.jsonl")
    assert task.output == "photo.png" and not task.fault
    row = carry_out(task.verb, task.settings, here / "out" / task.output, here / "state", Share(1))
    assert row["recipe"]["verb"] == "hello" and row["size"] == [24, 16]


def test_replay_repeats_it(run: Run, here: Path) -> None:
    assert run("hello", "photo.png", "-o", "first.png")[0] == 0
    assert run("replay", "first.png", "-o", "again.png")[0] == 0
    assert Path("again.png").read_bytes() == Path("first.png").read_bytes()
    found = replay("first.png")
    assert isinstance(found, Result) and found.recipe == recipe_of(
        HelloJob("photo.png"), "cpu", engine="numpy", threads=1
    )
