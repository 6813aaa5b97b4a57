"""Writing of animated images (GIF, WebP) and folders of images, with transparency and 16 bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto import image
from impasto.errors import OutputError
from impasto.media import levels
from impasto.media.filters import Filter

Bytes = NDArray[np.uint8]
Frames = Callable[[], Iterator[tuple[Bytes, Fraction]]]
"""Returns an iterator over all frames with their times, from the first one, at every call: ``(H, W, 3)``, or
``(H, W, 4)`` with alpha; uint8, or uint16 for a folder."""

QUALITY = 80  # quality of WebP, 0..100
_GIF_TICKS = 100  # time units of GIF per second


def write_gif(path: Path, frames: Frames, *, wait: Fraction) -> None:
    """Write a looping GIF, with one palette for all frames and ordered dithering, which is stable."""
    ticks = _ticks(frames, wait, _GIF_TICKS)
    palette, first = _palette(frames), next(frames())[0]
    mapping = Filter("paletteuse", "dither=bayer:bayer_scale=3", _frame(first), palette)
    mapping.push(palette, place=1)
    mapping.push(None, place=1)
    with av.open(str(path), "w", format="gif", options={"loop": "0"}) as container:
        stream: Any = container.add_stream("gif", rate=_GIF_TICKS)
        stream.height, stream.width, stream.pix_fmt = *first.shape[:2], "pal8"
        stream.codec_context.time_base = Fraction(1, _GIF_TICKS)
        for frame in _numbered(frames):
            mapping.push(frame)
            for found in mapping.pull():
                start, end = ticks[found.pts : found.pts + 2]
                found.pts, found.duration = start, max(1, end - start)
                found.time_base = Fraction(1, _GIF_TICKS)
                for packet in stream.encode(found):
                    packet.duration = found.duration
                    container.mux(packet)
        container.mux(stream.encode(None))


def _palette(frames: Frames) -> av.VideoFrame:
    """Return an image of the best 256 colors for all frames."""
    first = next(frames())[0]
    clear = first.shape[2] == 4
    collecting = Filter("palettegen", f"stats_mode=full:reserve_transparent={int(clear)}", _frame(first))
    for frame in _numbered(frames):
        collecting.push(frame)
    return _frame(next(collecting.pull()).to_ndarray(format=levels.pixel_format(clear=clear)))


def _numbered(frames: Frames) -> Iterator[av.VideoFrame | None]:
    """Yield the frames, with their numbers as times, and None at the end."""
    for number, (rgb, _) in enumerate(frames()):
        yield _frame(rgb, number)
    yield None


def _frame(rgb: Bytes, number: int = 0) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format=levels.pixels_of(rgb))
    frame.pts, frame.time_base = number, Fraction(1, 25)
    return frame


def _ticks(frames: Frames, wait: Fraction, rate: int) -> list[int]:
    """Return the start of each frame, and the end of the last one, in units of ``1 / rate`` seconds."""
    times = [time for _, time in frames()]
    return [round(time * rate) for time in [*times, times[-1] + wait]]


def write_webp(path: Path, frames: Frames, *, wait: Fraction, quality: int = QUALITY) -> None:
    """Write an endlessly looping WebP."""
    waits = [max(1, later - earlier) for earlier, later in pairwise(_ticks(frames, wait, 1000))]
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

    The last frame lasts ``wait`` seconds. ``names`` are stems of the images in a folder; default: numbers.

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
