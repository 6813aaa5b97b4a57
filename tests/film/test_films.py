"""Painted videos through the command line: sound, times, and resuming after a kill."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from conftest import Run
from impasto.films import frame_painters
from impasto.media import FilmReader
from impasto.networks import library
from impasto.networks.painter import Painter
from support.film_files import packets_of
from support.films import TIMES, frames, here  # noqa: F401 - a fixture


def test_a_film_is_painted_with_its_sound_and_its_times(run: Run, here: Path) -> None:
    code, said, wrong = run("video", "film.mp4", "style1", "-o", "out.mp4", "--json")
    assert (code, wrong) == (0, ""), wrong
    told = json.loads(said)
    assert told["frames"] == told["painted"] == 11 and told["shots"] == 2 and told["size"] == [160, 120]
    with FilmReader("out.mp4") as reader:
        assert [frame.time for frame in reader.frames()] == TIMES
    assert packets_of(Path("film.mp4")) == packets_of(Path("out.mp4"))
    assert not Path("out.mp4.parts").exists()


def test_at_strength_zero_the_film_comes_back(run: Run, here: Path) -> None:
    assert run("video", "film.mp4", "style1", "--strength", "0", "--consistency", "0", "-o", "o.mkv")[0] == 0
    for one, other in zip(frames("film.mp4"), frames("o.mkv"), strict=True):
        assert np.abs(one.mean((0, 1)) - other.mean((0, 1))).max() < 2
        assert np.abs(one.astype(int) - other).mean() < 6  # what compression takes from a busy texture


def test_a_killed_film_ends_like_an_unbroken_one(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("video", "film.mp4", "style1", "-o", "whole.mp4")[0] == 0
    real, count = Painter.paint, []

    def paint(self: Painter, *arguments: object, **more: object) -> object:
        count.append(1)
        if len(count) == 7:
            raise RuntimeError("killed")
        return real(self, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Painter, "paint", paint)
    assert run("video", "film.mp4", "style1", "-o", "out.mp4")[0] == 1
    assert not Path("out.mp4").exists()
    code, said, wrong = run("video", "film.mp4", "style1", "-o", "out.mp4", "--json")
    assert code == 0, wrong
    # Five frames, a whole shot, lay in parts; of the next part nothing is used.
    assert json.loads(said)["painted"] == 6 and json.loads(said)["frames"] == 11
    assert all((a == b).all() for a, b in zip(frames("whole.mp4"), frames("out.mp4"), strict=True))


def test_the_parts_of_another_run_are_refused(run: Run, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_painters.LearnedStyles, "__call__", _failing_from(6))
    assert run("video", "film.mp4", "style1", "-o", "out.mp4")[0] == 1
    monkeypatch.undo()
    monkeypatch.setenv(library.HOME, str(here / "styles"))
    monkeypatch.chdir(here)
    code, _, wrong = run("video", "film.mp4", "style2", "-o", "out.mp4")
    assert code == 2 and "other settings" in wrong
    assert run("video", "film.mp4", "style2", "-o", "out.mp4", "--restart")[0] == 0


def _failing_from(last: int) -> Callable[..., np.ndarray]:
    calls: list[int] = []

    def paint(self: object, frame: np.ndarray, warped: object, mask: object) -> np.ndarray:
        calls.append(1)
        if len(calls) > last:
            raise RuntimeError("killed")
        return frame.astype(np.float32) / 255

    return paint


def test_parts_and_steps_of_a_film(run: Run, here: Path) -> None:
    code, said, _ = run(
        "video", "film.mp4", "style1", "style2", "--weights", "1,3", "--every", "3", "-o", "a.mp4", "--json"
    )
    assert code == 0 and json.loads(said)["frames"] == 4
    with FilmReader("a.mp4") as reader:
        assert [frame.time for frame in reader.frames()] == TIMES[::3]
    code, said, _ = run(
        "video",
        "film.mp4",
        "style1",
        "--start",
        "0.4",
        "--end",
        "0.8",
        "--size",
        "64",
        "-o",
        "b.mp4",
        "--json",
    )
    assert code == 0 and json.loads(said)["frames"] == 4 and json.loads(said)["size"] == [64, 48]
    with FilmReader("b.mp4") as reader:
        assert [frame.time for frame in reader.frames()] == TIMES[:4]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none.mp4", "style1"), "no such file"),
        (("notes.txt", "style1"), "not a readable video"),
        (("film.mp4", "stile1"), "style1"),
        (("film.mp4", "notes.txt"), "notes.txt"),
        (("film.mp4", "style1", "--consistency", "2"), "consistency 2"),
        (("film.mp4", "style1", "--start", "3", "--end", "1"), "is not after start"),
        (("film.mp4", "style1", "--start", "50"), "no frame at 50"),
        (("film.mp4", "style1", "--weights", "1,2"), "one number per style"),
        (("film.mp4", "style1", "--mask", "a.png,b.png"), "--mask has 2 values for 1 style"),
        (("film.mp4", "style1", "--style-scale", "1,2"), "--style-scale has 2 values for 1 style"),
        (("film.mp4", "style1", "--every", "0"), "every 0"),
        (("film.mp4", "style1", "--size", "7"), "8x6 are too small for optical flow"),
    ],
)
def test_what_cannot_be_painted_is_told_in_one_line(
    run: Run, here: Path, arguments: tuple[str, ...], words: str
) -> None:
    Path("notes.txt").write_text("no film")
    code, _, wrong = run("video", *arguments, "-o", "out.mp4")
    assert code == 2 and words in wrong and wrong.count("\n") == 1
    assert not Path("out.mp4").exists()
