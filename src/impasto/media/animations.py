"""Writing of animated images (GIF, WebP) and folders of images, with transparency and 16 bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, cast

import av
import av.filter
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto import image
from impasto.errors import OutputError
from impasto.media import levels

Bytes = NDArray[np.uint8]
Frames = Callable[[], Iterator[tuple[Bytes, Fraction]]]
"""Returns an iterator over all frames with their times, from the first one, at every call: ``(H, W, 3)``, or
``(H, W, 4)`` with alpha; uint8, or uint16 for a folder."""

QUALITY = 80  # quality of WebP, 0..100
_GIF_TICKS = 100  # time units of GIF per second


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
            for found in _pull_frames(graph):
                if stream is None:
                    stream = container.add_stream("gif", rate=_GIF_TICKS)
                    stream.width, stream.height, stream.pix_fmt = found.width, found.height, "pal8"
                    stream.codec_context.time_base = Fraction(1, _GIF_TICKS)
                _mux_gif(container, stream, found, times, wait)
        entrances[0].push(None)
        for found in _pull_frames(graph):
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
    """Return an image of the best 256 colors for all frames."""
    first = next(frames())[0]
    clear = int(first.shape[2] == 4)
    graph, entrances = _graph(f"palettegen=stats_mode=full:reserve_transparent={clear}", [first])
    for number, (rgb, _) in enumerate(frames()):
        entrances[0].push(_frame(rgb, number))
    entrances[0].push(None)
    return cast(Bytes, next(_pull_frames(graph)).to_ndarray(format="rgba" if clear else "rgb24"))


def _graph(what: str, examples: list[Bytes]) -> tuple[Any, list[Any]]:
    """Return a graph of one filter, and its inputs, for frames of the size of the examples."""
    graph = av.filter.Graph()
    name, _, options = what.partition("=")
    made = graph.add(name, options)
    entrances = []
    for place, example in enumerate(examples):
        height, width = example.shape[:2]
        entrance = graph.add_buffer(
            width=width, height=height, format=av.VideoFormat(_format(example)), time_base=Fraction(1, 25)
        )
        entrance.link_to(made, 0, place)
        entrances.append(entrance)
    made.link_to(graph.add("buffersink"))
    graph.configure()
    return graph, entrances


def _frame(rgb: Bytes, number: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format=_format(rgb))
    frame.pts, frame.time_base = number, Fraction(1, 25)
    return frame


def _format(frame: Bytes) -> str:
    return "rgba" if frame.shape[2] == 4 else "rgb24"


def _pull_frames(graph: Any) -> Iterator[Any]:
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
    """Write PNGs of 8 or 16 bits into an existing folder, numbered or with the given names."""
    for number, (rgb, _) in enumerate(frames()):
        name = f"{number + 1:06d}" if names is None else names[number]
        alpha = rgb[..., 3] if rgb.shape[2] == 4 else None
        bits: Literal[8, 16] = 16 if levels.top(rgb) > 255 else 8
        image.write(folder / f"{name}.png", rgb[..., :3], alpha=alpha, bits=bits, overwrite=True)


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
