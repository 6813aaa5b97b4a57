"""Folders of images under any name: detected by their first bytes; skipped files are counted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import Run
from impasto import batching, image
from impasto.augmentation.layouts import look
from impasto.errors import InputError
from impasto.networks import packs
from impasto.training.photos import _find_photos
from support.networks import pack_of, photo_of

KINDS = {
    "a.jfif": "JPEG",
    "b.JPE": "JPEG",
    "c.jpg_large": "JPEG",
    "d.ppm": "PPM",
    "e": "PNG",
    "f.image": "WEBP",
    "g.dat": "BMP",
    "h.tiff_": "TIFF",
    "i.jpg": "GIF",
    "j.png": "AVIF",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures with unusual endings, and files that are none."""
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "in"
    place.mkdir()
    photo = Image.fromarray((photo_of(24, 32) * 255).astype(np.uint8))
    for name, kind in KINDS.items():
        photo.save(place / name, kind)
    image.write(place / "k.heic", photo_of(24, 32)).rename(place / "K.HIF")
    for name in ("notes.txt", "Thumbs.db", "BMW.list", "film.mp4"):
        (place / name).write_text("BMW and other words, long enough to hold no header")
    (place / "._a.jfif").write_bytes(b"\0\5\x16\7")
    shutil.copyfile(place / "h.tiff_", place / "raw.DNG")  # what begins as TIFF is not all a picture
    (place / "deeper").mkdir()
    return place


def test_pictures_are_known_by_their_first_bytes(folder: Path) -> None:
    found = batching.photos(str(folder))
    assert found is not None
    assert [path.name for path in found] == ["K.HIF", *KINDS]
    for path in found:
        # Grain loses most of its color in a JPEG; another picture would be 0.2 away.
        assert np.abs(image.read(path).rgb - photo_of(24, 32)).mean() < 0.1
    line = batching.non_image_message("in")
    assert line == "in: ignored 5 non-image files (BMW.list, Thumbs.db, film.mp4, ...); " + (
        "use impasto video for videos"
    )
    assert [path.name for path in _find_photos(folder)] == ["K.HIF", *KINDS]


def test_a_damaged_picture_is_not_passed_over(run: Run, folder: Path) -> None:
    packs.save(pack_of(), Path("p.safetensors"))
    (folder / "z.jpg").write_bytes(b"")
    code, said, wrong = run("stylize", "in", "p.safetensors#style1", "-o", "out", "--quiet", "--json")
    assert code == 2 and json.loads(said)["done"] == 11 and "1 job failed: see" in wrong
    assert "z.jpg is empty" in Path("out/manifest.jsonl").read_text()
    assert "ignored 5 non-image files" in wrong
    code, said, wrong = run("batch", "in", "--style", "p.safetensors#style1", "-o", "many", "-q")
    assert code == 2 and said.startswith("11 done") and "ignored 5 non-image files" in wrong


def test_nothing_is_said_where_nothing_is_passed_over(tmp_path: Path) -> None:
    image.write(tmp_path / "a.png", photo_of(8, 8))
    (tmp_path / ".DS_Store").write_bytes(b"x")
    assert batching.non_image_message(str(tmp_path)) is None
    assert batching.non_image_message(str(tmp_path / "a.png")) is None
    (tmp_path / "a.png").rename(tmp_path / "a.txt")
    assert batching.photos(str(tmp_path)) == [tmp_path / "a.txt"]
    (tmp_path / "a.txt").write_text("words")
    with pytest.raises(InputError, match="contains no images, but 1 other file"):
        batching.photos(str(tmp_path))


def test_data_sets_have_photographs_under_any_name(tmp_path: Path) -> None:
    for name in ("images/train/a.jfif", "images/train/b", "images/train/c.txt", "labels/a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name, "PNG" if name.endswith("png") else "JPEG")
    (tmp_path / "images/train/c.txt").write_text("words")
    found = look(tmp_path)
    assert [path.as_posix() for path in found.photos] == ["images/train/a.jfif", "images/train/b"]


@pytest.mark.parametrize(
    ("name", "head", "words"),
    [
        ("a.mp4", b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "is a video, not a picture: use"),
        ("a.jpg", b"\x1a\x45\xdf\xa3" + bytes(40), "is a video, not a picture: use"),
        ("a.ts", b"\x47\x40\x11\x10" + bytes(400), "is a video, not a picture: use"),
        ("a.h264", b"\0\0\0\1\x67\x64\0\x28", "is a video, not a picture: use"),
        ("a.m4a", b"\0\0\0\x20ftypM4A \0\0\2\0isomiso2", "is an audio file, not a picture"),
        ("a.avi", b"RIFF\0\0\0\0AVI LIST", "is a video, not a picture: use"),
        ("a.pdf", b"%PDF-1.7\n", "it is a PDF: export its page as PNG"),
        ("a.psd", b"8BPS\0\1", "it is a Photoshop file: export it as PNG or TIFF"),
        ("a.jxl", b"\xff\x0a\xfa\x7f", "it is a JPEG XL: convert it to PNG or JPEG"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'>", "it is an SVG drawing: export it as PNG"),
        ("a.cr3", b"\0\0\0\x18ftypcrx \0\0\0\1", "is a camera's raw file: develop it"),
        ("a.NEF", b"MM\0*\0\0\0\x08", "is a camera's raw file: develop it"),
    ],
)
def test_what_is_no_picture_is_told_where_to_go(tmp_path: Path, name: str, head: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(head + bytes(100))
    for call in (image.read, image.read_recipe, image.read_bytes):
        with pytest.raises(InputError, match=words):
            call(tmp_path / name)


def test_a_folder_may_be_the_one_that_one_is_in(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    image.write(photos / "a.png", np.full((32, 48, 3), 0.5, np.float32))
    monkeypatch.chdir(photos)
    code, _, wrong = run("stylize", ".", "waves", "--size", "48")
    assert code == 0, wrong
    assert [path.name for path in (tmp_path / "photos-waves").glob("*.png")] == ["a.png"]
