"""The documentation site: it builds with all links checked, and loads nothing from elsewhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import impasto

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a broken link or a page that is in no menu ends the build."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_nothing_on_the_site_comes_from_elsewhere(site: Path) -> None:
    pages = list(site.glob("*.html"))
    assert len(pages) > 15
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)\b[^>]*?\bsrc=\"?([^\" >]+)", text)
        loaded += re.findall(
            r"<link\b(?![^>]*rel=\"?(?:canonical|next|prev))[^>]*?\bhref=\"?([^\" >]+)", text
        )
        assert loaded and not [name for name in loaded if re.match(r"(https?:)?//", name)], page.name
        for style in re.findall(r"url\(([^)]*)\)", text):
            assert not style.strip("\"'").startswith(("http", "//")), page.name
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import )[\"']?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_every_public_name_is_on_the_page_of_the_api(site: Path) -> None:
    page = (site / "api.html").read_text(encoding="utf-8")
    modules = {"backbones", "image", "losses", "metrics", "samples"}
    for name in set(impasto.__all__) - modules:
        assert re.search(rf'id="?impasto\.{name}"?', page), name
    assert ":class:<code>" not in page and "&gt;&gt;&gt;" in page


@pytest.fixture
def builders(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripts of docs/build can be imported."""
    monkeypatch.syspath_prepend(ROOT / "docs" / "build")


@pytest.mark.usefixtures("builders")
def test_the_figures_are_those_that_the_benchmarks_recorded() -> None:
    import figures  # type: ignore[import-not-found, unused-ignore]

    tables = 0
    for page in (ROOT / "docs").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        tables += text.count("<!-- figures ")
        assert figures.drawn(text) == text, f"{page.name}: run docs/build/figures.py"
        assert text.count("<!-- figures ") == text.count("<!-- end -->"), page.name
    assert tables > 10
    assert figures.FRONTIER.read_text(encoding="utf-8") == figures.frontier()
    wrong = '<!-- figures "sizes": size -->\n| size |\n|---|\n| 9 |\n<!-- end -->'
    assert figures.drawn(wrong) != wrong


@pytest.mark.usefixtures("builders")
def test_the_gallery_is_that_of_its_script() -> None:
    import gallery  # type: ignore[import-not-found, unused-ignore]

    assert (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8") == gallery.page()
    own = [ROOT / "docs" / "images" / f"gallery-{name}.jpg" for name in gallery.PAINTED]
    assert sum(path.stat().st_size for path in own) < 1_500_000


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_small_and_uses_public_names_only(path: Path) -> None:
    book = json.loads(path.read_text(encoding="utf-8"))
    code = ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]
    assert len(code) > 5 and not any(cell.get("outputs") for cell in book["cells"]), "clear its outputs"
    assert "IMPASTO_SIZE" in code[0]
    text, public = "\n".join(code), (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert not re.search(r"(\bimpasto[\w.]*|\w)\._[a-z]", text), "a private name"
    modules = "demo|films|image|jobs|library|losses|packs|samples|training|video"
    used = re.findall(rf"(?<![\w.])(?:impasto\.)?({modules})\.([A-Za-z_]+)", text)
    for module, name in used:
        told = re.search(
            rf"::: impasto\.(?:\w+\.)?{module}(?:\.{name}\b|\n.*\n.*members: .*\b{name}\b)", public
        )
        assert told, f"{module}.{name} is not on the page of the API"
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target
