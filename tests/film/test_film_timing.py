"""Durations of frames in a written video, and the duration that its stream declares."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from impasto.films import paint_film
from impasto.jobs import VideoJob
from impasto.media import FilmWriter, open_film, select_frames
from support.film_kinds import HEIGHT, WIDTH, picture

# A slide show: what is shown for long, at the end longest.
WAITS = [Fraction(n, 100) for n in (10, 10, 20, 50, 10, 150)]
TIMES = [sum(WAITS[:n], Fraction(0)) for n in range(len(WAITS))]


def slides(path: Path) -> Path:
    writer = FilmWriter(path, (HEIGHT, WIDTH), rate=Fraction(10))
    for number, (time, wait) in enumerate(zip(TIMES, WAITS, strict=True)):
        writer.write(picture(number), time, wait)
    writer.close()
    return path


def paint(source: Path, out: Path, **settings: object) -> Path:
    job = VideoJob(str(source), processed=str(source), consistency=0, **settings)  # type: ignore[arg-type]
    paint_film(job, out=out)
    return out


def shown(path: Path) -> list[tuple[Fraction, Fraction]]:
    """When and for how long, to the hundredth."""
    film = open_film(path)
    found = [(Fraction(round(f.time * 100), 100), round(f.duration * 100)) for f in film.frames()]
    film.close()
    return [(time, Fraction(wait, 100)) for time, wait in found]


@pytest.mark.parametrize("source", [".mp4", ".mkv", ".webm", ".mov"])
@pytest.mark.parametrize("target", [".mp4", ".mov", ".mkv", ".webm", ".gif", ".webp"])
def test_each_frame_keeps_how_long_it_is_shown(tmp_path: Path, source: str, target: str) -> None:
    film = slides(tmp_path / f"a{source}")
    painted = paint(film, tmp_path / f"b{target}")
    assert shown(film) == shown(painted) == list(zip(TIMES, WAITS, strict=True))
    if target in (".gif", ".webp"):
        return
    with av.open(str(painted)) as container:
        stream = container.streams.video[0]
        assert container.duration == pytest.approx(2_500_000, abs=2000)
        assert stream.average_rate is None or float(stream.average_rate) <= 10  # WebM's is of more frames


def test_a_gif_that_waits_at_its_end_becomes_a_film_that_does(tmp_path: Path) -> None:
    pictures = [Image.fromarray(picture(n)) for n in range(len(WAITS))]
    waits = [int(wait * 1000) for wait in WAITS]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=waits)
    assert shown(paint(tmp_path / "a.gif", tmp_path / "b.mp4"))[-1] == (Fraction(1), Fraction(3, 2))


@pytest.mark.parametrize("rate", [Fraction(10), Fraction(12), Fraction(30000, 1001)])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov"])
def test_a_steady_film_has_its_rate_and_its_length(tmp_path: Path, rate: Fraction, suffix: str) -> None:
    writer = FilmWriter(tmp_path / "a.mp4", (HEIGHT, WIDTH), rate=rate)
    for number in range(20):
        writer.write(picture(number), number / rate)
    writer.close()
    painted = paint(tmp_path / "a.mp4", tmp_path / f"b{suffix}")
    with av.open(str(painted)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate is not None
        assert float(stream.average_rate) == pytest.approx(float(rate), rel=0.002)
        assert container.duration == pytest.approx(float(20 / rate) * 1e6, abs=2000)


def test_what_is_left_out_at_the_end_is_time_of_what_is_shown(tmp_path: Path) -> None:
    film = slides(tmp_path / "a.mp4")
    assert shown(paint(film, tmp_path / "b.mp4", every=4)) == [
        (Fraction(0), Fraction(9, 10)),
        (TIMES[4], Fraction(8, 5)),
    ]
    assert shown(paint(film, tmp_path / "c.mp4", end="1.2"))[-1] == (Fraction(1), Fraction(1, 5))
    with open_film(film) as reader:
        found = [(s.time, s.duration) for s in select_frames(reader, fps=2)]
    half = Fraction(1, 2)
    assert found == [(0, half), (half, half), (1, Fraction(3, 2))]


@pytest.mark.parametrize(
    ("size", "rate", "level"),  # least level by ITU-T H.264, table A-1: macroblocks a frame, and a second
    [
        ((240, 320), 25, 13),
        ((360, 640), 30, 30),
        ((480, 640), 25, 30),
        ((720, 1280), 25, 31),
        ((720, 1280), 60, 32),
        ((1080, 1920), 30, 40),
    ],
)
def test_the_level_is_no_higher_than_it_must_be(
    tmp_path: Path, size: tuple[int, int], rate: int, level: int
) -> None:
    height, width = size
    writer = FilmWriter(tmp_path / "a.mp4", size, rate=Fraction(rate))
    for number in range(3):
        writer.write(np.full((height, width, 3), 50 * number, np.uint8), Fraction(number, rate))
    writer.close()
    with av.open(str(tmp_path / "a.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert context.extradata is not None and context.extradata[3] == level
        assert context.framerate == rate  # as the stream itself says
