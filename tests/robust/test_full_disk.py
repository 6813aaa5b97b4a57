"""Full disks and read-only folders: a one-line error, and no data is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from impasto import image
from impasto.batching.manifest import read
from impasto.networks import library, packs
from support.networks import pack_of

# A file may grow to so many bytes and no further: what a full disk does, without filling one.
LIMITED = """
import resource, signal, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, resource.RLIM_INFINITY))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from impasto.cli import main
main(sys.argv[1:])
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv(library.HOME, str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    packs.save(pack_of(), tmp_path / "mine.safetensors")
    (tmp_path / "in").mkdir()
    for number, size in enumerate(((40, 60), (240, 320), (48, 48))):
        image.write(f"in/{number}.png", np.random.default_rng(number).random((*size, 3)))
    return tmp_path


def run(*arguments: str, limited: bool = False) -> tuple[int, str]:
    code = LIMITED if limited else "import sys\nfrom impasto.cli import main\nmain(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.skipif(os.name == "nt", reason="this system has no limit of the size of files")
def test_a_full_disk_ends_a_picture_in_one_line_and_leaves_the_old_one(here: Path) -> None:
    image.write("out.png", np.zeros((8, 8, 3)))
    before = Path("out.png").read_bytes()
    code, said = run(
        *("stylize", "in/1.png", "mine.safetensors#style1", "-o", "out.png", "--overwrite", "-q"),
        limited=True,
    )
    assert code == 2 and said.count("\n") == 1 and "cannot write out.png" in said
    assert Path("out.png").read_bytes() == before
    assert not list(here.glob(".out*"))


@pytest.mark.skipif(os.name == "nt", reason="this system has no limit of the size of files")
def test_a_full_disk_costs_a_batch_only_what_did_not_fit(here: Path) -> None:
    batch = ("batch", "in", "--style", "mine.safetensors#style1", "-o", "out", "--workers", "1", "-q")
    code, said = run(*batch, limited=True)
    assert code == 2 and said.count("\n") == 2 and "2 of 3: 1.png: cannot write out/1.png" in said
    rows = {row["output"]: row for row in read(Path("out/manifest.jsonl"))}
    assert [rows[f"{n}.png"]["status"] for n in range(3)] == ["done", "error", "done"]
    assert "cannot write" in rows["1.png"]["error"]
    assert sorted(p.name for p in Path("out").iterdir()) == ["0.png", "2.png", "manifest.jsonl"]
    stamp = Path("out/0.png").stat().st_mtime_ns
    assert run(*batch, "--retry-errors")[0] == 0
    assert image.read("out/1.png").size == (240, 320) and Path("out/0.png").stat().st_mtime_ns == stamp


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="this system has no /proc, which takes no files")
@pytest.mark.parametrize("verb", ["stylize", "batch", "video"])
def test_a_folder_that_takes_nothing_is_told_before_any_work(here: Path, verb: str) -> None:
    command = {
        "stylize": ("stylize", "in/0.png", "mine.safetensors#style1", "-o", "/proc/impasto.png"),
        "batch": ("batch", "in", "--style", "mine.safetensors#style1", "-o", "/proc/impasto"),
        "video": ("video", "in", "mine.safetensors#style1", "-o", "/proc/impasto.mp4"),
    }[verb]
    code, said = run(*command)
    assert code == 2 and said.count("\n") == 1 and "/proc/impasto" in said
