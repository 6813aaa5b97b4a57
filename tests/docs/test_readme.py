"""The Python code of the README runs; test_commands.py checks its commands."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

import impasto
from impasto import image, samples
from impasto.verbs import demo

README = Path(__file__).parents[2] / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("code", [code for code in blocks("python") if "gradio_client" not in code])
def test_the_python_of_the_readme_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    image.write("photo.jpg", image.resize(samples.photo("coffee"), (48, 64)))
    for name, style in (("starry.jpg", "night"), ("scream.jpg", "waves")):
        image.write(name, samples.style(style, 64))
    Path("photos").mkdir()
    image.write("photos/a.jpg", image.read("photo.jpg").rgb)
    if "out.save" not in code:
        image.write("out.png", image.read("photo.jpg").rgb)
    demo.write_film(tmp_path / "film.mp4", size=(48, 64), fps=4, seconds=1)
    # The same calls, on budgets that a test can wait for.
    quick = impasto.scales((36, 48), steps=(3, 2))
    monkeypatch.setattr(impasto, "scales", lambda _: quick)
    monkeypatch.setattr(
        "impasto.painters.optimize.scales", lambda size, **_: impasto.optim.scales(size, steps=(2,))
    )
    exec(compile(code, "README.md", "exec"), {})


@pytest.mark.skipif(os.name == "nt", reason="docs say to copy the folder on this system")
def test_the_nodes_are_where_comfyui_looks(tmp_path: Path) -> None:
    (line,) = re.findall(r"^ln -s .*$", README.read_text(encoding="utf-8"), re.MULTILINE)
    (tmp_path / "ComfyUI" / "custom_nodes").mkdir(parents=True)
    (tmp_path / "impasto").mkdir()
    (tmp_path / "impasto" / "integrations").symlink_to(README.parent / "integrations")
    subprocess.run(line, shell=True, check=True, cwd=tmp_path / "impasto")
    (nodes,) = (tmp_path / "ComfyUI" / "custom_nodes").iterdir()
    assert "NODE_CLASS_MAPPINGS" in (nodes / "__init__.py").read_text(encoding="utf-8")
