"""Nights in data sets: what their gate and ``augment --verify`` say of their lights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import impasto
from impasto import color, image
from impasto.augmentation.augment import augment
from impasto.augmentation.boxes import lamps_of
from impasto.augmentation.gate import judge_night
from impasto.augmentation.layouts import look
from impasto.augmentation.lighting import lights_of
from impasto.augmentation.verify import verify
from impasto.batching.manifest import Row, read
from impasto.looks.lamps import read_lamps
from impasto.looks.proof import signals_of
from impasto.metrics import edge_ssim
from support.night import SIGNAL, SIZE, street

PHOTO = "leftImg8bit/train/a/x_leftImg8bit.png"
IDS = "gtFine/train/a/x_gtFine_labelIds.png"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "looks").mkdir()
    return tmp_path


def city(rgb: NDArray[np.float32], *, gray: bool = False) -> None:
    """A data set of one street, with ids of a sky, a signal and a car."""
    for name in (PHOTO, IDS):
        (Path("city") / name).parent.mkdir(parents=True)
    image.write(Path("city") / PHOTO, rgb, gray=gray)
    ids = np.full((*SIZE, 3), 7, np.uint8)
    ids[:82], ids[28:64, 36:52], ids[94:114, 94:132] = 23, 19, 26
    image.write(Path("city") / IDS, ids, gray=True)


def row() -> Row:
    """The last row of the augmented street."""
    return [row for row in read(Path("out/manifest.jsonl")) if row["status"] == "done"][-1]


def test_a_night_with_a_style_is_judged_by_its_own_grade(here: Path) -> None:
    city(street())
    style = (street() ** 1.5 * np.array([0.3, 0.3, 0.45])).astype(np.float32)
    impasto.photoreal(street(), style, fast=True, classes=1, night="city", save_look="looks/blue.look")
    assert augment("city", "out", looks_in="looks", workers=1, gate=False).failed == 0
    assert row()["verb"] == "photoreal" and row()["settings"]["lamps"].endswith("labelIds.png")
    assert verify("city", "out") == []
    made = image.read(Path("out") / PHOTO).rgb.copy()
    lights = lights_of(Path("city") / PHOTO, Path("out") / PHOTO, "photoreal", row()["settings"])
    assert lights is not None and lights.invented == 0 and len(lights.signals) == 1
    assert color.luma(made)[SIGNAL].mean() > 2 * color.luma(made)[70:80, 60:90].mean()
    made[10:16, 100:106] = 0.8
    image.write(Path("out") / PHOTO, made, overwrite=True)
    (fault,) = verify("city", "out")
    assert "brighter than its lamps explain" in fault


def test_a_gray_night_is_judged_by_its_light_alone(here: Path) -> None:
    gray = np.repeat(color.luma(street())[..., None], 3, 2).astype(np.float32)
    city(gray, gray=True)
    impasto.photoreal(street(), night="city", save_look="looks/city.look")
    assert augment("city", "out", looks_in="looks", workers=1, gate=False).failed == 0
    assert verify("city", "out") == []


def test_a_signal_that_is_hardly_lit_is_a_fault(here: Path) -> None:
    city(street())
    impasto.photoreal(street(), night="city", save_look="looks/city.look")
    augment("city", "out", looks_in="looks", workers=1, gate=False)
    made = image.read(Path("out") / PHOTO).rgb.copy()
    made[SIGNAL] *= 0.15
    image.write(Path("out") / PHOTO, made, overwrite=True)
    lamps = read_lamps(Path("city") / IDS, street()).lamps
    (signal,) = signals_of(image.read(Path("out") / PHOTO).rgb, street(), lamps)
    assert signal.night < 0.5 < signal.day - 0.02 and not signal.kept
    words = f"1 of its signals lost contrast with their housing, down to {signal.night:.2f}"
    assert verify("city", "out") == [f"{PHOTO}: {words}"]


def test_maps_of_ids_are_found_where_there_are_no_boxes(here: Path) -> None:
    photo = Path("images/10k/train/a.jpg")
    mask, boxes = Path("set/labels/sem_seg/masks/train/a.png"), Path("set/labels/det.json")
    for path in (Path("set") / photo, mask, Path("set/labels/sem_seg/masks/val/a.png")):
        path.parent.mkdir(parents=True)
        image.write(path, street())
    contents = look(Path("set"))
    assert contents.layout == "bdd" and contents.photos == (photo,)
    assert lamps_of(Path("set"), photo, contents) == mask
    boxes.write_text('[{"name": "b.jpg", "labels": []}]')
    assert lamps_of(Path("set"), photo, look(Path("set"))) == mask
    boxes.write_text('[{"name": "a.jpg", "labels": []}]')
    assert lamps_of(Path("set"), photo, look(Path("set"))) == boxes
    assert lamps_of(Path("set"), Path("images/10k/test/a.jpg"), contents) is None
    city(street())
    train = Path("city") / IDS.replace("labelIds", "labelTrainIds")
    (Path("city") / IDS).rename(train)
    assert lamps_of(Path("city"), Path(PHOTO), look(Path("city"))) == train


def test_the_worst_nights_are_recorded_and_shown(here: Path) -> None:
    city(street())
    polygons = {"label": "car", "polygon": [[94, 94], [132, 94], [132, 114], [94, 114]]}
    (Path("city") / IDS.replace("labelIds.png", "polygons.json")).write_text(
        json.dumps({"objects": [polygons]})
    )
    impasto.photoreal(street(), night="city", save_look="looks/city.look")
    assert augment("city", "out", looks_in="looks", workers=1).rejected == 0
    gate = row()["gate"]
    lamps = read_lamps(Path("city") / IDS, street()).lamps
    photo, made = (image.read(Path(folder) / PHOTO).rgb for folder in ("city", "out"))
    (signal,) = signals_of(made, photo, lamps)
    assert gate["invented"] == 0 and gate["hue"] == pytest.approx(signal.hue, abs=1e-5)
    small = [image.resize(rgb[94:114, 94:132], (32, 32)).clip(0, 1) for rgb in (photo, made)]
    assert gate["edges"] == pytest.approx(edge_ssim(*small), abs=1e-5) and 0 < gate["edges"] < 1
    page = Path("out/report.html").read_text()
    assert "brighter than their lamps explain: at most 5e-05</h2>" in page
    assert "hue of a signal, in degrees: at most 10</h2>" in page and "(the lowest)</h2>" in page
    made[10:16, 100:106] = 0.8
    image.write(Path("out") / PHOTO, made, overwrite=True)
    bright = judge_night(Path("city") / PHOTO, Path("out") / PHOTO, row(), [])
    assert bright["invented"] is not None and bright["edges"] is None
    # Files are compared with a blur of three pixels.
    assert 36 <= bright["invented"] * SIZE[0] * SIZE[1] <= 12 * 12
    assert judge_night(Path("city") / PHOTO, Path("out") / PHOTO, {**row(), "verb": "stylize"}, []) == {}
