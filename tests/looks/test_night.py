"""Nights: sky, road, lamps, glare, camera, and the proof that no light is invented."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import impasto
from benchmarks.spots import spots
from conftest import Run
from impasto import color, image
from impasto.cli.options import expand_options
from impasto.errors import InputError
from impasto.films.nights import match_lamps, warp_lamps
from impasto.jobs import PhotorealJob
from impasto.looks.beam import ACROSS, ALONG, CAMERA, POLE, Road, beam, pools, vanishing
from impasto.looks.darkness import (
    TOE,
    balance,
    camera_filter,
    desaturate,
    develop,
    motion_blur,
    noisy,
    planck,
    tone_map,
)
from impasto.looks.detectors import detect_lamps
from impasto.looks.glare import fit_point_spread, glare
from impasto.looks.lamps import TRAINED, draw_lamps, label_ids, palette, read_lamps
from impasto.looks.lights import NAMES, Draws, Lamps, emission
from impasto.looks.night import NIGHTS, reflect_in_road, render_night, settings_of
from impasto.looks.proof import find_excess_light, light_bound, signals_of
from impasto.looks.reflectance import Day, surface
from impasto.looks.shadows import shade_of, without_shadows
from impasto.looks.skies import sky
from impasto.looks.windows import pane, window
from impasto.media import FilmReader, FilmWriter
from impasto.painters.inputs import Inputs
from impasto.painters.nights import light_lamps
from support.night import HORIZON, LAMP, SIGNAL, SIZE, WINDOW, street

Array = NDArray[np.float32]


def labels() -> NDArray[np.uint8]:
    drawn = np.zeros((*SIZE, 3), np.uint8)
    drawn[SIGNAL] = palette()["signal"]
    drawn[LAMP[0] - 1 : LAMP[0] + 2, LAMP[1] - 3 : LAMP[1] + 4] = palette()["lamp"]
    drawn[WINDOW] = palette()["window"]
    return drawn


def road() -> Road:
    return Road(SIZE, HORIZON * SIZE[0], SIZE[1] / 2, 228.5)


def light(rgb: Array) -> Array:
    return np.asarray(color.luma(color.to_linear(rgb)), np.float32)


def test_a_black_body_of_daylight_is_white_and_a_cooler_one_redder() -> None:
    assert np.abs(planck(6500) - 1).max() < 0.06
    warm = planck(2700)
    assert warm[0] > 1.5 and warm[2] < 0.3 and float(warm @ [0.2126, 0.7152, 0.0722]) == pytest.approx(1)
    np.testing.assert_allclose(planck(3000) * balance(3000), 1, atol=1e-5)


def test_glare_keeps_energy_and_falls_with_distance() -> None:
    shares = fit_point_spread(0.1)
    assert sum(shares) == pytest.approx(1) and min(shares) >= 0
    lamp = np.zeros((257, 257, 3), np.float32)
    lamp[128, 128] = 100
    found = glare(lamp, 0.1)
    row = found[128, 128:, 0]
    assert (np.diff(row[:40]) <= 1e-7).all() and row[1] > 10 * row[20] > 0
    np.testing.assert_allclose(found[128], found[:, 128], rtol=0.05, atol=1e-6)
    inner = glare(np.pad(lamp, ((200, 200), (200, 200), (0, 0))), 0.1)
    assert 85 < inner[..., 0].sum() < 101


def test_the_tail_of_glare_falls_like_that_of_spencer() -> None:
    lamp = np.zeros((401, 401, 3), np.float32)
    lamp[200, 200] = 1
    row = glare(lamp, 0.1)[200, 200:, 0]
    near, far = 8, 64
    a, b = (n * 0.1 + 0.02 for n in (near, far))
    expected = (0.478 * 20.91 / a**3 + 0.138 * 72.37 / a**2) / (0.478 * 20.91 / b**3 + 0.138 * 72.37 / b**2)
    assert 0.5 < row[near] / row[far] / expected < 2


def test_the_road_is_a_plane() -> None:
    one = road()
    rows = one.rows()[:, 0]
    assert np.isinf(rows[:91]).all()
    assert rows[149] == pytest.approx(one.focal * CAMERA / 59.5, rel=1e-5)
    assert one.place(160, 100) is None
    right, ahead = one.place(200, 60) or (0, 0)
    assert ahead == pytest.approx(one.focal * (POLE - CAMERA) / 30) and right == pytest.approx(
        40 * ahead / one.focal
    )


def test_the_horizon_is_where_lines_meet() -> None:
    row, column = vanishing(street())
    assert abs(row - HORIZON) < 0.02 and abs(column - 160) < 6
    assert vanishing(np.full((90, 160, 3), 0.5, np.float32)) == (0.54, 80)


def test_the_beam_lights_the_road_below_its_cut_off() -> None:
    found = beam(road())
    assert found.max() == 1 and found[:75].max() < 1e-4
    middle = found[:, 160]
    assert middle[130] > 3 * middle[100] > 0
    assert found[91, 200] > 2 * found[91, 120]  # the kink on the near side


def test_a_pool_is_one_below_its_lamp_and_falls_with_the_cube() -> None:
    one = road()
    ahead = float(one.rows()[149, 0])
    found = pools(one, [(0.0, ahead, 1.0)])
    assert found[149, 160] == pytest.approx(1, abs=0.01)
    far = float(one.rows()[105, 0]) - ahead
    assert found[105, 160] == pytest.approx(POLE**3 / ((ALONG * far) ** 2 + POLE**2) ** 1.5, rel=0.02)
    aside = 20 * float(one.rows()[120, 0]) / one.focal
    found = pools(one, [(0.0, float(one.rows()[120, 0]), 1.0)])
    assert found[120, 180] == pytest.approx(POLE**3 / ((ACROSS * aside) ** 2 + POLE**2) ** 1.5, rel=0.03)


def test_a_sky_is_found_and_unmixed_from_what_stands_before_it() -> None:
    rgb = street()
    truth = np.zeros(SIZE, np.float32)
    truth[:82] = 1
    truth[20:, 230:] = 0
    rng = np.random.default_rng(0)
    # A crown: leaves of two pixels with soft borders.
    coarse = np.kron(rng.random((20, 30)) > 0.35, np.ones((2, 2))).astype(np.float32)
    leaves = np.asarray(cv2.GaussianBlur(coarse, (0, 0), 0.7), np.float32)
    rgb[42:82, 100:160] = (
        leaves[..., None] * np.array([0.1, 0.15, 0.05], np.float32)
        + (1 - leaves[..., None]) * rgb[42:82, 100:160]
    )
    truth[42:82, 100:160] = 1 - leaves
    truth[28:64, 36:52] = 0
    truth[29:32, 197:204] = 0.5
    found = sky(rgb, horizon=HORIZON)
    assert np.abs(found.alpha - truth).mean() < 0.03
    assert np.abs(found.alpha - truth)[42:82, 100:160].mean() < 0.2
    assert (found.front <= rgb + 1e-6).all()
    # Hardly a rim: by day a third of the crown is light, without its sky next to nothing.
    crown = (slice(42, 82), slice(100, 160))
    rest = (found.front * (1 - found.alpha[..., None]))[crown].max(2)
    assert (rgb[crown].max(2) > 0.4).mean() > 0.3 and (rest > 0.4).mean() < 0.06
    assert found.alpha[92:].max() == 0


def test_a_room_has_no_sky() -> None:
    wall = np.full((90, 120, 3), (0.55, 0.45, 0.35), np.float32)
    wall[50:] = 0.5
    assert sky(wall).share == 0
    known = np.zeros((45, 60), bool)
    known[:20] = True
    assert 0.3 < sky(wall, known=known).share < 0.5


def test_shadows_come_nearer_to_the_sun_and_paint_stays() -> None:
    rgb = np.full((120, 200, 3), 0.5, np.float32)
    rgb[:, 100:] = 0.25
    rgb[:, 48:51] = 0.9
    found = surface(rgb, np.zeros((120, 200), np.float32)).mean(2)
    day = light(rgb)
    assert found[60, 20] / found[60, 160] < 0.6 * day[60, 20] / day[60, 160]
    assert found[60, 49] / found[60, 20] > 0.6 * day[60, 49] / day[60, 20]


def test_a_shadow_of_the_sun_leaves_the_road_and_other_darkness_stays() -> None:
    day = np.full((180, 320, 3), 0.3, np.float32)
    day[120:, 62:66] = 0.8  # lane paint
    stops = np.array([2.6, 2.0, 1.2], np.float32)
    shaded = day.copy()
    shaded[130:160] /= np.exp2(stops)
    shade = shade_of(shaded, 0.5)
    assert shade is not None
    np.testing.assert_allclose(shade.ratio, stops, atol=0.08)
    found = without_shadows(shaded, shade, 0.5)
    inner = np.r_[100:127, 134:156, 164:180]
    np.testing.assert_allclose(found[inner, 100:300], day[inner, 100:300], rtol=0.15)
    np.testing.assert_allclose(found[140:150, 64], day[140:150, 64], rtol=0.2)
    np.testing.assert_array_equal(found[:88], shaded[:88])
    gray = day.copy()
    gray[130:160] /= 4  # another asphalt: as dark, and no bluer
    assert shade_of(gray, 0.5) is None and shade_of(day, 0.5) is None
    photo = np.asarray(color.to_srgb(shaded), np.float32)
    none = np.zeros((180, 320), np.float32)
    own = surface(photo, none, horizon=0.5)
    assert own[145, 200].mean() == pytest.approx(own[110, 200].mean(), rel=0.12)
    assert Day.of_shot([photo, photo, gray], 0.5).shade is not None
    assert Day.of_shot([photo, gray, gray], 0.5).shade is None


def test_color_fades_in_the_dark_only() -> None:
    pair = np.array([[[0.5, 0.1, 0.1], [0.0005, 0.0001, 0.0001]]], np.float32)
    found = desaturate(pair, 1.0)
    np.testing.assert_allclose(found[0, 0], pair[0, 0], rtol=1e-5)
    assert np.ptp(found[0, 1]) < 0.2 * np.ptp(pair[0, 1])


def test_the_tone_keeps_hues_and_order() -> None:
    ramp = np.geomspace(0.01, 200, 50, dtype=np.float32)[None, :, None] * np.array(
        [1.0, 0.5, 0.1], np.float32
    )
    found = tone_map(ramp)
    assert found.max() <= 1 and (np.diff(found[0].max(1)) >= -1e-6).all()
    most = ramp[0, :20].max(1, keepdims=True)
    np.testing.assert_allclose(found[0, :20], ramp[0, :20] * most / (most + TOE), rtol=1e-5)
    kept = tone_map(ramp, np.ones((1, 50), np.float32))
    assert kept[0, -1, 2] < 0.3 < found[0, -1, 2]


def test_noise_has_the_variance_of_its_model_and_the_same_field() -> None:
    flat = np.full((200, 200, 3), 0.2, np.float32)
    one = noisy(flat, shot=0.001, read=0.01, seed=3)
    assert float((one - flat).std()) == pytest.approx(
        (0.001 * 0.2 + 0.01**2) ** 0.5 * (0.85**2 + 0.4**2) ** 0.5, rel=0.1
    )
    np.testing.assert_array_equal(one, noisy(flat, shot=0.001, read=0.01, seed=3))
    brighter = noisy(flat * 2, shot=0.001, read=0.01, seed=3) - flat * 2
    assert np.corrcoef(brighter.ravel(), (one - flat).ravel())[0, 1] > 0.999


def test_a_camera_takes_grain_from_the_dark_and_keeps_edges() -> None:
    rng = np.random.default_rng(0)
    rgb = np.repeat((0.08 + 0.01 * rng.standard_normal((90, 160, 1))).astype(np.float32), 3, 2)
    rgb[:, 80:] += 0.5
    found = camera_filter(rgb)
    assert found[:, 5:70].std() < 0.5 * rgb[:, 5:70].std()
    assert found[:, 90:150].std() > 1.1 * rgb[:, 90:150].std()
    assert (found[:, 81] - found[:, 78]).mean() > 0.48
    flat = np.full((20, 20, 3), 0.3, np.float32)
    np.testing.assert_allclose(camera_filter(flat), flat, atol=1e-6)


def test_a_window_is_a_room_with_straight_sides_and_dark_frames() -> None:
    inside = np.zeros((40, 30), bool)
    columns = np.arange(30)
    for column in columns[3:27]:
        inside[5 + column // 5 : 34 + column // 5, column] = True
    ragged = inside & (np.random.default_rng(1).random(inside.shape) > 0.03)
    glass, across, down = pane(ragged)
    assert np.abs(glass - inside).mean() < 0.03 and glass.max() == 1
    assert down[20, 15] == pytest.approx((20.5 - 8) / 29, abs=0.04)
    assert across[20, 15] == pytest.approx(12.5 / 24, abs=0.03)
    gray = np.where(inside, 0.2, 0.6).astype(np.float32)
    gray[:, 14:16] = 0.6  # a frame
    light = window(gray, inside, np.random.default_rng(2))
    assert light[15:30, 14:16].max() < 0.5 * light[15:30, 8:12].min()
    wide = cv2.dilate(inside.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert light[~wide].max() == 0 and 0.2 < light[inside].mean() < 1.2
    assert light[inside].std() > 0.1  # not flat
    other = [window(gray, inside, np.random.default_rng(seed)) for seed in (2, 3)]
    np.testing.assert_array_equal(other[0], light)
    assert np.abs(other[1] - light).max() > 0.1


def test_the_light_of_a_lamp_does_not_follow_the_noise_of_a_photo() -> None:
    kinds = np.zeros(SIZE, np.uint8)
    kinds[100:112, 100:116], kinds[WINDOW] = (1 + NAMES.index(name) for name in ("rear", "window"))
    rng, means = np.random.default_rng(0), []
    for _ in range(3):
        photo = street() + np.float32(0.04) * rng.standard_normal((*SIZE, 3), np.float32)
        photo[100:112, 100:116, 0] += 0.4
        found = emission(
            photo.clip(0, 1), Lamps.of(kinds), Draws(3, "a"), kelvin=2300, gains=np.ones(3, np.float32)
        )
        assert found.on[105, 105] and found.on[50, 260]
        means.append([found.light[kinds == kind].mean() for kind in np.unique(kinds)[1:]])
    assert (np.ptp(means, 0) / np.mean(means, 0)).max() < 0.02


def test_motion_blurs_along_the_way_and_not_at_its_end() -> None:
    rgb = np.zeros((90, 160, 3), np.float32)
    rgb[45, 80] = rgb[45, 150] = 1
    found = motion_blur(rgb, (45, 80), 0.1)
    assert found[45, 80, 0] == 1 and found[45, 150, 0] < 0.5
    np.testing.assert_array_equal(motion_blur(rgb, (45, 80), 0), rgb)


def test_labels_are_read_as_they_are_drawn(tmp_path: Path) -> None:
    kinds = read_lamps(labels(), street()).lamps.kinds
    assert set(np.unique(kinds)) == {0, *(1 + NAMES.index(n) for n in ("window", "lamp", "signal"))}
    np.testing.assert_array_equal(draw_lamps(kinds), labels())
    half = labels()[::2, ::2]
    assert read_lamps(half, street()).lamps.kinds.shape == SIZE
    odd = labels()
    odd[:20, :20] = (120, 60, 200)
    with pytest.raises(InputError, match="#783cc8, which stands for no lamp: use window #0000ff"):
        read_lamps(odd, street())
    with pytest.raises(InputError, match="is not the aspect ratio"):
        read_lamps(labels()[:, :200], street())


def test_ids_of_cityscapes_say_where_lamps_may_be(tmp_path: Path) -> None:
    ids = np.full(SIZE, 7, np.uint8)
    ids[:82], ids[28:64, 36:52] = 23, 19
    image.write(tmp_path / "ids.png", np.repeat(ids[..., None], 3, 2), gray=True)
    found = read_lamps(tmp_path / "ids.png", street(), horizon=HORIZON)
    assert found.sky is not None and found.sky.mean() > 0.35
    assert found.lamps.where("signal")[SIGNAL].mean() > 0.8 and not found.lamps.where("rear").any()


def trained(ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The ids of Cityscapes as its train ids."""
    table = np.full(256, 255, np.uint8)
    table[list(TRAINED)] = np.arange(len(TRAINED))
    return table[ids]


def test_train_ids_are_told_from_the_others(tmp_path: Path) -> None:
    ids = np.full(SIZE, 7, np.uint8)  # a road
    ids[:82], ids[28:64, 36:52], ids[94:114, 94:132], ids[60:70, 300:310] = 23, 19, 26, 20
    assert set(np.unique(trained(ids))) == {0, 6, 7, 10, 13}
    ignored = trained(ids)
    ignored[-4:] = 255
    maps = {"a.png": trained(ids), "b.png": ignored, "x_gtFine_labelIds.png": ids, "c.png": ids}
    maps["x_gtFine_labelTrainIds.png"] = maps["b_train_id.png"] = ignored
    read = {}
    for name, plane in maps.items():
        image.write(tmp_path / name, np.repeat(plane[..., None], 3, 2), gray=True)
        read[name] = read_lamps(tmp_path / name, street(), horizon=HORIZON)
    want = read["c.png"]
    assert want.said.endswith("read as the ids of Cityscapes (labelIds: 7 is road)")
    assert want.lamps.where("signal")[SIGNAL].mean() > 0.8 and want.lamps.where("rear").sum() == 50
    assert want.lamps.where("sign").sum() == 100 and want.sky is not None
    for name, found in read.items():
        np.testing.assert_array_equal(found.lamps.kinds, want.lamps.kinds)
        np.testing.assert_array_equal(found.sky, want.sky)
        assert ("train ids" in found.said) == (name not in ("c.png", "x_gtFine_labelIds.png"))


def test_ids_that_may_be_either_are_read_by_name_and_by_their_road() -> None:
    both = np.full((9, 9), 7, np.int32)
    both[:3] = 11
    other = np.where(both == 7, 0, 2).astype(np.int32)
    for ids, name, train in (
        (both, "a.png", False),
        (other, "a.png", True),
        (both, "x_labelTrainIds.png", True),
        (other, "x_labelIds.png", False),
        (both, "labels/sem_seg/masks/train/a.png", True),
        (np.zeros((9, 9), np.int32), "in memory", True),
    ):
        found, said = label_ids(ids, name)
        assert ("train ids" in said) == train
        np.testing.assert_array_equal(found, np.array(TRAINED)[ids] if train else ids)
    both[0, 0] = 26
    with pytest.raises(InputError, match="have the id 26; trainIds of Cityscapes end at 18"):
        label_ids(both, "x_labelTrainIds.png")
    both[0, 0] = 200
    with pytest.raises(InputError, match="have the id 200; labelIds of Cityscapes end at 33"):
        label_ids(both, "a.png")


def test_the_command_says_which_ids_it_read(here: Path, run: Run) -> None:
    ids = np.zeros(SIZE, np.uint8)
    ids[:82], ids[28:64, 36:52], ids[-4:] = 10, 6, 255
    image.write(here / "ids.png", np.repeat(ids[..., None], 3, 2), gray=True)
    image.write(here / "day.png", street())
    code, _, told = run("photoreal", "day.png", "--night", "--lamps", "ids.png", "-o", "train.png")
    assert code == 0 and "1 of 1 signal" in told
    assert told.count("labels ids.png: read as train ids") == 1


def test_only_what_is_certain_is_detected() -> None:
    rgb = street()
    rgb[60:66, 210:216] = (0.9, 0.1, 0.1)  # a red sign on green: no case
    rgb[70:76, 260:266] = (0.95, 0.95, 0.9)  # something white on a house
    found = detect_lamps(rgb, horizon=HORIZON)
    signal, rear = (found == 1 + NAMES.index(name) for name in ("signal", "rear"))
    assert signal[SIGNAL].mean() > 0.8 and signal.sum() <= 64
    assert rear[100:105, 99:104].all() and rear[100:105, 122:127].all() and rear.sum() == 50
    assert detect_lamps(np.full((90, 160, 3), 0.5, np.float32), horizon=0.5).max() == 0


@pytest.mark.parametrize("kind", ["city", "country", "dusk", "wet"])
def test_a_night_lights_its_lamps_and_invents_nothing(kind: str) -> None:
    rgb, lamps = street(), read_lamps(labels(), street()).lamps
    night = NIGHTS[kind]  # type: ignore[index]
    found = render_night(rgb, lamps, night, Draws.of(rgb, 0), road=road())
    most = light_bound(lamps, road(), night)
    assert not find_excess_light(found.rgb, found.graded, most).any()
    assert light(found.graded)[:20].max() < (0.4 if kind == "dusk" else 0.05) * light(rgb)[:20].min()
    assert found.rgb[LAMP].min() > 0.6 and found.graded[LAMP].max() < 0.35
    (signal,) = signals_of(found.rgb, rgb, lamps)
    assert signal.kept and signal.hue < 10
    false = found.rgb.copy()
    false[10:14, 100:104] = 0.95
    assert find_excess_light(false, found.graded, most).sum() == 16
    assert spots(found.rgb, rgb, lamps) == 0 and spots(false, rgb, lamps) == 1


def test_away_from_lamps_and_beam_no_value_changes() -> None:
    rgb = street()
    none = Lamps.of(np.zeros(SIZE, np.uint8))
    found = render_night(rgb, none, NIGHTS["city"], Draws.of(rgb, 0), road=road())
    np.testing.assert_array_equal(found.rgb[:70], found.graded[:70])
    assert (light(found.rgb)[130:] > light(found.graded)[130:]).mean() > 0.9


def test_the_same_seed_draws_the_same_lamps() -> None:
    rgb = street()
    kinds = np.zeros(SIZE, np.uint8)
    kinds[30:90:6, 235:315:6] = 1  # 140 windows
    lamps = Lamps.of(kinds)
    one, same, other = (
        render_night(rgb, lamps, NIGHTS["city"], Draws.of(rgb, seed), road=road()) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one.rgb, same.rgb)
    assert (one.on != other.on).any()
    assert 0.2 < (one.on > 0).sum() / (kinds > 0).sum() < 0.5


def test_a_window_that_is_off_shows_less_of_the_sky() -> None:
    rgb = street()
    kinds = np.zeros(SIZE, np.uint8)
    kinds[WINDOW] = 1
    seeds = [
        seed
        for seed in range(9)
        if not render_night(rgb, Lamps.of(kinds), NIGHTS["city"], Draws(seed, "a"), road=road()).on.any()
    ]
    plain = render_night(rgb, Lamps.of(kinds * 0), NIGHTS["city"], Draws(seeds[0], "a"), road=road())
    dark = render_night(rgb, Lamps.of(kinds), NIGHTS["city"], Draws(seeds[0], "a"), road=road())
    assert light(dark.rgb)[WINDOW].mean() < 0.5 * light(plain.rgb)[WINDOW].mean()


def test_a_wet_road_mirrors_lamps_below_the_horizon_only() -> None:
    lamp = np.zeros((*SIZE, 3), np.float32)
    lamp[LAMP] = 100
    found = reflect_in_road(lamp, road())
    assert found[:90].max() == 0
    ratio = (POLE + CAMERA) / (POLE - CAMERA)
    rows = found[..., 0].sum(1)
    share = np.arange(SIZE[0])
    assert abs(float((rows * share).sum() / rows.sum()) - (90 + 60 * ratio)) < 25
    assert found[:, 150].max() < 0.01 * found[:, 200].max()


def test_lamps_keep_their_numbers_and_fade() -> None:
    kinds = np.zeros((60, 100), np.uint8)
    kinds[10:16, 20:30], kinds[30:36, 60:70] = 1, 2
    first = match_lamps(Lamps.of(kinds), None)
    carried = warp_lamps(first, np.full((30, 50, 2), -1.0, np.float32))  # two pixels right and down
    np.testing.assert_array_equal(np.argwhere(carried.ids == 2).min(0), [32, 62])
    seen = Lamps.of(np.roll(kinds, (2, 2), (0, 1)) * (np.arange(60)[:, None] > 25))
    second = match_lamps(seen, carried)
    assert second.ids[34, 64] == first.ids[32, 62] and second.shares[2] == 1
    assert second.shares[1] == 0.75 and second.ids[14, 25] == 1  # missed, and still there
    fresh = np.zeros_like(kinds)
    fresh[50:54, 5:9] = 1
    third = match_lamps(Lamps.of(fresh), second)
    assert third.shares[int(third.ids[51, 6])] == 0.25 and int(third.ids[51, 6]) == 3


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    image.write(tmp_path / "street.png", street())
    image.write(tmp_path / "labels.png", labels())
    return tmp_path


def test_the_command_lights_a_street(here: Path, run: Run) -> None:
    code, said, told = run("photoreal", "street.png", "--night", "--lamps", "labels.png", "--horizon", "0.5",
                           "--save-lamps", "on.png", "-o", "a.png", "--json")  # fmt: skip
    assert code == 0 and json.loads(said)["size"] == [320, 180]
    assert "1 of 1 lamp" in told and "1 of 1 signal" in told
    assert light(image.read("a.png").rgb)[LAMP] > 0.5
    on = read_lamps("on.png", street()).lamps
    assert on.where("lamp")[LAMP] and on.where("signal").sum() == 64
    assert run("replay", "a.png", "-o", "b.png")[0] == 0
    np.testing.assert_array_equal(image.read("a.png").rgb, image.read("b.png").rgb)
    assert run("photoreal", "street.png", "--night", "country")[0] == 0
    assert Path("street-night.png").exists()


def test_what_is_no_night_and_what_would_be_written_twice_is_told(here: Path, run: Run) -> None:
    code, _, told = run("photoreal", "street.png", "--night", "moon", "-o", "a.png")
    assert code == 2 and "moon" in told and "country" in told
    code, _, told = run("photoreal", "street.png", "--night", "--save-lamps", "./a.png", "-o", "a.png")
    assert (code, told) == (2, "impasto: a.png would be written twice: give each output a name of its own\n")
    assert not Path("a.png").exists()


def test_a_look_keeps_the_night(here: Path, run: Run) -> None:
    assert run("photoreal", "street.png", "--night", "wet", "--save-look", "n.look", "-o", "a.png")[0] == 0
    assert run("photoreal", "street.png", "n.look", "-o", "b.png")[0] == 0
    np.testing.assert_array_equal(image.read("a.png").rgb, image.read("b.png").rgb)
    job = ("photoreal", "street.png", "a.png", "--fast", "--classes", "1")
    assert run(*job, "--night", "city", "--save-look", "c.look", "-o", "c.png")[0] == 0
    assert run("photoreal", "street.png", "c.look", "--fast", "-o", "d.png")[0] == 0
    np.testing.assert_array_equal(image.read("c.png").rgb, image.read("d.png").rgb)
    assert run(*job, "-o", "e.png")[0] == 0  # the grade alone has no lamps
    assert image.read("c.png").rgb[SIGNAL].mean() > image.read("e.png").rgb[SIGNAL].mean()


def test_python_takes_lamps_in_memory() -> None:
    found = impasto.photoreal(street(), night="city", lamps=labels(), horizon=0.5)
    assert found.recipe.job["night"] == "city" and found.recipe.job["lamps"] == "lamps"
    assert light(found.picture)[LAMP] > 0.5
    half = impasto.photoreal(street(), night="city", lamps=labels(), horizon=0.5, strength=0.0)
    np.testing.assert_allclose(half.picture, street(), atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "needs a style: .* or --night"),
        ({"styles": ("a.png",), "lamps": "l.png"}, "--lamps is for nights"),
        ({"night": "city", "horizon": 1.5}, "not between 0.1 and 0.9"),
        ({"night": "city", "fast": True}, "--fast needs a style"),
        ({"night": "city", "masks": ("a.png",)}, "--masks needs a style"),
        ({"night": "noon"}, "must be left out or one of|must be one of"),
    ],
)
def test_settings_without_effect_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        PhotorealJob.parse({"content": "a.jpg", **settings})


def test_a_night_without_a_kind_is_a_city() -> None:
    assert expand_options(["photoreal", "a.jpg", "--night"])[2:] == ["--night", "city"]
    assert expand_options(["photoreal", "a.jpg", "--night", "--lamps", "l.png"])[2:4] == [
        "--night",
        "city",
    ]
    assert expand_options(["photoreal", "a.jpg", "--night", "wet"])[2:] == ["--night", "wet"]


def test_a_film_keeps_its_lamps_steady(here: Path, run: Run) -> None:
    rgb = np.rint(street() * 255).astype(np.uint8)
    writer = FilmWriter(here / "film.mp4", SIZE)
    for number in range(6):
        writer.write(np.roll(rgb, number, 1), Fraction(number, 10))
    writer.close()
    (here / "lamps").mkdir()
    for number in range(6):
        image.write(here / "lamps" / f"{number}.png", np.roll(labels(), number, 1))
    job = ("photoreal", "film.mp4", "--night", "--lamps", "lamps", "--horizon", "0.5", "-q")
    code, _, told = run(*job, "-o", "out.mp4")
    assert code == 0, told
    with FilmReader("out.mp4") as reader:
        frames = [np.asarray(frame.rgb / 255, np.float32) for frame in reader.frames()]
    lamps = [light(frame)[LAMP[0], LAMP[1] + number] for number, frame in enumerate(frames)]
    assert len(frames) == 6 and min(lamps) > 0.5 and max(lamps) / min(lamps) < 1.05
    code, _, told = run("photoreal", "film.mp4", "--night", "--lamps", "labels.png", "-o", "b.mp4", "-q")
    assert code == 2 and "is not a folder of .png labels" in told
    code, _, told = run("photoreal", "film.mp4", "--night", "--save-lamps", "x.png", "-o", "b.mp4", "-q")
    assert code == 2 and "--save-lamps is for photos" in told


def test_a_dark_photo_is_told(here: Path, run: Run) -> None:
    image.write(here / "dark.png", street() * 0.2)
    code, _, told = run("photoreal", "dark.png", "--night", "-o", "a.png")
    assert code == 0 and "dark already" in told


def test_development_is_gamma_of_tone() -> None:
    flat = np.full((2, 2, 3), 0.214 + TOE, np.float32)  # about the tone of 0.214
    np.testing.assert_allclose(develop(flat), 0.5, atol=2e-3)


def test_a_data_set_at_night_is_verified(here: Path) -> None:
    from impasto.augmentation.augment import augment
    from impasto.augmentation.verify import verify
    from impasto.batching.manifest import read

    for name in ("leftImg8bit/train/a", "gtFine/train/a", "looks"):
        (here / "city" / name if name != "looks" else here / name).mkdir(parents=True)
    photo = "leftImg8bit/train/a/x_leftImg8bit.png"
    image.write(here / "city" / photo, street())
    ids = np.full((*SIZE, 3), 7, np.uint8)
    ids[:82], ids[28:64, 36:52], ids[94:114, 94:132] = 23, 19, 26
    image.write(here / "city/gtFine/train/a/x_gtFine_labelIds.png", ids, gray=True)
    impasto.photoreal(street(), night="city", save_look=here / "looks/city.look")
    outcome = augment("city", "out", looks_in="looks", workers=1, gate=False)
    assert outcome.failed == 0
    (row,) = [row for row in read(Path("out/manifest.jsonl")) if row["status"] == "done"]
    assert row["settings"]["strength"] == 1.0 and row["settings"]["lamps"].endswith("labelIds.png")
    assert verify("city", "out") == []
    made = image.read(Path("out") / photo).rgb.copy()
    assert light(made)[SIGNAL].mean() > 5 * light(made)[70:80, 60:90].mean()
    made[10:16, 100:106] = 0.8
    image.write(Path("out") / photo, made, overwrite=True)
    assert any("brighter than its lamps explain" in fault for fault in verify("city", "out"))
    made[10:16, 100:106] = made[10:16, 110:116]
    made[SIGNAL] = made[SIGNAL][..., ::-1]
    image.write(Path("out") / photo, made, overwrite=True)
    assert any("changed hue" in fault for fault in verify("city", "out"))


@pytest.mark.parametrize(
    "kind, street, beam", [("city", 1.0, 0.9), ("country", 0.02, 2.2), ("dusk", 0.11, 0.12)]
)
def test_a_street_without_lamps_has_more_of_the_own_beam(kind: str, street: float, beam: float) -> None:
    night = settings_of(kind, lamps=False)  # type: ignore[arg-type]
    assert (night.street, night.beam) == pytest.approx((street, beam))
    assert settings_of(kind, lamps=True) == NIGHTS[kind]  # type: ignore[arg-type, index]


def test_a_photo_is_lit_by_its_street_lamps_or_by_the_own_beam(tmp_path: Path) -> None:
    job = PhotorealJob("street.png", night="city", horizon=HORIZON)
    inputs = Inputs(job, {"street.png": street()})
    image.write(tmp_path / "lamps.png", labels())
    lamps = replace(job, lamps=str(tmp_path / "lamps.png"))
    none, some = (light_lamps(j, i, "city", street()) for j, i in ((job, inputs), (lamps, Inputs(lamps, {}))))
    ahead, aside = (slice(110, 130), slice(150, 170)), (slice(170, 180), slice(0, 40))
    assert light(none.rgb)[ahead].mean() > light(none.graded)[ahead].mean() + 0.03
    assert light(none.graded)[aside].mean() < 0.9 * light(some.graded)[aside].mean()
