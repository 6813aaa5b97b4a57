"""Cars at night: which lamps are one car's, what they throw on the road, and where the proof allows it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from impasto.films.nights import match_lamps
from impasto.looks.beam import LAMPS, Road, brightest, low_beam
from impasto.looks.cars import (
    BRAKE,
    DIPPED,
    GLOSS,
    HIGH,
    PAIR,
    asphalt,
    bodies,
    car_coverage,
    car_lamps,
    project_headlights,
    red_sheen,
    sheen,
)
from impasto.looks.darkness import develop
from impasto.looks.glare import SHARE, glare
from impasto.looks.lights import NAMES, Draws, KindName, Lamps, emission
from impasto.looks.night import NIGHTS, VEIL, VEILED, degrees_of, reflect_in_road, render_night, scatter_light
from impasto.looks.proof import find_excess_light, light_bound
from impasto.looks.skies import sky
from impasto.looks.streetlight import THROWN, near_lamps

Array = NDArray[np.float32]
SIZE = (360, 640)
FAR = 20.0  # distance of the car in these tests, in metres


def road() -> Road:
    return Road(SIZE, 180.0, 320.0, 457.0)


def car(kind: KindName, *, ahead: float = FAR, right: float = 0.0, lamps: int = 2) -> Lamps:
    """Draw the lamps of a car, 4x4 pixels each."""
    kinds, view = np.zeros(SIZE, np.uint8), road()
    row = round(view.horizon + view.focal * (view.height - HIGH[kind]) / ahead)
    for side in (-0.5, 0.5)[:lamps]:
        column = round(view.center + view.focal * (right + side * PAIR) / ahead)
        kinds[row - 2 : row + 2, column - 2 : column + 2] = 1 + NAMES.index(kind)
    return Lamps.of(kinds)


def test_two_level_lamps_of_one_kind_are_one_car() -> None:
    lamps = car("rear")
    assert lamps.cars == {1: 1, 2: 1}
    both = car_lamps(lamps, road(), lamps.kinds)
    assert [lamp.ahead for lamp in both] == pytest.approx([FAR, FAR], rel=0.04)
    assert sorted(lamp.apart for lamp in both) == [-30, 30]
    assert both[0].foot(road()) == pytest.approx(180 + 457 * 1.4 / FAR, abs=1.5)
    kinds = lamps.kinds.copy()
    kinds[:, :320] = np.roll(kinds, 30, 0)[:, :320]  # not level
    assert Lamps.of(kinds).cars == {}
    kinds = lamps.kinds.copy()
    kinds[:, :320][kinds[:, :320] > 0] = 1 + NAMES.index("headlight")
    assert Lamps.of(kinds).cars == {}
    high = Lamps.of(np.roll(lamps.kinds, -60, 0))  # above the horizon: on no car
    assert high.cars == {1: 1, 2: 1} and car_lamps(high, road(), high.kinds) == []
    # Two lamps twice as far from each other as those of a car are where they are seen: of two cars.
    wide = Lamps(np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.int32), {}, {1: 1, 2: 1})
    for number, column in ((1, 280), (2, 360)):
        wide.kinds[190:194, column : column + 4] = 1 + NAMES.index("rear")
        wide.ids[190:194, column : column + 4] = number
    assert [lamp.apart for lamp in car_lamps(wide, road(), wide.kinds)] == [0, 0]


def test_headlights_light_the_road_before_them() -> None:
    lamps, view = car("headlight"), road()
    found = car_lamps(lamps, view, lamps.kinds)
    ground, streaks = project_headlights(found, view)
    foot = round(found[0].foot(view))
    assert ground[:foot].max() == 0 and streaks[:foot].max() == 0
    row = 240  # 10.7 m from the camera
    ahead = view.focal * view.height / (row + 0.5 - view.horizon)
    expected = 0.0
    for side in (-0.5, 0.5):
        along, across = np.float32(FAR - ahead), np.float32(side * PAIR)
        power = low_beam(np.degrees(np.arctan(across / along)), np.degrees(np.arctan(LAMPS / along)))
        away = along**2 + across**2 + LAMPS**2
        expected += float(power * (1 - along / 45) * LAMPS / away**1.5)
    assert ground[row, 320] == pytest.approx(DIPPED * expected / brightest(view), rel=0.15)
    assert ground[row, 320] > 1.3 * ground[row, 440] and ground[row, 320] > 10 * ground[foot + 1, 440]
    # Asphalt mirrors the two lamps as two streaks towards the camera.
    line = streaks[foot + 10]
    assert line[305] > 1.5 * line[320] and line[335] > 1.5 * line[320] and line[335] > 20 * line[420]


def test_walls_are_no_road_and_neither_are_their_stripes() -> None:
    view = road()
    surface = np.full((*view.size, 3), 0.12, np.float32)
    third = view.size[1] // 3
    surface[:, :third] = 0.18  # a wall on the left, with thin dark stripes
    surface[8::16, :third] = 0.1
    surface[:, -40:-34] = 0.6  # paint on the road
    share = asphalt(surface, view)
    assert share[:, : third - 16].max() == 0
    assert share[:, third + 16 :].min() > 0.999


def test_a_single_headlight_throws_nothing() -> None:
    lamps = car("headlight", lamps=1)
    found = car_lamps(lamps, road(), lamps.kinds)
    assert len(found) == 1 and found[0].apart == 0
    assert max(part.max() for part in project_headlights(found, road())) == 0
    rear = car("rear", lamps=1)
    assert red_sheen(car_lamps(rear, road(), rear.kinds), road()).max() == 0


def test_rear_lamps_redden_the_road_behind_the_car_only() -> None:
    lamps, view = car("rear"), road()
    found = car_lamps(lamps, view, lamps.kinds)
    light = red_sheen(found, view)
    foot = round(found[0].foot(view))
    assert light[: foot - 1].max() == 0 and light[foot + 20, 320] > 2 * light[foot + 90, 320] > 0
    assert light.max() < 0.1
    lamp = next(lamp for lamp in found if lamp.apart > 0)
    # Straight behind one lamp at half the distance: scattered and mirrored, by hand.
    ahead = np.full((1, 1), lamp.ahead / 2, np.float32)
    right = np.full((1, 1), lamp.right, np.float32)
    away = float(np.hypot(lamp.ahead / 2, HIGH["rear"]))
    part = 0.1 * HIGH["rear"] / away**3 + float(sheen(right, ahead, lamp, view)[0, 0])
    alone = red_sheen([lamp], view)
    row = round(lamp.row + view.focal * HIGH["rear"] / lamp.ahead + view.focal * 1.4 / lamp.ahead)
    column = round(view.center + view.focal * lamp.right / (lamp.ahead / 2))
    expected = BRAKE * lamp.ahead / 2 / away * part / brightest(view)  # out of the shade of the bumper
    assert alone[row, column] == pytest.approx(expected, rel=0.15)


def test_the_own_beam_lights_the_back_of_a_car_below_its_cut_off() -> None:
    lamps, view = car("rear"), road()
    found = car_lamps(lamps, view, lamps.kinds)
    light = bodies(found, view)
    foot, metre = found[0].foot(view), view.focal / found[0].ahead
    bumper, above = round(foot - 0.4 * metre), round(foot - 0.75 * metre)
    angle = np.degrees(np.arctan(np.array((LAMPS - 0.4) / FAR, np.float32)))
    expected = GLOSS * float(low_beam(np.zeros((), np.float32), angle)) / FAR**2 / brightest(view)
    assert light[bumper, 320] == pytest.approx(expected, rel=0.25)
    assert light[above, 320] < 0.1 * light[bumper, 320]
    assert light[:, 360:].max() == 0 and light[:, :280].max() == 0
    assert bodies([replace(lamp, apart=0.0) for lamp in found], view).max() == 0


def test_the_lamps_of_one_car_shine_alike() -> None:
    kinds = np.maximum(car("rear").kinds, car("rear", right=4.0).kinds)
    lamps = Lamps.of(kinds)
    photo = np.full((*SIZE, 3), 0.2, np.float32)
    photo[kinds > 0] = (0.7, 0.1, 0.1)
    for seed in range(5):
        found = emission(photo, lamps, Draws(seed, "a"), kelvin=2300, gains=np.ones(3, np.float32))
        sums = {n: float(found.light[lamps.ids == n].sum()) for n in lamps.cars}
        cars = sorted(set(lamps.cars.values()))
        first, second = ([sums[n] for n in sums if lamps.cars[n] == own] for own in cars)
        assert first[0] == pytest.approx(first[1], rel=1e-4)
        assert second[0] == pytest.approx(second[1], rel=1e-4)
        assert first[0] != pytest.approx(second[0], rel=1e-3)
        assert (found.on[kinds > 0] > 0).all()


def test_a_rear_lamp_has_a_white_middle_in_red() -> None:
    kinds = np.zeros((60, 80), np.uint8)
    kinds[20:40, 30:50] = 1 + NAMES.index("rear")
    photo = np.full((60, 80, 3), 0.2, np.float32)
    photo[kinds > 0] = (0.7, 0.1, 0.1)
    found = emission(photo, Lamps.of(kinds), Draws(0, "a"), kelvin=2300, gains=np.ones(3, np.float32))
    rgb = develop(found.light, keeps=found.keeps)
    assert rgb[30, 40].min() > 0.6 and rgb[30, 40, 0] > 0.9
    assert rgb[22, 32, 0] > 0.6 and rgb[22, 32, 1:].max() < 0.4


def test_the_case_of_a_signal_and_a_pole_have_the_light_of_the_road() -> None:
    photo, alpha = np.full((*SIZE, 3), 0.7, np.float32), np.zeros(SIZE, np.float32)
    photo[178:] = 0.3
    alpha[:178] = 1
    kinds = np.zeros(SIZE, np.uint8)
    photo[42:88, 102:122], photo[44:86, 104:120] = 0.9, 0.08  # a board, and its case
    alpha[42:88, 102:122] = 0
    photo[48:56, 108:116], kinds[48:56, 108:116] = (0.1, 0.9, 0.4), 1 + NAMES.index("signal")
    photo[60:178, 300:304], alpha[60:178, 300:304] = 0.4, 0  # a pole
    photo[60:178, 400:520], alpha[60:178, 400:520] = 0.4, 0  # a house
    found = near_lamps(photo, alpha, Lamps.of(kinds), road())
    assert found[70, 110] == pytest.approx(THROWN, rel=0.02) and found[43, 112] == pytest.approx(
        THROWN, rel=0.1
    )
    assert found[100, 301] > 0.5 and found[100, 420:500].max() < 0.01
    assert found[30, 112] < 0.01 and found[200:].max() == 0


def test_a_sky_that_turns_red_is_found_down_to_the_horizon() -> None:
    rgb = np.full((180, 320, 3), 0.25, np.float32)
    share = np.linspace(0, 1, 90, dtype=np.float32)[:, None, None] ** 4
    rgb[:90] = (1 - share) * np.array([0.75, 0.8, 0.85], np.float32) + share * np.array([0.8, 0.55, 0.42])
    rgb[60:90, :120] = rgb[60:90, 180:] = (0.12, 0.15, 0.06)
    found = sky(rgb, horizon=0.5)
    assert found.alpha[82:86, 130:170].min() > 0.9
    assert found.alpha[70:, :110].max() < 0.1 and found.alpha[92:].max() < 0.05


def test_the_halo_of_a_lamp_is_as_wide_as_it_says() -> None:
    light, view = np.zeros((*SIZE, 3), np.float32), road()
    light[180, 320] = 1000
    with_glare = scatter_light(light, view)[..., 0]
    sigma = VEILED / degrees_of(view)
    peak = 1000 * VEIL / (2 * np.pi * sigma**2)
    halo = with_glare - SHARE * glare(light, degrees_of(view))[..., 0]
    assert halo[180, 320] == pytest.approx(peak, rel=0.15)
    assert halo[180, 320 + round(sigma)] == pytest.approx(peak * np.exp(-0.5), rel=0.15)
    assert halo.sum() == pytest.approx(1000 * VEIL, rel=0.02)


def test_under_sodium_things_lose_their_own_color() -> None:
    photo = np.full((*SIZE, 3), 0.4, np.float32)
    photo[200:, :320] = (0.55, 0.35, 0.3)
    lamps = Lamps.of(np.zeros(SIZE, np.uint8))
    ratios = []
    for render in (1.0, 0.0):
        night = replace(NIGHTS["city"], render=render, shot=0.0, read=0.0, gray=0.0, beam=0.0, blur=0.0)
        rgb = render_night(photo, lamps, night, Draws.of(photo, 0), road=road()).rgb
        halves = [rgb[300, side] for side in (slice(60, 260), slice(380, 580))]
        ratios.append([float(half[:, 0].mean() / half[:, 1].mean()) for half in halves])
    (red, gray), (one, other) = ratios
    assert red > 1.15 * gray and one == pytest.approx(other, rel=0.02)


@pytest.mark.parametrize("kind", ["city", "country", "wet"])
def test_light_of_cars_is_allowed_where_it_falls_and_nowhere_else(kind: str) -> None:
    photo = np.full((*SIZE, 3), 0.35, np.float32)
    photo[:170] = (0.6, 0.7, 0.85)
    kinds = np.maximum(car("headlight", right=-3.0).kinds, car("rear", right=3.0).kinds)
    photo[kinds > 0] = (0.7, 0.1, 0.1)
    lamps, view, night = Lamps.of(kinds), road(), NIGHTS[kind]  # type: ignore[index]
    made = render_night(photo, lamps, night, Draws.of(photo, 0), road=view)
    most = light_bound(lamps, view, night)
    assert not find_excess_light(made.rgb, made.graded, most).any()
    foot = round(180 + 457 * 1.4 / FAR)
    pool = (slice(foot + 8, foot + 20), slice(240, 262))
    assert made.rgb[pool].mean() > 1.15 * made.graded[pool].mean()
    false = made.rgb.copy()
    false[100:104, 500:504] = 0.9
    assert find_excess_light(false, made.graded, most).sum() == 16


def test_a_lamp_keeps_its_car_in_a_film() -> None:
    first = match_lamps(car("rear"), None)
    assert first.cars == {1: 1, 2: 1}
    alone = Lamps.of(car("rear").kinds * (np.arange(SIZE[1]) > 320))
    assert alone.cars == {}
    second = match_lamps(alone, first)
    assert second.cars == {1: 1, 2: 1} and second.shares == {2: 1.0, 1: 0.75}
    fresh = match_lamps(car("rear"), Lamps(alone.kinds, alone.ids * 7, {7: 1.0}))
    assert set(fresh.cars) == {7, 8} and len(set(fresh.cars.values())) == 1
    assert cv2.countNonZero(fresh.kinds) == 32


def test_a_wet_road_mirrors_a_lamp_in_its_color() -> None:
    view = road()
    light = np.zeros((*view.size, 3), np.float32)
    light[int(view.horizon) - 40 : int(view.horizon) - 30, 300:320] = (1000, 600, 200)
    found = reflect_in_road(light, view)
    lit_up = found[..., 0] > 0.5 * found[..., 0].max()
    np.testing.assert_allclose(
        found[lit_up][:, 1:] / found[lit_up][:, :1], [[0.6, 0.2]] * lit_up.sum(), rtol=1e-3
    )


@pytest.mark.parametrize("count", [1, 2])
def test_what_a_road_mirrors_ends_at_the_body_of_a_car(count: int) -> None:
    lamps, view = car("rear", lamps=count), road()
    found = car_lamps(lamps, view, lamps.kinds)
    covered = car_coverage(found, view)
    foot, column = round(found[0].foot(view)), round(sum(lamp.column for lamp in found) / count)
    assert covered[round(found[0].row) + 2, column] == 1 and not covered[foot + 1 :].any()
    assert not covered[:, : column - 40].any() and not covered[:, column + 40 :].any()
    steps = np.diff(covered[:, column])
    assert steps[foot - 5 : foot + 1].min() > -0.2  # soft towards the road
