"""Copying of sound, subtitles, chapters and tags from one video to another, packet by packet."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import av

from impasto.media.reading import FilmReader, exactly, split_comment
from impasto.media.spans import WHOLE, Span

TOLD = ("language", "title", "handler_name")  # metadata of streams that is copied
# Metadata about the file itself, which is not copied.
_OF_THE_FILE = ("encoder", "major_brand", "minor_version", "compatible_brands", "duration", "software")
_APPLE = "com.apple.quicktime."
_NAMES = {"location.iso6709": "location", "creationdate": "date"}  # Apple's names to common ones
FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".nut": "nut"}
# Codec for sound that a container cannot hold, and its sample rates.
CODED = {"webm": ("libopus", (48000,)), "": ("aac", (48000, 44100, 32000, 24000, 22050, 16000, 11025, 8000))}


def beside(source: FilmReader) -> list[Any]:
    """Return the sound and subtitle streams of a video."""
    return [stream for stream in source.container.streams if stream.type in ("audio", "subtitle")]


class PassthroughStreams:
    """Copier of sound, subtitles and chapters into another container, packet by packet.

    Args:
        source: the video to copy from; None: copy nothing.
        container: the target; sound that it cannot hold is re-encoded, such subtitles are dropped.
        spans: spans of the source to copy, in order, cut at packet borders.
    """

    def __init__(self, source: FilmReader | None, container: Any, *, spans: Sequence[Span] = WHOLE) -> None:
        self.source, self.container, self.spans = source, container, spans
        self.streams: dict[int, Any] = {}
        self._anew: dict[int, _Anew] = {}
        if source is not None:
            self._add(source)
        self._packets, self._held = self._all(), None

    def _add(self, source: FilmReader) -> None:
        for stream in beside(source):
            with contextlib.suppress(av.FFmpegError, ValueError):
                if holds(self.container.format.name, stream):
                    added = self.container.add_stream_from_template(stream)
                elif can_reencode(stream):
                    self._anew[stream.index] = anew = _Anew(self.container, stream)
                    added = anew.stream
                else:
                    continue
                added.metadata.update({k: v for k, v in stream.metadata.items() if k.lower() in TOLD})
                added.disposition = stream.disposition
                self.streams[stream.index] = added
        self.container.metadata.update(tags_of(source))
        if len(self.spans) == 1 and (chapters := source.container.chapters()):
            moved = (_shift_chapter(chapter, self.spans[0], float(source.origin)) for chapter in chapters)
            self.container.set_chapters([chapter for chapter in moved if chapter is not None])

    def copy(self, *, until: Fraction | None = None) -> None:
        """Write packets up to a time of the new video in seconds; None: all that are left.

        Players read a file sequentially, so sound must be interleaved with the frames of its time.
        """
        while (packet := next(self._packets, None) if self._held is None else self._held) is not None:
            late = until is not None and packet.dts * packet.time_base > until
            self._held = packet if late else None
            if late:
                return
            self.container.mux(packet)

    def _all(self) -> Iterator[Any]:
        """Yield the packets, with times of the new video."""
        begun = Fraction(0)
        for span in self.spans if self.streams else ():
            yield from self._of(span, exactly(span.start) - begun)
            if span.end is not None:
                begun += exactly(span.end) - exactly(span.start)
        for anew in self._anew.values():
            yield from anew.stream.encode(None)

    def _of(self, span: Span, earlier: Fraction) -> Iterator[Any]:
        assert self.source is not None
        with av.open(str(self.source.path)) as again:
            for packet in again.demux([again.streams[index] for index in self.streams]):
                if packet.dts is None or packet.pts is None or packet.time_base is None:
                    continue
                time = float(packet.pts * packet.time_base - self.source.origin)
                # A span from the start keeps packets before zero, which prime the decoders.
                if (span.start > 0 and time < span.start) or (span.end is not None and time >= span.end):
                    continue
                if (anew := self._anew.get(packet.stream.index)) is not None:
                    yield from anew.reencode(packet, earlier + self.source.origin)
                    continue
                shift = int((earlier + self.source.origin) / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = self.streams[packet.stream.index]
                yield packet


class _Anew:
    """Re-encoder of a sound stream."""

    def __init__(self, container: Any, source: Any) -> None:
        codec, rates = CODED.get(container.format.name, CODED[""])
        rate = source.rate if source.rate in rates else rates[0]
        # AVI and others store the number of channels, but no layout.
        self.layout = {1: "mono", 2: "stereo"}.get(source.channels, source.layout.name)
        self.stream: Any = container.add_stream(codec, rate=rate, layout=self.layout)
        self._even = av.AudioResampler("fltp", self.layout, rate)

    def reencode(self, packet: Any, earlier: Fraction) -> Iterator[Any]:
        """Yield the packets of a re-encoded packet, ``earlier`` seconds earlier; damage becomes silence."""
        with contextlib.suppress(av.FFmpegError):
            for frame in packet.decode():
                time = Fraction(0) if frame.pts is None else frame.pts * Fraction(frame.time_base) - earlier
                frame.time_base = Fraction(1, frame.sample_rate)
                frame.pts = round(time * frame.sample_rate)
                for even in self._even.resample(frame):
                    yield from self.stream.encode(even)


def holds(container: str, stream: Any) -> bool:
    """Return whether a container, by FFmpeg's name, can hold a stream without re-encoding."""
    try:
        with av.open(io.BytesIO(), "w", format=container) as tried:
            tried.add_stream_from_template(stream)
            tried.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def can_reencode(stream: Any) -> bool:
    """Return whether a stream is sound that can be decoded, and so re-encoded."""
    return stream.type == "audio" and stream.codec_context is not None and bool(stream.rate)


def tags_of(source: FilmReader) -> dict[str, str]:
    """Return the tags of a video (title, artist, date, place, comment), without those of its file."""
    found: dict[str, str] = {}
    for name, text in source.container.metadata.items():
        short = name.lower().removeprefix(_APPLE)
        if short not in _OF_THE_FILE:
            found.setdefault(_NAMES.get(short, short), text)
    if "comment" in found:
        own = split_comment(found.pop("comment"))[0]
        found |= {"comment": own} if own else {}
    return found


def _shift_chapter(chapter: Any, span: Span, origin: float) -> Any | None:
    """Return a chapter with times of the span; None if it lies outside."""
    clock = Fraction(chapter["time_base"])
    first, last = (max(0, round(chapter[k] - (origin + span.start) / clock)) for k in ("start", "end"))
    if span.end is not None:
        last = min(last, round((span.end - span.start) / clock))
    return {**chapter, "start": first, "end": last} if last > first else None
