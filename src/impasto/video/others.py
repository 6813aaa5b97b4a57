"""Sound, subtitles and chapters of a film, taken over into another, packet by packet."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import av

from impasto.video.reading import FilmReader, exactly
from impasto.video.spans import WHOLE, Span

TOLD = ("language", "title", "handler_name")  # what streams say of themselves that is still true of a copy


def beside(source: FilmReader) -> list[Any]:
    """The streams of a film that are taken over as they are."""
    return [stream for stream in source.container.streams if stream.type in ("audio", "subtitle")]


class Others:
    """Sound, subtitles and chapters of a film, on their way into another, packet by packet.

    Args:
        source: the film they come from; None: there are none.
        container: that they go into; those it cannot hold stay behind.
        spans: the parts that are wanted, one after the other, cut on the borders of packets.
    """

    def __init__(self, source: FilmReader | None, container: Any, *, spans: Sequence[Span] = WHOLE) -> None:
        self.source, self.container, self.spans = source, container, spans
        self.streams: dict[int, Any] = {}
        if source is not None:
            self._add(source)
        self._packets, self._held = self._all(), None

    def _add(self, source: FilmReader) -> None:
        for stream in beside(source):
            with contextlib.suppress(av.FFmpegError, ValueError):
                added = self.container.add_stream_from_template(stream)
                added.metadata.update({k: v for k, v in stream.metadata.items() if k.lower() in TOLD})
                added.disposition = stream.disposition
                self.streams[stream.index] = added
        for name in ("title", "creation_time"):
            if name in source.container.metadata:
                self.container.metadata[name] = source.container.metadata[name]
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
                shift = int((earlier + self.source.origin) / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = self.streams[packet.stream.index]
                yield packet


def _moved(chapter: Any, span: Span, origin: float) -> Any | None:
    """A chapter as it lies in the part of the film that is kept; None if it does not."""
    clock = Fraction(chapter["time_base"])
    first, last = (max(0, round(chapter[k] - (origin + span.start) / clock)) for k in ("start", "end"))
    if span.end is not None:
        last = min(last, round((span.end - span.start) / clock))
    return {**chapter, "start": first, "end": last} if last > first else None
