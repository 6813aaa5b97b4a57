"""The web page as an API: what clients other than browsers may ask of it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from impasto import image, samples
from support.pages import served

pytest.importorskip("gradio")
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("temporary")) as url:
        yield url


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
