"""Manifest of a batch: an append-only file with one JSON row per line.

A row is written when a job begins and another when it ends. A job that began and did not end was killed: it
runs again and replaces what it left. A line that was truncated by a kill is ignored.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from impasto import files
from impasto.errors import OutputError

NAME = "manifest.jsonl"
Row = dict[str, Any]


class Manifest:
    """Manifest of an output folder.

    Args:
        folder: the output folder; created if needed.

    Raises:
        OutputError: it cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / NAME
        files.check_output(self.path, overwrite=True)
        self.last: dict[str, Row] = {}
        self._owners: dict[str, str] = {}
        for row in read(self.path):
            self._note(row)

    def add(self, row: Row) -> None:
        """Append a row atomically.

        Raises:
            OutputError: the disk is full, or the folder is gone.
        """
        line = json.dumps(row, ensure_ascii=True, sort_keys=True, default=str) + "\n"
        try:
            with self.path.open("ab+") as stream:
                if stream.tell():
                    stream.seek(-1, os.SEEK_END)
                    if stream.read() != b"\n":  # the last line was truncated by a kill
                        line = "\n" + line
                stream.write(line.encode())
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}") from error
        self._note(row)

    def status(self, key: str) -> str:
        """Return ``done``, ``error``, ``begun``, or an empty string for an unknown key."""
        return str(self.last.get(key, {}).get("status", ""))

    def owner(self, output: str) -> str:
        """Return the key of the job that last wrote an output; empty if none of this batch did."""
        return self._owners.get(output, "")

    def _note(self, row: Row) -> None:
        key, output = row.get("key"), row.get("output")
        if isinstance(key, str):
            self.last[key] = row
            # A job that was refused before it began wrote nothing.
            if isinstance(output, str) and output and row.get("status") in ("begun", "done"):
                self._owners[output] = key


def read(path: Path) -> Iterator[Row]:
    """Yield the complete rows of a manifest.

    Raises:
        OutputError: the file cannot be read.
    """
    if not path.exists():
        return
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            for line in stream:
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(row, dict):
                    yield row
    except OSError as error:
        raise OutputError(f"cannot read {path}: {error.strerror or error}") from error
