"""Recipes in images from others: invalid ones give a one-line error."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import impasto
from impasto import image, record, samples
from impasto.cli import main
from impasto.errors import InputError
from impasto.jobs import DreamJob, Job, PhotorealJob, StylizeJob
from impasto.record import Progress, Recipe
from impasto.session import Session
from impasto.verbs import replay as replaying
from impasto.verbs.replay import replay
from impasto.verbs.run import run

pytestmark = pytest.mark.usefixtures("narrow_vgg19")
JOBS: dict[str, type[Job]] = {"stylize": StylizeJob, "photoreal": PhotorealJob, "dream": DreamJob}

GOOD = Recipe("stylize", {"content": "a.png"}, {}, "cpu", 2, {"impasto": record.version()})
HARM = [
    ("recipe", "Infinity"),
    ("recipe", "true"),
    ("recipe", "0"),
    ("recipe", '"1"'),
    ("recipe", "99"),
    ("verb", "[]"),
    ("job", "[]"),
    ("inputs", '{"a": 1}'),
    ("inputs", "[]"),
    ("device", "null"),
    ("threads", '"x"'),
    ("threads", "1e3"),
    ("threads", "0"),
    ("threads", "1000000"),
    ("versions", '{"a": {}}'),
    ("stopped", "-1"),
    ("stopped", "true"),
    ("licenses", '{"a": 1}'),
    ("other", "1"),
]


def with_text(field: str, text: str) -> str:
    """The good recipe with a field of that text."""
    return json.dumps({**GOOD.__dict__, field: "HERE"}).replace('"HERE"', text)


def test_a_picture_carries_the_license_of_its_learned_style(tmp_path: Path) -> None:
    job = StylizeJob("coffee.png", ("woodcut", "wave_crop"), size=64)
    made = run(job, tmp_path / "out.png", Session(pictures={"coffee.png": samples.photo("coffee")})).value
    found = Recipe.from_json(image.read_recipe(tmp_path / "out.png") or "")
    assert found.licenses == made.recipe.licenses == {"woodcut": "MIT", "wave_crop": "public domain"}
    assert found.inputs.keys() == {"coffee.png", "woodcut", "wave_crop"}
    # Recipes from before, and of styles without a known license, have no such field.
    assert "licenses" not in json.loads(GOOD.to_json()) and Recipe.from_json(GOOD.to_json()).licenses == {}


@pytest.mark.parametrize(("field", "text"), HARM)
def test_a_recipe_with_a_strange_field_is_refused(field: str, text: str) -> None:
    with pytest.raises(InputError, match=r"this recipe (is|has)") as refused:
        Recipe.from_json(with_text(field, text))
    assert "\n" not in str(refused.value)
    assert Recipe.from_json(GOOD.to_json()) == GOOD


def test_replay_says_that_another_version_made_the_picture(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photo = image.write(tmp_path / "photo.png", samples.photo("coffee")[:48, :64])
    result = impasto.stylize(photo, "waves", network="tiny")
    old = replace(result, recipe=replace(result.recipe, versions={"impasto": "0.0.9"}))
    for made, lines in ((result, 0), (old, 1)):
        again = replay(made.save(tmp_path / "out.png", overwrite=True))
        assert np.array_equal(again.picture, result.picture)
        assert len(caplog.records) == lines
    assert "out.png was made by impasto 0.0.9" in caplog.text
    assert caplog.text.rstrip().endswith("the result may differ")


@pytest.mark.parametrize("verb", ["stylize", "photoreal", "dream"])
def test_what_was_stopped_is_replayed_up_to_there(tmp_path: Path, verb: str) -> None:
    photo = image.write(tmp_path / "photo.png", image.resize(samples.photo("coffee"), (64, 96)))
    style = image.write(tmp_path / "style.png", samples.style("night", 64))
    settings: dict[str, dict[str, Any]] = {
        "stylize": {"styles": (str(style),), "preset": "draft", "size": 96},
        "photoreal": {"styles": (str(style),)},
        "dream": {"octaves": 2, "layers": ("relu2_2",)},
    }
    job = JOBS[verb].parse({"content": str(photo), **settings[verb]})
    steps = itertools.count(1)

    def stop(_: Progress) -> None:
        if next(steps) == 5:
            raise KeyboardInterrupt

    first = tmp_path / "first.png"
    assert run(job, first, Session(watch=stop)).stopped and replaying.load_recipe(first).stopped == 5
    assert replaying.replay(first).save(tmp_path / "again.png").read_bytes() == first.read_bytes()


@pytest.mark.parametrize("text", ["[" * 50_000, '{"a":' * 50_000, "{", "[]", "7", "{}"])
def test_what_is_no_recipe_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a recipe of impasto") as refused:
        Recipe.from_json(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a":' * 10_000, "carries no recipe"),
        (with_text("recipe", "Infinity"), "this recipe is damaged (recipe)"),
        (with_text("inputs", '{"a": 1}'), "this recipe is damaged (inputs)"),
    ],
)
def test_replay_of_a_strange_picture_says_so_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str, text: str, words: str
) -> None:
    path = image.write(tmp_path / f"a{suffix}", np.zeros((16, 16, 3), np.float32), recipe=text)
    with pytest.raises(SystemExit) as stop:
        main(["replay", str(path), "-o", str(tmp_path / "again.png")])
    said = capsys.readouterr().err
    assert stop.value.code == 2 and words in said and said.count("\n") == 1
