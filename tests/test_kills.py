"""Killed at a random moment, and again, every long verb goes on and ends like an unbroken run.

``IMPASTO_SOAK=1`` (``make soak``) kills every verb twenty times; else some of them, once.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from impasto import image, samples
from impasto.batch.manifest import read
from impasto.files import load_arrays
from impasto.networks import library, packs
from impasto.video import FilmReader
from impasto.video.writing import FilmWriter
from test_networks import pack_of
from test_video import scene

SOAK = os.environ.get("IMPASTO_SOAK") == "1"
KILLS = 20 if SOAK else 1
RESUMED = ["--resume", "--overwrite"]

VERBS: dict[str, tuple[list[str], list[str], str]] = {
    # The command, what a second run of it needs beside --resume, and the output.
    "stylize": (
        ["stylize", "ok.png", "waves.png", "-p", "draft", "--size", "64", "--save-every", "2", "-q"],
        RESUMED,
        "out.png",
    ),
    "photoreal": (["photoreal", "ok.png", "waves.png", "--save-every", "2", "-q"], RESUMED, "out.png"),
    "dream": (["dream", "ok.png", "--layers", "relu3_1", "--save-every", "1", "-q"], RESUMED, "out.png"),
    "learn": (
        [
            *("learn", "waves.png", "--photos", "in", "--network", "tiny", "--scales", "1", "-q"),
            *("--steps", "6", "--side", "64", "--batch", "1", "--save-every", "1"),
        ],
        RESUMED,
        "out.safetensors",
    ),
    "video": (
        ["video", "film.mp4", "mine.safetensors#style1", "-q"],
        ["--overwrite"],
        "out.mp4",
    ),
    "batch": (
        ["batch", "in", "--style", "mine.safetensors#style1", "--workers", "1", "-q"],
        [],
        "out",
    ),
    "augment": (
        ["augment", "kitti", "--looks", ".", "--workers", "1", "-q"],
        [],
        "out",
    ),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    packs.save(pack_of(), tmp_path / "mine.safetensors")
    photo = samples.photo("chelsea")
    image.write("ok.png", image.resize(photo, (48, 64)))
    image.write("waves.png", samples.style("waves", size=64))
    for folder in ("in", "kitti/training/image_2"):
        Path(folder).mkdir(parents=True)
        for number in range(6):
            image.write(f"{folder}/{number}.png", image.resize(photo[number:], (72, 96)))
    Path("kitti/training/label_2").mkdir()
    Path("kitti/training/label_2/0.txt").write_text("Car 0 0 0 1 2 3 4")
    with closing(FilmWriter(tmp_path / "film.mp4", (120, 160))) as writer:
        for number in range(40):
            writer.write(scene(number // 2), Fraction(number, 10))
    return tmp_path


def environment(here: Path) -> dict[str, str]:
    own = {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(here / "cache"), library.HOME: str(here / "none")}
    return {**os.environ, **own}


def start(here: Path, arguments: list[str]) -> subprocess.Popen[str]:
    code = "from impasto.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=environment(here),
        cwd=here,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that the workers can be killed along
    )


def finish(process: subprocess.Popen[str]) -> None:
    _, wrong = process.communicate()
    assert process.returncode == 0, wrong


def same(verb: str, one: Path, other: Path) -> bool:
    if verb == "learn":
        ours, theirs = (load_arrays(path)[0] for path in (one, other))
        return all(np.array_equal(ours[name], theirs[name]) for name in {**ours, **theirs})
    if one.suffix == ".png":
        return bool(np.array_equal(image.read(one).rgb, image.read(other).rgb))
    if verb == "video":
        pairs = zip(frames(one), frames(other), strict=True)
        return all(np.array_equal(a, b) for a, b in pairs)
    names = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file())
    if names != sorted(p.relative_to(other) for p in other.rglob("*") if p.is_file()):
        return False
    outputs = {row["output"]: row["sha256"] for row in read(other / "manifest.jsonl") if "sha256" in row}
    return (
        all(
            (one / name).read_bytes() == (other / name).read_bytes()
            for name in names
            if name.name != "manifest.jsonl"
        )
        and len(outputs) == 6
    )


def frames(path: Path) -> list[np.ndarray]:
    with FilmReader(path) as reader:
        return [frame.rgb for frame in reader.frames()]


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("verb", list(VERBS) if SOAK else ["stylize", "video", "batch", "augment"])
def test_a_verb_killed_at_random_ends_like_an_unbroken_run(here: Path, verb: str) -> None:
    command, more, output = VERBS[verb]
    whole = here / f"whole{Path(output).suffix}"
    begun = time.monotonic()
    finish(start(here, [*command, "-o", whole.name]))
    length = time.monotonic() - begun
    rng = random.Random(verb)
    killed = 0
    arguments = [*command, "-o", output]
    for _ in range(5 * KILLS):
        process = start(here, arguments)
        try:
            process.wait(timeout=length * rng.uniform(0.3, 1.0))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.communicate()
        arguments = [*command, *more, "-o", output]
        if killed == KILLS:
            break
    assert killed, json.dumps({"verb": verb, "seconds": length})
    finish(start(here, arguments))
    assert same(verb, whole, here / output)
    left = [p.name for p in here.iterdir() if p.name.startswith((".", "out.")) and p.name != output]
    # A writer that was killed may leave its hidden temporary file, and nothing else.
    assert all(name.startswith(".") and ".part" in name for name in left), left
