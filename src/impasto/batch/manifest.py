"""The manifest of a batch: one JSON line for each thing that happened, only ever added to.

A row is written when a job begins and another when it ends. What began and did not end was killed: it is run
again, over whatever it left. A line that was cut off in the middle by a kill is passed over.
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
    """The manifest in an output folder, which is made if need be.

    Args:
        folder: the output folder.

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
        """Adds a row, whole and at once.

        Raises:
            OutputError: the disk is full, or the folder gone.
        """
        line = json.dumps(row, ensure_ascii=True, sort_keys=True, default=str) + "\n"
        try:
            with self.path.open("ab+") as stream:
                # A line that a kill has cut off must not swallow this one.
                if stream.tell() and not _ends_whole(stream.fileno(), stream.tell()):
                    line = "\n" + line
                stream.write(line.encode())
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}") from error
        self._note(row)

    def status(self, key: str) -> str:
        """``done``, ``error``, ``begun`` or, if nothing is known of it, nothing."""
        return str(self.last.get(key, {}).get("status", ""))

    def owner(self, output: str) -> str:
        """The key of the job that wrote an output last; empty if none of this batch did."""
        return self._owners.get(output, "")

    def _note(self, row: Row) -> None:
        key, output = row.get("key"), row.get("output")
        if isinstance(key, str):
            self.last[key] = row
            # A job that was refused before it began has written nothing.
            if isinstance(output, str) and output and row.get("status") in ("begun", "done"):
                self._owners[output] = key


def _ends_whole(descriptor: int, length: int) -> bool:
    return os.pread(descriptor, 1, length - 1) == b"\n" if hasattr(os, "pread") else False


def read(path: Path) -> Iterator[Row]:
    """The rows of a manifest that are whole.

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
