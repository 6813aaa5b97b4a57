"""The folder of the page: what is in it, and what is refused; a small package stands in for the runtime."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import numpy_helper

from conftest import Run
from impasto import downloads, web
from impasto.errors import OutputError
from impasto.networks import noise
from impasto.web import folder, runtime
from support.networks import LATE, at_home, pack_of
from support.web import publish

Contents = dict[str, bytes]
KEPT = Path("kept") / runtime.FILE


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Contents:
    """Files of the package that is published; the current folder has a pack in ``styles``."""
    at_home(tmp_path, monkeypatch)
    monkeypatch.setattr(downloads, "cache", lambda: tmp_path / "kept")
    return publish(tmp_path / "package.tgz", monkeypatch)


def settings_of(page: Path) -> dict[str, Any]:
    found = re.search(r'<script id="settings"[^>]*>(.*)</script>', (page / "index.html").read_text("utf-8"))
    assert found
    return dict(json.loads(found[1]))


def test_a_page_is_written(run: Run, package: Contents) -> None:
    code, said, told = run("export", "style1", "--web", "out/page")
    page = Path("out/page")
    assert (code, said) == (0, f"{page}\n") and "python -m http.server -d " in told
    scripts = [name.replace(".mjs", ".js") for name in runtime.SCRIPTS]
    binaries = [name + ".gzip" for name in runtime.BINARIES]
    made = ["icon.jpg", "network.onnx", "sample.jpg"]
    assert {p.name for p in page.iterdir()} == {*folder.OWN, *made, *scripts, *binaries}
    for name, saved in zip(runtime.SCRIPTS, scripts, strict=True):
        assert (page / saved).read_bytes() == package[name]
    for name, saved in zip(runtime.BINARIES, binaries, strict=True):
        assert gzip.decompress((page / saved).read_bytes()) == package[name]
    assert "Microsoft" in (page / "onnxruntime-license.txt").read_text("utf-8")
    weights = pack_of().weights({"style1": 1.0})
    found = settings_of(page)["styles"]
    assert found == [{"name": "style1", "credits": "T, license not known", "weights": weights.tolist()}]
    assert [p.name for p in Path("out").iterdir()] == ["page"]


def test_no_file_of_the_page_names_another_host(run: Run, package: Contents) -> None:
    assert run("export", "style1", "--web", "page")[0] == 0
    for name in folder.OWN:
        text = (Path("page") / name).read_text("utf-8")
        assert re.findall(r"https?:|//\w+\.\w+", text) == [] and "{{" not in text, name


def test_a_pack_has_a_button_for_each_style(run: Run, package: Contents) -> None:
    assert run("export", "styles/mine.safetensors", "--web", "page", "--json")[:2] == (
        0,
        '{"output": "page"}\n',
    )
    assert [style["name"] for style in settings_of(Path("page"))["styles"]] == ["style1", "style2"]
    assert Path("page/index.html").read_text("utf-8").count('type="radio"') == 2


def test_the_same_page_is_the_same_version_and_another_is_not(package: Contents) -> None:
    pack = pack_of()
    texts = []
    for name, style in (("a", "style1"), ("b", "style1"), ("c", "style2")):
        texts.append((web.write(pack, [style], name) / "service.js").read_text("utf-8"))
    assert texts[0] == texts[1] != texts[2]


def test_texts_of_a_style_are_no_code(package: Contents) -> None:
    pack = pack_of()
    title = '</script><script>alert("{{SETTINGS}}")</script>'
    pack = replace(pack, styles=tuple(replace(s, title=title) for s in pack.styles))
    for names in (["style1"], ["style1", "style2"]):
        page = web.write(pack, names, "page", overwrite=True)
        assert (page / "index.html").read_text("utf-8").count("<script") == 2
        assert title in settings_of(page)["styles"][0]["credits"]


def test_the_noise_is_that_of_python_up_to_the_largest_size(package: Contents) -> None:
    page = web.write(pack_of(LATE), ["style1"], "page")
    (found,) = (i for i in onnx.load(page / "network.onnx").graph.initializer if i.name == "noise")
    side = folder.LARGEST // LATE.multiple
    expected = noise.field(LATE, seed=0, size=(side, side))
    assert (numpy_helper.to_array(found)[0] == expected).all()
    script = (page / "page.js").read_text("utf-8")
    assert f"const LARGEST = {folder.LARGEST} " in script
    sizes = re.findall(r'<option value="(\d+)"', (page / "index.html").read_text("utf-8"))
    assert max(map(int, sizes)) == folder.LARGEST


def refused(run: Run, *arguments: str) -> str:
    code, said, told = run("export", "style1", "--web", *arguments)
    assert (code, said) == (2, "") and told.count("\n") == 1, told
    return told


def test_a_download_that_fails_leaves_nothing(run: Run, package: Contents) -> None:
    Path("package.tgz").unlink()
    told = refused(run, "new/page")
    assert downloads.GIVEN in told and runtime.URL in told and "ONNX Runtime Web" in told
    assert not Path("new").exists() and not KEPT.exists()


def test_another_package_is_refused(run: Run, package: Contents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "SHA256", "0" * 64)
    assert "is damaged (its SHA-256 is wrong): try again" in refused(run, "page")
    assert not Path("page").exists() and not KEPT.exists()


@pytest.mark.parametrize("given", [True, False])
def test_another_file_in_the_cache_or_given_is_refused(
    run: Run, package: Contents, monkeypatch: pytest.MonkeyPatch, *, given: bool
) -> None:
    place = Path("given") / runtime.FILE if given else KEPT
    place.parent.mkdir(parents=True)
    place.write_bytes(b"no package")
    if given:
        monkeypatch.setenv(downloads.GIVEN, "given")
    assert "is not the file expected for 'ONNX Runtime Web'" in refused(run, "page")
    assert not Path("page").exists()


def test_a_package_that_was_given_or_kept_needs_no_network(
    run: Run, package: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("given").mkdir()
    Path("package.tgz").rename(Path("given") / runtime.FILE)
    assert "failed" in refused(run, "page")
    monkeypatch.setenv(downloads.GIVEN, "given")
    assert run("export", "style1", "--web", "page")[0] == 0
    assert not KEPT.exists()
    (Path("given") / runtime.FILE).rename("package.tgz")
    assert run("export", "style1", "--web", "page", "--overwrite")[0] == 0
    Path("package.tgz").unlink()
    assert KEPT.is_file() and run("export", "style1", "--web", "page", "--overwrite")[0] == 0


def test_what_is_there_is_kept(run: Run, package: Contents) -> None:
    page = Path("page")
    page.mkdir()
    assert run("export", "style1", "--web", "page")[0] == 0  # an empty folder holds nothing to lose
    before = (page / "service.js").read_bytes()
    (page / "CNAME").write_text("mine")
    assert "page is not empty: choose another folder, or add --overwrite" in refused(run, "page")
    assert run("export", "style2", "--web", "page", "--overwrite")[0] == 0
    assert (page / "CNAME").read_text() == "mine" and (page / "service.js").read_bytes() != before
    Path("file").write_text("")
    assert "file is a file" in refused(run, "file")
    assert "give one of them" in refused(run, "other", "-o", "other.onnx")


def test_a_page_that_cannot_be_finished_leaves_nothing(
    package: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OutputError, match=r"cannot write new.page: No space left on device"):
        web.write(pack_of(), ["style1"], "new/page")
    assert not Path("new").exists()


def test_own_files_are_short() -> None:
    for path in (Path(folder.__file__).parent / "page").iterdir():
        text = path.read_text("utf-8")
        lines = text.splitlines()
        assert len(lines) <= 350 and max(map(len, lines)) <= 120, path.name
        assert path.suffix != ".js" or max(b.count("\n") for b in text.split("\n\n")) < 50, path.name
