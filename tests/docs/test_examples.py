"""Every command-line example runs on small inputs, succeeds and writes its outputs."""

from __future__ import annotations

import contextlib
import functools
import gc
import json
import shutil
import socket
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from impasto import image, methods, painters, samples
from impasto.cli import main
from impasto.looks.masks import COLORS
from impasto.media import FilmWriter
from impasto.networks import library, packs
from impasto.painters import instant
from impasto.verbs import compare, demo, style_sheet
from support import web
from support.augment import lay_out
from support.commands import commands
from support.visualize import state
from support.weights import fake, publish

STYLE = functools.cache(samples.style)
EXAMPLES = [(verb, line) for verb, lines in commands.examples().items() for line in lines]
SIDE = (48, 64)
SECONDS = 12  # of the film, a frame each: some examples begin at the tenth

# What stands in for an example's own value, so that little is painted.
INSTEAD: dict[str, dict[str, str]] = {
    **{verb: {"--size": "64"} for verb in ("video", "photoreal", "compare")},
    "dream": {"--octaves": "2", "--steps": "2,1", "--frames": "3", "--size": "64"},
    "measure": {"--start": "10"},
    "stylize": {"--tune": "0.1"},
    # Several processes begin the command that runs, here pytest: tests/networks/test_training.py has them.
    "learn": {"--minutes": "0.01", "--steps": "2", "--side": "64", "--batch": "2", "--processes": "1"},
    "live": {"--source": "short.mp4", "--port": "0"},
    "layers": {"--channels": "1", "--size": "32", "--steps": "2"},
    "augment": {"--strength": "0.1,0.2"},
    **{f"styles {verb}": {"--size": "48"} for verb in ("samples", "sheet")},
    "demo": {"--size": "64"},
}
# What is added where an example leaves it open.
ADDED: dict[str, dict[str, str]] = {
    "dream": {"--octaves": "2", "--steps": "2,1"},
    "learn": {"--steps": "2", "--side": "64", "--batch": "2"},
    "live": {"--source": "short.mp4", "--port": "0", "--size": "64"},
    "compare": {"--size": "64"},
    "layers": {"--channels": "1", "--size": "32", "--steps": "2"},
    "styles samples": {"--size": "48"},
    "demo": {"--size": "64"},
}
# What another example must have made: the command, and what it is called here.
BEFORE = {
    "--resume --overwrite   # after a kill": "impasto stylize photo.jpg waves -o large.png",
    "impasto replay out.png": "impasto stylize photo.jpg waves -o out.png",
    "impasto measure out.png": "impasto stylize photo.jpg waves -o out.png",
    "impasto measure both.png": "impasto stylize photo.jpg waves woodcut -o both.png",
    "impasto replay dreamed.mp4": "impasto dream clip.mp4 --octaves 2 --steps 2,1 -o dreamed.mp4",
    "photoreal other.jpg": "impasto photoreal day.jpg night.jpg --fast --save-look night.look -o d.jpg",
    "measure painted.gif": "impasto video film.mp4 waves --start 10 -o painted.gif",
    "styles remove waves2": "impasto styles add waves2.style",
    "styles describe mine ": "impasto styles add mine.style",
    "--reproduce": "impasto augment kitti/ --looks looks/ --strength 0.1,0.2 --no-gate -o kitti-painted/",
}
# Verbs that write nothing.
READING = {"styles list", "measure", "doctor", "live", "styles remove"}
# What is not here, a cluster: then the example ends with a sentence that says so.
LACKING = {"--engine ray": "Ray"}


def film(path: Path, *, seconds: int, fps: int = 1) -> None:
    """A photo that moves by a pixel a frame."""
    rgb = np.rint(image.resize(samples.photo("coffee"), SIDE).clip(0, 1) * 255).astype(np.uint8)
    writer = FilmWriter(path, SIDE)
    for number in range(seconds * fps):
        writer.write(np.roll(rgb, number, 1), Fraction(number, fps))
    writer.close()


def shop(here: Path) -> None:
    """All files that the examples name."""
    photo = {name: image.resize(samples.photo(name), SIDE) for name in ("coffee", "chelsea", "rocket")}
    for name in ("photo.jpg", "bricks.jpg", "large.jpg", "day.jpg", "other.jpg", "flowers.jpg"):
        image.write(here / name, photo["coffee"])
    for name in ("night", "dusk"):
        image.write(here / f"{name}.jpg", photo["rocket"])
    for name in ("starry", "scream", "a", "b", "mine", "yours"):
        image.write(here / f"{name}.jpg", samples.style("waves", 64))
    image.write(here / "waves.png", samples.style("night", 64))
    image.write(here / "street.jpg", photo["coffee"])
    lamp = np.zeros((*SIDE, 3), np.float32)
    lamp[10:13, 20:24] = (1, 0.5, 0)
    image.write(here / "lamps.png", lamp)
    box = {"image_id": 1, "category_id": 1, "bbox": [20, 10, 4, 8]}
    size = {"height": SIDE[0], "width": SIDE[1]}
    coco = {
        "images": [{"id": 1, "file_name": "street.jpg", **size}],
        "categories": [{"id": 1, "name": "traffic light"}],
        "annotations": [box],
    }
    (here / "labels.json").write_text(json.dumps(coco))
    left = np.zeros((*SIDE, 3), np.float32)
    left[:, :30] = 1
    for name, mask in (("sky", left), ("ground", 1 - left), ("left", left), ("right", 1 - left)):
        image.write(here / f"{name}.png", mask)
    for name in ("day-mask", "night-mask"):
        colors = [np.array(COLORS[colour], np.float32) / 255 for colour in ("blue", "green")]
        image.write(here / f"{name}.png", np.where(left > 0, *colors))
    for folder in ("photos", "frames", "paintings", "looks"):
        (here / folder).mkdir()
    for number, name in enumerate(("coffee", "chelsea")):
        image.write(here / "photos" / f"{name}.png", image.resize(samples.photo(name), (96, 120)))
        image.write(here / "frames" / f"{number:04}.png", photo["coffee"])
    image.write(here / "paintings" / "harvest.png", samples.style("waves", 64))
    for name, seconds in (("film", SECONDS), ("theirs", SECONDS), ("painted", SECONDS), ("alone", SECONDS)):
        film(here / f"{name}.mp4", seconds=seconds)
    film(here / "clip.mp4", seconds=6)
    film(here / "short.mp4", seconds=1, fps=4)
    dream = {"verb": "dream", "content": "photo.jpg", "octaves": 2, "output": "dream.png"}
    jobs = ({"content": "photo.jpg", "styles": ["waves"]}, dream)
    (here / "jobs.jsonl").write_text("\n".join(json.dumps(job) for job in jobs))
    learned(here)
    with contextlib.chdir(here):
        for name in ("kitti", "coco"):
            lay_out(name)


def learned(here: Path) -> None:
    """Packs and styles of one's own: rows of the shipped ones by other names."""
    known = library.find("waves", network="quality")
    assert known is not None
    shipped = known.pack
    rows = shipped.rows[list(known.style.rows)]
    for name, file in (("mine", "mine.safetensors"), ("harvest", "pack.safetensors")):
        pack = replace(shipped, rows=shipped.rows[:1], styles=()).add_style(
            replace(known.style, name=name), rows
        )
        packs.save(pack, here / file)
        packs.save(pack, here / "looks" / file)
    for name in ("mine", "waves2"):
        packs.save_style(
            shipped.add_style(replace(known.style, name=name), rows), name, here / f"{name}.style"
        )


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files, once; each example has a copy."""
    here = tmp_path_factory.mktemp("stock")
    shop(here)
    return here


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where compiled networks are kept, from one example to the next."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def here(
    stock: Path, cache: Path, narrow_vgg19: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with all files that examples name, and a home of its own."""
    place = tmp_path / "here"
    shutil.copytree(stock, place)
    monkeypatch.chdir(place)
    monkeypatch.setenv(library.HOME, str(tmp_path / "styles"))
    own = tmp_path / "cache" / "impasto"
    own.mkdir(parents=True)
    (own / "openvino").symlink_to(cache, target_is_directory=True)  # weights of other examples stay unseen
    monkeypatch.setenv("XDG_CACHE_HOME", str(own.parent))
    web.publish(tmp_path / "package.tgz", monkeypatch)
    monkeypatch.setenv("IMPASTO_WEIGHTS", str(tmp_path / "none"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(demo, "FILM_SECONDS", 0.5)
    monkeypatch.setattr(style_sheet, "SIDE", 64)
    monkeypatch.setattr(compare, "SAMPLES", 1)
    monkeypatch.setattr(samples, "style", lambda name, size: STYLE(name, min(size, 64)))
    monkeypatch.setattr(samples, "STYLES", samples.STYLES[:3])
    monkeypatch.setattr(samples, "PHOTOS", samples.PHOTOS[:2])
    monkeypatch.setattr(demo, "write_film", partial(demo.write_film, size=(90, 160), fps=6))
    for name in painters.BUDGETS:
        monkeypatch.setitem(
            painters.BUDGETS, name, painters.Budget(64, 64, (2,), neighbors=(1,), rounds=(1,))
        )
    for method in ("paper", "tutorial", "photoreal"):
        monkeypatch.setattr(methods, method, partial(getattr(methods, method), steps=3))
    monkeypatch.setattr(instant, "SIDE", 64)
    return place


def files(here: Path) -> list[Path]:
    """What lies where results go: here, and among one's own styles."""
    folders = (here, here.parent / "styles")
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def smaller(verb: str, words: list[str]) -> list[str]:
    """The example with less to do: other numbers, and a device that is there."""
    found = list(words)
    if verb == "video" and any(word.endswith(".jpg") for word in words):
        found[1] = "short.mp4"  # to be painted by optimization
    for index, word in enumerate(words[:-1]):
        if word in INSTEAD.get(verb, {}):
            found[index + 1] = INSTEAD[verb][word]
        if word == "--device" and not torch.cuda.is_available():
            found[index + 1] = "cpu"
    added = ADDED.get(verb, {}) if "--style" not in words else {}
    for option, value in added.items():
        if option not in found:
            found += [option, value]
    return found


def outcome(words: list[str]) -> int:
    """The exit code."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    return int(ended.value.code or 0)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of Gradio, where a page is not served after all
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("verb", "line"), EXAMPLES, ids=[line.split("#")[0].strip() for _, line in EXAMPLES])
def test_an_example_is_run(
    here: Path, verb: str, line: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[object] = []
    monkeypatch.setattr("uvicorn.Server.run", lambda server, _: served.append(server))
    monkeypatch.setattr("impasto.app.serving._listener", lambda *_: socket.create_server(("127.0.0.1", 0)))
    for name in ("vgg16-torchvision", "vgg19-torchvision", "googlenet-torchvision"):
        if name in line:
            file = here.parent / "weights.pth"
            torch.save(state() if name.startswith("googlenet") else fake(name)[0], file)
            publish(name, file, monkeypatch)
    for part, command in BEFORE.items():
        if part in line:
            assert outcome(commands.words(command)[1:]) == 0, capfd.readouterr().err
    words = smaller(verb, commands.words(line)[1:])
    if "-o" in words and not {"--overwrite", "--resume"} & set(words):
        (here / words[words.index("-o") + 1]).unlink(missing_ok=True)  # what is to be made, and another needs
    capfd.readouterr()
    there = {path: path.stat().st_mtime_ns for path in files(here)}
    code = outcome(words)
    if served:
        served[:] = ["a page"]
        gc.collect()  # here, where what Gradio leaves open is no warning
    said = capfd.readouterr()
    lacks = [word for part, word in LACKING.items() if part in line]
    if lacks and code:
        assert code == 2 and lacks[0] in said.err.splitlines()[-1], said.err
        return
    assert code == 0, said.err
    if "--json" in words:
        json.loads(said.out)
    else:
        assert said.out
    made = {path for path in files(here) if there.get(path) != path.stat().st_mtime_ns}
    if "-o" in words:
        out = here / words[words.index("-o") + 1]
        assert any(path == out or out in path.parents for path in made)
    assert made or served or verb in READING
