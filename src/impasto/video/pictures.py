"""Films that are pictures: GIF, animated WebP and PNG, and folders of numbered pictures, in and out."""

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
"""Gives all frames with their times, from the first, as often as it is called."""

ANIMATED = (".gif", ".webp", ".png", ".apng")
RATE = 25  # pictures a second in a folder, unless told
QUALITY = 80  # of WebP, 0..100
_GIF_TICKS = 100  # a second: what a GIF counts in


class PictureReader:
    """A folder of numbered pictures, or an animated picture; used as a :class:`FilmReader` is.

    Args:
        path: the folder, or the file.
        rate: pictures a second in a folder.

    Raises:
        InputError: nothing that can be read.
    """

    def __init__(self, path: str | Path, *, rate: float | None = None) -> None:
        self.path = Path(path)
        self._files: list[Path] = []
        self._said = False
        if self.path.is_dir():
            self._files = sorted((p for p in self.path.iterdir() if _is_frame(p)), key=_number)
            if not self._files:
                raise InputError(f"there are no pictures in {path}")
            self._times = [Fraction(n) / exactly(rate or RATE) for n in range(len(self._files) + 1)]
        else:
            self._times = _times(self.path)

    def __enter__(self) -> PictureReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held open."""

    def rewind(self) -> None:
        """Back to the beginning, where every reading starts."""

    @property
    def rate(self) -> Fraction:
        """Frames a second, on average."""
        return (len(self._times) - 1) / self._times[-1]

    @property
    def seconds(self) -> float | None:
        """Length."""
        return float(self._times[-1])

    @property
    def inputs(self) -> list[Path]:
        """The files that are read."""
        return self._files or [self.path]

    def frames(self, *, start: float = 0.0, end: float | None = None, every: int = 1) -> Iterator[FilmFrame]:
        """See :meth:`FilmReader.frames`.

        Raises:
            InputError: a picture that cannot be read, or one of another size than the first.
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
                    f"the first is {size[1]}x{size[0]}: bring the pictures of a film to one size"
                )
            yield FilmFrame(found, self._times[number], kept[number] - self._times[number])

    def _pictures(self) -> Iterator[Callable[[], Bytes]]:
        """Each picture, read when it is called for."""
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
            _log.warning("%s lets light through, which is not kept: it is laid on white", self.path)
        # One ground for all: the mean of each, as for a picture alone, would pulse.
        return np.asarray(np.rint(found.flat((1, 1, 1)) * 255), np.uint8)

    def names(self, times: Sequence[Fraction]) -> list[str] | None:
        """What the pictures of a folder are called, without suffix, that are shown from these times on."""
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
        ground = Image.new("RGBA", rgba.size, "white")  # what lets light through is seen on paper
        return np.array(Image.alpha_composite(ground, rgba).convert("RGB"))


def _is_frame(path: Path) -> bool:
    """Whether a file in a folder is a picture; those that begin with a dot are notes of file managers."""
    return path.suffix.lower() in image.READABLE and not path.name.startswith(".") and path.is_file()


def _number(path: Path) -> tuple[list[int | str], str]:
    """Numbers in a name count as numbers: 10 comes after 9."""
    parts = re.split(r"(\d+)", path.stem.lower())
    return [int(p) if p.isdigit() else p for p in parts], path.name


def _times(path: Path) -> list[Fraction]:
    """When each frame of an animated picture begins, and when the last one ends, seconds."""
    try:
        with Image.open(path) as opened:
            waits = [_wait(frame) for frame in ImageSequence.Iterator(opened)]
    except (OSError, ValueError, EOFError, SyntaxError, UnidentifiedImageError) as error:
        raise InputError(f"{path} is not an animated picture that can be read ({error})") from error
    times = [Fraction(0)]
    for wait in waits:
        # Browsers too take a wait of nothing, or next to it, for a tenth of a second.
        times.append(times[-1] + Fraction(round(wait) if wait > 10 else 100, 1000))
    return times


def _wait(frame: Image.Image) -> float:
    frame.load()  # of a WebP, Pillow knows how long a frame is shown only once it is read
    return float(frame.info.get("duration", 0))


def animated(path: Path) -> bool:
    """Whether a file is a picture with more than one frame."""
    if path.suffix.lower() not in ANIMATED:
        return False
    try:
        with Image.open(path) as opened:
            return bool(getattr(opened, "is_animated", False))
    except (OSError, ValueError, SyntaxError):
        return False


def write_gif(path: Path, frames: Frames, *, wait: Fraction) -> None:
    """Writes a GIF that runs for ever, in one palette for all, dithered by a pattern that does not crawl."""
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
    """The 256 colours that suit all frames best, as a picture."""
    first = next(frames())[0]
    graph, entrances = _graph("palettegen=stats_mode=full:reserve_transparent=0", [first])
    for number, (rgb, _) in enumerate(frames()):
        entrances[0].push(_frame(rgb, number))
    entrances[0].push(None)
    return cast(Bytes, next(_pulled(graph)).to_ndarray(format="rgb24"))


def _graph(what: str, examples: list[Bytes]) -> tuple[Any, list[Any]]:
    """A graph of one filter with its entrances, for pictures like the examples."""
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
    """Writes an animated WebP that runs for ever."""
    times = [time for _, time in frames()]
    ticks = [round(time * 1000) for time in [*times, times[-1] + wait]]
    waits = [max(1, later - earlier) for earlier, later in pairwise(ticks)]
    pictures = (Image.fromarray(rgb) for rgb, _ in frames())
    next(pictures).save(
        path, "WEBP", save_all=True, append_images=pictures, duration=waits, loop=0, quality=quality, method=4
    )


def write_folder(folder: Path, frames: Frames, *, names: Sequence[str] | None = None) -> None:
    """Writes PNGs into a folder that is there: numbered, or with names."""
    for number, (rgb, _) in enumerate(frames()):
        name = f"{number + 1:06d}" if names is None else names[number]
        image.write(folder / f"{name}.png", rgb.astype(np.float32) / 255, overwrite=True)


def write_pictures(
    path: Path, suffix: str, frames: Frames, *, wait: Fraction, names: Sequence[str] | None = None
) -> None:
    """Writes what the suffix says: ``.gif``, ``.webp``, or, without one, a folder.

    Args:
        path: the file, or the folder.
        suffix: which of them.
        frames: gives all frames with their times.
        wait: how long the last one is shown, seconds.
        names: of the pictures in a folder; default: their numbers.

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
