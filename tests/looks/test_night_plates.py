"""Number plates at night: where one is found, and that it throws the own beam back within the proof."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from impasto.looks.beam import Road, brightest
from impasto.looks.cars import REACH, CarLamp, car_lamps
from impasto.looks.lights import NAMES, Draws, Lamps
from impasto.looks.night import NIGHTS, render_night
from impasto.looks.plates import SIGN, STRAY, plate_reflection
from impasto.looks.proof import find_excess_light, light_bound

Array = NDArray[np.float32]
SIZE = (360, 640)
ROAD = Road(SIZE, 180.0, 320.0, 457.0)
PLATE = (slice(220, 226), slice(309, 331))  # 0.53 m wide
WHITE = (0.8, 0.8, 0.78)


def back_of_a_car(*, body: float = 0.15) -> tuple[Array, Lamps]:
    """A car 11 metres ahead with a plate between its rear lamps, on a road under a sky."""
    photo = np.full((*SIZE, 3), 0.35, np.float32)
    photo[:170] = (0.6, 0.7, 0.85)
    photo[170:236, 280:360] = body
    kinds = np.zeros(SIZE, np.uint8)
    for column in (292, 348):
        kinds[200:208, column - 4 : column + 4] = 1 + NAMES.index("rear")
    photo[kinds > 0] = (0.7, 0.1, 0.1)
    photo[PLATE] = WHITE
    return photo, Lamps.of(kinds)


def of(photo: Array, lamps: Lamps) -> tuple[Array, list[CarLamp]]:
    found = car_lamps(lamps, ROAD, lamps.kinds)
    return plate_reflection(found, ROAD, photo), found


def test_a_plate_is_found_in_its_place_with_its_letters() -> None:
    photo, lamps = back_of_a_car()
    light, found = of(photo, lamps)
    assert [round(lamp.apart) for lamp in found] in ([56, -56], [-56, 56])
    share = min(1.0, SIGN * STRAY / found[0].ahead ** 2 / brightest(ROAD))
    want = np.zeros(SIZE, np.float32)
    want[PLATE] = share
    np.testing.assert_allclose(light, want)
    photo[221:225, 312:330:4] = 0.1  # letters
    np.testing.assert_allclose(of(photo, lamps)[0], want)
    far = [CarLamp(1, "rear", 292, 190, 0, 30.0, 56.0)]
    expected = SIGN * STRAY / 30.0**2 / brightest(ROAD)
    assert expected < 1 and plate_reflection(far, ROAD).max() == pytest.approx(expected)
    assert plate_reflection([CarLamp(1, "rear", 292, 190, 0, REACH + 1, 56.0)], ROAD).max() == 0


@pytest.mark.parametrize("case", ["one lamp", "colored", "white car", "square", "wide", "stripe", "none"])
def test_what_is_no_plate_throws_nothing_back(case: str) -> None:
    photo, lamps = back_of_a_car(body=0.8 if case == "white car" else 0.15)
    if case == "one lamp":
        kinds = lamps.kinds.copy()
        kinds[:, 320:] = 0
        lamps = Lamps.of(kinds)
    elif case != "white car":
        photo[PLATE] = 0.15
    if case == "colored":
        photo[PLATE] = (0.8, 0.7, 0.1)
    elif case == "square":
        photo[216:228, 314:326] = WHITE
    elif case == "wide":
        photo[214:228, 300:340] = WHITE
    elif case == "stripe":
        photo[222:224, 309:331] = WHITE
    assert of(photo, lamps)[0].max() == 0


@pytest.mark.parametrize("kind", ["city", "country", "wet"])
def test_a_plate_shines_and_is_allowed_where_it_may_be_and_nowhere_else(kind: str) -> None:
    photo, lamps = back_of_a_car()
    night, draws = NIGHTS[kind], Draws.of(photo, 0)  # type: ignore[index]
    made = render_night(photo, lamps, night, draws, road=ROAD)
    without = render_night(photo, lamps, night, draws, road=ROAD, plates=False)
    # It is light without the beam already, and nearly white in the own beam of the country.
    assert made.rgb[PLATE].mean() > (1.01 if kind == "country" else 1.05) * without.rgb[PLATE].mean()
    np.testing.assert_array_equal(made.rgb[:200], without.rgb[:200])
    np.testing.assert_array_equal(made.graded, without.graded)
    most = light_bound(lamps, ROAD, night)
    assert not find_excess_light(made.rgb, made.graded, most).any()
    false = made.rgb.copy()
    false[100:104, 500:504] = 0.9
    assert find_excess_light(false, made.graded, most).sum() == 16
