"""Decoding of a video stream, with the times of frames; damaged packets are skipped."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av

from impasto.media.display import lets_through
from impasto.media.filters import Filter

_INTERLACED = "mode=send_frame:deint=interlaced"  # of bwdif: progressive frames are unchanged
# Containers that store decoding times, but no presentation times.
_NO_SHOWING = ("avi",)


@dataclass(frozen=True)
class Decoded:
    """A decoded frame with its presentation time by the stream's clock and its duration, 0 if unknown."""

    frame: av.VideoFrame
    time: Fraction
    duration: Fraction


@dataclass
class Decoder:
    """Decoder of a stream of an open file, from its current position.

    Args:
        container: the file.
        stream: the video stream.
        rate: frames per second, for frames without a time.
        careful: skip packets that cannot be decoded. Use it without frame threading, which would lose other
            frames with them.

    Raises:
        av.FFmpegError: a packet cannot be decoded, and ``careful`` is not set.
    """

    container: Any
    stream: Any
    rate: Fraction
    careful: bool
    packets: int = 0
    lost: list[Fraction] = field(default_factory=list)  # times of packets that cannot be decoded
    fault: str = ""  # error of the last of them
    ends_broken: bool = False  # no frame was decoded after the last of them
    woven: bool = False  # there were interlaced frames

    def __iter__(self) -> Iterator[Decoded]:
        """Yield the frames in presentation order, with strictly increasing times."""
        due: list[int] | None = [] if self.container.format.name in _NO_SHOWING else None
        last, number = None, 0
        for frame, duration in self._interlacing(self._pictures(due)):
            time = self._time(frame, due, number)
            if last is not None and time <= last:
                time = last + 1 / self.rate
            yield Decoded(frame, time, Fraction(0) if due is not None else duration)
            last, number = time, number + 1

    def _pictures(self, due: list[int] | None) -> Iterator[av.VideoFrame]:
        context = _seeing_through(self.stream)
        for packet in self._demux():
            self.packets += 1 if packet.size else 0
            if due is not None and packet.size and packet.dts is not None:
                heapq.heappush(due, packet.dts)
            try:
                found = (
                    packet.decode() if context is None else context.decode(packet if packet.size else None)
                )
            except av.FFmpegError as error:
                self._lose(packet, error)
                continue
            if found:
                self.ends_broken = False
            yield from found

    def _demux(self) -> Iterator[Any]:
        try:
            yield from self.container.demux(self.stream)
        except av.FFmpegError as error:
            self._lose(None, error)

    def _lose(self, packet: Any, error: av.FFmpegError) -> None:
        if not self.careful:
            raise error
        stated = None if packet is None else packet.pts if packet.pts is not None else packet.dts
        known = self.lost[-1] if self.lost else Fraction(0)
        self.lost.append(known if stated is None else stated * Fraction(packet.time_base))
        self.fault, self.ends_broken = reason(error), True

    def _time(self, frame: av.VideoFrame, due: list[int] | None, number: int) -> Fraction:
        clock = Fraction(self.stream.time_base or 0)
        if due:
            return heapq.heappop(due) * clock
        if frame.pts is None or frame.time_base is None:
            begins = (self.stream.start_time or 0) * clock
            return begins + number / self.rate
        return frame.pts * Fraction(frame.time_base)

    def _interlacing(self, frames: Iterator[av.VideoFrame]) -> Iterator[tuple[av.VideoFrame, Fraction]]:
        """Deinterlace: merge two fields into one frame, at the time of the first; yield durations, too."""
        weaver, size, waiting = None, (0, 0), deque[av.VideoFrame]()
        for frame in frames:
            if frame.interlaced_frame:
                self.woven = True
            if (weaver is not None or frame.interlaced_frame) and size != (frame.width, frame.height):
                yield from _weave(weaver, None, waiting)
                weaver, size = Filter("bwdif", _INTERLACED, frame), (frame.width, frame.height)
            if weaver is None:
                yield frame, _lasts(frame)
                continue
            waiting.append(frame)
            yield from _weave(weaver, frame, waiting)
        yield from _weave(weaver, None, waiting)


def has_alpha(stream: Any) -> bool:
    """Return whether the format of a video stream has an alpha channel."""
    return lets_through(stream.codec_context.pix_fmt or "") or _apart(stream) is not None


def _apart(stream: Any) -> str | None:
    """Return the decoder that decodes the separate alpha of a VP8 or VP9 stream; None without alpha."""
    stated = {key.lower(): text for key, text in stream.metadata.items()}
    known = {"vp8": "libvpx", "vp9": "libvpx-vp9"} if stated.get("alpha_mode") == "1" else {}
    return known.get(stream.codec_context.name)


def _seeing_through(stream: Any) -> Any:
    """Return a codec that decodes alpha of VP8 and VP9, unlike FFmpeg's own; None without alpha."""
    name = _apart(stream)
    if name is None:
        return None
    context = av.CodecContext.create(name, "r")
    context.extradata = stream.codec_context.extradata
    return context


def _weave(
    weaver: Filter | None, frame: av.VideoFrame | None, waiting: deque[av.VideoFrame]
) -> Iterator[tuple[av.VideoFrame, Fraction]]:
    """Filter a frame, or end; yield what is ready with the times of its inputs, one output per input."""
    if weaver is None:
        return
    weaver.push(frame)
    for made in weaver.pull():
        origin = waiting.popleft()
        made.pts = origin.pts
        if origin.time_base is not None:
            made.time_base = origin.time_base
        yield made, _lasts(origin)


def _lasts(frame: av.VideoFrame) -> Fraction:
    stated = frame.duration or 0
    return Fraction(0) if frame.time_base is None or stated < 0 else stated * Fraction(frame.time_base)


def reason(error: Exception) -> str:
    """Return FFmpeg's error message without its number."""
    return str(getattr(error, "strerror", None) or error).strip()
