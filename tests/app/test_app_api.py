"""The web page as an API: the examples of its documentation, and what clients may not ask of it."""

from __future__ import annotations

import json
import re
import urllib.request
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import impasto
from impasto import image, samples
from impasto.media import FilmReader, FilmWriter

client = pytest.importorskip("gradio_client")
ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "docs" / "app.md")
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def caller(address: str) -> Any:
    return client.Client(address, verbose=False)


def posted(address: str, number: int, data: list[Any]) -> dict[str, Any]:
    """What the page answers to a raw request for the function of this number."""
    session = f"session{number}"
    body = json.dumps({"data": data, "fn_index": number, "session_hash": session}).encode()
    kind = {"Content-Type": "application/json"}
    urllib.request.urlopen(
        urllib.request.Request(f"{address}gradio_api/queue/join", body, kind), timeout=60
    ).close()
    with urllib.request.urlopen(
        f"{address}gradio_api/queue/data?session_hash={session}", timeout=60
    ) as lines:
        for line in lines:
            if b"process_completed" in line:
                return dict(json.loads(line.removeprefix(b"data: ")))
    raise AssertionError("no answer")


def test_a_file_that_was_not_uploaded_is_not_read(address: str, tmp_path: Path) -> None:
    secret = image.write(tmp_path / "secret.png", image.resize(samples.photo("coffee"), (24, 32)))
    page = json.load(urllib.request.urlopen(f"{address}config", timeout=60))
    kinds = {part["id"]: part["type"] for part in page["components"]}
    takes_a_photo = [f["id"] for f in page["dependencies"] if [kinds[i] for i in f["inputs"]] == ["image"]]
    assert takes_a_photo
    for number in takes_a_photo:
        given = {"path": str(secret), "meta": {"_type": "gradio.FileData"}}
        answer = posted(address, number, [given])
        assert not answer["success"] and "secret.png.seen" not in json.dumps(answer)
        assert "was not uploaded" in json.dumps(answer)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All files that the examples name."""
    rgb = image.resize(samples.photo("coffee"), (96, 128))
    for name in ("photo", "street", "frame"):
        image.write(tmp_path / f"{name}.jpg", rgb)
    image.write(tmp_path / "night.jpg", image.resize(samples.photo("rocket"), (96, 128)))
    image.write(tmp_path / "painting.jpg", samples.style("waves", 96))
    left, lamp = np.zeros((96, 128), np.float32), np.zeros((96, 128, 3), np.float32)
    left[:, :64], lamp[20:26, 40:48] = 1, (1, 0.5, 0)
    image.write(tmp_path / "mask.png", left, gray=True)
    image.write(tmp_path / "lamps.png", lamp)
    writer = FilmWriter(tmp_path / "film.mp4", (64, 96))
    for number in range(3):
        writer.write(np.full((64, 96, 3), 90, np.uint8), Fraction(number, 10))
    writer.close()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "downloads"))
    return tmp_path


def test_the_examples_of_the_documentation_run(
    address: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    examples = [code for code in re.findall(r"```python\n(.*?)```", pages, re.DOTALL) if "client" in code]
    known: dict[str, Any] = {}
    for code in examples:
        assert code.count("http://") == code.count("http://127.0.0.1:7860/")
        exec(code.replace("http://127.0.0.1:7860/", address), known)
    said = capsys.readouterr().out
    assert "done: 640 x 480" in said
    asked = set(re.findall(r'api_name="/(\w+)"', "".join(examples)))
    offered = json.load(urllib.request.urlopen(f"{address}gradio_api/info", timeout=60))["named_endpoints"]
    assert {f"/{name}" for name in asked} == offered.keys()
    photo = image.read("photo.jpg").rgb
    painted = {name: image.read(known[name]["file"]).rgb for name in ("instant", "relit", "night", "frame")}
    for name, rgb in painted.items():
        assert rgb.shape == photo.shape and np.abs(rgb - photo).mean() > 0.02, name
    assert np.abs(painted["instant"] - photo)[:, 70:].max() < 0.02, "the mask is black there"
    assert painted["night"].mean() < 0.7 * photo.mean()
    assert image.read(known["dreamed"]).rgb.shape == photo.shape
    with FilmReader(known["film"]["file"]) as reader:
        assert len(list(reader.frames())) == 3
    recipe = json.loads(image.read_recipe(known["painted"]["file"]) or "")["job"]
    assert (recipe["styles"], recipe["weights"]) == (["waves", "woodcut"], [0.7, 0.3])


@pytest.mark.parametrize(
    ("endpoint", "given", "words"),
    [
        ("stylize", {}, "no style is chosen"),
        ("stylize", {"styles": ["wavez"]}, "did you mean waves"),
        ("stylize", {"styles": "wavez"}, "did you mean waves"),
        ("stylize", {"styles": ["waves"], "settings": [1]}, "names with values"),
        ("stylize", {"styles": ["/etc/hosts"]}, "no learned style has this name"),
        ("stylize", {"styles": ["waves"], "settings": {"init": "/etc/hosts"}}, "has no setting 'init'"),
        ("stylize", {"styles": ["waves"], "settings": {"strength": 5}}, "strength 5 is not between 0 and 2"),
        ("stylize", {"styles": ["waves"], "settings": {"size": 4000}}, "at most 2048"),
        ("photoreal", {}, "choose a night"),
        ("photoreal", {"settings": {"night": "wet", "lamps": "/etc/hosts"}}, "has no setting 'lamps'"),
        ("dream", {"settings": {"octaves": 100}}, "octaves 100 is not between"),
        ("live", {"style": "/etc/hosts"}, "no learned style has this name"),
    ],
)
def test_what_is_wrong_is_told(
    caller: Any, tmp_path: Path, endpoint: str, given: dict[str, Any], words: str
) -> None:
    file = image.write(tmp_path / "photo.png", image.resize(samples.photo("coffee"), (24, 32)))
    photo = {"frame" if endpoint == "live" else "photo": client.handle_file(str(file))}
    with pytest.raises(client.exceptions.AppError, match=words):
        caller.predict(**photo, **given, api_name=f"/{endpoint}")


@pytest.mark.parametrize("meta", [True, False])
def test_an_endpoint_reads_uploads_only(address: str, tmp_path: Path, meta: bool) -> None:
    secret = image.write(tmp_path / "secret.png", image.resize(samples.photo("coffee"), (24, 32)))
    page = json.load(urllib.request.urlopen(f"{address}config", timeout=60))
    (number,) = [f["id"] for f in page["dependencies"] if f["api_name"] == "stylize"]
    given = {"path": str(secret), **({"meta": {"_type": "gradio.FileData"}} if meta else {})}
    for data in ([given, ["waves"], None, None, None], [str(secret), ["waves"], None, None, None]):
        answer = posted(address, number, data)
        assert not answer["success"] and "was not uploaded" in json.dumps(answer)


def test_uploads_are_told_from_other_files(tmp_path: Path) -> None:
    from impasto.app.endpoints import Endpoints
    from impasto.app.visits import AppState
    from impasto.errors import InputError

    ends = Endpoints(AppState(impasto.app.Limits(), tmp_path))
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "a.png").touch()
    (tmp_path / "b.png").touch()
    (tmp_path / "uploads" / "link.png").symlink_to(tmp_path / "b.png")
    assert ends._path({"path": str(tmp_path / "uploads" / "a.png")}) == str(tmp_path / "uploads" / "a.png")
    for name in ("uploads/../b.png", "uploads/link.png", "uploads", "uploads/none.png", "b.png"):
        with pytest.raises(InputError, match="was not uploaded"):
            ends._path({"path": f"{tmp_path}/{name}"})
