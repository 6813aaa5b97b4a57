"""Live painting: the newest frame, painted at the size that holds the rate, shown or written."""

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

from impasto import files
from impasto.errors import InputError
from impasto.jobs import LiveJob
from impasto.live.camera import Camera
from impasto.live.pace import Pace
from impasto.live.page import Page
from impasto.networks import library
from impasto.networks.library import Known
from impasto.networks.painter import Painter
from impasto.painters.learned import device_of
from impasto.video import Dis, Linker, Steady
from impasto.video.reading import CLOCK
from impasto.video.writing import FilmWriter

Bytes = NDArray[np.uint8]

SMALL = 320  # pixels across that flow is looked for in
LEAST = 32  # pixels, of the shorter side there, below which it cannot be


class Screen(Protocol):
    """Where frames go; ``chosen`` is the style that the person wants."""

    chosen: int
    state: dict[str, float | str]

    def show(self, rgb: Bytes) -> None:
        """The next frame."""

    def close(self) -> None:
        """No more frames."""


def play(job: LiveJob, *, out: Path | None, overwrite: bool, told: Callable[[str], None]) -> dict[str, Any]:
    """Paints what a camera sees until it ends or is interrupted.

    Args:
        job: source, styles and rate.
        out: a film to write; None: a page on this machine.
        overwrite: replace the film if it is there.
        told: called with the page's address.

    Returns:
        Frames painted and seen, seconds, and the last size.

    Raises:
        InputError: a source or a style that cannot be used.
        OutputError: the film cannot be written.
    """
    painters = _painters(job)
    if out is not None:
        files.check_output(out, overwrite=overwrite)
    camera = Camera(job.source)
    if out is None:
        page = Page(list(job.styles), port=job.port)
        told(f"{page.address} shows it; Ctrl-C ends")
        return _loop(job, painters, camera, page)
    with files.atomic(out, overwrite=overwrite) as temporary:
        return _loop(job, painters, camera, Film(temporary))


def _painters(job: LiveJob) -> list[tuple[Painter, NDArray[np.float32]]]:
    found: list[Known] = []
    for name in job.styles:
        known = library.find(name, network=job.network)
        if known is None:
            raise library.unknown(name)
        found.append(known)
    if not found:
        raise InputError("live needs a learned style: impasto styles list shows them")
    device = device_of(job.device)
    packs = {known.path: Painter(known.pack, device=device, precision=job.precision) for known in found}
    return [(packs[k.path], k.pack.weights({k.name: 1.0}, strength=job.strength)) for k in found]


def _pace(job: LiveJob) -> Pace:
    if job.size is None:
        return Pace(job.fps)
    return Pace(job.fps, side=job.size if isinstance(job.size, int) else sys.maxsize, fixed=True)


def _loop(
    job: LiveJob, painters: list[tuple[Painter, NDArray[np.float32]]], camera: Camera, screen: Screen
) -> dict[str, Any]:
    pace = _pace(job)
    held = Held(job.consistency, fps=min(job.fps, camera.rate))
    painted, number, start, size = 0, -1, time.monotonic(), (0, 0)
    try:
        while (frame := camera.newest(number)) is not None:
            number = frame.number
            painter, weights = painters[screen.chosen]
            begun = time.monotonic()
            small = _shrunk(frame.rgb, pace.side)
            result = held.paint(small, painter, weights)
            screen.show(np.rint(result.clip(0, 1) * 255).astype(np.uint8))
            took = time.monotonic() - begun
            size, painted = (small.shape[0], small.shape[1]), painted + 1
            pace.told(size[0] * size[1], took)
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


class Held:
    """The light version of what holds films still: a fast flow, looked for in a small picture.

    Normalised frame by frame: a stream may change its light at any time, and has no cuts that tell of it.

    Args:
        consistency: how much of the frame before is kept, 0..1.
        fps: frames a second, about.
    """

    def __init__(self, consistency: float, *, fps: float) -> None:
        self._linker = Linker(Dis(quality="fast"), wide=SMALL)
        self._steady = Steady(self._brush, consistency=consistency, rate=fps)
        self._with: tuple[Painter, NDArray[np.float32]] | None = None

    def paint(self, frame: Bytes, painter: Painter, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """The next frame ``(H, W, 3)``, painted; another style, or another size, begins anew."""
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
        return painter.paint(frame.astype(np.float32) * np.float32(1 / 255), weights)


def _shrunk(rgb: Bytes, side: int) -> Bytes:
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return rgb
    size = (max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR))


class Film:
    """A film of what was painted, at the times it was seen; its size is that of the first frame."""

    chosen = 0

    def __init__(self, path: Path) -> None:
        self.state: dict[str, float | str] = {}
        self._path = path
        self._writer: FilmWriter | None = None
        self._last = -1

    def show(self, rgb: Bytes) -> None:
        """Writes a frame at the time it is shown: what came late stays late."""
        if self._writer is None:
            self._writer, self._begun = FilmWriter(self._path, rgb.shape[:2]), time.monotonic()
        if rgb.shape[:2] != self._writer.size:
            size = self._writer.size[::-1]
            rgb = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC))
        self._last = max(self._last + 1, round((time.monotonic() - self._begun) * CLOCK))
        self._writer.write(rgb, Fraction(self._last, CLOCK))

    def close(self) -> None:
        """Finishes the film."""
        if self._writer is None:
            raise InputError("the source showed no frame, so there is no film")
        self._writer.close()
