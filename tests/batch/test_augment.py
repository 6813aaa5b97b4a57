"""Stylized data sets: geometry is unchanged, labels are copied, random choices depend on the seed only."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import impasto
from conftest import Run
from impasto import image, samples
from impasto.augmentation import augment, gate, layouts, verify
from impasto.augmentation.augment import SavedLook, draw
from impasto.augmentation.boxes import boxes_of
from impasto.augmentation.verify import shift
from impasto.batching.manifest import read
from impasto.cli import main
from impasto.errors import InputError, OutputError
from support.augment import TREES, lay_out, make_looks


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_looks(tmp_path, monkeypatch)
    return tmp_path


@pytest.mark.parametrize("name", list(TREES))
def test_each_layout_is_known_by_its_folders(here: Path, name: str) -> None:
    found = layouts.look(lay_out(name))
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
    rows = {row["output"]: row for row in read(Path("out/manifest.jsonl")) if row["status"] == "done"}
    assert sorted(rows) == sorted(TREES["kitti"][0])
    for row in rows.values():
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
    faults = verify.verify("kitti", "out")
    assert len(faults) == 2 and "shifted 5 pixels right" in faults[0] and "not a copy" in faults[1]


def test_what_is_drawn_depends_on_name_and_seed_alone() -> None:
    looks = [SavedLook(str(n), "stylize", {}, "") for n in range(4)]
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


@pytest.mark.parametrize("turn", [3, 6, 7])
def test_a_photo_that_is_stored_turned_is_painted_and_stored_turned_again(
    here: Path, turn: int, run: Run
) -> None:
    lay_out("bdd")
    turned = Path("bdd/images/100k/train/turned.jpg")
    exif = Image.Exif()
    exif[0x0112] = turn
    with Image.open("bdd/images/100k/train/a-1.jpg") as upright:
        upright.save(turned, exif=exif)
    command = ["augment", "bdd", "--looks", "looks", "--workers", "1", "--strength", "0.1", "-o", "out"]
    code, said, wrong = run(*command, "--verify")
    assert code == 0 and said.startswith("2 done") and "1 photo with an EXIF orientation" in wrong
    assert "verified: no image moved" in wrong
    out = Path("out/images/100k/train/turned.jpg")
    assert image.read(out).size == image.read(turned).size
    with Image.open(out) as painted, Image.open(turned) as photo:  # as programs do that know nothing of turns
        assert painted.size == photo.size
        assert painted.getexif()[0x0112] == turn
        stored = np.asarray(painted, np.float32) - np.asarray(photo, np.float32)
    assert np.abs(stored).mean() < 40, "the pixels lie where those of the photo lie"


def test_a_broken_photo_is_a_row(here: Path) -> None:
    lay_out("bdd")
    Path("bdd/images/100k/train/broken.jpg").write_bytes(b"\xff\xd8no")
    outcome = augment.augment("bdd", "out", looks_in="looks", workers=1)
    assert (outcome.done, outcome.failed, outcome.turned) == (1, 1, 0)
    errors = [row["error"] for row in read(outcome.manifest) if row["status"] == "error"]
    assert ["broken.jpg" in text for text in errors] == [True]


def test_gray_photos_stay_gray(here: Path) -> None:
    lay_out("kitti")
    gray = Path("kitti/training/image_0")
    gray.mkdir()
    rgb = image.read("kitti/training/image_2/000000.png").rgb
    image.write(gray / "8.png", rgb, gray=True)
    image.write(gray / "16.png", rgb, gray=True, bits=16)
    image.write(gray / "a.jpg", rgb, gray=True)
    outcome = augment.augment("kitti", "out", looks_in="looks", workers=1, strength=(0.1, 0.2))
    assert outcome.failed == 0
    for name, mode in (("8.png", "L"), ("16.png", "I;16"), ("a.jpg", "L")):
        with Image.open(Path("out/training/image_0", name)) as painted, Image.open(gray / name) as photo:
            assert painted.mode == photo.mode == mode
            assert painted.size == photo.size
    with Image.open("out/training/image_2/000000.png") as painted:
        assert painted.mode == "RGB"


def test_a_data_set_is_never_written_into(here: Path) -> None:
    lay_out("coco")
    for out in ("coco", "coco/painted"):
        with pytest.raises(OutputError, match="inside the data set"):
            augment.augment("coco", out, looks_in="looks")
    shutil.copytree("coco", "out")
    outcome = augment.augment("coco", "out", looks_in="looks", workers=1)
    assert outcome.done == 0 and outcome.failed == 2  # pictures of someone else are there


def test_what_is_no_data_set_is_refused(here: Path) -> None:
    Path("empty/pictures").mkdir(parents=True)
    for folder, words in (("gone", "not a folder"), ("empty", "none of the layouts")):
        with pytest.raises(InputError, match=words):
            augment.augment(folder, "out", looks_in="looks")
    lay_out("coco")
    with pytest.raises(InputError, match="holds no looks"):
        augment.augment("coco", "out", looks_in="empty")
    with pytest.raises(InputError, match="in order"):
        augment.augment("coco", "out", looks_in="looks", strength=(1, 0.5))


# The gate


def test_boxes_are_read_from_each_layout(here: Path) -> None:
    labels: dict[str, tuple[str, object]] = {
        "kitti": (
            "training/label_2/000000.txt",
            "Car 0 0 1.5 4 5 40 30 1 1 1 1 1 1 1\nDontCare -1 -1 -1 1 2 3 4\nx\n",
        ),
        "coco": (
            "annotations/instances_train2017.json",
            {
                "images": [{"id": 7, "file_name": "000001.jpg"}],
                "annotations": [
                    {"image_id": 7, "bbox": [4, 5, 36, 25]},
                    {"image_id": 8, "bbox": [0, 0, 9, 9]},
                    3,
                ],
            },
        ),
        "bdd": (
            "labels/det.json",
            [
                {
                    "name": "a-1.jpg",
                    "labels": [{"box2d": {"x1": 4, "y1": 5, "x2": 40, "y2": 30}}, {"poly2d": []}],
                }
            ],
        ),
        "cityscapes": (
            "gtFine/train/aachen/aachen_000000_gtFine_polygons.json",
            {
                "objects": [
                    {"label": "car", "polygon": [[4, 5], [40, 6], [30, 30]]},
                    {"label": "road", "polygon": [[0, 0], [90, 60]]},
                    {"label": "bus", "polygon": ["x"]},
                ]
            },
        ),
    }
    for name, (path, content) in labels.items():
        source = lay_out(name)
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(content if isinstance(content, str) else json.dumps(content))
        found = boxes_of(source, layouts.look(source))
        assert found(TREES[name][0][0]) == [(4, 5, 40, 30)], name
        assert found("gone.png") == []


def test_the_gate_sees_what_is_wrong_and_nothing_else(tmp_path: Path) -> None:
    photo = image.resize(samples.photo("chelsea"), (180, 270))
    box, names = (60.0, 40.0, 130.0, 110.0), ("same", "dim", "burnt", "wiped", "halo")
    painted = dict.fromkeys(names, photo)
    painted["dim"] = 0.5 * photo**1.2 + 0.02
    painted["burnt"] = (photo * 2.2).clip(0, 1)
    wiped = photo.copy()
    wiped[40:110, 60:130] = np.random.default_rng(0).random((70, 70, 3))
    painted["wiped"] = wiped
    sky = np.where(np.arange(180)[:, None, None] < 90, 0.8, 0.2) + 0.0 * photo
    sky += np.random.default_rng(1).normal(0, 0.01, sky.shape)
    ring = 0.4 * np.exp(-(((np.arange(180) - 90) / 4) ** 2))[:, None, None]
    for name, rgb in painted.items():
        image.write(tmp_path / f"{name}.png", rgb)
    image.write(tmp_path / "sky.png", sky.clip(0, 1))
    image.write(tmp_path / "halo.png", (sky + ring).clip(0, 1), overwrite=True)
    found = {
        name: gate.judge(tmp_path / "same.png", tmp_path / f"{name}.png", [box, (0, 0, 5, 5)])
        for name in names[:4]
    }
    found["halo"] = gate.judge(tmp_path / "sky.png", tmp_path / "halo.png", [])
    assert found["same"].faults == [] and found["same"].kept == pytest.approx(1)
    assert found["dim"].faults == [] and found["dim"].box == box
    assert "clipped" in found["burnt"].faults[0]
    assert "labeled at 60, 40, 130, 110" in found["wiped"].faults[-1]
    assert "halos" in found["halo"].faults[0] and found["halo"].kept is None


def test_a_rejected_picture_gives_way_to_its_photo(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = lay_out("kitti")
    names = TREES["kitti"][0]
    boxes = {names[0]: "Car 0 0 0 5 5 80 55 0 0 0"}
    (source / "training/label_2/000000.txt").write_text(boxes[names[0]])
    arguments = {"looks_in": "looks", "workers": 1, "strength": (1.0, 1.0)}
    monkeypatch.setattr(gate, "LEAST_KEPT", 2.0)  # nothing is good enough
    moved = gate.judge_all
    monkeypatch.setattr(augment, "judge_all", lambda *_, **__: 1 / 0)  # killed before the gate
    with pytest.raises(ZeroDivisionError):
        augment.augment(source, "out", **arguments)  # type: ignore[arg-type]
    painted = Path("out", names[0]).read_bytes()
    monkeypatch.setattr(augment, "judge_all", moved)
    for _ in range(2):
        outcome = augment.augment(source, "out", **arguments)  # type: ignore[arg-type]
        assert (outcome.done, outcome.skipped, outcome.rejected) == (0, 2, 1)
        assert Path("out", names[0]).read_bytes() == (source / names[0]).read_bytes()
        assert Path("out/rejected", names[0]).read_bytes() == painted
        assert Path("out", names[1]).read_bytes() != (source / names[1]).read_bytes()
    page = Path("out/report.html").read_text()
    assert "1 rejected" in page and "the object labeled at 5, 5, 80, 55" in page and page.count("<img") >= 4
    assert verify.verify(source, "out") == [] or "right" in verify.verify(source, "out")[0]
    rows = {row["output"]: row for row in read(Path("out/manifest.jsonl"))}
    assert rows[names[0]]["rejected"] and not rows[names[1]]["rejected"]
    image.write(Path("out", names[0]), image.read(Path("out", names[1])).rgb, overwrite=True)
    assert any("was rejected" in fault for fault in verify.verify(source, "out"))
    # Painted over with other settings, it counts no longer.
    monkeypatch.setattr(gate, "LEAST_KEPT", 0.0)
    other = augment.augment(source, "out", seed=1, overwrite=True, **arguments)  # type: ignore[arg-type]
    assert (other.done, other.rejected) == (2, 0)


def test_saved_light_is_a_look_too(here: Path) -> None:
    source = lay_out("bdd")
    photo, night = (image.resize(samples.photo(name), (60, 90)) for name in ("chelsea", "rocket"))
    image.write("night.png", night)
    Path("night").mkdir()
    impasto.photoreal(photo, "night.png", fast=True, classes=1, save_look="night/dusk.look")
    outcome = augment.augment(source, "out", looks_in="night", workers=1, gate=False)
    (row,) = [row for row in read(outcome.manifest) if row["status"] == "done"]
    assert row["verb"] == "photoreal" and row["look"] == "dusk.look" and outcome.failed == 0
    lit = image.read(Path("out", row["output"])).rgb
    assert np.abs(lit - photo).mean() > 0.02
    Path("night/dusk.look").write_bytes(b"no look")
    with pytest.raises(InputError, match="dusk"):
        augment.augment(source, "other", looks_in="night", workers=1)


def test_what_other_settings_have_replaced_is_not_painted_again(here: Path) -> None:
    lay_out("bdd")
    for seed in (0, 1):
        augment.augment("bdd", "out", looks_in="looks", workers=1, seed=seed, gate=False, overwrite=True)
    rows = [row for row in read(Path("out/manifest.jsonl")) if row["status"] == "done"]
    assert len(rows) == 2 and rows[0]["sha256"] != rows[1]["sha256"]
    assert verify.reproduce("out/manifest.jsonl", "again") == []
    assert [row["sha256"] for row in read(Path("again/manifest.jsonl")) if row["status"] == "done"] == [
        rows[1]["sha256"]
    ]


def test_a_label_that_was_edited_is_copied_anew_if_that_is_allowed(here: Path) -> None:
    source = lay_out("kitti")
    options = {"looks_in": "looks", "workers": 1, "gate": False, "strength": (0.1, 0.2)}
    augment.augment(source, "out", **options)  # type: ignore[arg-type]
    label = "training/label_2/000000.txt"
    (source / label).write_text("Car 0 0 1.5 4 5 40 30 1 1 1 1 1 1 1\n")
    with pytest.raises(OutputError, match="--overwrite"):
        augment.augment(source, "out", **options)  # type: ignore[arg-type]
    augment.augment(source, "out", overwrite=True, **options)  # type: ignore[arg-type]
    assert Path("out", label).read_bytes() == (source / label).read_bytes()
    assert verify.verify(source, "out") == []
    # A file that is lost is no copy.
    Path("out", label).unlink()
    Path("out", TREES["kitti"][0][1]).unlink()
    faults = verify.verify(source, "out")
    assert len(faults) == 2 and f"{label}: is missing" in faults[1] and TREES["kitti"][0][1] in faults[0]


def test_how_many_workers_there_are_changes_no_picture(here: Path, processes: None) -> None:
    lay_out("kitti")
    hashes = []
    for workers, order in ((1, 1), (2, -1)):
        out = f"out-{workers}"
        augment.augment("kitti", out, looks_in="looks", workers=workers, gate=False)
        rows = [row for row in read(Path(out, "manifest.jsonl")) if row["status"] == "done"]
        hashes.append({row["output"]: (row["look"], row["seed"], row["sha256"]) for row in rows[::order]})
    assert hashes[0] == hashes[1] and len(hashes[0]) == 2
