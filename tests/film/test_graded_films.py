"""Relit videos: shots, temporal consistency, exposure and resuming."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest

from conftest import Run
from impasto import color, files, image, methods
from impasto.errors import InputError
from impasto.films import photoreal as graded_films
from impasto.films import video
from impasto.films.photoreal import find_shots
from impasto.films.scenes import Shot
from impasto.jobs import PhotorealJob
from impasto.media import FilmReader, Span
from impasto.media.levels import unit
from impasto.painters.subjects import LazyBackbone
from support.graded_films import frames, write
from support.looks import night
from support.night_street import HEIGHT, LAMP, WALL, WIDTH, clear_day, street
from support.video import scene, texture


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A film, six frames of a moving scene and four of another, and a night."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(video, "PART_FRAMES", 4)
    write(tmp_path / "film.mp4", [scene(n) for n in range(6)] + [texture(120, 160, seed=7) // 4] * 4)
    image.write(tmp_path / "night.png", night()[0])
    return tmp_path


ONE = ("photoreal", "film.mp4", "night.png", "--fast", "--classes", "1")


def test_shots_are_found(here: Path) -> None:
    with FilmReader("film.mp4") as reader:
        shots = find_shots(reader, [Span()])
    assert [(shot.first, shot.last) for shot in shots] == [(0, 6), (6, 10)]
    assert all(1 <= len(shot.keys) <= 3 for shot in shots)


def test_a_film_is_graded_and_a_killed_run_ends_alike(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said, told = run(*ONE, "-o", "whole.mp4", "--json")
    assert code == 0, told
    assert json.loads(said)["frames"] == 10 and json.loads(said)["shots"] == 2
    assert np.mean(frames("whole.mp4")[0]) < 0.8 * np.mean(frames("film.mp4")[0])
    real, count = graded_films._Grader.next, []

    def following(self: object, *arguments: object) -> object:
        count.append(1)
        if len(count) == 7:
            raise RuntimeError("killed")
        return real(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(graded_films._Grader, "next", following)
    assert run(*ONE, "-o", "out.mp4")[0] == 1
    code, said, told = run(*ONE, "-o", "out.mp4", "--json")
    assert code == 0, told
    assert json.loads(said)["painted"] == 6
    assert all((a == b).all() for a, b in zip(frames("whole.mp4"), frames("out.mp4"), strict=True))


def test_a_refined_shot_goes_on_alike(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "photoreal", partial(methods.photoreal, steps=1))
    job = PhotorealJob(content="film.mp4", styles=("night.png",), classes=2)
    small = [scene(n)[::2, ::2] for n in range(4)]
    shot = Shot(0, 4, tuple(unit(frame) for frame in small[::3]))
    whole = graded_films._Grader(job, shot, LazyBackbone(job), None)
    first = [whole.next(frame, number) for number, frame in enumerate(small[:2])]
    again = graded_films._Grader(job, shot, LazyBackbone(job), None)
    again.restore({name: np.array(value) for name, value in whole.state().items()})
    assert np.abs(first[0] - small[0] / np.float32(255)).mean() > 0.05  # a night, no longer the day
    for number, frame in enumerate(small[2:], 2):
        assert np.array_equal(whole.next(frame, number), again.next(frame, number))


def test_lamps_go_out_in_a_night_that_becomes_day(here: Path) -> None:
    wide = np.pad(street(), ((0, 0), (16, 16), (0, 0)), mode="edge")
    drawn = np.random.default_rng(3)
    shown = [wide[:, 16 + 2 * n : 16 + 2 * n + WIDTH] for n in range(5)]
    shown = [
        color.to_srgb((1 + 0.15 * n) * color.to_linear(rgb)) for n, rgb in enumerate(shown)
    ]  # as at dawn
    made = [(rgb + 0.004 * drawn.standard_normal(rgb.shape)).clip(0, 1) for rgb in shown]
    small = [np.rint(255 * rgb).astype(np.uint8) for rgb in made]
    image.write("day.png", clear_day())
    job = PhotorealJob(content="film.mp4", styles=("day.png",), fast=True)
    shot = Shot(0, 5, tuple(unit(frame) for frame in small[::2]))
    said: list[str] = []
    whole = graded_films._Grader(job, shot, LazyBackbone(job), said.append)
    days = [whole.next(frame, number) for number, frame in enumerate(small[:3])]
    assert any("street lamps in it are removed" in line for line in said)
    again = graded_films._Grader(job, shot, LazyBackbone(job), None)
    again.restore({name: np.array(value) for name, value in whole.state().items()})
    for number, frame in enumerate(small[3:], 3):
        days.append(whole.next(frame, number))
        assert np.array_equal(days[-1], again.next(frame, number))
    assert days[0].shape == (HEIGHT, WIDTH, 3)
    for number, day in enumerate(days):
        row, column = LAMP[0], LAMP[1] - 2 * number
        lamp = day[row - 8 : row + 9, column - 8 : column + 9]
        sky = day[20:50, 220:280].mean((0, 1))
        assert sky.min() > 0.6 and np.abs(lamp - sky).max() < 0.15, number
        wall = day[WALL[0], WALL[1].start - 2 * number : WALL[1].stop - 2 * number]
        assert wall.mean() < sky.mean() - 0.15, number


def test_a_blinking_light_does_not_pulse_the_frame(run: Run, here: Path) -> None:
    still = [scene(0).copy() for _ in range(8)]
    for number, frame in enumerate(still):
        frame[20:32, 20:32] = (255, 160, 40) if number % 2 else (30, 20, 10)
    write(here / "film.mp4", still)
    assert run(*ONE, "-o", "out.mp4")[0] == 0
    levels = [frame[50:, 50:].mean() for frame in frames("out.mp4")]
    assert max(levels) - min(levels) < 1.0


def test_light_made_up_where_a_film_shows_nothing_is_warned_of(run: Run, here: Path) -> None:
    dark = np.random.default_rng(0).integers(0, 3, (120, 160, 3)).astype(np.uint8)
    write(here / "film.mp4", [dark] * 3)
    image.write(here / "day.png", texture(120, 160, seed=3) / np.float32(512) + np.float32(0.5))
    code, _, told = run("photoreal", "film.mp4", "day.png", "--fast", "--classes", "1", "-o", "out.mp4")
    assert code == 0 and told.count("too dark to show anything") == 1


def test_a_jump_of_exposure_is_followed(run: Run, here: Path) -> None:
    base = (scene(0).astype(float) * 0.6 + 30).astype(np.uint8)
    lighter = (base * 1.2).clip(0, 255).astype(np.uint8)
    write(here / "film.mp4", [base] * 3 + [lighter] * 3)
    assert run(*ONE, "-o", "out.mp4")[0] == 0
    given, made = frames("film.mp4"), frames("out.mp4")
    before, after = made[2].mean(), made[3].mean()
    assert given[3].mean() / given[2].mean() > 1.15
    assert abs(after / before - 1) < 0.05


def test_at_strength_0_a_film_comes_back(run: Run, here: Path) -> None:
    base = (scene(0).astype(float) * 0.6 + 30).astype(np.uint8)
    write(here / "film.mp4", [base] * 3 + [(base * 1.2).astype(np.uint8)] * 3)
    assert run(*ONE, "--strength", "0", "-o", "out.mp4")[0] == 0
    for given, made in zip(frames("film.mp4"), frames("out.mp4"), strict=True):
        assert np.abs(given.astype(float) - made).mean() < 3  # what the codec takes


def test_a_film_says_how_it_was_graded(run: Run, here: Path) -> None:
    assert run(*ONE, "-o", "out.mp4")[0] == 0
    with av.open("out.mp4") as container:
        said = json.loads(container.metadata["comment"])
    assert said["verb"] == "photoreal" and said["job"]["classes"] == 1 and said["job"]["fast"] is True
    assert said["inputs"] == {n: files.sha256(n) for n in ("film.mp4", "night.png")}


def test_of_a_damaged_film_what_comes_before_is_graded(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FilmReader.frames

    def damaged(self: FilmReader, **settings: object) -> Iterator[object]:
        for number, frame in enumerate(real(self, **settings)):  # type: ignore[arg-type]
            if number == 7:
                raise InputError(f"{self.path} is damaged after 7 frames")
            yield frame

    with monkeypatch.context() as patched:
        patched.setattr(FilmReader, "frames", damaged)
        code, _, told = run(*ONE, "-o", "out.mp4")
    assert code == 2 and "damaged after 7 frames" in told and "the frames before are in out.mp4" in told
    assert len(frames("out.mp4")) == 7


def test_an_odd_film_may_become_an_animated_picture(run: Run, here: Path) -> None:
    write(here / "film.mp4", [scene(n)[:119, :157] for n in range(3)])
    assert run(*ONE, "-o", "own.mp4")[0] == 0 and frames("own.mp4")[0].shape[:2] == (120, 158)
    assert run(*ONE, "--size", "97", "-o", "out.gif")[0] == 0
    assert image.read("out.gif").size == (74, 98)


def test_classes_of_a_film_follow_it(run: Run, here: Path) -> None:
    code, _, told = run("photoreal", "film.mp4", "night.png", "--fast", "--classes", "3", "-o", "out.mp4")
    assert code == 0 and told.count("photo  style") == 2
    assert len(frames("out.mp4")) == 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("film.mp4", "none.png"), "no such file"),
        (("none.mp4", "night.png"), "no such file"),
        (("film.mp4", "night.png", "--masks", "a.png", "b.png"), "masks are for photos"),
        (("film.mp4", "night.png", "--start", "90"), "no frame"),
        (("film.mp4", "night.png", "--save-look", "a.look"), "save it from a photo"),
        (("film.mp4", "night.png", "--preview", "a.png"), "preview is for photos"),
        (("film.mp4", "night.png", "--resume"), "the same command resumes"),
        (("night.png", "night.png", "--restart"), "--restart is for videos"),
        (("film.mp4", "night.png", "--weights", "1,2"), "give one per style"),
    ],
)
def test_what_cannot_be_graded_is_told_in_one_line(
    run: Run, here: Path, arguments: tuple[str, ...], words: str
) -> None:
    few = () if "--masks" in arguments else ("--classes", "1")
    code, _, told = run("photoreal", *arguments, "--fast", *few, "-o", "out.mp4")
    assert code == 2 and words in told.lower() and told.count("\n") == 1
