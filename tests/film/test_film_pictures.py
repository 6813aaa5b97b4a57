"""Videos as GIF, WebP or folders of images, in and out: selected frames and their times."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from impasto import image
from impasto.errors import InputError, OutputError
from impasto.jobs import VideoJob, parse_seconds
from impasto.media import (
    FilmReader,
    FilmWriter,
    PictureReader,
    Span,
    check_target,
    most_active_spans,
    open_film,
    select_frames,
    write_pictures,
)
from support.video import scene

Bytes = NDArray[np.uint8]
TIMES = [Fraction(t, 100) for t in (0, 10, 20, 35, 50, 90)]


def frames() -> Iterator[tuple[Bytes, Fraction]]:
    for number, time in enumerate(TIMES):
        yield scene(number), time


@pytest.mark.parametrize(("suffix", "near"), [(".gif", 8), (".webp", 6)])
def test_animated_pictures_keep_frames_and_times(tmp_path: Path, suffix: str, near: float) -> None:
    path = tmp_path / f"a{suffix}"
    write_pictures(path, suffix, frames, wait=Fraction(1, 10))
    film = open_film(path)
    assert isinstance(film, PictureReader) and film.seconds == 1.0
    found = list(film.frames())
    assert [frame.time for frame in found] == TIMES
    for number, frame in enumerate(found):
        assert np.abs(frame.rgb.astype(int) - scene(number)).mean() < near
    with Image.open(path) as opened:
        assert opened.info.get("loop") == 0


def test_a_gif_holds_still_what_stands_still(tmp_path: Path) -> None:
    write_pictures(tmp_path / "a.gif", ".gif", lambda: ((scene(0), t) for t in TIMES), wait=Fraction(1, 10))
    with Image.open(tmp_path / "a.gif") as opened:
        count = getattr(opened, "n_frames", 1)
        opened.seek(0)
        first = np.array(opened.convert("RGB"))
        opened.seek(count - 1)
        assert (np.array(opened.convert("RGB")) == first).all()


def test_a_folder_is_a_film_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    for number in (1, 2, 10, 9):
        image.write(tmp_path / f"shot{number}.png", np.full((8, 10, 3), number / 20, np.float32))
    film = open_film(tmp_path, rate=5)
    tones = [round(int(frame.rgb[0, 0, 0]) / 255 * 20) for frame in film.frames()]
    assert tones == [1, 2, 9, 10] and film.rate == 5 and film.seconds == 0.8
    assert [frame.time for frame in film.frames(start=0.2, end=0.6)] == [Fraction(1, 5), Fraction(2, 5)]
    image.write(tmp_path / "shot11.png", np.zeros((9, 10, 3), np.float32))
    with pytest.raises(InputError, match=r"shot11.png is 10x9, the first is 10x8"):
        list(open_film(tmp_path).frames())


def test_folders_and_pictures_that_are_no_film_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no images"):
        open_film(tmp_path)
    image.write(tmp_path / "a.png", np.zeros((8, 8, 3), np.float32))
    write_pictures(tmp_path / "b.gif", ".gif", frames, wait=Fraction(1, 10))
    data = (tmp_path / "b.gif").read_bytes()
    (tmp_path / "c.gif").write_bytes(data[: len(data) // 2])
    count = 0
    with pytest.raises(InputError, match=r"c\.gif"):
        for _ in open_film(tmp_path / "c.gif").frames():
            count += 1
    assert count < len(TIMES)


def test_a_picture_behind_which_there_is_nothing_stands_on_paper(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    half = Image.new("RGBA", (8, 8), (255, 0, 0, 255))
    clear.save(tmp_path / "a.webp", save_all=True, append_images=[half], duration=100, lossless=True)
    first, second = open_film(tmp_path / "a.webp").frames()
    assert (first.rgb == 255).all() and (second.rgb[0, 0] == (255, 0, 0)).all()


def film(path: Path, count: int, fps: int) -> Path:
    writer = FilmWriter(path, (48, 64))
    for number in range(count):
        writer.write(np.full((48, 64, 3), 5 * number, np.uint8), Fraction(number, fps))
    writer.close()
    return path


def test_frames_are_thinned_out_to_a_rate(tmp_path: Path) -> None:
    with FilmReader(film(tmp_path / "a.mp4", 30, 30)) as reader:
        found = list(select_frames(reader, fps=12))
        assert [shown.time for shown in found] == [Fraction(n, 12) for n in range(len(found))]
        assert len(found) == 12 and int(found[5].rgb[0, 0, 0]) == pytest.approx(5 * 13, abs=3)
        assert len(list(select_frames(reader, fps=60))) == 30
        assert [s.time for s in select_frames(reader, every=6)] == [Fraction(n, 5) for n in range(5)]


def test_spans_follow_each_other(tmp_path: Path) -> None:
    with FilmReader(film(tmp_path / "a.mp4", 30, 10)) as reader:
        found = list(select_frames(reader, [Span(0.5, 1.0), Span(2.0, 2.3)]))
    assert [shown.time for shown in found] == [Fraction(n, 10) for n in range(8)]
    assert [shown.begins for shown in found] == [False] * 5 + [True] + [False] * 2
    assert int(found[5].rgb[0, 0, 0]) == pytest.approx(100, abs=3)


def test_a_preview_shows_what_moves_and_what_does_not(tmp_path: Path) -> None:
    writer = FilmWriter(tmp_path / "a.mp4", (120, 160))
    for number in range(60):
        writer.write(scene(number % 6 if 20 <= number < 30 else 0), Fraction(number, 10))
    writer.close()
    with FilmReader(tmp_path / "a.mp4") as reader:
        spans = most_active_spans(reader, 2.0)
        assert Span(2.0, 3.0) in spans and len(spans) == 2
        assert most_active_spans(reader, 60.0) == [Span()]
        later = most_active_spans(reader, 1.0, within=Span(2.5))
        assert later[0] == Span(2.5, 3.0) and len(later) == 2
        assert most_active_spans(reader, 60.0, within=Span(1.0, 2.0)) == [Span(1.0, 2.0)]
        assert len(most_active_spans(reader, 0.01)) == 2


@pytest.mark.parametrize(
    ("text", "seconds"), [("2s", 2.0), ("1:30", 90.0), ("1:02:03.5", 3723.5), (4, 4.0), ("0.25", 0.25)]
)
def test_times_are_read(text: str | float, seconds: float) -> None:
    assert parse_seconds("start", text) == seconds
    assert VideoJob(film="a.mp4", styles=("b",), start=text).begin == seconds


@pytest.mark.parametrize("text", ["soon", "1:2:3:4", "-1", "nan", ""])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a time"):
        parse_seconds("start", text)


def test_targets_are_checked_before_any_work(tmp_path: Path) -> None:
    check_target(tmp_path / "new.mkv", overwrite=False)
    check_target(tmp_path / "folder", overwrite=False)
    with pytest.raises(OutputError, match="suffix"):
        check_target(tmp_path / "a.xyz", overwrite=False)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.png").touch()
    with pytest.raises(OutputError, match="not empty"):
        check_target(tmp_path / "full", overwrite=False)
    check_target(tmp_path / "full", overwrite=True)
    (tmp_path / "b.mp4").touch()
    with pytest.raises(OutputError, match="exists"):
        check_target(tmp_path / "b.mp4", overwrite=False)
