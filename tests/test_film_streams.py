"""What a film has beside its pictures, on its way into the painted one: sound, subtitles, and their times."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from impasto.films import paint_film
from impasto.jobs import VideoJob
from impasto.video import FilmReader, FilmWriter

RATE = 8000  # samples a second


def film(
    path: Path, *, seconds: int, fps: int = 5, begins: Fraction = Fraction(0), **streams: dict[str, str]
) -> Path:
    """Grey frames of 64x48, one brighter than the other, and a tone a stream, with what it says of itself."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=fps, options={"bf": "0", "g": "10"})
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        pictures.time_base = pictures.codec_context.time_base = Fraction(1, 90_000)
        tones: list[Any] = []
        for said in streams.values() or [{}]:
            tones.append(container.add_stream("aac", rate=RATE, layout="mono"))
            tones[-1].metadata.update(said)
        for number in range(seconds * fps):
            grey = np.full((48, 64, 3), 40 + number, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = round((begins + Fraction(number, fps)) * 90_000), Fraction(1, 90_000)
            container.mux(pictures.encode(frame))
            if number % fps == 0:
                for tone in tones:
                    container.mux(tone.encode(_tone(round(begins * RATE) + number // fps * RATE)))
        for stream in (pictures, *tones):
            container.mux(stream.encode(None))
    return path


def _tone(first: int) -> av.AudioFrame:
    """A second of sound."""
    samples = (0.3 * np.sin(np.arange(first, first + RATE) / 5)).astype(np.float32)[None]
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE, first, Fraction(1, RATE)
    return frame


def packets(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    """Of the first stream of a kind: when they are due, and what is in them."""
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        return [(p.pts * p.time_base, bytes(p)) for p in container.demux(stream) if p.size]


def paint(source: Path, target: Path, **settings: Any) -> Path:
    """A film painted, as quickly as can be: what was painted is the film itself."""
    job = VideoJob(str(source), processed=str(source), consistency=0, **settings)
    paint_film(job, out=target)
    return target


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize("joined", [True, False])
def test_sound_lies_beside_the_pictures_in_a_long_film(tmp_path: Path, suffix: str, joined: bool) -> None:
    source, target = film(tmp_path / "a.mp4", seconds=40), tmp_path / f"b{suffix}"
    if joined:
        paint(source, target)
    else:
        with FilmReader(source) as reader:
            writer = FilmWriter(target, (48, 64), source=reader)
            for frame in reader.frames():
                writer.write(frame.rgb, frame.time)
            writer.close()
    with av.open(str(target)) as container:
        found = [(p.pos, p.stream.type, p.dts * p.time_base) for p in container.demux() if p.size]
    reached = {"video": Fraction(0), "audio": Fraction(0)}
    for _, kind, time in sorted(found):  # as they lie in the file
        reached[kind] = time
        assert abs(reached["video"] - reached["audio"]) < 2
    assert min(reached.values()) > 39
    assert [data for _, data in packets(source, "audio")] == [data for _, data in packets(target, "audio")]
