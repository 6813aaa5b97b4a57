"""Joining of the parts of a video with the sound of its source, or to images."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from impasto import files
from impasto.media.animations import write_pictures
from impasto.media.image_sequences import PictureReader
from impasto.media.levels import pixel_format, pixels_of
from impasto.media.reading import CLOCK, USUAL, FilmReader, exactly
from impasto.media.spans import WHOLE, Film, Span
from impasto.media.streams import PassthroughStreams
from impasto.media.writing import CODECS, RAW, FilmWriter, convert_write_errors, create

Bytes = NDArray[np.uint8]

STATE = "state"  # file with the number of finished frames and the state for the next one


@dataclass(frozen=True)
class Whole:
    """A video to join from parts: its target, the (height, width) of its frames, and its recipe.

    Without a suffix, ``target`` is a folder of numbered images. The parts show the ``spans`` of the source.
    """

    target: Path
    size: tuple[int, int]
    spans: Sequence[Span] = WHOLE
    recipe: str = ""

    def join(
        self,
        parts: Sequence[Path],
        source: Film | None,
        *,
        overwrite: bool = False,
        placing: Callable[[], None] = lambda: None,
    ) -> None:
        """Join the parts, in this order, with the sound of ``source``.

        ``placing`` is called when everything is written, before it is moved to the target.

        Raises:
            OutputError: the video cannot be written; the parts are kept.
        """
        suffix, decoded = self.target.suffix.lower(), partial(self._decode_frames, parts)
        wait = _last_wait(parts)
        with av.open(str(parts[0])) as part:
            raw = part.streams.video[0].codec_context.codec.name == RAW
        if suffix:
            with files.atomic(self.target, overwrite=overwrite) as temporary:
                if suffix in CODECS and raw:
                    self._encode(parts, source, temporary, wait)
                elif suffix in CODECS:
                    with convert_write_errors(self.target):
                        self._join_packets(parts, source, temporary, wait)
                else:
                    write_pictures(temporary, suffix, decoded, wait=wait)
                placing()
            return
        made = parts[0].parent / "pictures"
        made.mkdir(exist_ok=True)
        write_pictures(made, suffix, decoded, wait=wait, names=self._names(source, parts))
        placing()
        self.target.mkdir(exist_ok=True)
        pictures = sorted(made.iterdir())
        for path in pictures:
            path.replace(self.target / path.name)
        _forget_after({path.name for path in pictures}, self.target)

    def _names(self, source: Film | None, parts: Sequence[Path]) -> list[str] | None:
        """Return the stems of the source images, if the source is a folder and one span of it is used."""
        if not isinstance(source, PictureReader) or len(self.spans) > 1:
            return None
        start = exactly(self.spans[0].start)
        return source.names([p.pts * p.time_base + start for p in _packets(parts)])

    def _join_packets(self, parts: Sequence[Path], source: Film | None, place: Path, wait: Fraction) -> None:
        output = create(place, self.target.suffix.lower())
        try:
            with av.open(str(parts[0])) as part:
                stream = output.add_stream_from_template(part.streams.video[0])
            others = PassthroughStreams(
                source if isinstance(source, FilmReader) else None, output, spans=self.spans
            )
            self._comment(output)
            for packet in _pictures(parts, wait):
                others.copy(until=packet.pts * packet.time_base)
                packet.dts, packet.stream = packet.pts, stream
                output.mux(packet)
            others.copy()
        finally:
            output.close()

    def _comment(self, output: Any) -> None:
        """Add the recipe to the metadata."""
        if self.recipe:
            own = output.metadata.get("comment", "")
            output.metadata["comment"] = f"{own}\n{self.recipe}" if own else self.recipe

    def _encode(self, parts: Sequence[Path], source: Film | None, place: Path, wait: Fraction) -> None:
        """Encode lossless parts, with transparency if a frame has any."""
        with av.open(str(parts[0])) as part:
            rate = part.streams.video[0].average_rate or USUAL
        others = source if isinstance(source, FilmReader) else None
        writer: FilmWriter | None = None
        held: tuple[Bytes, Fraction] | None = None
        for rgb, time in self._decode_frames(parts):
            if writer is None:
                suffix, pixels = self.target.suffix.lower(), pixels_of(rgb)
                writer = FilmWriter(
                    place, self.size, others, suffix=suffix, rate=rate, pixels=pixels, spans=self.spans
                )
                self._comment(writer.container)
            if held is not None:
                writer.write(*held, time - held[1])
            held = rgb, time
        assert writer is not None and held is not None
        writer.write(*held, wait)
        writer.close()

    def _decode_frames(self, parts: Sequence[Path]) -> Iterator[tuple[Bytes, Fraction]]:
        """Yield all frames of lossless parts; without alpha if all are opaque."""
        opaque = not any(
            files.load_arrays(path / STATE)[1].get("clear") for path in {p.parent for p in parts}
        )
        for path in parts:
            with av.open(str(path)) as part:
                for frame in part.decode(video=0):
                    assert frame.pts is not None and frame.time_base is not None
                    stored = frame.format.components
                    pixels = pixel_format(clear=len(stored) == 4, deep=stored[0].bits > 8)
                    rgb = frame.to_ndarray(format=pixels)[: self.size[0], : self.size[1]]
                    rgb = rgb[..., :3] if opaque else rgb
                    yield np.ascontiguousarray(rgb), frame.pts * Fraction(frame.time_base)


def _pictures(parts: Sequence[Path], wait: Fraction) -> Iterator[Any]:
    """Yield the packets of all parts, each with a duration until the next, the last with ``wait`` seconds."""
    kept = None
    for packet in _packets(parts):
        if kept is not None:
            kept.duration = packet.pts - kept.pts
            yield kept
        kept = packet
    if kept is not None:
        kept.duration = max(1, round(wait / kept.time_base))
        yield kept


def _packets(parts: Sequence[Path]) -> Iterator[Any]:
    for path in parts:
        with av.open(str(path)) as part:
            yield from (packet for packet in part.demux(part.streams.video[0]) if packet.size)


def _last_wait(parts: Sequence[Path]) -> Fraction:
    """Return the duration of the last frame in seconds, from the state of the parts."""
    _, meta = files.load_arrays(parts[-1].parent / STATE)
    last = max((packet.pts * packet.time_base for packet in _packets(parts[-1:])), default=Fraction(0))
    return max(Fraction(1, CLOCK), Fraction(str(meta["ends"])) - last)


def _forget_after(written: set[str], folder: Path) -> None:
    """Delete numbered images that a longer video left in a folder; keep files with other names."""
    alike = {re.sub(r"\d", "#", name) for name in written}  # a date differs in its number of digits
    last = max(map(_numbers, written))
    for path in folder.iterdir():
        other = re.sub(r"\d", "#", path.name) not in alike
        if path.name not in written and not other and _numbers(path.name) > last:
            path.unlink()


def _numbers(name: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", name)]
