"""Helpers of the tests of film files."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from impasto.media import FilmWriter


class FilmWriterWithSound:
    """A film of our own with a tone, made by hand."""

    def __init__(self, path: Path, size: tuple[int, int], *, sound: bool) -> None:
        self.writer = FilmWriter(path, size)
        self.audio = self.writer.container.add_stream("aac", rate=8000) if sound else None

    def __enter__(self) -> FilmWriter:
        return self.writer

    def __exit__(self, *_: object) -> None:
        if self.audio is not None:
            tone = (0.3 * np.sin(np.arange(8192) / 5)).astype(np.float32)[None]
            for start in range(0, 8192, 1024):
                frame = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(tone[:, start : start + 1024]), format="fltp", layout="mono"
                )
                frame.sample_rate, frame.pts = 8000, start
                self.writer.container.mux(self.audio.encode(frame))
            self.writer.container.mux(self.audio.encode(None))
        self.writer.close()


def packets_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(container.streams.audio[0]) if p.size]


def turn(path: Path, turned: Path) -> None:
    """The same film, to be shown turned by a quarter."""
    with av.open(str(path)) as source, av.open(str(turned), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.set_display_rotation(90)
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
