"""What the README says runs: its commands exist with these options, its Python works."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import impasto
from impasto import image, samples
from impasto.cli.verbs import app

README = Path(__file__).parents[1] / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def commands() -> list[str]:
    lines = "\n".join(blocks("sh")).replace("\\\n", " ").splitlines()
    return [line.split("#")[0].strip() for line in lines if line.startswith("impasto ")]


@pytest.mark.parametrize("line", commands())
def test_a_command_of_the_readme_is_understood(line: str) -> None:
    import typer.main

    group = typer.main.get_command(app)
    words = shlex.split(line)[1:]
    while words and hasattr(group, "commands"):
        group = group.commands[words.pop(0)]
    with group.make_context("impasto", words) as context:  # parses every option, runs nothing
        assert context.params


def test_there_are_commands_and_snippets() -> None:
    assert len(commands()) >= 6
    assert len(blocks("python")) >= 2


@pytest.mark.parametrize("code", blocks("python"))
def test_the_python_of_the_readme_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    image.write("photo.jpg", image.resize(samples.photo("coffee"), (48, 64)))
    for name, style in (("starry.jpg", "night"), ("scream.jpg", "waves")):
        image.write(name, samples.style(style, 64))
    # The same calls, on budgets that a test can wait for.
    quick = impasto.scales((36, 48), steps=(3, 2))
    monkeypatch.setattr(impasto, "scales", lambda _: quick)
    monkeypatch.setattr(
        "impasto.painters.optimising.scales", lambda size, **_: impasto.optim.scales(size, steps=(2,))
    )
    exec(compile(code, "README.md", "exec"), {})
