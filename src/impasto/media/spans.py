"""Selection of the frames of a video, with their times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import InputError
from impasto.media.image_sequences import PictureReader, is_animated
from impasto.media.levels import eight, extend_colors, ground_of, resize_deep
from impasto.media.reading import FilmReader, exactly

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Span:
    """Part of a video in seconds; to its end if ``end`` is None."""

    start: float = 0.0
    end: float | None = None


WHOLE = (Span(),)


def limit_spans(spans: Sequence[Span], seconds: Fraction) -> list[Span]:
    """Return the first ``seconds`` of the spans.

    Examples:
        >>> limit_spans([Span(0, 2), Span(5, 9)], Fraction(3))
        [Span(start=0, end=2), Span(start=5, end=6.0)]
    """
    found = []
    for span in spans:
        if seconds <= 0:
            break
        end = float(span.start + seconds)
        found.append(span if span.end is not None and span.end <= end else Span(span.start, end))
        if span.end is not None:
            seconds -= exactly(span.end) - exactly(span.start)
    return found


Film = FilmReader | PictureReader
"""Source of frames: a video, or an animated image or a folder of images."""


def open_film(
    path: str | Path, *, rate: float | None = None, clear: bool = False, deep: bool = False
) -> Film:
    """Open a video of any kind for reading.

    Args:
        path: a file, or a folder of numbered images.
        rate: frame rate of a folder.
        clear: return frames with alpha, if there is transparency; else it is dropped with a warning.
        deep: return frames of 16 bits, if the images of a folder have them.

    Raises:
        InputError: it does not exist, or cannot be read as a video.
    """
    path = Path(path)
    if path.is_dir() or is_animated(path):
        return PictureReader(path, rate=rate, clear=clear, deep=deep)
    return FilmReader(path, clear=clear)


@dataclass(frozen=True)
class ShownFrame:
    """A frame ``(H, W, 3)``, time and duration in seconds; ``begins`` marks the start of a further span.

    See :class:`FilmFrame` for ``alpha``. ``ground`` is the mean visible color of the first frame with
    visible pixels, the same for all frames after it.
    """

    rgb: Bytes
    time: Fraction
    begins: bool
    duration: Fraction
    alpha: Bytes | None = None
    ground: NDArray[np.float32] | None = None


def select_frames(
    film: Film, spans: Sequence[Span] = WHOLE, *, every: int = 1, fps: float | None = None
) -> Iterator[ShownFrame]:
    """Yield the selected frames, with times that start with 0 at the first span.

    Args:
        film: the source.
        spans: its spans, in order.
        every: use every n-th frame only.
        fps: frame rate to reduce to; a video with a lower rate keeps all frames.

    Raises:
        InputError: a frame cannot be read.
    """
    kept: ShownFrame | None = None
    try:
        for found in _all(film, spans, every):
            shown = found if fps is None else _at_tick(found, exactly(fps))
            if kept is not None and fps is not None and shown.time <= kept.time:
                lasts = max(kept.duration, found.time + found.duration - kept.time)
                kept = replace(kept, duration=lasts, begins=kept.begins or found.begins)
                continue
            if kept is not None:
                yield replace(kept, duration=shown.time - kept.time)
            kept = shown
    except InputError:
        if kept is not None:
            yield kept  # the last frame before the damage
        raise
    if kept is not None:
        yield kept


def _all(film: Film, spans: Sequence[Span], every: int) -> Iterator[ShownFrame]:
    """Yield the frames of all spans, in order."""
    begun, ground = Fraction(0), None
    for number, span in enumerate(spans):
        fresh = number > 0
        for frame in film.frames(start=span.start, end=span.end, every=every):
            time = max(Fraction(0), frame.time - exactly(span.start)) + begun
            if ground is None and frame.alpha is not None:
                ground = ground_of(frame.rgb, frame.alpha)
            yield ShownFrame(frame.rgb, time, fresh, frame.duration, frame.alpha, ground)
            fresh = False
        if span.end is not None:
            begun += exactly(span.end) - exactly(span.start)


def _at_tick(shown: ShownFrame, fps: Fraction) -> ShownFrame:
    """Move the start of a frame back to its tick at ``fps``; its end is unchanged."""
    time = int(shown.time * fps) / fps
    return replace(shown, time=time, duration=shown.time + shown.duration - time)


def size_of(film: Film, size: int | str | None, *, start: float = 0.0) -> tuple[int, int]:
    """Return the even (height, width) of frames with ``size`` as the long side, or their own size.

    Raises:
        InputError: there is no frame from ``start`` on.
    """
    first = next(film.frames(start=start), None)
    if first is None:
        raise InputError(f"{film.path} has no frame at {start:g} s: choose an earlier start")
    height, width = first.rgb.shape[:2]
    if not isinstance(size, int):
        return height, width
    scale = size / max(height, width)
    return max(2, round(height * scale / 2) * 2), max(2, round(width * scale / 2) * 2)


def resize_frame(rgb: Bytes, size: tuple[int, int]) -> Bytes:
    """Return a frame resized to (height, width)."""
    if rgb.shape[:2] == size:
        return rgb
    if rgb.dtype != np.uint8:
        return resize_deep(rgb, size)
    return np.asarray(Image.fromarray(rgb).resize(size[::-1], Image.Resampling.LANCZOS))


def prepare_frame(shown: ShownFrame, size: tuple[int, int]) -> ShownFrame:
    """Return a frame resized to (height, width), and with its colors extended if it has alpha."""
    rgb = resize_frame(shown.rgb, size)
    if shown.alpha is None:
        return replace(shown, rgb=rgb)
    alpha = resize_frame(shown.alpha, size)
    if shown.ground is not None:
        rgb = extend_colors(rgb, alpha, shown.ground)
    return replace(shown, rgb=rgb, alpha=alpha)


def most_active_spans(film: Film, seconds: float, *, within: Span = WHOLE[0]) -> list[Span]:
    """Return the spans with the most and the least motion, ``seconds / 2`` each, in temporal order.

    Motion is the difference of consecutive small gray frames. A span has at least two frames; a video that is
    no longer than both is a single span.
    """
    changes: list[tuple[Fraction, float]] = []
    before: NDArray[np.float32] | None = None
    for frame in film.frames(start=within.start, end=within.end):
        small = np.asarray(Image.fromarray(eight(frame.rgb)).convert("L").resize((64, 36)), np.float32)
        time = frame.time - exactly(within.start)
        changes.append((time, 0.0 if before is None else float(np.abs(small - before).mean())))
        before = small
    half, length = max(seconds / 2, float(2 / film.rate)), float(changes[-1][0]) if changes else 0.0
    if length <= 2 * half:
        return [within]
    means = {}
    for number in range(int((length - half) / half) + 1):
        found = [change for time, change in changes if number * half < time < (number + 1) * half]
        if found:
            means[number] = sum(found) / len(found)
    chosen = sorted({max(means, key=means.__getitem__), min(means, key=means.__getitem__)})
    return [Span(within.start + n * half, within.start + (n + 1) * half) for n in chosen]
