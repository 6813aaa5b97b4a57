"""Record hashes of the outputs of all documented examples and ``--help`` texts; compare them after a change.

    python tools/golden.py keep golden.json            # before the change; every example is run twice
    python tools/golden.py compare golden.json         # after it; exit code 1 if anything differs
    python tools/golden.py compare golden.json -k "stylize or photoreal"

It runs tests/docs/test_examples.py, with a narrow VGG-19, on one thread and records the SHA-256 of each file
that an example writes.
Files that differ between the two runs of ``keep`` (times in a report, training by time) are recorded as
"varies" and not compared. The digests are valid on one machine only, so they are not in the repository.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "COLUMNS": "100", "TERMINAL_WIDTH": "100"}
TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path.insert(0, str(TESTS))

import numpy as np  # noqa: E402 - after setting the number of threads
import pytest  # noqa: E402

from impasto import image, samples  # noqa: E402
from impasto.cli import main as impasto  # noqa: E402

VARIES = "varies"
Kept = dict[str, dict[str, str]]  # example -> file -> SHA-256


def style(name: str, size: int = 768) -> np.ndarray[Any, Any]:
    """Return a pattern instead of a sample style, so that digests do not depend on the sample images."""
    rng = np.random.default_rng([*name.encode(), 0])
    coarse = rng.random((9, 9, 3)).astype(np.float32)
    return image.resize(coarse, (size, size)).clip(0, 1)


class Digests:
    """Pytest plugin that records the files of each example."""

    def __init__(self) -> None:
        self.kept: Kept = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: Any) -> Any:
        """Run the example, then hash its files."""
        try:
            return (yield)
        finally:
            here, stock = item.funcargs["here"], item.funcargs["stock"]
            example = item.callspec.params["line"].split("#")[0].strip()
            self.kept[example] = {
                name: digest
                for folder, given in ((here, digests(stock)), (here.parent / "styles", {}))
                for name, digest in digests(folder).items()
                if given.get(name) != digest
            }

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Stop at an example that fails."""
        if report.failed:
            raise SystemExit(f"{report.nodeid} failed:\n{report.longreprtext}")


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file in a folder, by relative path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def examples(only: str) -> Kept:
    """Run the examples and return the digests of their files."""
    plugin = Digests()
    words = [str(TESTS / "docs" / "test_examples.py"), "-p", "no:xdist", "-p", "no:cacheprovider", "-k", only]
    # Always the same folder, because some outputs contain its name.
    words += ["--basetemp", str(Path(tempfile.gettempdir()) / "impasto-golden"), "-q"]
    pytest.main(words, plugins=[plugin])
    return plugin.kept


def helps() -> Kept:
    """Return the digest of each verb's ``--help``."""
    from support.commands import commands

    found: dict[str, str] = {}
    for verb in ("", *(verb for verb, _ in commands.verbs())):
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            impasto([*verb.split(), "--help"])
        found[verb] = hashlib.sha256(said.getvalue().encode()).hexdigest()
    return {"--help": found}


def differences(kept: Kept, now: Kept) -> list[str]:
    """Return one line for each file that has changed."""
    lines = []
    for example in kept.keys() & now.keys():
        old, new = kept[example], now[example]
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name) and old.get(name) != VARIES:
                what = "is gone" if name not in new else "is new" if name not in old else "differs"
                lines.append(f"{example}: {name} {what}")
    return sorted(lines)


def main() -> int:
    """Record or compare, as the command-line arguments say."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("action", choices=["keep", "compare"])
    parser.add_argument("file", type=Path)
    parser.add_argument("-k", dest="only", default="", help="Examples to run, as pytest's -k.")
    given = parser.parse_args()
    samples.style = style
    now = helps() | examples(given.only)
    if given.action == "keep":
        again = examples(given.only)
        for example, files in again.items():
            for name in files.keys() | now[example].keys():
                if files.get(name) != now[example].get(name):
                    now[example][name] = VARIES
        given.file.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(f"{given.file}: {sum(map(len, now.values()))} digests of {len(now)} examples")
        return 0
    kept: Kept = json.loads(given.file.read_text(encoding="utf-8"))
    gone = sorted(kept.keys() - now.keys()) if not given.only else []
    lines = differences(kept, now) + [f"{example}: no such example now" for example in gone]
    print(*lines, f"{len(lines)} differences", sep="\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
