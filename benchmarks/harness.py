"""Shared by all benchmarks: description of the machine, environments of peers, timing and results."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PEERS = HERE.parent / ".venv-peers"
TORCH = "torch==2.13.0"
_asked: dict[str, tuple[str, ...]] = {}  # packages of the peers of this run
# Runs the timed command from a small process, because a child's peak memory includes that of its parent.
_BETWEEN = """
import os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - start
with open(sys.argv[1], "w") as found:
    found.write(f"{os.waitstatus_to_exitcode(status)} {seconds} {usage.ru_maxrss}")
"""


@dataclass(frozen=True)
class Timed:
    """Result of a command: wall time in seconds, peak resident memory in GB, output."""

    seconds: float
    gigabytes: float
    output: str


def run(command: list[str], *, label: str = "") -> Timed:
    """Run a command and time it, start-up included.

    Raises:
        RuntimeError: it fails; the message holds the end of its output.
    """
    print(f"  {label or ' '.join(Path(c).name for c in command[:4])} ...", flush=True)
    with tempfile.TemporaryFile("w+") as log, tempfile.NamedTemporaryFile("r") as found:
        between = [sys.executable, "-S", "-c", _BETWEEN, found.name, *command]
        subprocess.run(between, stdout=log, stderr=subprocess.STDOUT, check=True)
        status, seconds, kilobytes = found.read().split()
        log.seek(0)
        output = log.read()
    if int(status):
        raise RuntimeError(f"{' '.join(command)} failed:\n{output[-2000:]}")
    return Timed(float(seconds), int(kilobytes) / 2**20, output)


def impasto(*arguments: str, label: str = "") -> Timed:
    """Run the command line of this checkout in a process of its own."""
    code = "from impasto.cli import main; main()"
    return run([sys.executable, "-c", code, *arguments], label=label or f"impasto {arguments[0]}")


def peer(name: str, *packages: str) -> Path:
    """Return the Python interpreter of a peer's own environment, which is created on first use."""
    _asked[name] = packages
    folder = PEERS / name
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        for package in (TORCH, *packages):
            run(
                [str(python), "-m", "pip", "install", "--quiet", package],
                label=f"install {package} for {name}",
            )
    return python


def _versions(peers: Sequence[str]) -> dict[str, str]:
    """Return the installed versions of the packages of these peers, and of their PyTorch."""
    found = {}
    for name in peers:
        packages = _asked[name]
        python = str(PEERS / name / "bin" / "python")
        listed = subprocess.run(
            [python, "-m", "pip", "list", "--format", "json"], capture_output=True, check=True
        )
        installed = {entry["name"].lower(): entry["version"] for entry in json.loads(listed.stdout)}
        for package in (*packages, TORCH):
            known = package.partition("==")[0]
            found[known] = installed[known]
    return found


def machine() -> dict[str, Any]:
    """Return a description of the machine."""
    import torch

    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = re.search(r"model name\s*:\s*(.*)", info.read_text())
        name = found.group(1).strip() if found else name
    capability = torch.backends.cpu.get_cpu_capability()
    return {
        "cpu": name,
        "capability": capability,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def device_name() -> str:
    """Return the name of the results file: processor, widest vector instructions and number of cores."""
    found = machine()
    text = found["gpu"] or f"{found['cpu']} {found['capability']} {found['cores']} cores"
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def record(topic: str, rows: Any, *, pictures: list[Path] | None = None, peers: Sequence[str] = ()) -> None:
    """Write the rows of a benchmark into the results file of this device; other topics are unchanged.

    Args:
        topic: name of the benchmark.
        rows: its results.
        pictures: images and videos it made; their digests are recorded.
        peers: peers it used; their versions are recorded.
    """
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{device_name()}.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    known[topic] = {
        "machine": machine(),
        "date": time.strftime("%Y-%m-%d"),
        "command": " ".join(
            ["python", f"benchmarks/{Path(sys.argv[0]).name}", *_without_paths(sys.argv[1:])]
        ),
        "peers": _versions(peers),
        "pictures": {p.name: digest(p) for p in pictures or []},
        "rows": rows,
    }
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


def recorded(topic: str) -> dict[str, Any] | None:
    """Return the recorded result of a benchmark on this device; None if it has not run here."""
    path = RESULTS / f"{device_name()}.json"
    found: dict[str, Any] | None = json.loads(path.read_text()).get(topic) if path.exists() else None
    return found


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of all files in a folder, concatenated."""
    parts = sorted(path.iterdir()) if path.is_dir() else [path]
    return hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()


def _without_paths(arguments: list[str]) -> list[str]:
    return [Path(a).name if Path(a).is_absolute() else a for a in arguments]


def table(rows: list[dict[str, Any]]) -> None:
    """Print rows as a table."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_cell(row.get(name, "")) for name in names] for row in rows]
    widths = [max(len(name), *(len(row[i]) for row in cells)) for i, name in enumerate(names)]
    for row in (names, *cells):
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def median(values: list[float]) -> float:
    """Return the median of repeated measurements."""
    return statistics.median(values)


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the arguments that all benchmarks share."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--data", type=Path, required=True, help="folder with content/ and styles/ images")
    made.add_argument("--out", type=Path, default=Path("bench"), help="folder of the images")
    return made


class Watched:
    """Peak size in bytes of the files that match some patterns, sampled in a thread."""

    def __init__(self, folder: Path, *patterns: str) -> None:
        self.folder, self.patterns, self.peak = folder, patterns, 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _files(self) -> Iterator[Path]:
        for pattern in self.patterns:
            for path in self.folder.glob(pattern):
                yield from path.rglob("*") if path.is_dir() else (path,)

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            total = 0
            for path in self._files():
                try:
                    total += path.stat().st_size if path.is_file() else 0
                except OSError:
                    continue  # deleted since it was listed
            self.peak = max(self.peak, total)
