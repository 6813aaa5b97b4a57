"""Every long verb, killed at random times, resumes and ends with the result of an uninterrupted run.

Each verb is killed once; with ``IMPASTO_SOAK=1`` (``make soak``) twenty times, and the count is recorded. A
run that ends before it is killed must succeed; the next one starts from the beginning.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from contextlib import closing
from fractions import Fraction
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
import pytest

from impasto import image, samples
from impasto.batching.manifest import read
from impasto.files import load_arrays
from impasto.media import FilmReader
from impasto.media.writing import FilmWriter
from impasto.networks import library, packs
from support import soaking
from support.networks import pack_of
from support.video import scene

KILLS = 20 if soaking.SOAK else 1
MOST = 12 * KILLS  # runs: some end before they are killed
RESUMED = ["--resume", "--overwrite"]
FRAMES = {"film.mp4": 24, "short.mp4": 6}

VERBS: dict[str, tuple[list[str], list[str], str]] = {
    # The command, what a second run of it needs beside --resume, and the output.
    "stylize": (
        ["stylize", "ok.png", "waves.png", "-p", "draft", "--size", "48", "--save-every", "2", "-q"],
        RESUMED,
        "out.png",
    ),
    "photoreal": (["photoreal", "ok.png", "waves.png", "--save-every", "2", "-q"], RESUMED, "out.png"),
    "photoreal of a film": (
        ["photoreal", "short.mp4", "waves.png", "--fast", "-q"],
        ["--overwrite"],
        "out.mp4",
    ),
    "dream": (
        ["dream", "ok.png", "--layers", "relu3_1", "--steps", "4", "--save-every", "1", "-q"],
        RESUMED,
        "out.png",
    ),
    "dream of a film": (
        ["dream", "short.mp4", "--layers", "relu2_1", "--octaves", "1", "--steps", "2", "-q"],
        ["--overwrite"],
        "out.mp4",
    ),
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
    for name, count in FRAMES.items():
        with closing(FilmWriter(tmp_path / name, (120, 160))) as writer:
            for number in range(count):
                writer.write(scene(number // 2), Fraction(number, 10))
    return tmp_path


def run(here: str, arguments: list[str]) -> None:
    """What a started process does: the command, in a session of its own, so that its workers die along."""
    os.setsid()
    os.chdir(here)
    os.environ.update(XDG_CACHE_HOME=f"{here}/cache", OMP_NUM_THREADS="1")
    os.environ[library.HOME] = f"{here}/none"
    sys.stdout = sys.stderr = Path("said.txt").open("w", buffering=1)  # noqa: SIM115 - until the process ends
    import torch

    from impasto import painters
    from impasto.cli import main

    painters.BUDGETS["draft"] = painters.Budget(48, 48, (16,))  # long enough to be killed in
    torch.set_num_threads(1)
    main(arguments)


def start(here: Path, arguments: list[str]) -> ForkServerProcess:
    # Forked from a process that has loaded everything: a run is work from its first moment.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "impasto.cli.verbs",
            "impasto.films",
            "impasto.painters.optimize",
            "impasto.training",
            "test_kills",
        ]
    )
    process = context.Process(target=run, args=(str(here), arguments))
    process.start()
    return process


def finish(here: Path, process: ForkServerProcess) -> None:
    process.join()
    assert process.exitcode == 0, (here / "said.txt").read_text()


def kill(process: ForkServerProcess) -> None:
    assert process.pid
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:  # it has no session of its own yet
        process.kill()
    process.join()


def same(verb: str, one: Path, other: Path) -> bool:
    if verb == "learn":
        ours, theirs = (load_arrays(path)[0] for path in (one, other))
        return all(np.array_equal(ours[name], theirs[name]) for name in {**ours, **theirs})
    if one.suffix == ".png":
        return bool(np.array_equal(image.read(one).rgb, image.read(other).rgb))
    if one.suffix == ".mp4":
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


def check(verb: str, here: Path, whole: Path) -> None:
    output = VERBS[verb][2]
    assert same(verb, whole, here / output)
    left = [p.name for p in here.iterdir() if p.name.startswith((".", "out.")) and p.name != output]
    # A writer that was killed may leave its hidden temporary file, and nothing else.
    assert all(name.startswith(".") and ".part" in name for name in left), left


def clean(here: Path, kept: set[str]) -> None:
    for path in here.iterdir():
        if path.name not in kept:
            with contextlib.suppress(NotADirectoryError):
                shutil.rmtree(path)
                continue
            path.unlink()


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_killed_at_random_ends_like_an_unbroken_run(here: Path, verb: str) -> None:
    command, more, output = VERBS[verb]
    whole = here / f"whole{Path(output).suffix}"
    begun = time.monotonic()
    finish(here, start(here, [*command, "-o", whole.name]))
    length = time.monotonic() - begun
    kept = {path.name for path in here.iterdir()}
    rng = random.Random(verb)
    killed = runs = 0
    arguments = fresh = [*command, "-o", output]
    while killed < KILLS and runs < MOST:
        runs += 1
        begun = time.monotonic()
        process = start(here, arguments)
        process.join(length * rng.uniform(0.1, 0.8))
        if process.exitcode is None:
            kill(process)
            killed += 1
            arguments = [*command, *more, "-o", output]
            continue
        finish(here, process)
        check(verb, here, whole)
        clean(here, kept)
        length = min(length, time.monotonic() - begun) if arguments is fresh else length
        arguments = fresh
    assert killed == KILLS, f"{runs} runs of {length:.1f} s"
    finish(here, start(here, arguments))
    check(verb, here, whole)
    soaking.record("soak, kills", verb, [{"verb": verb, "kills": killed, "runs": runs + 2}])
