"""Dream videos: temporal consistency, brightness, endless zoom, resuming after a kill, and errors."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import impasto
from impasto import image, samples
from impasto.cli import main
from impasto.errors import InputError
from impasto.films import dream, zoom
from impasto.films.dream import FrameDream
from impasto.films.zoom import Canvases, _inset
from impasto.jobs import DreamJob
from impasto.media import FilmReader, Segments, Steady
from impasto.painters.dream import Dreamer
from impasto.record import Recipe
from support.film_files import FilmWriterWithSound, packets_of
from support.video import scene

FAST = ("--octaves", "1", "--steps", "2", "--layers", "relu2_2", "-q")
TIMES = [Fraction(n, 10) for n in range(5)]


@pytest.fixture
def here(tmp_path: Path, narrow_vgg19: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dream, "PART", 2)
    monkeypatch.setattr(zoom, "PART", 2)
    image.write("photo.jpg", image.resize(samples.photo("coffee"), (60, 80)))
    image.write("guide.png", image.resize(samples.photo("chelsea"), (64, 64)))
    with FilmWriterWithSound(tmp_path / "film.mp4", (64, 80), sound=True) as writer:
        for number, time in enumerate(TIMES):
            writer.write(scene(number)[:64, :80], time)
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def frames(path: str) -> list[np.ndarray]:
    with FilmReader(path) as reader:
        return [frame.rgb for frame in reader.frames()]


# Photos


def test_a_dream_lies_where_it_was_asked_for_and_is_replayed(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("dream", "photo.jpg", "--guide", "guide.png", "-o", "out.png", "--json", *FAST) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["size"] == [80, 60] and said["evaluations"] == 2
    recipe = Recipe.from_json(image.read_recipe("out.png") or "")
    assert recipe.verb == "dream" and set(recipe.inputs) == {"photo.jpg", "guide.png"}
    assert str(here) not in recipe.to_json()
    assert not list(here.glob("*.checkpoint"))
    Path("photo.jpg").rename("renamed.jpg")
    assert run("replay", "out.png", "-o", "again.png") == 0
    assert np.array_equal(image.read("out.png").rgb, image.read("again.png").rgb)


def test_a_black_part_of_the_mask_keeps_its_pixels(here: Path) -> None:
    mask = np.zeros((60, 80), np.float32)
    mask[:, 40:] = 1
    image.write("mask.png", mask, gray=True)
    assert run("dream", "photo.jpg", "--mask", "mask.png", *FAST) == 0
    photo, out = image.read("photo.jpg").rgb, image.read("photo-dream.png").rgb
    assert np.array_equal(photo[:, :40], out[:, :40])
    assert np.abs(photo - out)[:, 40:].mean() > 1 / 255


def test_dream_and_style_are_one_sum(here: Path, brief: None, capsys: pytest.CaptureFixture[str]) -> None:
    from impasto import dream

    found = [
        dream("photo.jpg", style="guide.png", layers=["relu3_1"], size=64, weight=weight).history[-1].terms
        for weight in (0.1, 10.0)
    ]
    assert {"content", "gram", "wasserstein", "activation", "tv"} <= set(found[0])
    assert found[1]["activation"] / 10 < 1.3 * found[0]["activation"] / 0.1 < 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("dream", "nowhere.jpg"), "nowhere.jpg"),
        (("dream", "text.jpg"), "text.jpg"),
        (("dream", "photo.jpg", "--guide", "nowhere.png"), "nowhere.png"),
        (("dream", "photo.jpg", "--mask", "guide.png"), "the aspect ratio"),
        (("dream", "photo.jpg", "--mask", "black.png"), "nearly black"),
        (("dream", "photo.jpg", "--layers", "relu9_9"), "unknown layer 'relu9_9'"),
        (("dream", "photo.jpg", "--layers", "relu4_3[x]"), "is not valid"),
        (("dream", "photo.jpg", "--layers", "relu4_3[9999]"), "channels 0 to 31"),
        (("dream", "photo.jpg", "--layers", "relu4_3[1]", "--guide", "guide.png"), "whole layers"),
        (("dream", "photo.jpg", "--octaves", "0"), "--octaves 0 is not between"),
        (("dream", "photo.jpg", "--octave-scale", "1"), "--octave-scale 1 is not between"),
        (("dream", "photo.jpg", "--steps", "0"), "--steps 0 must be"),
        (("dream", "photo.jpg", "--steps", "many"), "not a list of numbers"),
        (("dream", "photo.jpg", "--rate", "-1"), "--rate -1 is not between"),
        (("dream", "photo.jpg", "--size", "huge"), "original"),
        (("dream", "photo.jpg", "--size", "8"), "too small for layer"),
        (("dream", "photo.jpg", "--backbone", "resnet"), "googlenet-torchvision"),
        (("dream", "photo.jpg", "-o", "photo.jpg", "--overwrite"), "is an input"),
        (("dream", "photo.jpg", "-o", "out.xyz"), ".png"),
        (("dream", "photo.jpg", "-o", "guide.png"), "--overwrite"),
        (("dream", "photo.jpg", "--zoom", "-o", "out.png"), ".mp4"),
        (("dream", "film.mp4", "--zoom"), "leave out --zoom"),
        (("dream", "film.mp4", "--start", "99"), "no frame at 99 s"),
        (("dream", "film.mp4", "--preview", "p.png"), "--preview"),
        (("dream", "film.mp4", "--resume"), "the same command resumes"),
        (("dream", "film.mp4", "--save-every", "3"), "the same command resumes"),
        (("dream", "broken.mp4"), "broken.mp4"),
        (("dream", "photo.jpg", "--save-every", "0"), "1 or more"),
        (("layers", "vgg11"), "googlenet-torchvision"),
        (("layers", "vgg19", "--layers", "relu9_9", "-o", "atlas"), "unknown layer 'relu9_9'"),
        (("layers", "vgg19", "--channels", "-1"), "--channels -1 is not between"),
        (("layers", "vgg19", "-o", "photo.jpg"), "photo.jpg"),
    ],
)
def test_bad_input_is_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    Path("text.jpg").write_text("no picture")
    Path("broken.mp4").write_text("no film")
    image.write("black.png", np.zeros((60, 80), np.float32), gray=True)
    before = Path("photo.jpg").read_bytes()
    assert run(*arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("impasto: ") and said.count("\n") == 1, said
    assert words in said
    assert Path("photo.jpg").read_bytes() == before


@pytest.mark.parametrize(
    ("given", "word"),
    [
        (("--start", "3"), "--start is for videos"),
        (("--decay", "0.2"), "--decay is for videos"),
        (("--frames", "10"), "--frames is for --zoom"),
        (("--restart",), "--restart is for videos"),
        (("--zoom", "--consistency", "0.5"), "--consistency is for videos"),
        (("--style", "guide.png", "--rate", "3"), "--rate cannot be combined with --style"),
        (("--style", "guide.png", "--octave-scale", "2"), "--octave-scale cannot be combined with --style"),
    ],
)
def test_an_option_that_would_say_nothing_is_refused(
    here: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, ...], word: str
) -> None:
    assert run("dream", "photo.jpg", *given) == 2
    said = capsys.readouterr().err
    assert word in said and said.count("\n") == 1
    assert run("dream", "film.mp4", "--fps", "10") == 2
    assert "--fps is for --zoom" in capsys.readouterr().err


def test_beside_a_style_steps_are_the_budget(here: Path) -> None:
    found = impasto.dream("photo.jpg", style="guide.png", layers="relu2_2", steps=(3,), size=32)
    assert 3 <= len(found.history) <= 6


def test_layers_may_be_one_text(here: Path) -> None:
    found = impasto.dream("photo.jpg", layers="relu2_2,relu3_1:0.5", octaves=1, steps=(1,))
    assert found.recipe.job["layers"] == ["relu2_2", "relu3_1:0.5"]


def test_what_cannot_be_resumed_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("dream", "photo.jpg", "--resume", "-o", "out.png", *FAST) == 0
    assert "nothing to resume" in capsys.readouterr().err
    assert run("dream", "photo.jpg", "-o", "other.png", *FAST) == 0
    assert "nothing to resume" not in capsys.readouterr().err


# Films


def still(count: int, *, steps: int = 3) -> list[np.ndarray]:
    """Frames of a dreamed film in which nothing moves, from a fast network's layer."""
    photo = (image.resize(samples.photo("coffee"), (48, 64)) * 255).astype(np.uint8)
    job = DreamJob(content=__file__, layers=("relu2_2",), octaves=2, steps=(steps,))
    steady = Steady(FrameDream(Dreamer(job, {})), consistency=job.consistency, rate=25, least=-1.0)
    return [photo.astype(np.float32) / 255 + steady.next(photo) for _ in range(count)]


def test_a_still_film_neither_brightens_nor_crawls() -> None:
    found = [frame.clip(0, 1) for frame in still(25)]
    means = [float(frame.mean()) for frame in found]
    assert max(abs(mean / means[0] - 1) for mean in means) < 0.01
    photo = image.resize(samples.photo("coffee"), (48, 64))
    energies = [float(np.square(frame - photo).mean() ** 0.5) for frame in found]
    assert energies[0] > 0.01
    assert max(abs(energy / energies[0] - 1) for energy in energies) < 0.15
    # From frame to frame it changes by a small part of what the dream is.
    changes = [float(np.abs(b - a).mean()) for a, b in pairwise(found)]
    assert max(changes[1:]) < 0.2 * float(np.abs(found[0] - photo).mean())


def test_a_film_dreams_with_its_sound_and_its_times(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("dream", "film.mp4", "-o", "out.mp4", "--json", *FAST) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["frames"] == told["painted"] == 5 and told["size"] == [80, 64]
    with FilmReader("out.mp4") as reader:
        assert [frame.time for frame in reader.frames()] == TIMES
    assert packets_of(Path("film.mp4")) == packets_of(Path("out.mp4"))
    changed = np.abs(frames("film.mp4")[3].astype(int) - frames("out.mp4")[3]).mean()
    assert changed > 1
    assert not Path("out.mp4.parts").exists()


def test_under_the_black_of_a_mask_the_film_stays(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.zeros((64, 80), np.float32)
    mask[:, 40:] = 1
    image.write("mask.png", mask, gray=True)
    written, write = list[np.ndarray](), Segments.write

    def seen(self: Segments, picture: np.ndarray, shown: Fraction, duration: Fraction) -> None:
        written.append(picture)
        write(self, picture, shown, duration)

    monkeypatch.setattr(Segments, "write", seen)
    assert run("dream", "film.mp4", "-o", "out.mp4", "--mask", "mask.png", *FAST) == 0
    for given, made in zip(frames("film.mp4"), written, strict=True):
        assert np.array_equal(given[:, :40], made[:, :40])
        assert np.abs(given[:, 40:].astype(int) - made[:, 40:]).mean() > 1


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_pictures_that_move_are_films(here: Path, suffix: str) -> None:
    assert run("video", "--processed", "film.mp4", "film.mp4", "-o", f"film{suffix}", "-q") == 0
    assert run("dream", f"film{suffix}", "-o", "out.mp4", *FAST) == 0
    assert len(frames("out.mp4")) == 5


@pytest.mark.parametrize(
    "source", [("film.mp4",), ("photo.jpg", "--zoom", "--frames", "5", "--speed", "1.3")]
)
def test_a_killed_film_ends_like_an_unbroken_one(
    here: Path, monkeypatch: pytest.MonkeyPatch, source: tuple[str, ...]
) -> None:
    assert run("dream", *source, "-o", "whole.mp4", *FAST) == 0
    write, count = Segments.write, list[int]()

    def dying(self: Segments, *arguments: Any) -> None:
        count.append(1)
        if len(count) == 4:
            raise KeyboardInterrupt
        write(self, *arguments)

    monkeypatch.setattr(Segments, "write", dying)
    assert run("dream", *source, "-o", "out.mp4", *FAST) == 130
    assert not Path("out.mp4").exists()
    monkeypatch.setattr(Segments, "write", write)
    assert run("dream", *source, "-o", "out.mp4", *FAST) == 0
    for one, other in zip(frames("whole.mp4"), frames("out.mp4"), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    "source", [("film.mp4",), ("photo.jpg", "--zoom", "--frames", "3", "--speed", "1.3")]
)
def test_a_film_is_replayed_wherever_its_inputs_went(
    here: Path, capsys: pytest.CaptureFixture[str], source: tuple[str, ...]
) -> None:
    assert run("dream", *source, "-o", "out.mkv", *FAST) == 0
    Path("deep").mkdir()
    Path(source[0]).rename(f"deep/renamed{Path(source[0]).suffix}")
    assert run("replay", "out.mkv", "-q", "--search", "deep", "-o", "again.mkv") == 0
    for one, other in zip(frames("out.mkv"), frames("again.mkv"), strict=True):
        assert np.array_equal(one, other)
    with FilmReader("out.mkv") as reader:
        assert str(here) not in reader.comment and '"verb": "dream"' in reader.comment
    assert run("replay", "out.mkv", "--overwrite", "-o", "again.mkv", "--search", "nowhere") == 0
    Path(f"deep/renamed{Path(source[0]).suffix}").unlink()
    capsys.readouterr()
    assert run("replay", "out.mkv", "-o", "third.mkv") == 2
    assert f"the input {source[0]} was not found" in capsys.readouterr().err


def test_a_film_without_a_recipe_is_not_replayed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("replay", "film.mp4") == 2
    assert "film.mp4 carries no recipe" in capsys.readouterr().err
    with pytest.raises(InputError, match="carries no recipe"):
        impasto.replay("film.mp4")


# Zoom


def test_a_zoom_has_its_frames_and_its_rate(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("dream", "photo.jpg", "--zoom", "--frames", "4", "--fps", "12.5", "--json", *FAST) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["output"] == "photo-dream.mp4" and told["frames"] == 4
    with FilmReader("photo-dream.mp4") as reader:
        assert [frame.time for frame in reader.frames()] == [Fraction(2 * n, 25) for n in range(4)]


def test_a_zoom_does_not_jump_where_a_canvas_ends(here: Path) -> None:
    job = DreamJob(content="photo.jpg", layers=("relu2_2",), octaves=1, steps=(2,))
    canvases = Canvases(Dreamer(job, {}), (60, 80))
    canvases.reach(0)
    start, end = canvases.frame(0.0), canvases.frame(1 - 1e-9)
    inner = canvases.inner
    canvases.reach(1)
    assert canvases.outer is inner
    assert np.abs(end.astype(int) - canvases.frame(0.0)).mean() < 0.5
    assert np.abs(start.astype(int) - end).mean() > 5
    assert canvases.frame(0.5).shape == (60, 80, 3)


def test_the_inner_canvas_ends_before_the_frame_shows_its_border() -> None:
    for fill in (0.5, 0.7, 0.95):
        inset = _inset((60, 80), fill)
        assert inset[0].max() == 0 and inset[:, 0].max() == 0
        assert inset[30, 40] == 1
    assert _inset((60, 80), 1.0).min() == 1
