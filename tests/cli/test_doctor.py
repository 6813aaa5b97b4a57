"""``impasto doctor`` reports the environment and a remedy for each problem."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest

from impasto import weights
from impasto.cli import main
from impasto.networks import library
from impasto.verbs import doctor, licenses


def told(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", *options])
    return int(ended.value.code or 0), capsys.readouterr().out


@pytest.fixture(autouse=True)
def plenty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory enough, whatever runs beside."""
    monkeypatch.setattr(doctor, "MEMORY", 0.0)


def test_a_whole_installation_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = told(capsys, "--json")
    found = json.loads(said)
    assert (code, found["mend"]) == (0, [])
    assert found["weights"]["vgg19"].startswith("here, SHA-256 c34748d2a8b1")
    assert "12 styles" in found["styles"]["quality.safetensors"]
    assert found["system"]["memory_free_gb"] > 0
    assert set(found) == {"system", "devices", "weights", "styles", "extras", "mend"}
    assert isinstance(found["devices"]["cpu_bfloat16"], bool)
    code, said = told(capsys)
    assert code == 0 and said.endswith("all is well\n")


def test_an_extra_that_is_missing_has_its_line_and_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["torch>=2.6", 'nowhere-to-be-found>=1; extra == "batch"', 'numpy; extra == "export"']
    monkeypatch.setattr(metadata, "requires", lambda _: lines)
    found = doctor.examine()
    assert (
        found.facts["extras"]["batch"] == "missing nowhere-to-be-found: pip install '.[batch]', in the clone"
    )
    assert found.facts["extras"]["export"] == "here"
    assert found.mend == []


def test_what_is_wrong_is_told_with_its_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / weights.entry("vgg19").file).write_bytes(b"not the weights")
    (tmp_path / "mine.safetensors").write_bytes(b"not a pack")
    monkeypatch.setenv("IMPASTO_WEIGHTS", str(tmp_path))
    monkeypatch.setenv(library.HOME, str(tmp_path))
    monkeypatch.setattr(doctor, "MEMORY", 1e9)
    code, said = told(capsys)
    lines = said[said.index("to fix\n") :].splitlines()[1:]
    assert code == 2 and len(lines) == 3
    for words in ("delete it", "remove", "smaller --size"):
        assert any(words in line for line in lines), words


def test_a_package_that_does_not_load_hides_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(mend: list[str]) -> dict[str, str]:
        raise ImportError("its library is damaged", name="openvino")

    monkeypatch.setattr(doctor, "_devices", broken)
    found = doctor.examine()
    assert found.facts["devices"] == {"not_told": "its library is damaged"}
    assert "openvino does not load" in found.mend[0]
    assert found.facts["weights"]["vgg19"].startswith("here")


def test_licenses_are_listed_with_their_tiers(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(library.HOME, str(tmp_path))
    code, said = told(capsys, "--licenses", "--json")
    found = json.loads(said)
    assert code == 0 and set(found) == {
        "weights",
        "styles",
        "photos",
        "style images",
        "video",
        "codecs",
        "web page",
    }
    assert found["weights"]["quality"]["license"] == "Apache-2.0"
    assert found["styles"]["starry_night, tiny"]["license"] == "public domain"
    assert found["photos"]["coffee"] == {
        "license": "CC0",
        "tier": "free",
        "credit": "Rachel Michetti: a cup of coffee (courtesy of Pikolo Espresso Bar)",
    }
    assert {entry["tier"] for entries in found.values() for entry in entries.values()} == {"free"}
    code, said = told(capsys, "--licenses")
    assert code == 0 and "  H.264, encoder x264 " in said and "GPL-2.0-or-later" in said


@pytest.mark.parametrize(
    ("text", "tier"),
    [
        ("CC BY-SA 4.0", "free"),
        ("public domain", "free"),
        ("LGPL-3.0-or-later", "free"),
        ("CC BY-NC 4.0", "non-commercial research"),
        ("for research only", "non-commercial research"),
        ("", "unknown"),
        ("all rights reserved", "unknown"),
        ("committed", "unknown"),
    ],
)
def test_the_tier_of_a_license_follows_from_its_name(text: str, tier: str) -> None:
    assert licenses.tier(text) == tier
