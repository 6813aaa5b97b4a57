"""The page that paints in a browser, and a server for it."""

from __future__ import annotations

import functools
import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from impasto import downloads
from impasto.web import runtime


def publish(source: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Write a small package in place of ONNX Runtime Web; return its files, of which two are not needed."""
    names = (*runtime.SCRIPTS, *runtime.BINARIES, "ort.node.min.js", "ort.webgl.min.js")
    contents = {name: f"the file {name} ".encode() * 20 for name in names}
    with tarfile.open(source, "w:gz") as archive:
        for name, data in contents.items():
            entry = tarfile.TarInfo(f"package/dist/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    monkeypatch.delenv(downloads.GIVEN, raising=False)
    monkeypatch.setattr(runtime, "URL", source.as_uri())
    monkeypatch.setattr(runtime, "SHA256", hashlib.sha256(source.read_bytes()).hexdigest())
    return contents


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """Serve a folder as ``python -m http.server`` does; yield its address."""
    handler = functools.partial(_Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()
    thread.join()
