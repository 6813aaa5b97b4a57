"""Lamps within the boxes of COCO, BDD100K and KITTI, and skies that a style grades."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import impasto
from conftest import Run
from impasto import color, image
from impasto.looks.boxed import lamps_in_boxes, lens, rear_lamps
from impasto.looks.labeled import Thing, things_of
from impasto.looks.lights import NAMES
from impasto.looks.reflectance import surface
from impasto.looks.skies import composite_sky, sky
from support.night import SIGNAL, street

CASE = (36.0, 28.0, 52.0, 64.0)
CAR = (96.0, 94.0, 130.0, 114.0)


def kinds_of(found: np.ndarray, name: str) -> np.ndarray:
    return np.asarray(found == 1 + NAMES.index(name))


def test_a_box_of_a_signal_holds_its_lens_and_one_of_a_car_its_rear_lamps() -> None:
    rgb = street()
    found = lamps_in_boxes(
        rgb, [Thing("traffic light", CASE), Thing("car", CAR), Thing("person", (5, 95, 20, 140))], 0.5
    )
    assert kinds_of(found, "signal")[SIGNAL].all() and kinds_of(found, "signal").sum() <= 100
    assert kinds_of(found, "rear")[100:105, 99:104].all()
    assert kinds_of(found, "rear")[100:105, 122:127].all() and kinds_of(found, "rear").sum() == 50
    assert (
        lamps_in_boxes(rgb, [Thing("car", CASE), Thing("traffic light", (*CAR[:2], 99.0, 97.0))], 0.5).max()
        == 0
    )


def test_what_shows_no_lamp_stays_dark() -> None:
    dark = np.full((40, 16, 3), 0.08, np.float32)
    assert not lens(dark).any()
    red = dark.copy()
    red[6:12, 5:11] = (0.9, 0.1, 0.1)
    assert lens(red)[6:12, 5:11].all() and not lens(red, "green").any() and lens(red, "red").any()
    assert not lens(np.broadcast_to(np.array([0.1, 0.7, 0.3], np.float32), (40, 16, 3))).any()  # a green bin
    car = np.full((40, 60, 3), 0.4, np.float32)
    car[14:20, 4:10] = (0.7, 0.1, 0.1)
    assert not rear_lamps(car).any()  # one red lamp has no other
    car[14:20, 50:56] = (0.7, 0.1, 0.1)
    assert rear_lamps(car).sum() == 72
    car[14:20, 50:56], car[30:36, 50:56] = 0.4, (0.7, 0.1, 0.1)
    assert not rear_lamps(car).any()  # not at the same height


def test_files_of_three_data_sets_name_the_same_things(tmp_path: Path) -> None:
    left, top, right, bottom = CASE
    coco = {
        "images": [{"id": 3, "file_name": "a.jpg"}, {"id": 4, "file_name": "none.jpg"}],
        "categories": [{"id": 10, "name": "traffic light"}],
        "annotations": [
            {"image_id": 3, "category_id": 10, "bbox": [left, top, right - left, bottom - top]},
            {"image_id": 3, "category_id": 10, "bbox": ["x", 1, 2, 3]},
        ],
    }
    box = dict(zip(("x1", "y1", "x2", "y2"), CASE, strict=True))
    light = {"category": "traffic light", "attributes": {"trafficLightColor": "G"}, "box2d": box}
    bdd = [{"name": "a.jpg", "labels": [light]}]
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    (tmp_path / "bdd.json").write_text(json.dumps(bdd))
    (tmp_path / "a.txt").write_text("Car 0 0 0 96 94 130 114 1 1 1 1 1 1 1\nDontCare 0 0 0 1 1 2 2\n")
    assert things_of(tmp_path / "coco.json", "images/a.jpg") == [Thing("traffic light", CASE)]
    assert things_of(tmp_path / "coco.json", "none.jpg") == []
    assert things_of(tmp_path / "coco.json", "other.jpg") is None
    assert things_of(tmp_path / "bdd.json", "a.jpg") == [Thing("traffic light", CASE, "green")]
    assert things_of(tmp_path / "a.txt", "a.png") == [Thing("car", CAR)]
    assert things_of(tmp_path / "missing.txt", "a.png") is None


def test_the_command_takes_boxes_and_scales_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.chdir(tmp_path)
    image.write(tmp_path / "a.png", street())
    box = dict(zip(("x1", "y1", "x2", "y2"), CASE, strict=True))
    (tmp_path / "b.json").write_text(
        json.dumps({"name": "a.png", "labels": [{"category": "traffic light", "box2d": box}]})
    )
    job = ("photoreal", "a.png", "--night", "--horizon", "0.5")
    code, _, told = run(*job, "--lamps", "b.json", "--save-lamps", "on.png", "-o", "o.png")
    assert code == 0 and "lamps lit: 1 of 1 signal" in told
    assert (image.read("on.png").rgb[SIGNAL][..., 1] == 1).all()
    assert run(*job, "--lamps", "b.json", "--size", "160", "--save-lamps", "on2.png", "-o", "p.png")[0] == 0
    rows, columns = np.nonzero(image.read("on2.png").rgb[..., 1])
    assert abs(rows.mean() - 28) < 2 and abs(columns.mean() - 22) < 2
    (tmp_path / "c.json").write_text("[]")
    code, _, told = run(*job, "--lamps", "c.json", "-o", "q.png")
    assert code == 2 and "have no entry for a.png: give a .json of COCO or BDD that names it" in told


def test_an_augmented_data_set_lights_what_its_boxes_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from impasto.augmentation.augment import augment
    from impasto.augmentation.verify import verify
    from impasto.batching.manifest import read

    monkeypatch.chdir(tmp_path)
    for name in ("set/training/image_2", "set/training/label_2", "looks"):
        (tmp_path / name).mkdir(parents=True)
    image.write(tmp_path / "set/training/image_2/000001.png", street())
    (tmp_path / "set/training/label_2/000001.txt").write_text("Car 0 0 0 96 94 130 114 1 1 1 1 1 1 1\n")
    impasto.photoreal(street(), night="city", save_look=tmp_path / "looks/city.look")
    assert augment("set", "out", looks_in="looks", workers=1, gate=False).failed == 0
    (row,) = [row for row in read(Path("out/manifest.jsonl")) if row["status"] == "done"]
    assert row["settings"]["lamps"].endswith("label_2/000001.txt")
    assert verify("set", "out") == []
    made = image.read("out/training/image_2/000001.png").rgb
    assert made[100:105, 99:104, 0].min() > 0.6 and made[SIGNAL].max() < 0.5  # no box, no light


def test_a_graded_sky_has_no_rim_and_no_cloud() -> None:
    day = np.full((120, 200, 3), 0.25, np.float32)
    day[:60] = (0.5, 0.65, 0.9)
    day[20:30, 60:100] = 0.85  # a cloud
    day[60] = 0.5 * day[59] + 0.5 * day[62]
    known = np.zeros((120, 200), bool)
    known[:60] = True
    graded = np.full_like(day, 0.2)
    graded[:60], graded[20:30, 60:100], graded[58:63] = 0.05, 0.5, 0.6  # a rim of a grade
    found = composite_sky(graded, sky(day, known=known), np.full((120, 1, 3), 0.003, np.float32))
    seen = color.to_srgb(found).mean(2)
    assert seen[:56].max() < 0.12 and seen[66:].min() == pytest.approx(0.2, abs=0.02)
    assert seen[56:66].max() < 0.3


def test_shadows_lose_the_blue_of_the_sky_and_blue_things_keep_it() -> None:
    rgb = np.full((120, 200, 3), 0.4, np.float32)
    rgb[:, :80] = (0.16, 0.19, 0.24)
    rgb[:, 180:] = (0.05, 0.12, 0.6)
    found = surface(rgb, np.zeros((120, 200), np.float32))
    assert found[60, 20, 2] / found[60, 20, 0] < 1.3
    assert found[60, 195, 2] / found[60, 195, 0] > 5


def test_a_blue_sky_is_found_behind_branches() -> None:
    rgb = np.full((180, 320, 3), 0.15, np.float32)
    rgb[:100] = (0.45, 0.6, 0.85)
    rgb[20:110, 60:180] = (0.14, 0.16, 0.1)  # a crown
    rgb[50:64, 100:116] = (0.5, 0.63, 0.84)  # the sky through it
    found = sky(rgb, horizon=0.6)
    assert found.alpha[57, 108] > 0.9 and found.alpha[57, 130] < 0.1
