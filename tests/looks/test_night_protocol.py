"""The protocol of detectors at night, ``benchmarks/night.py --bdd``: what it writes, and what it calls."""

from __future__ import annotations

import importlib
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from impasto import image
from support.night import SIGNAL, street

ROOT = Path(__file__).parents[2]
LIGHT = {"x1": 36, "y1": 28, "x2": 52, "y2": 64}


def labeled(name: str, time: str, category: str) -> dict[str, Any]:
    """A photo of BDD100K with one box around the signal of the street, and a lane without one."""
    things = [{"category": category, "box2d": LIGHT}, {"category": "lane", "poly2d": []}]
    return {"name": name, "attributes": {"timeofday": time}, "labels": things}


@pytest.fixture
def bdd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two photos by day and one at dawn to train on, one at night and one by day to test on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    splits = {
        "train": [
            labeled("a.png", "daytime", "traffic light"),
            labeled("b.png", "daytime", "traffic light"),
            labeled("dawn.png", "dawn/dusk", "traffic light"),
        ],
        "val": [labeled("n.png", "night", "car"), labeled("d.png", "daytime", "car")],
    }
    for split, entries in splits.items():
        (tmp_path / "bdd/images/100k" / split).mkdir(parents=True)
        labels = tmp_path / f"bdd/labels/det_20/det_{split}.json"
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text(json.dumps(entries))
        for entry in entries:
            dark = 0.2 if entry["attributes"]["timeofday"] == "night" else 1.0
            image.write(tmp_path / "bdd/images/100k" / split / entry["name"], dark * street())
    return tmp_path / "bdd"


def test_the_protocol_writes_its_sets_and_calls_the_detector(
    bdd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = importlib.import_module("night")
    calls: list[list[str]] = []
    real = subprocess.run

    def recorded(words: list[str], **how: Any) -> object:
        calls.append(words)
        return real(words, **how)

    monkeypatch.setattr(night.driving.subprocess, "run", recorded)
    python = shlex.quote(sys.executable)
    command = ["night.py", "--data", ".", "--out", "out", "--bdd", str(bdd)]
    detector = f"{python} -c pass --train {{train}} --test {{test}} --name {{name}}"
    monkeypatch.setattr(sys, "argv", [*command, "--detector", detector])
    night.main()
    words = [sys.executable, "-c", "pass"]
    assert calls == [
        [*words, "--train", f"out/{name}.json", "--test", "out/test.json", "--name", name]
        for name in ("day", "day-and-night")
    ]
    sets = {p.stem: json.loads(p.read_text()) for p in Path("out").glob("*.json")}
    names = {name: [entry["file_name"] for entry in found["images"]] for name, found in sets.items()}
    day = [str(bdd / "images/100k/train" / name) for name in ("a.png", "b.png")]
    copies = [str(Path("out/night").resolve() / name) for name in ("a.png", "b.png")]
    assert names == {
        "day": day,
        "day-and-night": day + copies,
        "test": [str(bdd / "images/100k/val/n.png")],
    }
    # A class has one number in all sets, and each box that of its class.
    classes = [{"id": 0, "name": "car"}, {"id": 1, "name": "traffic light"}]
    assert all(found["categories"] == classes for found in sets.values())
    kinds = {name: [box["category_id"] for box in found["annotations"]] for name, found in sets.items()}
    assert kinds == {"day": [1, 1], "day-and-night": [1, 1, 1, 1], "test": [0]}
    assert sets["day-and-night"]["annotations"][3]["image_id"] == 3
    assert sets["test"]["annotations"][0]["bbox"] == [36, 28, 16, 36]
    made = image.read(copies[0]).rgb
    assert made.mean() < 0.5 * street().mean() and made[SIGNAL].max() > 0.8


def test_copies_are_made_once_and_no_detector_is_needed(bdd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driving = importlib.import_module("driving")
    (bdd.parent / "out/night").mkdir(parents=True)
    image.write("out/night/a.png", np.zeros((8, 8, 3), np.float32))
    before = Path("out/night/a.png").read_bytes()
    monkeypatch.setattr(driving.subprocess, "run", lambda *_, **__: 1 / 0)
    driving.protocol(bdd, Path("out"), detector=None, limit=1)
    assert Path("out/night/a.png").read_bytes() == before
    assert len(json.loads(Path("out/day-and-night.json").read_text())["images"]) == 2
    (bdd / "labels/det_20/det_val.json").unlink()
    with pytest.raises(SystemExit, match=r"has none of labels/det_20/det_val\.json"):
        driving.protocol(bdd, Path("out"), detector=None, limit=None)
