"""A live source on the page: its newest frame as a stream of JPEGs, and the chosen style."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from impasto import pages

ADDRESS, KIND = "/live.mjpeg", "multipart/x-mixed-replace; boundary=frame"
_QUALITY = 85


class Broadcast:
    """Screen of a live source that several browsers may watch; ``chosen`` is the index of the style."""

    def __init__(self, styles: Sequence[str]) -> None:
        self.styles, self.chosen = tuple(styles), 0
        self.state: dict[str, float | str] = {}
        self._jpeg = b""
        self._fresh = threading.Condition()
        self._closed = False

    def show(self, rgb: NDArray[np.uint8]) -> None:
        """Show the next frame."""
        jpeg = pages.jpeg(rgb, quality=_QUALITY)
        with self._fresh:
            self._jpeg = jpeg
            self._fresh.notify_all()

    def stream(self) -> Iterator[bytes]:
        """Yield each new frame, as a part of a response of ``KIND``, until the source ends."""
        shown = b""
        while True:
            with self._fresh:
                while not self._closed and self._jpeg is shown:
                    self._fresh.wait()
                if self._closed:
                    return
                shown = self._jpeg
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(shown)}\r\n\r\n"
            yield head.encode() + shown + b"\r\n"

    def describe(self) -> str:
        """Return style, frame rate and size in words."""
        return "{style}: {fps} fps, {width}x{height}".format_map(self.state) if self.state else ""

    def close(self) -> None:
        """End the streams."""
        with self._fresh:
            self._closed = True
            self._fresh.notify_all()
