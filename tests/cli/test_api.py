"""The functions of the package: typed as their jobs are, on files and on images in memory."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import re
import subprocess
import sys
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import impasto
from conftest import Run
from impasto import keywords, metrics
from impasto.cli import batch as commands
from impasto.cli import misc
from impasto.errors import InputError
from impasto.jobs import StylizeJob
from impasto.networks import packs
from impasto.session import Session
from impasto.verbs import demo
from impasto.verbs.run import VERBS
from support.networks import pack_of, photo_of

ROOT = Path(__file__).parents[2]
TYPED = {
    "stylize": keywords.StylizeSettings,
    "video": keywords.VideoSettings,
    "photoreal": keywords.PhotorealSettings,
    "dream": keywords.DreamSettings,
    "visualize": keywords.VisualizeSettings,
    "learn": keywords.LearnSettings,
    "compare": keywords.CompareSettings,
    "measure": keywords.MeasureSettings,
}


def kinds(hint: object) -> set[object]:
    """The members of a union."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return set(typing.get_args(hint)) if union else {hint}


@pytest.mark.parametrize("verb", TYPED)
def test_the_keywords_are_the_fields_of_the_job(verb: str) -> None:
    job = VERBS[verb].job
    typed = {name: hint.__forward_arg__ for name, hint in TYPED[verb].__annotations__.items()}
    running = keywords.Running.__annotations__
    hints = typing.get_type_hints(job)
    fields = {f.name: hints[f.name] for f in dataclasses.fields(job) if f.name not in VERBS[verb].arguments}
    own = inspect.signature(getattr(impasto, verb)).parameters.keys() & fields.keys()  # typed in place
    assert typed.keys() == (fields.keys() | running.keys() | VERBS[verb].also.keys()) - own
    for name, hint in fields.items():
        if name in own:
            continue
        if name in job.reads:
            assert {"Source", "File"} & set(re.findall(r"\w+", typed[name])), name
            continue
        lists = {kind for kind in kinds(hint) if typing.get_origin(kind) is tuple}
        wanted = kinds(hint) - lists | {Sequence[typing.get_args(kind)[0]] for kind in lists}  # type: ignore[misc]
        assert kinds(eval(typed[name], vars(keywords))) == wanted, name
    assert running.keys() <= {f.name for f in dataclasses.fields(Session)}


def words_of(function: Callable[..., Any], settings: Any = None) -> set[str]:
    """The words of a function: its parameters, and the names of its keywords; without those of printing."""
    keys = () if settings is None else settings.__annotations__
    return {*inspect.signature(function).parameters, *keys} - {"settings", "json", "debug", "quiet"}


def test_batch_and_augment_take_the_words_of_the_command_line() -> None:
    fields = {f.name for f in dataclasses.fields(StylizeJob)} - {"content", "styles"}
    assert set(keywords.StylizeFields.__annotations__) == fields
    wanted = words_of(commands.batch) - {"given"} | fields | {"on_row"}  # --set has any of the fields
    assert words_of(impasto.batch, keywords.BatchSettings) == wanted
    wanted = words_of(commands.augment) - {"no_gate"} | {"gate", "on_row"}
    assert words_of(impasto.augment, keywords.AugmentSettings) == wanted


def test_replay_takes_the_words_of_the_command_line() -> None:
    assert words_of(impasto.replay) - {"watch"} == words_of(misc.replay)


def test_a_misspelled_keyword_names_the_right_one() -> None:
    with pytest.raises(InputError, match="stylize has no setting 'weigths': did you mean weights"):
        impasto.stylize("a.png", "b.png", weigths=[1.0])  # type: ignore[call-arg]


def test_a_type_checker_finds_a_misspelled_keyword(tmp_path: Path) -> None:
    code = tmp_path / "user.py"
    lines = ["import impasto", "impasto.stylize('a.png', 'b.png', weights=[0.5], size=64).save('c.png')"]
    lines += ["impasto.stylize('a.png', 'b.png', weigths=[0.5])", "impasto.dream('a.png', octaves='many')"]
    lines += ["impasto.batch('in', out='out', style='waves', strength=0.5, workers=2).done + 1"]
    lines += ["impasto.measure('a.png', content='b.png', style='c.png').ssim"]
    lines += ["impasto.measure('a.mp4', original='b.mp4', start=1).verdict()"]
    lines += ["impasto.batch('in', out='out', worker=2)"]
    lines += ["impasto.augment('in', looks='looks', out='out', seed='a')"]
    lines += ["impasto.measure('a.png', styles='b.png')"]
    lines += ["impasto.video('a.mp4', 'waves', out='c.mp4', keys='all')"]
    code.write_text("\n".join(lines))
    command = [sys.executable, "-m", "mypy", "--strict", str(code)]
    known = {**os.environ, "MYPYPATH": str(Path(impasto.__file__).parents[1])}
    said = subprocess.run(command, cwd=ROOT, env=known, capture_output=True, text=True, check=False).stdout
    assert 'user.py:3: error: Unexpected keyword argument "weigths"' in said, said
    found = {int(number) for number in re.findall(r"user\.py:(\d+): error", said)}
    assert found == {3, 4, 8, 9, 10, 11}, said


def test_images_in_memory_and_files_give_the_same(tmp_path: Path) -> None:
    pack = packs.save(pack_of(), tmp_path / "p.safetensors")
    photo = photo_of(16, 24)
    path = impasto.write(tmp_path / "photo.png", photo)
    style = f"{pack or tmp_path / 'p.safetensors'}#style1"
    found = impasto.stylize(impasto.read(path).rgb, style, out=tmp_path / "out.png", precision="float32")
    again = impasto.stylize(path, [style], precision="float32")
    assert np.array_equal(found.picture, again.picture) and (tmp_path / "out.png").is_file()
    assert found.recipe.job["content"] == "content" and again.recipe.job["content"] == "photo.png"
    with pytest.raises(impasto.OutputError, match="exists"):
        impasto.stylize(path, style, out=tmp_path / "out.png")


def test_measure_is_the_command_with_images_in_memory_too(tmp_path: Path, run: Run) -> None:
    painted, photo, style = photo_of(48, 64), photo_of(50, 70) * 0.5, photo_of(60, 60)[::-1].copy()
    files = [impasto.write(tmp_path / f"{n}.png", rgb) for n, rgb in enumerate((painted, photo, style))]
    found = impasto.measure(files[0], content=files[1], style=files[2])
    assert isinstance(found, metrics.Measurement) and found.ssim is not None
    code, said, told = run(
        "measure", str(files[0]), "--content", str(files[1]), "--style", str(files[2]), "--json"
    )
    assert code == 0, told
    assert json.loads(said) == json.loads(found.to_json())
    stored = [impasto.read(path).rgb for path in files]
    again = impasto.measure(stored[0], content=stored[1], style=[stored[2]], out=tmp_path / "figures.json")
    assert again == found and json.loads((tmp_path / "figures.json").read_text()) == json.loads(said)
    with pytest.raises(InputError, match="is a video: give its source as --original"):
        impasto.measure("film.mp4")
    with pytest.raises(InputError, match="measure has no setting 'styles': did you mean style"):
        impasto.measure(files[0], styles=files[2])  # type: ignore[call-overload]


def test_measure_measures_films(tmp_path: Path, run: Run) -> None:
    demo.write_film(tmp_path / "a.mp4", size=(48, 64), fps=8, seconds=1)
    films = [str(tmp_path / "a.mp4")] * 2
    found = impasto.measure(films[0], original=films[1], baseline=Path(films[0]), out=tmp_path / "report")
    assert found.frames == 8 and found.lags[1].ratio == pytest.approx(1)
    assert (tmp_path / "report/index.html").is_file()
    code, said, told = run("measure", films[0], "--original", films[1], "--baseline", films[0], "--json")
    assert code == 0, told
    assert json.loads(said) == json.loads(found.to_json())
