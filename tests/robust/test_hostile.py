"""Hostile files give a one-line error, in bounded memory; they write no files elsewhere and run no code.

``IMPASTO_SOAK=1`` (``make soak``) tests ten times as many and records the results.
"""

from __future__ import annotations

import json
import mmap
import os
import pickle
import re
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from impasto import batching, image, samples
from impasto.batching.manifest import read
from impasto.cli import main
from impasto.networks import library, packs
from support import fuzz, soaking
from support.fuzz import Hostile
from support.networks import pack_of

COUNT = 2000 if soaking.SOAK else 200
PIECES = 8
MOST_MEMORY = 1.5  # GB that a file may make grow: what paints a small picture, and not what a bomb asks for
ENDS = ("refused late", "refused early", "harmless")
PATIENCE = 120  # seconds after which a file is said to hang


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(library.HOME, str(tmp_path / "styles"))
    monkeypatch.setattr(library, "SHIPPED", tmp_path / "none")
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)
    packs.save(pack_of(), place / "mine.safetensors")
    image.write("ok.png", image.resize(samples.photo("chelsea"), (40, 48)))
    return place


@contextmanager
def not_hanging(what: str) -> Iterator[None]:
    def late(number: int, frame: object) -> None:
        raise TimeoutError(f"{what} hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def memory(line: str) -> float:
    """Of this process, GB: ``VmRSS`` is now, ``VmHWM`` the most since :func:`forget_peak`."""
    found = re.search(rf"{line}:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 2**20


@contextmanager
def in_bounds(what: str, peaks: list[float]) -> Iterator[None]:
    """Holds that memory never grows by more than ``MOST_MEMORY``; where the system tells."""
    if not Path("/proc/self/clear_refs").exists():
        yield
        return
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak
    before = memory("VmRSS")
    yield
    peaks.append(memory("VmHWM") - before)
    assert peaks[-1] < MOST_MEMORY, f"{what} takes {peaks[-1]:.1f} GB"


def test_a_peak_of_memory_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("test_hostile.MOST_MEMORY", 0.05)
    seen = pytest.raises(AssertionError, match="a bomb takes")
    # New pages: a list may come to lie in memory that was kept.
    with seen, in_bounds("a bomb", []), mmap.mmap(-1, 100 * 2**20) as pages:
        pages[:] = bytes(len(pages))


def tree(folder: Path) -> dict[str, int]:
    """Every file below a folder, caches left out, and its size."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in found
        if "cache" not in path.relative_to(folder).parts[0]
    }


def passes_header(file: Hostile, path: Path) -> bool:
    """Whether a look at the first bytes finds nothing wrong."""
    try:
        if file.kind in ("picture", "recipe"):
            with Image.open(path):
                return True
        if file.kind in ("pack", "style", "look"):
            with safe_open(path, framework="np") as archive:
                return "impasto" in (archive.metadata() or {})
        with av.open(str(path)) as container:
            return bool(container.streams.video)
    except Exception:
        return False


def command(file: Hostile) -> list[str]:
    if file.kind == "picture":
        return ["stylize", file.name, "mine.safetensors#style1", "-o", "out/a.png", "--size", "48", "-q"]
    if file.kind == "pack":
        return ["stylize", "ok.png", f"{file.name}#style1", "-o", "out/a.png", "--size", "48", "-q"]
    if file.kind == "style":
        return ["stylize", "ok.png", file.name, "-o", "out/a.png", "--size", "48", "-q"]
    if file.kind == "look":
        return ["photoreal", "ok.png", file.name, "--fast", "-o", "out/a.png", "-q"]
    if file.kind == "recipe":
        return ["replay", file.name, "-o", "out/a.png", "-q"]
    return ["video", file.name, "mine.safetensors#style1", "-o", "out/a.mp4", "-q"]


@pytest.mark.parametrize("piece", range(PIECES))
def test_hostile_files_are_refused_in_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], piece: int
) -> None:
    files = [f for f in fuzz.hostile(piece, COUNT // PIECES) if f.kind != "job"]
    counts: Counter[str] = Counter()
    kinds: dict[str, Counter[str]] = {}
    peaks: list[float] = []
    for file in files:
        path = here / file.name
        path.write_bytes(file.data)
        deep = passes_header(file, path)
        before = tree(here.parent)
        what = f"{file.name} ({file.harm})"
        with in_bounds(what, peaks), not_hanging(what), pytest.raises(SystemExit) as stop:
            main(command(file))
        said = capsys.readouterr()
        status = int(stop.value.code or 0)
        assert status in (0, 2), f"{file.name} ({file.harm}): {said.err}"
        assert "Traceback" not in said.err, f"{file.name} ({file.harm}): {said.err}"
        if status == 2:
            lines = said.err.splitlines()
            assert len(lines) == 1 and lines[0].startswith("impasto: "), (
                f"{file.name} ({file.harm}): {said.err}"
            )
        ended = "harmless" if status == 0 else "refused late" if deep else "refused early"
        counts[ended] += 1
        kinds.setdefault(file.kind, Counter())[ended] += 1
        after = tree(here.parent)
        new = {name for name in after if after[name] != before.get(name)}
        assert all(name.startswith("place/out/") for name in new), f"{file.name} ({file.harm}) wrote {new}"
        path.unlink()
        for left in Path("out").rglob("*"):
            if left.is_file():
                left.unlink()
    assert counts["refused late"] >= len(files) / 3, counts
    rows = [{"kind": kind, **{name: kinds[kind][name] for name in ENDS}} for kind in sorted(kinds)]
    soaking.record("soak, hostile files", str(piece), rows)
    most = {"what": "one hostile file", "gigabytes": max(peaks, default=0.0)}
    soaking.record("soak, memory", str(piece), [most])


def test_hostile_jobs_are_rows_and_write_nothing_elsewhere(here: Path) -> None:
    lines = [f.data for f in fuzz.hostile(99, COUNT) if f.kind == "job"]
    Path("jobs.jsonl").write_bytes(b"".join(lines))
    before = tree(here.parent)
    outcome = batching.run("jobs.jsonl", "out", workers=1)
    assert outcome.done <= 1  # the good line that a change of the strength to itself leaves
    errors = [row for row in read(Path("out/manifest.jsonl")) if row["status"] == "error"]
    assert len(errors) >= len({*lines}) / 2
    assert all("\n" not in row["error"] and "Traceback" not in row["error"] for row in errors)
    assert not [row for row in errors if row.get("fault")], [row for row in errors if row.get("fault")]
    new = set(tree(here.parent)) - set(before)
    assert all(name.startswith("place/out/") for name in new), new
    row = {"kind": "job", "refused late": len(errors), "refused early": 0, "harmless": outcome.done}
    soaking.record("soak, hostile files", "jobs", [row])


class Evil:
    """What a pickle may do."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.canary}",)


@pytest.mark.parametrize(
    "arguments",
    [
        ["stylize", "evil.png", "mine.safetensors#style1", "-o", "out.png"],
        ["stylize", "ok.png", "evil.safetensors#style1", "-o", "out.png"],
        ["stylize", "ok.png", "evil.style", "-o", "out.png"],
        ["stylize", "ok.png", "ok.png", "-o", "out.png", "--size", "48", "--resume"],
        ["video", "evil.mp4", "mine.safetensors#style1", "-o", "out.mp4"],
        ["styles", "add", "evil.safetensors"],
        ["replay", "evil.png"],
        ["batch", "evil.jsonl", "-o", "out", "-q"],
    ],
)
def test_a_pickle_is_never_loaded(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    canary = here / "canary"
    data = pickle.dumps(Evil(canary))
    torch.save({"rows": torch.zeros(1), "evil": Evil(canary)}, "evil.safetensors")
    for name in ("evil.png", "evil.style", "evil.mp4", "evil.jsonl"):
        Path(name).write_bytes(data)
    torch.save({"key": Evil(canary)}, "out.png.checkpoint")
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    lines = 2 if arguments[0] == "batch" else 1  # a batch names the job, and then its manifest
    assert stop.value.code == 2 and capsys.readouterr().err.count("\n") == lines
    assert not canary.exists()
    pickle.loads(data)  # the proof that it would have been seen
    assert canary.exists()


def test_the_same_seed_gives_the_same_files() -> None:
    one, other = (list(fuzz.hostile(5, 40)) for _ in range(2))
    assert one == other and len({f.data for f in one}) > 30
    assert {f.kind for f in one} == set(fuzz.KINDS)
    assert json.loads(next(f.data for f in fuzz.hostile(1, 400) if b'"verb"' in f.data))


def test_what_the_long_run_did_is_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soaking, "SOAK", False)
    result = tmp_path / "soak.json"
    soaking.record("soak, kills", "learn", [{"verb": "learn", "kills": 20}], result=result)
    assert not result.exists()  # this is not the long run
    monkeypatch.setattr(soaking, "SOAK", True)
    for part, count, most in (("0", 3, 0.2), ("1", 4, 0.1), ("0", 5, 0.3)):
        rows = [{"kind": "film", "harmless": count, "gigabytes": most}]
        soaking.record("soak, hostile files", part, rows, result=result)
    entry = json.loads(result.read_text())["soak, hostile files"]
    assert entry["rows"] == [{"kind": "film", "harmless": 9, "gigabytes": 0.3}]
    assert entry["versions"]["torch"] and set(entry["parts"]) == {"0", "1"}
