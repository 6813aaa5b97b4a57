"""Reading of animated images (GIF, WebP, PNG) and folders of numbered images."""

from __future__ import annotations

import logging
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence, UnidentifiedImageError

from impasto import image
from impasto.errors import InputError
from impasto.jobs.base import pluralize
from impasto.media.levels import GROUND, top
from impasto.media.reading import FilmFrame, exactly

Bytes = NDArray[np.uint8]
_log = logging.getLogger("impasto")
Layers = tuple[Bytes, Bytes | None]
"""Colors ``(H, W, 3)``, over white, and alpha ``(H, W)`` of an image."""

ANIMATED = (".gif", ".webp", ".png", ".apng")
RATE = 25  # default frame rate of a folder


class PictureReader:
    """Reader of a folder of numbered images or an animated image, with the interface of :class:`FilmReader`.

    Args:
        path: the folder, or the file.
        rate: frame rate of a folder.
        clear: return transparency, if an image has it; else it is dropped with a warning.
        deep: return frames of 16 bits (uint16), if the images of a folder have them.

    Raises:
        InputError: it cannot be read.
    """

    def __init__(
        self, path: str | Path, *, rate: float | None = None, clear: bool = False, deep: bool = False
    ) -> None:
        self.path = Path(path)
        self._files: list[Path] = []
        self._said = False
        if self.path.is_dir():
            found, passed = image.pictures_among(self.path.iterdir())
            self._files = sorted(found, key=_number)
            if not self._files:
                films = sum(map(image.is_film, passed))
                mend = f", but {pluralize(films, 'video')}: give one of them" if films else ""
                raise InputError(f"there are no images in {path}{mend}")
            if passed:
                count = pluralize(len(passed), "non-image file")
                names = ", ".join([one.name for one in passed[:3]] + ["..."] * (len(passed) > 3))
                _log.warning("%s: ignored %s (%s)", path, count, names)
            self._times = [Fraction(n) / exactly(rate or RATE) for n in range(len(self._files) + 1)]
        else:
            self._times = _times(self.path)
        # Whether frames are returned with alpha; it may turn out that all are opaque.
        self.clear = clear and any(map(_may_be_clear, self.inputs))
        self.deep = deep and bool(self._files) and image.read(self._files[0]).bits > 8

    def __enter__(self) -> PictureReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Do nothing: no file stays open."""

    @property
    def rate(self) -> Fraction:
        """Mean frame rate."""
        return (len(self._times) - 1) / self._times[-1]

    @property
    def seconds(self) -> float | None:
        """Length in seconds."""
        return float(self._times[-1])

    @property
    def inputs(self) -> list[Path]:
        """The input files."""
        return self._files or [self.path]

    def frames(self, *, start: float = 0.0, end: float | None = None, every: int = 1) -> Iterator[FilmFrame]:
        """See :meth:`FilmReader.frames`.

        Raises:
            InputError: an image cannot be read, or differs in size from the first.
        """
        first, last = exactly(start), None if end is None else exactly(end)
        wanted = [n for n, t in enumerate(self._times[:-1]) if t >= first and (last is None or t < last)]
        wanted = wanted[::every]
        ends = self._times[-1] if last is None else min(last, self._times[-1])
        times = [*(self._times[n] for n in wanted), ends]
        size = None
        with nullcontext() if self._files else Image.open(self.path) as opened:
            for number, (time, until) in zip(wanted, pairwise(times), strict=True):
                layers = self._part(opened, number) if opened else self._whole(self._files[number])
                found, alpha = self._layers(layers)
                size = size or found.shape
                if found.shape != size:
                    raise InputError(
                        f"{self._files[number] if self._files else self.path} is "
                        f"{found.shape[1]}x{found.shape[0]}, the first is {size[1]}x{size[0]}: "
                        f"resize all images of a video to one size"
                    )
                yield FilmFrame(found, time, until - time, alpha)

    def _layers(self, found: Layers) -> Layers:
        """Return an image with alpha if it is to be returned; else warn of it."""
        rgb, alpha = found
        if self.clear:
            return rgb, np.full(rgb.shape[:2], top(rgb), rgb.dtype) if alpha is None else alpha
        if alpha is not None and not self._said and alpha.min() < top(alpha):
            self._said = True
            _log.warning("%s has transparency, which is replaced by a white background", self.path)
        return rgb, None

    def _whole(self, path: Path) -> Layers:
        found, kind = image.read(path), np.uint16 if self.deep else np.uint8
        peak = np.float32(65535 if self.deep else 255)
        alpha = None if found.alpha is None else np.rint(found.alpha * peak).astype(kind)
        # A constant background: the mean color of each image, as for single images, would pulse.
        return np.rint(found.flat((1, 1, 1)) * peak).astype(kind), alpha

    def names(self, times: Sequence[Fraction]) -> list[str] | None:
        """Return the stems of a folder's images at these times; None if unavailable or not unique."""
        found = [bisect_right(self._times, time + exactly(1e-3)) - 1 for time in times]
        if not self._files or any(not 0 <= place < len(self._files) for place in found):
            return None
        called = [self._files[place].stem for place in found]
        return called if len({name.lower() for name in called}) == len(called) else None

    def _part(self, opened: Image.Image, number: int) -> Layers:
        try:
            opened.seek(number)
            rgba = opened.convert("RGBA")
        except (OSError, ValueError, EOFError, SyntaxError) as error:
            raise InputError(
                f"{self.path} is damaged after {pluralize(number, 'frame')} ({error})"
            ) from error
        ground = Image.new("RGBA", rgba.size, (GROUND,) * 4)  # background of transparent pixels
        return np.array(Image.alpha_composite(ground, rgba).convert("RGB")), np.array(rgba.getchannel("A"))


def _may_be_clear(path: Path) -> bool:
    """Return whether the format of an image has transparency; damaged ones are reported on reading."""
    with suppress(OSError, ValueError, SyntaxError), Image.open(path) as opened:
        return opened.has_transparency_data or getattr(opened, "is_animated", False)
    return False


def _number(path: Path) -> tuple[list[int | str], str]:
    """Return a sort key in which numbers in a name compare as numbers: 10 comes after 9."""
    parts = re.split(r"(\d+)", path.stem.lower())
    return [int(p) if p.isdigit() else p for p in parts], path.name


def _times(path: Path) -> list[Fraction]:
    """Return the start time of each frame of an animated image, and the end of the last one, in seconds."""
    try:
        with Image.open(path) as opened:
            waits = [_wait(frame) for frame in ImageSequence.Iterator(opened)]
    except (OSError, ValueError, EOFError, SyntaxError, UnidentifiedImageError) as error:
        raise InputError(f"{path} is not a readable animated image ({error})") from error
    times = [Fraction(0)]
    for wait in waits:
        # As in browsers, a duration near zero counts as a tenth of a second.
        times.append(times[-1] + Fraction(round(wait) if wait > 10 else 100, 1000))
    return times


def _wait(frame: Image.Image) -> float:
    frame.load()  # Pillow knows the duration of a WebP frame only after loading it
    return float(frame.info.get("duration", 0))


def is_animated(path: Path) -> bool:
    """Return whether a file is an image with more than one frame."""
    if path.suffix.lower() in ANIMATED:
        with suppress(OSError, ValueError, SyntaxError), Image.open(path) as opened:
            return bool(getattr(opened, "is_animated", False))
    return False
