"""Wrong verbs and options lead to the right ones, and style names resolve as users expect."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from conftest import Run
from impasto import image
from impasto.errors import InputError
from impasto.jobs import StylizeJob, VideoJob
from impasto.networks import packs
from impasto.painters.style_folders import expand_folders
from support.networks import pack_of, photo_of


@pytest.fixture
def here(tmp_path: Path, narrow_vgg19: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photo, a folder of two paintings with a text beside them, and a pack of styles."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMPASTO_STYLES", str(tmp_path / "none"))
    image.write("photo.png", photo_of(40, 60))
    Path("paintings").mkdir()
    for number in (1, 2):
        image.write(f"paintings/{number}.png", photo_of(40, 40, seed=number))
    Path("paintings/notes.txt").write_text("by nobody")
    shutil.copyfile("paintings/1.png", "copy.png")
    packs.save(pack_of(), tmp_path / "p.safetensors")
    return tmp_path


def job(*styles: str, **settings: object) -> StylizeJob:
    return StylizeJob.parse({"content": "photo.png", "styles": styles, **settings})


def test_a_folder_of_paintings_means_all_of_them(here: Path) -> None:
    found = expand_folders(
        job("paintings", "photo.png", weights=(3, 1), style_scale=(0.5, 2), mask=("a", "b"))
    )
    assert found.styles == ("paintings/1.png", "paintings/2.png", "photo.png")
    assert found.weights == (1.5, 1.5, 1)
    assert found.style_scale == (0.5, 0.5, 2) and found.mask == ("a", "a", "b")
    assert expand_folders(job("paintings")).weights is None
    Path("empty").mkdir()
    with pytest.raises(InputError, match="style empty is a folder without pictures"):
        expand_folders(job("empty"))


def test_the_same_style_twice_is_one(here: Path) -> None:
    twice = ("paintings/1.png", "paintings/2.png", "./paintings/1.png", "copy.png")
    assert expand_folders(job(*twice)).styles == twice[:2]
    assert expand_folders(job(*twice, weights=(1, 2, 3, 4))).weights == (8, 2)
    assert expand_folders(job("waves", "waves")).styles == ("waves",)
    film: dict[str, Any] = {"film": "film.mp4", "styles": ("waves", "waves", "woodcut"), "weights": (1, 2, 3)}
    assert expand_folders(VideoJob.parse(film)).weights == (3, 3)
    film = {"film": "film.mp4", "styles": ("paintings", "photo.png"), "style_scale": (0.5,)}
    found = expand_folders(VideoJob.parse(film))
    assert found.styles == ("paintings/1.png", "paintings/2.png", "photo.png")
    assert found.style_scale == (0.5, 0.5, 0.5)
    # Of other scales, or in other places, it is two.
    assert len(expand_folders(job("copy.png", "copy.png", style_scale=(0.5, 2))).styles) == 2
    assert len(expand_folders(job("copy.png", "copy.png", mask=("a", "b"))).styles) == 2
    plain = job("copy.png", "paintings/2.png", weights=(1, 2))
    assert expand_folders(plain) is plain


def test_styles_that_are_named_twice_paint_as_one(run: Run, here: Path) -> None:
    once = run("stylize", "photo.png", "p.safetensors#style1", "-o", "one.png")
    both = run("stylize", "photo.png", *["p.safetensors#style1"] * 2, "--weights", "1,2", "-o", "two.png")
    assert (once[0], both[0]) == (0, 0)
    assert np.array_equal(image.read("one.png").rgb, image.read("two.png").rgb)


def test_a_folder_as_style_is_painted_and_replays(run: Run, here: Path, brief: None) -> None:
    assert run("stylize", "photo.png", "paintings", "-s", "40", "-q")[0] == 0
    recipe = json.loads(image.read_recipe("photo-paintings.png") or "")
    assert recipe["job"]["styles"] == ["1.png", "2.png"]
    assert run("replay", "photo-paintings.png", "--search", "paintings", "-o", "again.png", "-q")[0] == 0
    assert np.array_equal(image.read("photo-paintings.png").rgb, image.read("again.png").rgb)
    code, _, wrong = run("stylize", "photo.png", "paintings", "-o", "paintings/1.png", "--overwrite")
    assert code == 2 and "is an input" in wrong


def test_films_are_sent_to_video(run: Run, here: Path) -> None:
    Path("film.mp4").write_bytes(b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(99))
    for command in (
        ("stylize", "film.mp4", "p.safetensors#style1"),
        ("stylize", "film.mp4", "p.safetensors#style1", "-o", "painted.mp4"),
        ("stylize", "photo.png", "film.mp4"),
        ("compare", "film.mp4", "copy.png"),
    ):
        code, _, wrong = run(*command)
        assert code == 2 and "film.mp4 is a video, not a picture: use impasto video" in wrong
    code, _, wrong = run("batch", "film.mp4", "--style", "p.safetensors#style1", "-o", "out")
    assert code == 2 and "impasto video for a video" in wrong
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    frames[0].save("moves.gif", save_all=True, append_images=frames[1:])
    code, _, wrong = run("stylize", "moves.gif", "p.safetensors#style1")
    assert code == 0 and "moves.gif is animated: only its first frame is used; impasto video" in wrong


def test_a_folder_to_learn_is_sent_to_styles(run: Run, here: Path) -> None:
    code, _, wrong = run("learn", "paintings", "-o", "new.safetensors", "--photos", "paintings")
    assert code == 2 and "use --styles paintings" in wrong


def test_what_a_photo_says_of_itself_is_kept_unless_it_is_stripped(run: Run, here: Path) -> None:
    exif = Image.Exif()
    exif[0x8298], exif[0x010F] = "(c) K.", "Maker"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.0)})
    Image.fromarray((photo_of(40, 60) * 255).astype(np.uint8)).save("a.jpg", exif=exif, dpi=(300, 300))
    style = "p.safetensors#style1"
    wanted = image.read_metadata("a.jpg")
    assert wanted.dpi == (300, 300) and len(wanted.gps) == 2
    for out in ("a.png", "b.jpg"):
        assert run("stylize", "a.jpg", style, "-o", out)[0] == 0
        assert image.read_metadata(out) == wanted
        assert run("stylize", "a.jpg", style, "-o", out, "--overwrite", "--strip")[0] == 0
        assert image.read_metadata(out) == image.Metadata() and image.read_recipe(out)
    assert run("photoreal", "a.jpg", "copy.png", "--fast", "--classes", "1", "-o", "c.jpg", "-q")[0] == 0
    assert image.read_metadata("c.jpg") == wanted
    Path("in").mkdir()
    shutil.copyfile("a.jpg", "in/a.jpg")
    for option, found in (((), wanted), (("--set", "strip=true"), image.Metadata())):
        folder = f"out{len(option)}"
        assert run("batch", "in", "--style", style, "-o", folder, "--workers", "1", "-q", *option)[0] == 0
        assert image.read_metadata(f"{folder}/a.png") == found
