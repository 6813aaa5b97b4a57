"""The flicker report: what it detects, what it ignores, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from impasto import image
from impasto.cli import main
from impasto.errors import InputError
from impasto.films import paint_film, report
from impasto.films.frame_pairs import open_comparison
from impasto.jobs import VideoJob
from impasto.media import FilmWriter, FlickerMeter, write_pictures
from impasto.media.flicker_metric import heat
from support.video import _exact, scene, texture

Bytes = NDArray[np.uint8]


def write(folder: Path, change: Callable[[Bytes, int], Bytes], count: int = 6, fps: int = 10) -> Path:
    folder.mkdir()
    write_pictures(
        folder,
        "",
        lambda: ((change(scene(n), n), Fraction(n, fps)) for n in range(count)),
        wait=Fraction(1, fps),
    )
    return folder


def noisy(frame: Bytes, number: int) -> Bytes:
    noise = np.random.default_rng(number).normal(0, 15, frame.shape)
    return np.clip(frame + noise, 0, 255).astype(np.uint8)


def blurred(frame: Bytes, number: int) -> Bytes:
    return np.asarray(cv2.GaussianBlur(noisy(frame, number), (0, 0), 4), np.uint8)


def test_calm_that_was_bought_by_blur_is_found_out(tmp_path: Path) -> None:
    film = write(tmp_path / "film", lambda frame, number: frame)
    wild, soft = write(tmp_path / "wild", noisy), write(tmp_path / "soft", blurred)
    calm, cheat = report(film, film, baseline=wild), report(soft, film, baseline=wild)
    assert calm.lags[1].ratio is not None and calm.lags[1].ratio < 0.2
    assert cheat.lags[1].ratio is not None and cheat.lags[1].ratio < 0.3
    assert cheat.sharpness_kept is not None and cheat.sharpness_kept < 0.5
    assert any("blur" in text for text in cheat.warnings)
    assert calm.lags[1].error == pytest.approx(calm.lags[1].floor)
    assert 10 not in calm.lags  # six frames
    alone = report(soft, film)
    assert alone.lags[1].ratio is None and any("no baseline" in text for text in alone.warnings)


def test_what_lingers_where_things_came_into_sight_is_found(tmp_path: Path) -> None:
    film = write(tmp_path / "film", lambda frame, number: frame)

    def late(frame: Bytes, number: int) -> Bytes:
        return scene(max(0, number - 1))

    ghost = report(write(tmp_path / "late", late), film, baseline=film)
    clean = report(film, film, baseline=film)
    assert ghost.ghosts is not None and clean.ghosts == 0 and ghost.ghosts > 0.005


def test_cuts_are_left_out() -> None:
    watcher = FlickerMeter((1,), _or_still)
    for frame in (scene(0), scene(1), texture(120, 160, 9) // 4, texture(120, 160, 9) // 4):
        watcher.next(frame, [frame])
    assert watcher.mean_flicker(0, 1).error < 1e-5


def _or_still(first: Bytes, second: Bytes) -> NDArray[np.float32]:
    try:
        return _exact(first, second)
    except KeyError:
        return np.zeros((*first.shape[:2], 2), np.float32)


def test_the_error_map_shows_where(tmp_path: Path) -> None:
    def one_place(frame: Bytes, number: int) -> Bytes:
        frame = frame.copy()
        frame[10:20, 100:120] = 255 * (number % 2)
        return frame

    film = write(tmp_path / "film", lambda frame, number: frame)
    found = report(write(tmp_path / "p", one_place), film)
    assert found.errors is not None and found.profile is not None
    brightness = found.errors.astype(int).sum(2)
    assert brightness[13:17, 104:112].mean() > 10 * brightness[80:110, 100:150].mean()
    assert (heat(np.zeros((2, 2), np.float32)) < 10).all()
    rows = found.profile.shape[0]
    assert rows == 2 * 6 * (160 // 6) + 8
    assert (found.profile[0] == scene(0)[60]).all()


def test_the_report_is_written_whole(tmp_path: Path) -> None:
    film = write(tmp_path / "film", lambda frame, number: frame)
    found = report(write(tmp_path / "wild", noisy), film)
    page = found.save(tmp_path / "out")
    told = json.loads((tmp_path / "out" / "report.json").read_text())
    assert told["frames"] == 6 and told["size"] == [120, 160] and told["lags"]["1"]["floor"] > 0
    assert told == json.loads(found.to_json())
    text = page.read_text()
    assert "profile.png" in text and "http" not in text and str(tmp_path) not in text
    assert image.read(tmp_path / "out" / "errors.png").size == (120, 160)


def test_frames_of_one_time_are_compared(tmp_path: Path) -> None:
    for name, every in (("all", 1), ("half", 2)):
        writer = FilmWriter(tmp_path / f"{name}.mkv", (120, 160))
        for number in range(0, 6, every):
            writer.write(scene(number), Fraction(number, 10))
        writer.close()
    found = report(tmp_path / "half.mkv", tmp_path / "all.mkv")
    assert found.frames == 3 and found.sharpness == pytest.approx(1, rel=0.02)


def test_films_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    film = write(tmp_path / "film", lambda frame, number: frame, count=2)
    longer = write(tmp_path / "longer", lambda frame, number: frame, count=6)
    with pytest.raises(InputError, match="film ends before"):
        report(longer, film)
    with pytest.raises(InputError, match="cannot be compared"):
        report(write(tmp_path / "one", lambda frame, number: frame, count=1), film)
    with pytest.raises(InputError, match="no such file"):
        report(tmp_path / "none.mp4", film)


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """Frames of which each looks like no other, 10 a second."""
    writer = FilmWriter(tmp_path / "film.mkv", (48, 64))
    for number in range(40):
        writer.write(texture(48, 64, number), Fraction(number, 10))
    writer.close()
    return tmp_path / "film.mkv"


PARTS: list[dict[str, Any]] = [
    {"start": 1.5, "end": 3},
    {"start": 1, "every": 3},
    {"fps": 4, "start": 0.3},
    {"preview": 1},
]


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_compared_with_what_it_was_painted_from(
    long: Path, tmp_path: Path, part: dict[str, Any]
) -> None:
    own = {"film": str(long), "processed": str(long), "consistency": 0}
    out = paint_film(VideoJob.parse({**own, **part}), out=tmp_path / "part.mkv").path
    alone = paint_film(VideoJob.parse(own), out=tmp_path / "alone.mkv").path
    with ExitStack() as stack:
        found = list(open_comparison(stack, out, long, alone).together())
    assert len(found) >= 4
    for painted, *others in found:  # two frames of the film differ by 30 levels
        assert all(np.abs(painted.astype(int) - other).mean() < 6 for other in others)


def test_a_part_without_a_recipe_is_compared_by_its_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = write(tmp_path / "film", lambda frame, number: frame, count=20, fps=25)
    job = VideoJob(str(long), processed=str(long), consistency=0, start=0.4)
    out = paint_film(job, out=tmp_path / "part.gif").path

    def told(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["measure", str(out), "--json", *words])
        said = capsys.readouterr()
        return int(stop.value.code or 0), said.out, said.err

    own, other = (
        json.loads(told("--original", str(long), *more)[1])["lags"]["1"]
        for more in ((), ("--start", "0:00.4"))
    )
    assert other["error"] < 0.3 * own["error"]
    code, _, wrong = told("--original", str(long), "--start", "0.6")
    assert code == 2 and "ends before 0.28 s" in wrong and "--start" in wrong and wrong.count("\n") == 1
    code, _, wrong = told("--original", str(long), "--start", "30")
    assert code == 2 and "no frame at 30" in wrong and wrong.count("\n") == 1
    code, _, wrong = told("--content", "a.png", "--start", "3")
    assert code == 2 and "--original" in wrong


def test_a_baseline_of_another_part_is_refused(long: Path, tmp_path: Path) -> None:
    paths = []
    for start in (1, 2):
        job = VideoJob(str(long), processed=str(long), consistency=0, start=start, end=3)
        paths.append(paint_film(job, out=tmp_path / f"{start}.mkv").path)
    early, late = paths
    with ExitStack() as stack:
        for painted, film, alone in open_comparison(stack, late, long, early).together():
            assert max(np.abs(painted.astype(int) - other).mean() for other in (film, alone)) < 4
    with pytest.raises(InputError, match="lacks part of the stylized video"):
        report(early, long, baseline=late)
