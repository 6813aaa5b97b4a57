"""Frame source for live stylization: a camera, a stream, or a video at its own speed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from impasto.errors import InputError
from impasto.media import open_film
from impasto.media.decoding import Decoder, reason
from impasto.media.display import fit_frame, upright
from impasto.media.reading import USUAL, pictures_of

Bytes = NDArray[np.uint8]
Timed = Generator[tuple[Bytes, Fraction], None, None]
"""Upright frames of one size with their times in seconds."""

_log = logging.getLogger("impasto")


@dataclass(frozen=True)
class CameraFrame:
    """A frame ``(H, W, 3)``, upright, its number from 0, and its time in seconds since the first."""

    rgb: Bytes
    number: int
    seconds: float


class Camera:
    """Background reader that keeps only the newest frame.

    Args:
        source: index of a camera (``0``), a device, the URL of a stream, a video file, an animated image or
            a folder of numbered images.

    Raises:
        InputError: it cannot be opened, or has no video.
    """

    rate: float
    """Frame rate of the source; 25 if unknown."""

    def __init__(self, source: str) -> None:
        self.source, path = source, Path(source)
        self.is_file = path.is_file() or path.is_dir()
        self._frames = self._of_file(path) if self.is_file else self._of_stream(source)
        self._fresh = threading.Condition()
        self._frame: CameraFrame | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def newest(self, after: int) -> CameraFrame | None:
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

    def _of_file(self, path: Path) -> Timed:
        film = open_film(path)
        self.rate = float(film.rate)

        def frames() -> Timed:
            with closing(film):
                for frame in film.frames():
                    yield frame.rgb, frame.time

        return frames()

    def _of_stream(self, source: str) -> Timed:
        name, kind = (f"/dev/video{source}", "v4l2") if source.isdigit() else (source, None)
        try:
            container = av.open(name, format=kind)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise InputError(
                f"cannot open video source {source}: {reason(error)}; give a camera index, a URL or a video "
                "file"
            ) from error
        stream = pictures_of(container, source)
        rate = stream.average_rate or USUAL
        self.rate = float(rate)

        def frames() -> Timed:
            size: tuple[int, int] | None = None
            with container:
                for decoded in Decoder(container, stream, rate, careful=True):
                    rgb = upright(decoded.frame)[0]
                    size = size or (rgb.shape[0], rgb.shape[1])
                    yield fit_frame(rgb, size), decoded.time

        return frames()

    def _read(self) -> None:
        start, first = time.monotonic(), None
        try:
            for number, (rgb, when) in enumerate(self._frames):
                first = when if first is None else first
                seconds = float(when - first)
                if self.is_file:
                    time.sleep(max(0.0, start + seconds - time.monotonic()))
                with self._fresh:
                    if self._ended:
                        break
                    self._frame = CameraFrame(rgb, number, seconds)
                    self._fresh.notify_all()
        except InputError as error:
            _log.warning("%s", error)
        except av.FFmpegError:
            pass  # a broken stream counts as ended
        finally:
            self._frames.close()
            with self._fresh:
                self._ended = True
                self._fresh.notify_all()
