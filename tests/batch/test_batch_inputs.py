"""Inputs of batch jobs: identified by content and found from any folder; other settings are not files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from impasto import batching
from impasto.batching import on_ray
from impasto.batching.tasks import key_of, task
from impasto.batching.worker import SHOT
from impasto.verbs.run import in_batches


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with folders that are called as settings are, and two pictures."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMPASTO_STYLES", str(tmp_path / "none"))
    for name in ("content", "style", "good", "medium", "quality", "noise"):
        (tmp_path / name).mkdir()
    for name in ("a.png", "b.png"):
        Path(name).write_text(name)
    return tmp_path


def test_a_word_is_no_folder_of_that_name(here: Path) -> None:
    Path("jobs.jsonl").write_text(
        json.dumps({"content": "a.png", "styles": ["b.png"], "color": "style", "init": "noise"})
        + '\n{"verb": "video", "film": "a.png", "styles": ["b.png"], "flow": "medium"}\n'
        + '{"verb": "learn", "pictures": ["a.png"], "photos": "good", "into": "quality"}\n'
    )
    before = list(batching.from_file(Path("jobs.jsonl")))
    assert not any(found.fault for found in before)
    for name in ("content", "style", "medium", "quality", "noise"):
        Path(name, "new.png").write_text("new")
    assert [found.key for found in batching.from_file(Path("jobs.jsonl"))] == [found.key for found in before]
    Path("good/new.png").write_text("new")  # which is a folder of photos, and is read
    after = [found.key for found in batching.from_file(Path("jobs.jsonl"))]
    assert after[:2] == [found.key for found in before[:2]] and after[2] != before[2].key


def test_every_setting_that_names_a_file_is_known_by_its_content(here: Path) -> None:
    for verb, kind in in_batches().items():
        for name in kind.job.reads:
            keys: list[str] = []
            for content in ("one", "other"):
                Path("a.png").write_text(content * len(keys) + content)
                keys.append(key_of(verb, {name: ["a.png"]}, "out"))
            assert keys[0] != keys[1], (verb, name)


def test_a_verb_that_is_not_known_is_a_fault() -> None:
    assert "'live' is not one of" in task("live", {}, "out.png", origin="a").fault


def test_an_actor_elsewhere_is_told_where_inputs_lie(here: Path) -> None:
    Path("mine.safetensors").write_text("a pack")
    settings = {"content": "a.png", "styles": ["mine.safetensors#style1", "waves"], "color": "style"}
    sent = on_ray.absolute("stylize", settings)
    assert sent == {
        "content": f"{here}/a.png",
        "styles": [f"{here}/mine.safetensors#style1", "waves"],
        "color": "style",
    }
    assert on_ray.absolute("stylize", sent) == sent
    job = {"film": "a.png", "styles": ["waves"], "flow": "medium"}
    shot = on_ray.absolute(SHOT, {"job": job, "first": 0, "last": 3, "film": "its key"})
    assert shot == {"job": {**job, "film": f"{here}/a.png"}, "first": 0, "last": 3, "film": "its key"}
    assert on_ray.absolute("stylize", {"content": "gone.png"}) == {"content": "gone.png"}
