"""``impasto.batch`` and ``impasto.augment``: the functions do what the commands do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import impasto
from conftest import Run
from impasto import batching, image, samples
from impasto.augmentation import verify
from impasto.batching.manifest import read
from impasto.errors import InputError
from support.augment import TREES, lay_out, make_looks

STYLE = "looks/mine.safetensors#style1"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two photos and one of looks."""
    make_looks(tmp_path, monkeypatch)
    (tmp_path / "in").mkdir()
    for number in range(2):
        image.write(f"in/{number}.png", image.resize(samples.photo("chelsea")[number:], (40, 60)))
    image.write("mask.png", np.ones((40, 60, 3), np.float32))
    return tmp_path


def rows(folder: str) -> list[tuple[object, ...]]:
    """What a manifest says of the jobs that are done."""
    found = [row for row in read(Path(folder, "manifest.jsonl")) if row["status"] == "done"]
    return sorted((row["key"], row["output"], row["sha256"], json.dumps(row["settings"])) for row in found)


def test_a_batch_is_that_of_the_command(here: Path, run: Run) -> None:
    told: list[int] = []
    found = impasto.batch(
        "in",
        out="out",
        style=STYLE,
        strength=0.5,
        mask=[Path("mask.png")],
        workers=1,
        on_row=lambda row, count, total: told.append(count),
    )
    assert (found.done, found.failed, found.manifest) == (2, 0, Path("out/manifest.jsonl")) and told == [1, 2]
    command = ["batch", "in", "--style", STYLE, "--set", "strength=0.5", "--set", 'mask=["mask.png"]']
    assert run(*command, "--workers", "1", "-o", "commanded", "-q")[0] == 0
    assert rows("out") == rows("commanded")
    assert impasto.batch("in", out="out", style=[STYLE], strength=0.5, mask="mask.png").skipped == 2


def test_a_batch_of_tasks_and_of_a_file_of_jobs(here: Path) -> None:
    task = batching.task("stylize", {"content": "in/0.png", "styles": [STYLE]}, "a.png", origin="a")
    assert impasto.batch([task], out="out", workers=1).done == 1
    with pytest.raises(InputError, match="tasks have their own settings: leave out strength"):
        impasto.batch([task], out="out", strength=0.5)
    Path("jobs.jsonl").write_text(json.dumps({"content": "in/0.png", "styles": [STYLE]}))
    assert impasto.batch("jobs.jsonl", out="listed", workers=1).done == 1
    with pytest.raises(InputError, match="has its own settings: leave out --set strength"):
        impasto.batch("jobs.jsonl", out="listed", strength=0.5)


def test_wrong_words_of_a_batch_are_named(here: Path) -> None:
    with pytest.raises(InputError, match="batch has no setting 'worker': did you mean workers"):
        impasto.batch("in", out="out", style=STYLE, worker=2)  # type: ignore[call-arg]
    with pytest.raises(InputError, match="mask is an image in memory, and a batch reads files"):
        impasto.batch("in", out="out", style=STYLE, mask=[np.ones((4, 4, 3))])
    with pytest.raises(InputError, match="augment has no setting 'look': did you mean looks"):
        impasto.augment("in", looks="looks", out="out", look="b")  # type: ignore[call-overload]


def test_augment_is_that_of_the_command(here: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out("kitti")
    found = impasto.augment(
        "kitti", looks="looks", out="out", seed=3, strength=(0.1, 0.2), verify=True, workers=1
    )
    assert found.done == len(TREES["kitti"][0]) and found.failed == 0
    command = "augment kitti --looks looks --seed 3 --strength 0.1,0.2 --workers 1 -q -o commanded"
    assert run(*command.split())[0] == 0
    assert rows("out") == rows("commanded")
    again = impasto.augment("kitti", looks="looks", out="again", reproduce="out/manifest.jsonl")
    assert again == []
    with pytest.raises(InputError, match=r"strength 0\.1,b is not two numbers"):
        impasto.augment("kitti", looks="looks", out="third", strength="0.1,b")
    monkeypatch.setattr(verify, "verify", lambda *_: ["a.png: was shifted", "b.png: was shifted"])
    with pytest.raises(InputError, match=r"2 faults in out: a\.png: was shifted"):
        impasto.augment("kitti", looks="looks", out="out", seed=3, strength="0.1,0.2", verify=True, workers=1)
