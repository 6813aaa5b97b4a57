"""The web page, served by a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def served(temporary: Path, *options: str) -> Iterator[str]:
    """Serves the page with its folder in ``temporary``, where nothing may be left at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", "from impasto.cli import main; main()", "app", "--port", str(port)]
    surroundings = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(temporary)}
    url, deadline = f"http://127.0.0.1:{port}/", time.monotonic() + 120
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen([*command, *options], stdout=log, stderr=log, env=surroundings)
        while time.monotonic() < deadline and server.poll() is None:
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        else:
            log.seek(0)
            raise AssertionError(log.read())
        yield url
        server.terminate()
        server.wait(20)
    assert list(temporary.glob("impasto-*")) == []
