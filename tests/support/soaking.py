"""Flag and results file of the long tests (``make soak``).

The file is in ``benchmarks/results`` and has topics and rows for the docs, like those of the benchmarks.
Each part of a topic is written when its test has passed, so the long tests can run in pieces:
``IMPASTO_SOAK=1 pytest tests/robust/test_kills.py -k learn``.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

SOAK = os.environ.get("IMPASTO_SOAK") == "1"
RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "soak.json"
LIBRARIES = ("torch", "openvino", "av", "Pillow", "safetensors")


def record(topic: str, part: str, rows: list[dict[str, Any]], *, result: Path = RESULT) -> None:
    """Puts the rows of a part in place of those it had, and adds up the numbers of all parts by their names.

    The first entry of a row is its name. Nothing is written if this is not the long run.
    """
    if not SOAK:
        return
    with result.open("a+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # tests run side by side
        stream.seek(0)
        known = json.loads(stream.read() or "{}")
        entry = known.setdefault(topic, {"parts": {}})
        entry["parts"][part] = rows
        entry.update(
            date=time.strftime("%Y-%m-%d"),
            versions={name: version(name) for name in LIBRARIES},
            rows=added([row for name in sorted(entry["parts"]) for row in entry["parts"][name]]),
        )
        stream.truncate(0)
        stream.write(json.dumps(known, indent=1) + "\n")


def added(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a name: counts added, the most of what is measured."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        (key, name), *numbers = row.items()
        sums = found.setdefault(name, {key: name})
        for column, value in numbers:
            before = sums.get(column, 0)
            sums[column] = before + value if isinstance(value, int) else max(before, value)
    return list(found.values())
