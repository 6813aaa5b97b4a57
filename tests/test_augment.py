"""Data sets in other looks: geometry stays, labels are copied, and what is drawn depends on nothing else."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto import image, samples
from impasto.batch import augmenting, datasets
from impasto.batch.augmenting import Look, draw, shift
from impasto.batch.manifest import read
from impasto.cli import main
from impasto.errors import InputError, OutputError
from impasto.networks import library, packs
from test_networks import pack_of

TREES = {
    "coco": (["train2017/000001.jpg", "val2017/000002.jpg"], ["annotations/instances_train2017.json"]),
    "bdd": (["images/100k/train/a-1.jpg"], ["labels/bdd100k_labels.json", "labels/drivable/train/a-1.png"]),
    "cityscapes": (
        ["leftImg8bit/train/aachen/aachen_000000_leftImg8bit.png"],
        ["gtFine/train/aachen/aachen_000000_gtFine_labelIds.png", "license.txt"],
    ),
    "kitti": (
        ["training/image_2/000000.png", "training/image_3/000000.png"],
        ["training/label_2/000000.txt", "training/semantic/000000.png", "training/calib/000000.txt"],
    ),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv(library.HOME, str(tmp_path / "none"))
    monkeypatch.setattr(library, "SHIPPED", tmp_path / "none")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "looks").mkdir()
    packs.save(pack_of(), tmp_path / "looks" / "mine.safetensors")
    return tmp_path


def lay_out(name: str) -> Path:
    """A small data set in a layout; label maps are pictures too, and unlike any photo's neighbour."""
    photos, labels = TREES[name]
    for number, path in enumerate(photos):
        Path(name, path).parent.mkdir(parents=True, exist_ok=True)
        image.write(Path(name, path), image.resize(samples.photo("chelsea")[number:], (60, 90)))
    for path in labels:
        Path(name, path).parent.mkdir(parents=True, exist_ok=True)
        if path.endswith(".png"):
            Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)).save(Path(name, path))
        else:
            Path(name, path).write_bytes(b'{"boxes": [1, 2]}\r\n')
    return Path(name)


@pytest.mark.parametrize("name", list(TREES))
def test_each_layout_is_known_by_its_folders(here: Path, name: str) -> None:
    found = datasets.look(lay_out(name))
    assert found.layout == name
    assert sorted(p.as_posix() for p in found.photos) == sorted(TREES[name][0])
    assert sorted(p.as_posix() for p in found.others) == sorted(TREES[name][1])


def test_a_data_set_is_painted_and_its_labels_are_copied(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = lay_out("kitti")
    command = ["augment", "kitti", "--looks", "looks", "--seed", "3", "--workers", "1", "-q"]
    command += ["--strength", "0.1,0.2"]  # more of a network of random weights is no painting of anything
    with pytest.raises(SystemExit) as stop:
        main([*command, "-o", "out", "--verify"])
    assert stop.value.code == 0, capsys.readouterr().err
    for path in TREES["kitti"][1]:
        assert (source / path).read_bytes() == Path("out", path).read_bytes()
    rows = [row for row in read(Path("out/manifest.jsonl")) if row["status"] == "done"]
    assert sorted(row["output"] for row in rows) == sorted(TREES["kitti"][0])
    for row in rows:
        painted, photo = image.read(Path("out", row["output"])), image.read(source / row["output"])
        assert painted.size == photo.size
        assert np.abs(painted.rgb - photo.rgb).mean() > 0.01
        assert 0.1 <= row["settings"]["strength"] <= 0.2 and row["look"].startswith("mine.safetensors#")
    with pytest.raises(SystemExit) as stop:
        main([*command, "-o", "again", "--reproduce", "out/manifest.jsonl"])
    assert stop.value.code == 0, capsys.readouterr().err
    assert "bit for bit" in capsys.readouterr().out
    # The proof that both can fail.
    image.write(
        "out/training/image_2/000000.png",
        np.roll(image.read(source / "training/image_2/000000.png").rgb, 5, 1),
        overwrite=True,
    )
    Path("out/training/label_2/000000.txt").write_bytes(b"other")
    faults = augmenting.verify("kitti", "out")
    assert len(faults) == 2 and "5 pixels to the right" in faults[0] and "not the copy" in faults[1]


def test_what_is_drawn_depends_on_name_and_seed_alone() -> None:
    looks = [Look(str(n), "stylize", {}, "") for n in range(4)]
    names = [f"a/{n}.jpg" for n in range(400)]
    drawn = {name: draw(name, looks, seed=1, strength=(0.4, 1)) for name in names}
    assert drawn == {name: draw(name, looks, seed=1, strength=(0.4, 1)) for name in reversed(names)}
    counts = Counter(d.look.name for d in drawn.values())
    assert len(counts) == 4 and min(counts.values()) > 70
    strengths = [d.strength for d in drawn.values()]
    assert min(strengths) >= 0.4 and max(strengths) <= 1 and 0.65 < np.mean(strengths) < 0.75
    assert sum(drawn[n] == draw(n, looks, seed=2, strength=(0.4, 1)) for n in names) < 10


def test_a_shift_is_found_under_another_painting() -> None:
    photo = image.resize(samples.photo("coffee"), (120, 160)).mean(2)
    grain = np.random.default_rng(0).normal(0, 0.05, photo.shape).astype(np.float32)
    assert shift(photo, 0.7 * photo**1.5 + grain) == (0, 0)
    assert shift(photo, 0.7 * np.roll(photo, (-3, 7), (0, 1)) + grain) == (-3, 7)


def test_a_photo_that_is_stored_turned_is_a_row(here: Path) -> None:
    lay_out("bdd")
    turned = Path("bdd/images/100k/train/turned.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open("bdd/images/100k/train/a-1.jpg").save(turned, exif=exif)
    Path("bdd/images/100k/train/broken.jpg").write_bytes(b"\xff\xd8no")
    outcome = augmenting.augment("bdd", "out", looks_in="looks", workers=1)
    assert (outcome.done, outcome.failed) == (1, 2)
    errors = {row["output"]: row["error"] for row in read(outcome.manifest) if row["status"] == "error"}
    assert any("turn its pixels first" in text for text in errors.values())
    assert not Path("out/images/100k/train/turned.jpg").exists()


def test_a_data_set_is_never_written_into(here: Path) -> None:
    lay_out("coco")
    for out in ("coco", "coco/painted"):
        with pytest.raises(OutputError, match="lies in the data set"):
            augmenting.augment("coco", out, looks_in="looks")
    shutil.copytree("coco", "out")
    outcome = augmenting.augment("coco", "out", looks_in="looks", workers=1)
    assert outcome.done == 0 and outcome.failed == 2  # pictures of someone else are there


def test_what_is_no_data_set_is_refused(here: Path) -> None:
    Path("empty/pictures").mkdir(parents=True)
    for folder, words in (("gone", "not a folder"), ("empty", "laid out as none")):
        with pytest.raises(InputError, match=words):
            augmenting.augment(folder, "out", looks_in="looks")
    lay_out("coco")
    with pytest.raises(InputError, match="holds no looks"):
        augmenting.augment("coco", "out", looks_in="empty")
    with pytest.raises(InputError, match="in order"):
        augmenting.augment("coco", "out", looks_in="looks", strength=(1, 0.5))
