"""Skies by night: found however dark, without lamps and their glow; signals stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from impasto import color, image
from impasto.jobs import PhotorealJob
from impasto.looks import Look, Regions
from impasto.looks.clustering import Classifier
from impasto.looks.grading import Subject
from impasto.looks.look import Statistics
from impasto.looks.night_skies import night_sky
from impasto.looks.night_to_day import clear_night_sky, glow
from impasto.painters import photoreal
from support.night_street import HEIGHT, LAMP, RED, SIGNAL, WALL, WIDTH, clear_day, street, true_sky


def test_a_sky_by_night_is_found_with_its_lamp_and_without_wall_and_signal() -> None:
    found, sky = night_sky(street()), true_sky()
    assert found[sky].mean() > 0.97 and found[LAMP]
    assert found[WALL].mean() < 0.05 and found[190:].mean() < 0.02 and not found[SIGNAL]


def test_a_red_lamp_is_a_signal_and_stays() -> None:
    rgb = street(RED)
    found = night_sky(rgb)
    assert not found[LAMP] and glow(rgb, found).remove_from(rgb)[LAMP] == pytest.approx(rgb[LAMP], abs=0.02)


def test_the_lamp_goes_out_and_the_wall_stays() -> None:
    rgb = street()
    found = night_sky(rgb)
    dark = glow(rgb, found).remove_from(rgb)
    tone = np.median(rgb[true_sky()], 0)
    assert np.abs(dark[LAMP] - tone).max() < 0.02
    around = dark[LAMP[0] - 30 : LAMP[0] + 31, LAMP[1] - 30 : LAMP[1] + 31]
    assert np.abs(around - tone).max() < 0.05 < np.abs(rgb[40:100, 120:181] - tone).max()
    assert np.abs(dark[WALL] - rgb[WALL])[10:, 10:-10].max() < 0.02
    np.testing.assert_allclose(dark[200:], rgb[200:], atol=1e-5)


def test_by_day_there_is_no_sky_by_night() -> None:
    assert not night_sky(color.to_srgb(60 * color.to_linear(street())).clip(0, 1).astype(np.float32)).any()
    assert not night_sky(np.full((64, 96, 3), 0.6, np.float32)).any()
    barred = color.to_srgb(60 * color.to_linear(street())).clip(0, 1).astype(np.float32)
    barred[:40] = 0  # a film with black bars
    assert not night_sky(barred).any()


def test_small_lamps_go_out_too() -> None:
    rgb = street()
    rgb[30:33, 380:383] = 0.7  # not bright enough to make the sky around it glow
    found = night_sky(rgb)
    assert found[31, 381] and glow(rgb, found).remove_from(rgb)[31, 381].max() < 0.15


def test_strips_of_a_large_image_are_those_of_a_small_one() -> None:
    rgb = street()
    large = np.asarray(cv2.resize(rgb, (3 * WIDTH, 3 * HEIGHT), interpolation=cv2.INTER_LINEAR), np.float32)
    found = night_sky(rgb)
    small, wide = glow(rgb, found).remove_from(rgb), glow(large, found).remove_from(large)
    shrunk = cv2.resize(wide, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk - small)[true_sky()].max() < 0.06 and np.abs(shrunk - small).mean() < 0.005


def test_a_front_up_to_the_top_is_no_sky_and_a_wire_is() -> None:
    rgb = street()
    rgb[:190, 380:] = 0.11 + 0.003 * np.random.default_rng(2).standard_normal((190, 100, 1))
    rgb[:190, 376:380] = 0.3  # its lit corner
    rgb[30:33, 240:280] = 0.25  # the glare of a wire
    rgb[:24, :40] = 0.0  # a branch
    found = night_sky(rgb)
    assert found[:100, 200:370].mean() > 0.97 and found[32, 250:270].all()
    assert found[:190, 385:].mean() < 0.02 and found[:20, :36].mean() < 0.5


def test_clouds_are_sky_and_leaves_are_not() -> None:
    light, draw = color.to_linear(street()), np.random.default_rng(2)
    clumps = np.zeros((HEIGHT, WIDTH))
    clumps[0:70, 240:400] = draw.random((70, 160)) > 0.5
    cloud = cv2.GaussianBlur(clumps, (0, 0), 6)
    cloudy = color.to_srgb(light + 0.06 * (cloud / cloud.max())[..., None] ** 2)
    found = night_sky(np.asarray(cloudy.clip(0, 1), np.float32))
    assert found[5:60, 250:390].mean() > 0.98
    leaves = 0.16 * cv2.GaussianBlur(clumps, (0, 0), 1) ** 2  # lit by a lamp
    found = night_sky(np.asarray(color.to_srgb(light + leaves[..., None]).clip(0, 1), np.float32))
    assert found[5:60, 250:390].mean() < 0.1


def test_bars_are_no_sky() -> None:
    rgb, sky = street(), true_sky()
    letterbox = np.pad(rgb, ((40, 40), (0, 0), (0, 0)))
    found = night_sky(letterbox)
    assert not found[:40].any() and not found[-40:].any()
    assert found[40:-40][sky].mean() > 0.97 and found[40:-40][WALL].mean() < 0.05
    narrow = np.pad(rgb[:, 60:300], ((0, 0), (120, 120), (0, 0)))
    found = night_sky(narrow)
    assert not found[:, :119].any() and found[:, 120:-120][sky[:, 60:300]].mean() > 0.95
    day = np.pad(np.full((320, 160, 3), 0.6, np.float32), ((0, 0), (160, 160), (0, 0)))
    assert not night_sky(day).any()


def test_a_black_sky_is_no_bar() -> None:
    rgb = street()
    rgb[true_sky()] = 0
    assert night_sky(rgb)[:100, 200:280].all()


def test_a_signal_on_a_wire_stays() -> None:
    rgb = street()
    rgb[40:60, 240:249] = 0.01  # its housing
    rgb[43:49, 242:247] = (0.9, 0.12, 0.1)
    found = night_sky(rgb)
    assert not found[45, 244] and glow(rgb, found).remove_from(rgb)[45, 244, 0] == pytest.approx(
        0.9, abs=0.02
    )


def test_the_start_of_a_fade_shows_no_sky() -> None:
    assert not night_sky(np.asarray(color.to_srgb(0.01 * color.to_linear(street())), np.float32)).any()


def test_a_black_image_is_no_error() -> None:
    found = night_sky(np.zeros((64, 96, 3), np.float32))
    assert found.shape == (64, 96) and not glow(np.zeros((64, 96, 3), np.float32), found).planes.any()


def _subject(tone: float) -> Subject:
    """Return the street, all of the class of the ground, with a look whose sky has a tone.

    A part of the wall has the class of that sky's border, with roofs in it.
    """
    parts = tuple(
        Statistics(0.5, np.full(3, t, np.float32), np.eye(3, dtype=np.float32)) for t in (tone, 0.2, 0.6)
    )
    centers = np.zeros((3, 514), np.float32)
    centers[:, -1] = 1.0, 0.1, 0.3
    labels = np.ones((HEIGHT, WIDTH), np.int16)
    labels[130:170, 330:420] = 2
    regions = Regions(labels, ("class 1", "class 2", "class 3"), sure=np.ones(labels.shape, bool))
    look = Look(regions.names, parts, parts[0], Classifier(centers), "vgg19")
    return Subject(street(), street(), regions, look)


def test_a_night_that_becomes_day_gets_the_class_of_the_sky() -> None:
    subject = _subject(0.8)
    done = clear_night_sky(subject)
    assert done.given is subject.photo and done.photo[LAMP].max() < 0.2
    assert (done.regions.labels[true_sky()] == 0).mean() > 0.97
    assert (done.regions.labels[WALL] == 1).mean() > 0.95
    assert done.regions.sure is not None and 0.9 < done.regions.sure.mean() < 1


def test_other_subjects_stay_as_they_are() -> None:
    subject = _subject(0.1)
    assert clear_night_sky(subject) is subject  # a night stays a night
    closed = replace(subject.look, classifier=Classifier(np.zeros((3, 514), np.float32)))
    other = replace(_subject(0.8), look=replace(closed, classes=_subject(0.8).look.classes))
    assert clear_night_sky(other) is other  # a look without a sky
    drawn = replace(_subject(0.8), regions=replace(subject.regions, sure=None))
    assert clear_night_sky(drawn) is drawn  # classes from masks


def test_without_strength_the_photo_keeps_its_lamp(tmp_path: Path) -> None:
    night = image.write(tmp_path / "night.png", street())
    style = image.write(tmp_path / "day.png", clear_day())
    job = PhotorealJob(str(night), (str(style),), fast=True)
    assert photoreal.run(replace(job, strength=0)).picture == pytest.approx(image.read(night).rgb, abs=1e-6)
    whole = photoreal.run(job).picture
    assert np.abs(whole[LAMP] - whole[20:60, 200:280].mean((0, 1))).max() < 0.1 < whole[LAMP].min()
