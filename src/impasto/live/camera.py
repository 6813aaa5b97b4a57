"""Frame source for live stylization: a camera, a stream, or a video at its own speed."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from impasto.errors import InputError
from impasto.video.showing import upright

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Frame:
    """A frame ``(H, W, 3)``, upright, its number from 0, and its time in seconds since the first."""

    rgb: Bytes
    number: int
    seconds: float


class Camera:
    """Background reader that keeps only the newest frame.

    Args:
        source: index of a camera (``0``), a device, the URL of a stream, or a video file.

    Raises:
        InputError: it cannot be opened, or has no video.
    """

    def __init__(self, source: str) -> None:
        self.source, self.is_file = source, Path(source).is_file()
        name, kind = (f"/dev/video{source}", "v4l2") if source.isdigit() else (source, None)
        try:
            self._container = av.open(name, format=kind)
            self._stream = self._container.streams.video[0]
        except (av.FFmpegError, OSError, IndexError) as error:
            reason = getattr(error, "strerror", None) or "it has no video"
            raise InputError(
                f"cannot open video source {source}: {reason}; give a camera index, a URL or a video file"
            ) from error
        self._fresh = threading.Condition()
        self._frame: Frame | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def rate(self) -> float:
        """Frame rate of the source; 25 if unknown."""
        return float(self._stream.average_rate or 25)

    def newest(self, after: int) -> Frame | None:
        """Wait for a frame with a number above ``after`` and return it; None at the end."""
        with self._fresh:
            self._fresh.wait_for(
                lambda: self._ended or (self._frame is not None and self._frame.number > after)
            )
            frame = self._frame
        return frame if frame is not None and frame.number > after else None

    def close(self) -> None:
        """Close the source."""
        with self._fresh:
            self._ended = True
        self._thread.join(timeout=2)

    def _read(self) -> None:
        start = time.monotonic()
        try:
            for number, decoded in enumerate(self._container.decode(self._stream)):
                seconds = number / self.rate if decoded.time is None else float(decoded.time)
                if self.is_file:
                    time.sleep(max(0.0, start + seconds - time.monotonic()))
                with self._fresh:
                    if self._ended:
                        break
                    self._frame = Frame(upright(decoded), number, seconds)
                    self._fresh.notify_all()
        except av.FFmpegError:
            pass  # a broken stream counts as ended
        finally:
            self._container.close()
            with self._fresh:
                self._ended = True
                self._fresh.notify_all()
