"""Lamps found without labels: windows in houses, rear lamps of cars; nothing where they are not certain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import impasto
from impasto.errors import InputError
from impasto.films.nights import DETECTED, match_lamps
from impasto.looks.detectors import AGAIN, LEAST, detect_lamps, rears
from impasto.looks.fronts import windows
from impasto.looks.lights import NAMES, Lamps
from support.night import HORIZON, street

Array = NDArray[np.float32]
SIZE = (270, 480)
PLACES = [(row, column) for row in (60, 100, 140) for column in (290, 340, 390)]
TALL, WIDE = 20, 14


def house(shade: float = 0.1) -> Array:
    """A street under a bright sky, with a house of nine windows."""
    rgb = np.full((*SIZE, 3), 0.35, np.float32)
    rgb[:180] = (0.75, 0.85, 0.95)
    rgb[30:185, 270:460] = (0.6, 0.55, 0.45)
    for row, column in PLACES:
        rgb[row : row + TALL, column : column + WIDE] = shade
    return rgb


def certain(rgb: Array) -> list[tuple[slice, slice]]:
    return [box for _, box, sure in windows(rgb, 0.7) if sure >= LEAST]


def middles(boxes: list[tuple[slice, slice]]) -> list[tuple[float, float]]:
    return sorted((round((b[0].start + b[0].stop) / 2), round((b[1].start + b[1].stop) / 2)) for b in boxes)


def test_windows_of_a_house_are_found_at_their_places() -> None:
    found = certain(house())
    assert len(found) == len(PLACES)
    want = [(row + TALL / 2, column + WIDE / 2) for row, column in PLACES]
    np.testing.assert_allclose(middles(found), want, atol=1.5)
    kinds = detect_lamps(house(), horizon=0.7)
    assert kinds[70, 297] == 1 + NAMES.index("window") and kinds[70, 320] == 0


def test_panes_of_one_window_are_one_lamp() -> None:
    rgb = house()
    for row, column in PLACES:
        rgb[row : row + TALL, column + 6 : column + 8] = 0.6
    found = certain(rgb)
    assert len(found) == len(PLACES) and min(b[1].stop - b[1].start for b in found) >= WIDE - 1


@pytest.mark.parametrize("what", ["one alone", "red", "as light as the wall", "leaves", "in the sky"])
def test_what_may_be_something_else_is_no_window(what: str) -> None:
    rgb = house()
    draw = np.random.default_rng(0)
    if what == "one alone":
        rgb = house(0.55)
        rgb[100:120, 340:354] = 0.1
    elif what == "red":
        for row, column in PLACES:
            rgb[row : row + TALL, column : column + WIDE] = (0.45, 0.1, 0.1)
    elif what == "as light as the wall":
        rgb = house(0.52)
    elif what == "leaves":
        rgb[30:185, 270:460] *= draw.uniform(0.2, 1.2, (155, 190, 1)).astype(np.float32)
    else:
        rgb[30:185, 270:460] = (0.75, 0.85, 0.95)
        for row, column in PLACES:
            rgb[row : row + TALL, column : column + WIDE] = 0.1
    assert certain(rgb) == []


def test_a_car_is_known_by_its_shadow() -> None:
    """Two red parts on the road with light ground below them are a sign, or two stones."""
    rgb = street()
    found = {box[1].start: sure for _, box, sure in rears(rgb, HORIZON)}
    assert set(found) == {99, 122} and min(found.values()) > 0.9
    rgb[105:112, 96:130] = 0.33
    rgb[96:100, 96:130] = 0.33
    assert all(sure < LEAST for _, _, sure in rears(rgb, HORIZON))


@pytest.mark.parametrize("low, sure", [(0, True), (6, False)])
def test_rear_lamps_hang_at_one_height(low: int, sure: bool) -> None:
    rgb = street()
    rgb[100:105, 122:127] = 0.1
    rgb[100 + low : 105 + low, 122:127] = (0.8, 0.1, 0.08)
    assert (detect_lamps(rgb, horizon=HORIZON) == 1 + NAMES.index("rear")).any() == sure


def test_a_lamp_that_was_lit_stays_lit_with_less_confidence() -> None:
    rgb = street()
    rgb[100:105, 122:127] = 0.1
    rgb[103:108, 122:125] = (0.8, 0.1, 0.08)
    (sure,) = {sure for _, _, sure in rears(rgb, HORIZON)}
    own = 1 + NAMES.index("rear")
    assert AGAIN * LEAST < sure < LEAST and not (detect_lamps(rgb, horizon=HORIZON) == own).any()
    before = np.full(rgb.shape[:2], own, np.uint8)
    assert (detect_lamps(rgb, horizon=HORIZON, before=before) == own).sum() == 40
    other = np.full_like(before, own - 1)
    assert not (detect_lamps(rgb, horizon=HORIZON, before=other) == own).any()


def test_a_detected_lamp_that_is_missed_fades_slowly() -> None:
    kinds = np.zeros((20, 30), np.uint8)
    kinds[5:9, 5:9] = 1 + NAMES.index("rear")
    lamps, none = Lamps.of(kinds), Lamps.of(np.zeros_like(kinds))
    first = match_lamps(lamps, None)
    missed = match_lamps(none, first, out=DETECTED)
    assert missed.shares == {1: pytest.approx(1 - DETECTED)} and (missed.kinds == kinds).all()
    assert match_lamps(lamps, missed, out=DETECTED).shares == {1: 1.0}


@pytest.mark.parametrize("size", [(1, 1), (7, 200), (200, 7)])
def test_an_image_too_small_for_a_street_is_told(size: tuple[int, int]) -> None:
    told = f"at least 8x8 pixels, not {size[1]}x{size[0]}"
    with pytest.raises(InputError, match=told):
        impasto.photoreal(np.full((*size, 3), 0.5, np.float32), night="city")


def test_labels_are_not_saved_as_a_jpeg(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"save them as \.png"):
        impasto.photoreal(street(), night="city", save_lamps=tmp_path / "lamps.jpg")
    assert list(tmp_path.iterdir()) == []
