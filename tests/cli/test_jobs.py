"""Jobs: validation of every setting, suggestions of similar names, and JSON round trips."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from impasto.batching import tasks
from impasto.cli.options import expand_options
from impasto.errors import InputError
from impasto.jobs import CompareJob, Job, MeasureJob, StylizeJob
from impasto.painters.inputs import key_of, recipe_of

PLAIN: dict[str, object] = {"content": "a", "styles": ["b"]}
MIXED = PLAIN | {"loss": "mixed"}


def test_settings_survive_json() -> None:
    job = StylizeJob("a.jpg", ("b.jpg", "c.jpg"), weights=(0.7, 0.3), size=300, color="content")
    assert StylizeJob.parse(json.loads(json.dumps(job.settings()))) == job


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"content": "a", "styles": ["b"], "strenght": 1}, "did you mean strength"),
        ({"content": "a"}, "needs styles"),
        ({"content": "a", "styles": []}, "at least one style"),
        ({"content": "a", "styles": "b"}, "a list"),
        ({"content": "a", "styles": ["b"], "strength": "much"}, "a finite number"),
        ({"content": "a", "styles": ["b"], "strength": -1}, "between 0 and 100"),
        ({"content": "a", "styles": ["b"], "strength": float("nan")}, "a finite number"),
        ({"content": "a", "styles": ["b"], "method": "best"}, "modern, paper, tutorial"),
        ({"content": "a", "styles": ["b"], "size": "huge"}, "original"),
        ({"content": "a", "styles": ["b"], "size": 0}, "long side"),
        ({"content": "a", "styles": ["b"], "seed": 1.5}, "a whole number"),
        ({"content": "a", "styles": ["b"], "seed": True}, "a whole number"),
        ({"content": "a", "styles": ["b", "c"], "weights": [1.0]}, "--weights has 1 value for 2 styles"),
        ({"content": "a", "styles": ["b", "c"], "mask": ["m"]}, "--mask has 1 value for 2 styles"),
        ({"content": 3, "styles": ["b"]}, "must be text"),
        (PLAIN | {"style_weight": 2}, "--style-weight needs a moment loss: add --loss mixed"),
        (PLAIN | {"layer_weights": [1] * 5}, "--layer-weights needs a moment loss"),
        (PLAIN | {"smoothness": 0, "method": "paper"}, "--smoothness does not apply to --method paper"),
        (MIXED | {"layer_weights": [1, 2]}, "--layer-weights 1,2 must be five numbers"),
        (MIXED | {"layer_weights": [0] * 5}, "not all 0"),
        (MIXED | {"layer_weights": [1, 1, 1, 1, -1]}, "five numbers from 0"),
        (MIXED | {"style_weight": -1}, "--style-weight -1 is not between"),
    ],
)
def test_a_bad_setting_is_refused_in_one_line(settings: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words) as refused:
        StylizeJob.parse(settings)
    assert "\n" not in str(refused.value)


def test_the_keys_of_jobs_from_before_an_option_are_those_of_now() -> None:
    """Of a checkpoint and of a row of a manifest, as 0.1.0 (commit 0e91bd2) had them."""
    job = StylizeJob("a.png", ("b.png",), loss="mixed")
    told: dict[str, Any] = {"engine": "torch", "threads": 1, "digest": lambda _: "0" * 64}
    recipe = recipe_of(job, "cpu", **told)
    assert key_of(recipe) == "bccae2f897623a22d85665184a536552ddbb97c1af43c5d49658d47a33603430"
    row = tasks.key_of("stylize", job.settings(), "a.png")
    assert row == "775278ab4edfd7f0354ea06ba0be94e42c763a7813abb47c29af58c606472659"
    later = {"style_weight", "layer_weights", "smoothness", "upright", "tune", "tileable"}
    assert not later & recipe.job.keys()
    assert StylizeJob.parse(recipe.job) == job  # as replay does
    other = dataclasses.replace(job, layer_weights=(0, 1, 1, 4, 1), style_weight=8)
    assert other.settings().keys() - job.settings().keys() == {"layer_weights", "style_weight"}
    assert StylizeJob.parse(json.loads(json.dumps(other.settings()))) == other
    assert key_of(recipe_of(other, "cpu", **told)) != key_of(recipe)


def test_former_spellings_are_read_and_stay_the_keys_of_files() -> None:
    job = StylizeJob.parse(PLAIN | {"optimizer": "adam"})
    assert job == StylizeJob.parse(PLAIN | {"optimiser": "adam"}) == StylizeJob.parse(job.settings())
    assert job.optimizer == job.settings()["optimiser"] == "adam" and "optimizer" not in job.settings()
    given = ["stylize", "a", "--optimiser", "adam", "--optimiser=adam", "--licence=CC0", "licence"]
    told = ["stylize", "a", "--optimizer", "adam", "--optimizer=adam", "--license=CC0", "licence"]
    assert expand_options(given) == told
    with pytest.raises(InputError, match="did you mean optimizer"):
        StylizeJob.parse(PLAIN | {"optimizr": "adam"})


def test_sizes_are_numbers_whoever_writes_them() -> None:
    assert StylizeJob("a", ("b",), size="640").size == 640
    assert StylizeJob("a", ("b",), size="original").size == "original"


@pytest.mark.parametrize("job", [StylizeJob, CompareJob, MeasureJob])
def test_every_field_has_help(job: type[Job]) -> None:
    for field in dataclasses.fields(job):
        assert field.metadata["help"].endswith("."), field.name
