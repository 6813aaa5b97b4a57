"""Reading and writing of animated images (GIF, WebP, PNG) and folders of numbered images."""

from __future__ import annotations

import logging
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import av
import av.filter
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence, UnidentifiedImageError

from impasto import image
from impasto.errors import InputError, OutputError
from impasto.video.reading import FilmFrame, exactly

Bytes = NDArray[np.uint8]
_log = logging.getLogger("impasto")
Frames = Callable[[], Iterator[tuple[Bytes, Fraction]]]
"""Returns an iterator over all frames with their times, from the first one, at every call."""

ANIMATED = (".gif", ".webp", ".png", ".apng")
RATE = 25  # default frame rate of a folder
QUALITY = 80  # quality of WebP, 0..100
_GIF_TICKS = 100  # time units of GIF per second


class PictureReader:
    """Reader of a folder of numbered images or an animated image, with the interface of :class:`FilmReader`.

    Args:
        path: the folder, or the file.
        rate: frame rate of a folder.

    Raises:
        InputError: it cannot be read.
    """

    def __init__(self, path: str | Path, *, rate: float | None = None) -> None:
        self.path = Path(path)
        self._files: list[Path] = []
        self._said = False
        if self.path.is_dir():
            self._files = sorted((p for p in self.path.iterdir() if _is_frame(p)), key=_number)
            if not self._files:
                raise InputError(f"there are no images in {path}")
            self._times = [Fraction(n) / exactly(rate or RATE) for n in range(len(self._files) + 1)]
        else:
            self._times = _times(self.path)

    def __enter__(self) -> PictureReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def rewind(self) -> None:
        """Do nothing: every read starts at the beginning."""

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
        ends = self._times[-1] if last is None else min(last, self._times[-1])
        after = [*(self._times[n] for n in wanted[::every][1:]), ends]
        size = None
        kept = dict(zip(wanted[::every], after, strict=False))
        for number, rgb in enumerate(self._pictures()):
            if number not in kept:
                continue
            found = rgb()
            size = size or found.shape
            if found.shape != size:
                raise InputError(
                    f"{self.inputs[min(number, len(self.inputs) - 1)]} is {found.shape[1]}x{found.shape[0]}, "
                    f"the first is {size[1]}x{size[0]}: resize all images of a video to one size"
                )
            yield FilmFrame(found, self._times[number], kept[number] - self._times[number])

    def _pictures(self) -> Iterator[Callable[[], Bytes]]:
        """Yield a function per image that reads it."""
        if self._files:
            for path in self._files:
                yield lambda path=path: self._whole(path)  # type: ignore[misc]
            return
        with Image.open(self.path) as opened:
            for number in range(len(self._times) - 1):
                yield lambda number=number: self._part(opened, number)  # type: ignore[misc]

    def _whole(self, path: Path) -> Bytes:
        found = image.read(path)
        if found.alpha is not None and not self._said and found.alpha.min() < 1:
            self._said = True
            _log.warning("%s has transparency, which is replaced by a white background", self.path)
        # A constant background: the mean colour of each image, as for single images, would pulse.
        return np.asarray(np.rint(found.flat((1, 1, 1)) * 255), np.uint8)

    def names(self, times: Sequence[Fraction]) -> list[str] | None:
        """Return the stems of a folder's images at these times; None if unavailable or not unique."""
        found = [bisect_right(self._times, time + exactly(1e-3)) - 1 for time in times]
        if not self._files or any(not 0 <= place < len(self._files) for place in found):
            return None
        called = [self._files[place].stem for place in found]
        return called if len({name.lower() for name in called}) == len(called) else None

    def _part(self, opened: Image.Image, number: int) -> Bytes:
        try:
            opened.seek(number)
            rgba = opened.convert("RGBA")
        except (OSError, ValueError, EOFError, SyntaxError) as error:
            raise InputError(f"{self.path} is damaged after {number} frames ({error})") from error
        ground = Image.new("RGBA", rgba.size, "white")  # background of transparent pixels
        return np.array(Image.alpha_composite(ground, rgba).convert("RGB"))


def _is_frame(path: Path) -> bool:
    """Return whether a file in a folder is an image; dot files are metadata of file managers."""
    return path.suffix.lower() in image.READABLE and not path.name.startswith(".") and path.is_file()


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


def animated(path: Path) -> bool:
    """Return whether a file is an image with more than one frame."""
    if path.suffix.lower() not in ANIMATED:
        return False
    try:
        with Image.open(path) as opened:
            return bool(getattr(opened, "is_animated", False))
    except (OSError, ValueError, SyntaxError):
        return False


def write_gif(path: Path, frames: Frames, *, wait: Fraction) -> None:
    """Write a looping GIF, with one palette for all frames and ordered dithering, which is stable."""
    palette = _palette(frames)
    graph, entrances = _graph("paletteuse=dither=bayer:bayer_scale=3", [next(frames())[0], palette])
    with av.open(str(path), "w", format="gif", options={"loop": "0"}) as container:
        stream: Any = None
        entrances[1].push(_frame(palette, 0))
        entrances[1].push(None)
        times = [time for _, time in frames()]
        for number, (rgb, _) in enumerate(frames()):
            entrances[0].push(_frame(rgb, number))
            for found in _pulled(graph):
                if stream is None:
                    stream = container.add_stream("gif", rate=_GIF_TICKS)
                    stream.width, stream.height, stream.pix_fmt = found.width, found.height, "pal8"
                    stream.codec_context.time_base = Fraction(1, _GIF_TICKS)
                _mux_gif(container, stream, found, times, wait)
        entrances[0].push(None)
        for found in _pulled(graph):
            _mux_gif(container, stream, found, times, wait)
        container.mux(stream.encode(None))


def _mux_gif(container: Any, stream: Any, found: Any, times: list[Fraction], wait: Fraction) -> None:
    number = int(found.pts)
    ends = times[number + 1] if number + 1 < len(times) else times[number] + wait
    found.pts = round(times[number] * _GIF_TICKS)
    found.duration = max(1, round(ends * _GIF_TICKS) - found.pts)
    found.time_base = Fraction(1, _GIF_TICKS)
    for packet in stream.encode(found):
        packet.duration = found.duration
        container.mux(packet)


def _palette(frames: Frames) -> Bytes:
    """Return an image of the best 256 colours for all frames."""
    first = next(frames())[0]
    graph, entrances = _graph("palettegen=stats_mode=full:reserve_transparent=0", [first])
    for number, (rgb, _) in enumerate(frames()):
        entrances[0].push(_frame(rgb, number))
    entrances[0].push(None)
    return cast(Bytes, next(_pulled(graph)).to_ndarray(format="rgb24"))


def _graph(what: str, examples: list[Bytes]) -> tuple[Any, list[Any]]:
    """Return a graph of one filter, and its inputs, for frames of the size of the examples."""
    graph = av.filter.Graph()
    name, _, options = what.partition("=")
    made = graph.add(name, options)
    entrances = []
    for place, example in enumerate(examples):
        height, width = example.shape[:2]
        entrance = graph.add_buffer(
            width=width, height=height, format=av.VideoFormat("rgb24"), time_base=Fraction(1, 25)
        )
        entrance.link_to(made, 0, place)
        entrances.append(entrance)
    made.link_to(graph.add("buffersink"))
    graph.configure()
    return graph, entrances


def _frame(rgb: Bytes, number: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    frame.pts, frame.time_base = number, Fraction(1, 25)
    return frame


def _pulled(graph: Any) -> Iterator[Any]:
    while True:
        try:
            yield graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return


def write_webp(path: Path, frames: Frames, *, wait: Fraction, quality: int = QUALITY) -> None:
    """Write an endlessly looping WebP."""
    times = [time for _, time in frames()]
    ticks = [round(time * 1000) for time in [*times, times[-1] + wait]]
    waits = [max(1, later - earlier) for earlier, later in pairwise(ticks)]
    pictures = (Image.fromarray(rgb) for rgb, _ in frames())
    next(pictures).save(
        path, "WEBP", save_all=True, append_images=pictures, duration=waits, loop=0, quality=quality, method=4
    )


def write_folder(folder: Path, frames: Frames, *, names: Sequence[str] | None = None) -> None:
    """Write PNGs into an existing folder, numbered or with the given names."""
    for number, (rgb, _) in enumerate(frames()):
        name = f"{number + 1:06d}" if names is None else names[number]
        image.write(folder / f"{name}.png", rgb.astype(np.float32) / 255, overwrite=True)


def write_pictures(
    path: Path, suffix: str, frames: Frames, *, wait: Fraction, names: Sequence[str] | None = None
) -> None:
    """Write frames as ``.gif``, ``.webp``, or as a folder of images if the suffix is empty.

    Args:
        path: the file, or the folder.
        suffix: the format.
        frames: returns all frames with their times.
        wait: duration of the last frame in seconds.
        names: stems of the images in a folder; default: their numbers.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        if suffix == ".gif":
            write_gif(path, frames, wait=wait)
        elif suffix == ".webp":
            write_webp(path, frames, wait=wait)
        else:
            write_folder(path, frames, names=names)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise OutputError(f"cannot write {path}: {error}") from error
