"""Live stylization: the newest frame, at a size that holds the frame rate, shown or written."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto import image
from impasto.errors import InputError
from impasto.jobs import LiveJob
from impasto.live.camera import Camera
from impasto.live.pace import Pace
from impasto.media import Dis, Linker, Steady
from impasto.media.reading import CLOCK
from impasto.media.writing import FilmWriter
from impasto.networks import library
from impasto.networks.library import InstalledStyle
from impasto.networks.painter import Painter
from impasto.painters.instant import predict
from impasto.painters.learned import device_of

Bytes = NDArray[np.uint8]

SMALL = 320  # maximum width in pixels for optical flow
LEAST = 32  # minimum shorter side in pixels for optical flow


class Screen(Protocol):
    """Output of frames; ``chosen`` is the index of the selected style."""

    chosen: int
    state: dict[str, float | str]

    def show(self, rgb: Bytes) -> None:
        """Show the next frame."""

    def close(self) -> None:
        """End the output."""


def play(job: LiveJob, open_screen: Callable[[], Screen]) -> dict[str, Any]:
    """Stylize a live source until it ends or is interrupted.

    Args:
        job: source, styles and frame rate.
        open_screen: called once source and styles are open.

    Returns:
        Numbers of frames stylized and received, seconds, and the last size, (width, height).

    Raises:
        InputError: the source or a style cannot be used.
    """
    painters = _painters(job)
    camera = Camera(job.source)
    return _loop(job, painters, camera, open_screen())


def _painters(job: LiveJob) -> list[tuple[Painter, NDArray[np.float32]]]:
    found: list[InstalledStyle] = []
    for name in job.styles:
        known: InstalledStyle | None = library.find(name, network=job.network)
        if known is None and Path(name).is_file():
            known = predict(name, image.read(name).flat(), network=job.network)
        if known is None:
            raise library.unknown_style_error(name)
        found.append(known)
    if not found:
        raise InputError("live needs a learned style: impasto styles list shows them")
    device = device_of(job.device)
    packs = [known.pack for known in found]
    painters = {id(pack): Painter(pack, device=device, precision=job.precision) for pack in packs}
    weights = [p.weights({k.name: 1.0}, strength=job.strength) for p, k in zip(packs, found, strict=True)]
    return [(painters[id(pack)], own) for pack, own in zip(packs, weights, strict=True)]


def _pace(job: LiveJob) -> Pace:
    if job.size is None:
        return Pace(job.fps)
    return Pace(job.fps, side=job.size if isinstance(job.size, int) else sys.maxsize, fixed=True)


def _loop(
    job: LiveJob, painters: list[tuple[Painter, NDArray[np.float32]]], camera: Camera, screen: Screen
) -> dict[str, Any]:
    pace = _pace(job)
    held = HeldStyle(job.consistency, fps=min(job.fps, camera.rate))
    painted, number, start, size = 0, -1, time.monotonic(), (0, 0)
    try:
        while (frame := camera.newest(number)) is not None:
            number = frame.number
            painter, weights = painters[screen.chosen]
            begun = time.monotonic()
            small = _shrink_frame(frame.rgb, pace.side)
            result = held.paint(small, painter, weights)
            screen.show(image.as_bytes(result))
            took = time.monotonic() - begun
            size, painted = (small.shape[0], small.shape[1]), painted + 1
            pace.record(size[0] * size[1], took)
            screen.state = {
                "style": job.styles[screen.chosen],
                "fps": round(min(camera.rate, 1 / took), 1),
                "width": size[1],
                "height": size[0],
                "time": frame.seconds,
            }
    except KeyboardInterrupt:
        pass
    finally:
        camera.close()
        screen.close()
    seconds = time.monotonic() - start
    return {"painted": painted, "seen": number + 1, "seconds": round(seconds, 2), "size": [size[1], size[0]]}


class HeldStyle:
    """Lightweight temporal consistency, with fast optical flow at low resolution.

    Normalization is per frame: the light of a stream may change at any time, without cuts.

    Args:
        consistency: weight of the previous output, 0..1.
        fps: approximate frame rate.
    """

    def __init__(self, consistency: float, *, fps: float) -> None:
        self._linker = Linker(Dis(quality="fast"), wide=SMALL)
        self._steady = Steady(self._brush, consistency=consistency, rate=fps)
        self._with: tuple[Painter, NDArray[np.float32]] | None = None

    def paint(self, frame: Bytes, painter: Painter, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Stylize the next frame ``(H, W, 3)``; a change of style or size restarts the consistency."""
        if self._with is None or self._with[1] is not weights:
            self._with = painter, weights
            self._steady.frame = self._steady.output = None
            self._linker.before = None
        height, width = frame.shape[:2]
        seen = min(height, width) * min(1, SMALL / width) >= LEAST
        link = self._linker.next(frame) if seen and self._steady.consistency > 0 else None
        return self._steady.follow(frame, link)

    def _brush(self, frame: Bytes, *_: object) -> NDArray[np.float32]:
        assert self._with is not None
        painter, weights = self._with
        return painter.paint(image.floats(frame), weights)


def _shrink_frame(rgb: Bytes, side: int) -> Bytes:
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return rgb
    size = (max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR))


class VideoFile:
    """Video file as output, with frames at their display times and the size of the first frame."""

    chosen = 0

    def __init__(self, path: Path) -> None:
        self.state: dict[str, float | str] = {}
        self._path = path
        self._writer: FilmWriter | None = None
        self._last = -1

    def show(self, rgb: Bytes) -> None:
        """Write a frame at the current time; delays are kept."""
        if self._writer is None:
            self._writer, self._begun = FilmWriter(self._path, rgb.shape[:2]), time.monotonic()
        if rgb.shape[:2] != self._writer.size:
            size = self._writer.size[::-1]
            rgb = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC))
        self._last = max(self._last + 1, round((time.monotonic() - self._begun) * CLOCK))
        self._writer.write(rgb, Fraction(self._last, CLOCK))

    def close(self) -> None:
        """Finish the file."""
        if self._writer is None:
            raise InputError("the source delivered no frame, so no video was written")
        self._writer.close()
