"""The Python code of the README runs; test_commands.py checks its commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import impasto
from impasto import image, samples

README = Path(__file__).parents[2] / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


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
        "impasto.painters.optimize.scales", lambda size, **_: impasto.optim.scales(size, steps=(2,))
    )
    exec(compile(code, "README.md", "exec"), {})
