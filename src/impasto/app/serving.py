"""Server of the page; browsers fetch nothing from other hosts."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto.app.broadcast import ADDRESS, KIND, Broadcast
from impasto.app.limits import Limits, count_files
from impasto.errors import InputError

if TYPE_CHECKING:
    import uvicorn

HOST = "127.0.0.1"  # of a live source
WARM_AFTER = 3.0  # seconds, to let the page load first
# The browser fetches from this server only, whatever the page's components request.
POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "connect-src 'self' data: blob:; font-src 'self' data:; frame-ancestors 'self'; form-action 'self'; "
    "base-uri 'self'"
)
STYLE = """
#head h1 { margin-bottom: 0; letter-spacing: 0.02em; }
#head p { margin-top: 0.2em; opacity: 0.7; }
.status { min-height: 1.6em; }
.styles, .styles .grid-wrap { height: auto !important; max-height: none !important; }
.styles, .styles .grid-wrap { min-height: 0 !important; }
.styles .grid-container { grid-template-columns: repeat(auto-fill, minmax(84px, 1fr)) !important; }
.styles .grid-wrap { overflow: hidden; }
.styles .caption-label { font-size: 0.65rem; left: 3px; right: 3px; max-width: none; text-align: center; }
.styles .caption-label { white-space: normal; overflow-wrap: anywhere; line-height: 1.15; padding: 2px; }
.styles:not(.one) .selected { box-shadow: none !important; border-color: transparent !important; }
.command .cm-content { padding-right: 4.5rem !important; }
.status { scroll-margin-top: 0.5rem; }
.drop { border: 2px dashed var(--neutral-400) !important; }
.several > label[data-testid="block-label"] { position: static; width: fit-content; margin: 4px; }
.act button { white-space: nowrap; }
.passing button, .passing .image-frame, .passing img { width: 100% !important; }
.passing img { height: auto !important; max-height: 75vh; object-fit: contain !important; }
@media (max-width: 640px) {
  .tab-container button { padding: 0 0.4rem !important; }
  .styles .grid-container { grid-template-columns: repeat(4, minmax(0, 1fr)) !important; }
  .styles .caption-label { font-size: 0.55rem; left: 1px; right: 1px; padding: 1px !important; }
  .act {
    position: fixed; bottom: 0; left: 0; z-index: 100; width: 100%; padding: 0.6rem 1rem;
    background: var(--body-background-fill); border-top: 1px solid var(--border-color-primary);
  }
  .act button { padding: 0.5rem !important; }
  .styles .gallery-item, .styles button { min-width: 0 !important; }
  .column:has(> .act) { padding-bottom: 4rem; }
}
footer { display: none !important; }
"""


class Guarded:
    """ASGI application that adds a content security policy and enforces the upload limits.

    Args:
        uploads: folder in which Gradio stores the uploads.
    """

    def __init__(self, app: Any, uploads: Path, limits: Limits) -> None:
        self.app, self.uploads, self.limits = app, uploads, limits
        self.own = count_files(uploads)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle one request."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].endswith("/upload"):
            try:
                self.limits.check_uploads(count_files(self.uploads) - self.own)
                self.limits.check_bytes(dict(scope["headers"]).get(b"content-length", b"").decode())
            except InputError as error:
                kind = (b"content-type", b"text/plain; charset=utf-8")
                await send({"type": "http.response.start", "status": 413, "headers": [kind]})
                await send({"type": "http.response.body", "body": str(error).encode()})
                return

        async def send_guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                guard = (b"content-security-policy", POLICY.encode())
                message["headers"] = [*message["headers"], guard, (b"referrer-policy", b"no-referrer")]
            await send(message)

        await self.app(scope, receive, send_guarded)


def _fetch_nothing() -> None:
    """Make Gradio refuse to download files: a client may send a URL in place of a file."""
    from gradio import processing_utils

    def refuse(url: str, *_: object, **__: object) -> str:
        raise InputError("this page accepts no URLs: upload the file itself")

    for name in ("save_url_to_cache", "ssrf_protected_download", "async_ssrf_protected_download"):
        assert hasattr(processing_utils, name)
        setattr(processing_utils, name, refuse)


def serve(host: str, port: int, limits: Limits, *, ready: Callable[[str], None]) -> None:
    """Serve the page until Ctrl-C.

    Args:
        host, port: address to bind.
        ready: called with the page's URL before the server starts.

    Raises:
        InputError: the port is in use, or Gradio is not installed.
    """
    with _listener(host, port) as listener:
        ready(_address(host, listener))
        with _server(limits) as server, suppress(KeyboardInterrupt):
            warming = threading.Timer(WARM_AFTER, _warm)
            warming.daemon = True
            warming.start()
            try:
                server.run([listener])
            finally:
                warming.cancel()


def serve_during(play: Callable[[str], None], port: int, broadcast: Broadcast) -> None:
    """Serve the page on this machine with a live source, while ``play``, called with its URL, runs.

    Raises:
        InputError: the port is in use, or Gradio is not installed.
    """
    with _listener(HOST, port) as listener, _server(Limits(), broadcast) as server:
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            play(_address(HOST, listener))
        finally:
            broadcast.close()
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # pages that are open are cut off
            server.should_exit = True
            thread.join()


def _listener(host: str, port: int) -> socket.socket:
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        import gradio  # noqa: F401
    except ImportError as error:
        raise InputError("the page needs Gradio: pip install '.[app]', in the clone") from error
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise InputError(
            f"cannot serve on {host}:{port} ({error.strerror}): choose another --port"
        ) from error


@contextmanager
def _server(limits: Limits, broadcast: Broadcast | None = None) -> Iterator[uvicorn.Server]:
    """Yield a server of the page, whose files are deleted when it ends."""
    import uvicorn

    _fetch_nothing()
    with tempfile.TemporaryDirectory(prefix="impasto-", ignore_cleanup_errors=True) as folder:

        def clean_up(*_: object) -> None:
            shutil.rmtree(folder, ignore_errors=True)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.raise_signal(signal.SIGTERM)

        signal.signal(signal.SIGTERM, clean_up)
        app = _mount(limits, Path(folder), broadcast)
        yield uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))


def _mount(limits: Limits, folder: Path, broadcast: Broadcast | None = None) -> Guarded:
    """Return the page as an application that stores its files in ``folder``."""
    import gradio as gr
    from fastapi import FastAPI
    from fastapi.responses import StreamingResponse

    from impasto.app.layout import page
    from impasto.app.visits import UPLOADS, AppState

    os.environ["GRADIO_TEMP_DIR"] = str(folder / UPLOADS)
    api = FastAPI()
    if broadcast:
        api.get(ADDRESS)(lambda: StreamingResponse(broadcast.stream(), media_type=KIND))
    blocks = page(AppState(limits, folder, broadcast))
    # Mounted, not launched: Gradio would accept any path of this machine in place of an upload.
    blocks.has_launched = True
    app = gr.mount_gradio_app(
        api,
        blocks,
        path="/",
        theme=_theme(),
        css=STYLE,
        max_file_size=f"{limits.megabytes}mb",
        footer_links=[],
        show_error=True,
    )
    return Guarded(app, folder / UPLOADS, limits)


def _theme() -> Any:
    """Return a light, plain theme with visible borders."""
    import gradio as gr

    font = ("ui-sans-serif", "system-ui", "sans-serif")
    return gr.themes.Soft(primary_hue="amber", neutral_hue="stone", font=font, font_mono=("monospace",)).set(
        block_label_background_fill="*neutral_100",
        block_label_text_color="*neutral_700",
        block_title_background_fill="none",
        block_title_text_color="*neutral_800",
        block_title_padding="0",
        body_background_fill="*neutral_50",
        block_border_width="1px",
        block_border_color="*neutral_200",
        input_border_width="1px",
        input_border_color="*neutral_200",
        checkbox_border_width="1px",
        checkbox_border_color="*neutral_300",
        checkbox_label_border_width="1px",
        checkbox_label_border_color="*neutral_200",
        button_border_width="1px",
        button_secondary_border_color="*neutral_300",
    )


def _address(host: str, listener: socket.socket) -> str:
    """Return the URL of the page; with a wildcard host, it has the machine's name."""
    named = socket.gethostname() if host in ("0.0.0.0", "::") else host
    return f"http://{f'[{named}]' if ':' in named else named}:{listener.getsockname()[1]}"


def _warm() -> None:
    """Compile the network of the first learned style, so that the first request is fast."""
    import numpy as np

    from impasto.networks import library
    from impasto.networks.painter import Painter

    for known in library.list_styles()[:1]:
        Painter(known.pack).paint(np.zeros((64, 64, 3), np.float32), known.pack.weights({known.name: 1.0}))
