"""Jobs: validation of every setting, suggestions of similar names, and JSON round trips."""

from __future__ import annotations

import dataclasses
import json

import pytest

from impasto.errors import InputError
from impasto.jobs import CompareJob, Job, MeasureJob, StylizeJob


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
    ],
)
def test_a_bad_setting_is_refused_in_one_line(settings: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words) as refused:
        StylizeJob.parse(settings)
    assert "\n" not in str(refused.value)


def test_sizes_are_numbers_whoever_writes_them() -> None:
    assert StylizeJob("a", ("b",), size="640").size == 640
    assert StylizeJob("a", ("b",), size="original").size == "original"


@pytest.mark.parametrize("job", [StylizeJob, CompareJob, MeasureJob])
def test_every_field_has_help(job: type[Job]) -> None:
    for field in dataclasses.fields(job):
        assert field.metadata["help"].endswith("."), field.name
