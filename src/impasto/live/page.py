"""Local web page for live stylization: motion JPEG, and a button for each style."""

from __future__ import annotations

import html
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import InputError

HOST = "127.0.0.1"
_BOUNDARY = "frame"
_QUALITY = 85


class Page:
    """Web server that runs until it is closed; ``chosen`` is the index of the selected style.

    Raises:
        InputError: the port is in use.
    """

    def __init__(self, styles: list[str], *, port: int) -> None:
        self.styles, self.chosen = styles, 0
        self.state: dict[str, float | str] = {}
        self._jpeg = b""
        self._fresh = threading.Condition()
        self._closed = False
        page = self

        class Handler(_Handler):
            owner = page

        try:
            self._server = ThreadingHTTPServer((HOST, port), Handler)
        except OSError as error:
            raise InputError(
                f"port {port} cannot be used ({error.strerror}): choose another with --port"
            ) from error
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """URL of the page."""
        return f"http://{HOST}:{self._server.server_address[1]}/"

    def show(self, rgb: NDArray[np.uint8]) -> None:
        """Show the next frame."""
        stream = io.BytesIO()
        Image.fromarray(rgb).save(stream, "JPEG", quality=_QUALITY)
        with self._fresh:
            self._jpeg = stream.getvalue()
            self._fresh.notify_all()

    def next_jpeg(self, last: bytes) -> bytes | None:
        """Wait for a frame other than ``last`` and return it; None when the page is closed."""
        with self._fresh:
            self._fresh.wait_for(lambda: self._closed or self._jpeg is not last, timeout=10)
            return None if self._closed else self._jpeg

    def close(self) -> None:
        """Stop the server."""
        with self._fresh:
            self._closed = True
            self._fresh.notify_all()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    owner: Page

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/":
            self._send("text/html; charset=utf-8", _page(self.owner.styles).encode())
        elif path == "/stream":
            self._stream()
        elif path == "/state":
            self._send("application/json", json.dumps(self.owner.state).encode())
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        asked = parse_qs(parts.query).get("number", [""])[0]
        if parts.path != "/style" or not asked.isdigit() or int(asked) >= len(self.owner.styles):
            self.send_error(404)
            return
        self.owner.chosen = int(asked)
        self._send("text/plain", b"")

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        jpeg: bytes | None = b""
        try:
            while (jpeg := self.owner.next_jpeg(jpeg or b"")) is not None:
                head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + jpeg + b"\r\n")
        except OSError:
            return  # the browser disconnected

    def _send(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


def _page(styles: list[str]) -> str:
    buttons = "".join(
        f'<button onclick="choose({number})">{html.escape(name)}</button>'
        for number, name in enumerate(styles)
    )
    return _HTML.replace("BUTTONS", buttons).replace("COUNT", str(len(styles)))


_HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>impasto live</title>
<meta name="viewport" content="width=device-width">
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 1rem; text-align: center }
body { background: #181818; color: #eee }
img { max-width: 100%; width: 60rem; border-radius: .5rem }
button { font: inherit; margin: .25rem; padding: .4rem .9rem }
</style></head><body>
<img src="/stream" alt="live painting">
<p>BUTTONS</p><p id="state"></p>
<script>
let now = 0
function choose(n) { now = (n + COUNT) % COUNT; fetch('/style?number=' + now, { method: 'POST' }) }
addEventListener('keydown', e => { if (e.key === 'n') choose(now + 1); if (e.key === 'p') choose(now - 1) })
setInterval(async () => {
  const s = await (await fetch('/state')).json()
  if (!s.style) return
  const said = `${s.style}: ${s.fps} fps, ${s.width}x${s.height}; n and p change the style`
  document.getElementById('state').textContent = said
}, 1000)
</script></body></html>
"""
