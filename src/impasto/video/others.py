"""Sound, subtitles, chapters and tags of a film, taken over into another, packet by packet."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import av

from impasto.video.reading import FilmReader, exactly, split_comment
from impasto.video.spans import WHOLE, Span

TOLD = ("language", "title", "handler_name")  # what streams say of themselves that is still true of a copy
# What a file says of its own making, which is not true of another.
_OF_THE_FILE = ("encoder", "major_brand", "minor_version", "compatible_brands", "duration", "software")
_APPLE = "com.apple.quicktime."
_NAMES = {"location.iso6709": "location", "creationdate": "date"}  # of Apple's, and those of others
FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".nut": "nut"}
# What sound becomes that a container cannot hold, and the samples a second that it may have.
CODED = {"webm": ("libopus", (48000,)), "": ("aac", (48000, 44100, 32000, 24000, 22050, 16000, 11025, 8000))}


def beside(source: FilmReader) -> list[Any]:
    """The streams of a film that are taken over as they are."""
    return [stream for stream in source.container.streams if stream.type in ("audio", "subtitle")]


class Others:
    """Sound, subtitles and chapters of a film, on their way into another, packet by packet.

    Args:
        source: the film they come from; None: there are none.
        container: that they go into; sound it cannot hold is coded anew, subtitles stay behind.
        spans: the parts that are wanted, one after the other, cut on the borders of packets.
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
                elif can_be_coded(stream):
                    self._anew[stream.index] = anew = _Anew(self.container, stream)
                    added = anew.stream
                else:
                    continue
                added.metadata.update({k: v for k, v in stream.metadata.items() if k.lower() in TOLD})
                added.disposition = stream.disposition
                self.streams[stream.index] = added
        self.container.metadata.update(tags_of(source))
        if len(self.spans) == 1 and (chapters := source.container.chapters()):
            moved = (_moved(chapter, self.spans[0], float(source.origin)) for chapter in chapters)
            self.container.set_chapters([chapter for chapter in moved if chapter is not None])

    def copy(self, *, until: Fraction | None = None) -> None:
        """Writes their packets up to a time of the new film, seconds; None: all that are left.

        Players read a file from its beginning to its end: sound must lie beside the pictures of its time.
        """
        while (packet := next(self._packets, None) if self._held is None else self._held) is not None:
            late = until is not None and packet.dts * packet.time_base > until
            self._held = packet if late else None
            if late:
                return
            self.container.mux(packet)

    def _all(self) -> Iterator[Any]:
        """Their packets, at the times of the new film."""
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
                # What is asked for from the start keeps its packets before zero: decoders run up on them.
                if (span.start > 0 and time < span.start) or (span.end is not None and time >= span.end):
                    continue
                if (anew := self._anew.get(packet.stream.index)) is not None:
                    yield from anew.coded(packet, earlier + self.source.origin)
                    continue
                shift = int((earlier + self.source.origin) / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = self.streams[packet.stream.index]
                yield packet


class _Anew:
    """Sound on its way from one codec into another."""

    def __init__(self, container: Any, source: Any) -> None:
        codec, rates = CODED.get(container.format.name, CODED[""])
        rate = source.rate if source.rate in rates else rates[0]
        # AVI and others tell a number of channels, but not which they are.
        self.layout = {1: "mono", 2: "stereo"}.get(source.channels, source.layout.name)
        self.stream: Any = container.add_stream(codec, rate=rate, layout=self.layout)
        self._even = av.AudioResampler("fltp", self.layout, rate)

    def coded(self, packet: Any, earlier: Fraction) -> Iterator[Any]:
        """What comes of a packet, so many seconds earlier; what cannot be decoded is silence."""
        with contextlib.suppress(av.FFmpegError):
            for frame in packet.decode():
                time = Fraction(0) if frame.pts is None else frame.pts * Fraction(frame.time_base) - earlier
                frame.time_base = Fraction(1, frame.sample_rate)
                frame.pts = round(time * frame.sample_rate)
                for even in self._even.resample(frame):
                    yield from self.stream.encode(even)


def holds(container: str, stream: Any) -> bool:
    """Whether a container, by FFmpeg's name, can hold a stream as it is."""
    try:
        with av.open(io.BytesIO(), "w", format=container) as tried:
            tried.add_stream_from_template(stream)
            tried.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def can_be_coded(stream: Any) -> bool:
    """Whether a stream is sound that can be decoded, and so coded anew."""
    return stream.type == "audio" and stream.codec_context is not None and bool(stream.rate)


def tags_of(source: FilmReader) -> dict[str, str]:
    """What a film says of itself, but not of how its file was made: title, artist, date, place, comment."""
    found: dict[str, str] = {}
    for name, text in source.container.metadata.items():
        short = name.lower().removeprefix(_APPLE)
        if short not in _OF_THE_FILE:
            found.setdefault(_NAMES.get(short, short), text)
    if "comment" in found:
        own = split_comment(found.pop("comment"))[0]
        found |= {"comment": own} if own else {}
    return found


def _moved(chapter: Any, span: Span, origin: float) -> Any | None:
    """A chapter as it lies in the part of the film that is kept; None if it does not."""
    clock = Fraction(chapter["time_base"])
    first, last = (max(0, round(chapter[k] - (origin + span.start) / clock)) for k in ("start", "end"))
    if span.end is not None:
        last = min(last, round((span.end - span.start) / clock))
    return {**chapter, "start": first, "end": last} if last > first else None
