"""The command line on valid and invalid input: results at the right place, one-line errors, exit status 2."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from impasto import image, samples
from impasto.cli import main
from impasto.record import Recipe
from impasto.verbs import demo

pytestmark = pytest.mark.usefixtures("brief", "narrow_vgg19")
FAST = ("-p", "draft", "--size", "48", "-q")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a photo and two styles, and the current folder of the test."""
    monkeypatch.chdir(tmp_path)
    image.write("photo.jpg", image.resize(samples.photo("coffee"), (60, 80)))
    image.write("waves.png", samples.style("waves", 96))
    image.write("night.png", samples.style("night", 96))
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line of a command that must fail with status 2."""
    assert run(*arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("impasto: ")
    assert said.count("\n") == 1, said
    assert "Traceback" not in said
    return said


def test_a_painting_lies_where_it_was_asked_for(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("stylize", "photo.jpg", "waves.png", "-o", "out.png", "--json", *FAST) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["output"] == "out.png"
    assert said["size"] == [48, 36]
    assert image.read("out.png").size == (36, 48)
    recipe = Recipe.from_json(image.read_recipe("out.png") or "")
    assert recipe.job["styles"] == ["waves.png"]
    assert set(recipe.inputs) == {"photo.jpg", "waves.png"}
    assert str(here) not in recipe.to_json()
    assert not list(here.glob("*.checkpoint"))


def test_quiet_is_without_a_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("photoreal", "photo.jpg", "night.png", "--fast", "-o", "out.png", "-q") == 0
    assert run("replay", "out.png", "-o", "again.png", "-q") == 0
    assert capsys.readouterr().out == ""
    assert Path("again.png").read_bytes() == Path("out.png").read_bytes()
    assert run("replay", "out.png", "-o", "third.png") == 0
    assert capsys.readouterr().out.startswith("third.png: 80x60")


def test_without_a_place_it_lies_beside_the_photo(here: Path) -> None:
    assert run("stylize", "photo.jpg", "waves.png", "night.png", "--weights", "0.7,0.3", *FAST) == 0
    assert Path("photo-waves-night.png").is_file()


def test_a_replay_is_the_same_bit_for_bit_wherever_the_inputs_went(here: Path) -> None:
    assert run("stylize", "photo.jpg", "waves.png", "-o", "out.png", *FAST) == 0
    (here / "deep" / "er").mkdir(parents=True)
    Path("photo.jpg").rename("deep/er/renamed.jpg")
    assert run("replay", "out.png", "-o", "again.png", "--search", "deep") == 0
    assert np.array_equal(image.read("out.png").rgb, image.read("again.png").rgb)


def test_a_folder_is_painted_once_and_a_bad_file_does_not_stop_it(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in").mkdir()
    for name in ("a", "b"):
        image.write(f"in/{name}.png", image.resize(samples.photo("chelsea"), (40, 40)))
    for name in ("broken.jpg", "other.jpg"):
        Path("in", name).write_bytes(b"\xff\xd8\xff not a picture")
    assert run("stylize", "in", "waves.png", "-o", "out", *FAST) == 2
    first = capsys.readouterr()
    assert "2 done, 0 skipped, 2 failed" in first.out
    lines = first.err.splitlines()
    assert len(lines) == 3 and "2 jobs failed" in lines[2]
    assert any("broken.jpg" in line for line in lines[:2]) and any("other.jpg" in line for line in lines[:2])
    stamp = Path("out/a.png").stat().st_mtime_ns
    assert run("stylize", "in/?.png", "waves.png", "-o", "out", *FAST) == 0
    assert "0 done, 2 skipped, 0 failed" in capsys.readouterr().out
    assert Path("out/a.png").stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    "arguments",
    [
        ("stylize", "{}", "waves"),
        ("stylize", "photo.jpg", "{}"),
        ("video", "{}", "waves"),
        ("dream", "{}"),
        ("photoreal", "{}", "photo.jpg"),
        ("measure", "{}", "--original", "photo.jpg"),
        ("batch", "{}", "--style", "waves", "-o", "out"),
        ("augment", "{}", "--looks", "looks", "-o", "out"),
        ("learn", "{}", "--photos", "photos"),
    ],
)
def test_a_name_that_no_file_can_have_is_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main([argument.format("x" * 300) for argument in arguments])
    said = capsys.readouterr().err
    assert stop.value.code == 2 and said.startswith("impasto: ") and said.count("\n") == 1, said
    assert len(said) < 250


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("stylize", "nowhere.jpg", "waves.png"), "nowhere.jpg"),
        (("stylize", "photo.jpg", "nowhere.png"), "nowhere.png"),
        (("stylize", "photo.jpg"), "STYLE"),
        (("stylize", "text.jpg", "waves.png"), "text.jpg"),
        (("stylize", "photo.jpg", "waves.png", "-o", "text.jpg"), "--overwrite"),
        (("stylize", "photo.jpg", "waves.png", "-o", "photo.jpg/out.png"), "photo.jpg"),
        (("stylize", "photo.jpg", "waves.png", "-o", "out.xyz"), ".png"),
        (("stylize", "photo.jpg", "waves.png", "--weights", "1,2"), "--weights has 2 values for 1 style"),
        (("stylize", "photo.jpg", "waves.png", "--weights", "much"), "not a list of numbers"),
        (("stylize", "photo.jpg", "waves.png", "--strength", "-1"), "between 0 and 100"),
        (("stylize", "photo.jpg", "waves.png", "--size", "huge"), "original"),
        (("stylize", "photo.jpg", "waves.png", "--style-scale", "0"), "--style-scale 0 is not above 0"),
        (("stylize", "photo.jpg", "waves.png", "--size"), "see impasto stylize --help"),
        (("styles", "list", "--all"), "see impasto styles list --help"),
        (("paint", "photo.jpg"), "see impasto --help"),
        (("stylize", "photo.jpg", "waves.png", "--preset", "best"), "draft"),
        (("stylize", "photo.jpg", "waves.png", "--device", "abacus"), "--device cpu"),
        (("stylize", "photo.jpg", "waves.png", "--max-pixels", "100"), "--max-pixels"),
        (("stylize", "photo.jpg", "waves.png", "--mask", "night.png"), "the aspect ratio"),
        (("stylize", "photo.jpg", "waves.png", "--init", "nowhere.png"), "nowhere.png"),
        (("stylize", "empty", "waves.png"), "empty contains no images"),
        (("stylize", "photo.jpg", "waves.png", "--save-every", "0"), "1 or more"),
        (("stylize", "photo.jpg", "waves.png", "--strenght", "1"), "--strength"),
        (("paint", "photo.jpg"), "paint"),
        (("replay", "photo.jpg"), "carries no recipe"),
        (("replay", "."), "frames carry no recipe"),
        (("measure", "nowhere.png"), "nowhere.png"),
        (("styles", "samples", "-o", "photo.jpg"), "photo.jpg"),
    ],
)
def test_bad_input_is_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    Path("text.jpg").write_text("no picture")
    Path("empty").mkdir()
    before = Path("photo.jpg").read_bytes()
    assert words in error(capsys, *arguments)
    assert Path("photo.jpg").read_bytes() == before


def test_measure_knows_the_photo_itself(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("measure", "photo.jpg", "--content", "photo.jpg", "--style", "waves.png", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["summary"]["ssim"] == pytest.approx(1)
    assert found["summary"]["content"] == pytest.approx(0, abs=1e-6)
    assert found["summary"]["style_gram"] > 0.05


def test_compare_writes_its_page(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("compare", "photo.jpg", "waves.png", "-o", "sheet", "--size", "48", "--methods", "modern")
    assert run(*command, "--json") == 0
    rows = json.loads(capsys.readouterr().out)["methods"]
    assert [row["method"] for row in rows] == ["modern"]
    assert rows[0]["style_gram"] < 0.93  # half of that of the photo
    page = Path("sheet/index.html").read_text()
    assert "modern.png" in page
    assert f"{rows[0]['content']:.4g}" in page
    assert image.read("sheet/compare.png").size[0] > 200
    assert "--overwrite" in error(capsys, *command)


def test_an_input_is_never_written_over(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {name: Path(name).read_bytes() for name in ("photo.jpg", "waves.png")}
    for words in (
        ("stylize", "photo.jpg", "waves.png", "-o", "photo.jpg", "--overwrite"),
        ("stylize", "photo.jpg", "waves.png", "-o", "out.png", "--preview", "photo.jpg"),
        ("dream", "photo.jpg", "-o", "out.png", "--preview", "photo.jpg"),
        ("photoreal", "photo.jpg", "waves.png", "-o", "out.png", "--preview", "waves.png"),
        ("learn", "waves.png", "--photos", ".", "--preview", "waves.png", "-o", "pack.safetensors"),
        ("styles", "sheet", "--photo", "photo.jpg", "-o", "photo.jpg", "--overwrite"),
        ("replay", "waves.png", "-o", "waves.png", "--overwrite"),
    ):
        assert "is an input, which would be lost" in error(capsys, *words)
    assert all(Path(name).read_bytes() == data for name, data in before.items())


def test_debug_shows_where_and_ends_alike(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("measure", "none.png", "--debug") == run("measure", "none.png") == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("Traceback") and said[-1] == said[-2]


def test_samples_are_written(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "write_film", partial(demo.write_film, size=(90, 160), fps=6))
    assert run("styles", "samples", "-o", "samples", "--size", "64") == 0
    assert len(list(Path("samples/styles").glob("*.png"))) == len(samples.STYLES) >= 8
    assert len(list(Path("samples/photos").glob("*.png"))) == len(samples.PHOTOS)
