"""Skies by night: found however dark, without lamps and their glow; signals stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from impasto import color, image
from impasto.jobs import PhotorealJob
from impasto.looks import Look, Regions
from impasto.looks.clustering import Classifier
from impasto.looks.look import Statistics
from impasto.looks.night_skies import cleared, night_sky, without_glow
from impasto.looks.subject import Subject
from impasto.painters import photoreal

Array = NDArray[np.float32]
HEIGHT, WIDTH = 320, 480
LAMP, SIGNAL = (70, 150), (130, 40)
WALL = (slice(110, 190), slice(300, 450))
AMBER, RED = (1.0, 0.7, 0.35), (1.0, 0.05, 0.05)


def street(lamp: tuple[float, float, float] = AMBER) -> Array:
    """Return a street by night: a sky with a lamp, a wall hardly lighter than it, a signal, the ground."""
    draw = np.random.default_rng(0)
    down, across = np.mgrid[:HEIGHT, :WIDTH]
    light = np.full((HEIGHT, WIDTH, 3), 0.004)
    light[WALL] = 0.014 + 0.008 * (draw.random((80, 150, 1)) > 0.7)
    light[190:] = 0.05 + 0.03 * draw.random((HEIGHT - 190, WIDTH, 1))
    light[115:190, 36:45] = 0.03
    for (row, column), tint, strength in ((LAMP, lamp, 1.0), (SIGNAL, RED, 0.05)):
        away = np.hypot(down - row, across - column)
        light += strength * np.minimum(12 / (1 + away**2), 4)[..., None] * np.array(tint)
    noisy = color.to_srgb(light.clip(0, 1)) + 0.004 * draw.standard_normal(light.shape)
    return np.asarray(noisy.clip(0, 1), np.float32)


def true_sky() -> NDArray[np.bool_]:
    """Return where the sky of the street is, lamp and signal apart."""
    sky = np.zeros((HEIGHT, WIDTH), bool)
    sky[:190] = True
    sky[WALL] = sky[100:190, 25:56] = False
    return sky


def test_a_sky_by_night_is_found_with_its_lamp_and_without_wall_and_signal() -> None:
    found, sky = night_sky(street()), true_sky()
    assert found[sky].mean() > 0.97 and found[LAMP]
    assert found[WALL].mean() < 0.05 and found[190:].mean() < 0.02 and not found[SIGNAL]


def test_a_red_lamp_is_a_signal_and_stays() -> None:
    rgb = street(RED)
    found = night_sky(rgb)
    assert not found[LAMP] and without_glow(rgb, found)[LAMP] == pytest.approx(rgb[LAMP], abs=0.02)


def test_the_lamp_goes_out_and_the_wall_stays() -> None:
    rgb = street()
    found = night_sky(rgb)
    dark = without_glow(rgb, found)
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
    assert found[31, 381] and without_glow(rgb, found)[31, 381].max() < 0.15


def test_strips_of_a_large_image_are_those_of_a_small_one() -> None:
    rgb = street()
    large = np.asarray(cv2.resize(rgb, (3 * WIDTH, 3 * HEIGHT), interpolation=cv2.INTER_LINEAR), np.float32)
    found = night_sky(rgb)
    small, wide = without_glow(rgb, found), without_glow(large, found)
    shrunk = cv2.resize(wide, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk - small)[true_sky()].max() < 0.06 and np.abs(shrunk - small).mean() < 0.005


def test_a_black_image_is_no_error() -> None:
    found = night_sky(np.zeros((64, 96, 3), np.float32))
    assert found.shape == (64, 96) and not without_glow(np.zeros((64, 96, 3), np.float32), found).any()


def _subject(tone: float) -> Subject:
    """Return the street, all of the class of the ground, with a look whose sky has a tone."""
    parts = tuple(
        Statistics(0.5, np.full(3, t, np.float32), np.eye(3, dtype=np.float32)) for t in (tone, 0.2)
    )
    centers = np.zeros((2, 514), np.float32)
    centers[:, -1] = 1.0, 0.1
    labels = np.ones((HEIGHT, WIDTH), np.int16)
    regions = Regions(labels, ("class 1", "class 2"), sure=np.ones(labels.shape, bool))
    look = Look(regions.names, parts, parts[0], Classifier(centers), "vgg19")
    return Subject(street(), street(), regions, look)


def test_a_night_that_becomes_day_gets_the_class_of_the_sky() -> None:
    subject = _subject(0.8)
    done = cleared(subject)
    assert done.given is subject.photo and done.photo[LAMP].max() < 0.2
    assert (done.regions.labels[true_sky()] == 0).mean() > 0.97
    assert (done.regions.labels[WALL] == 1).mean() > 0.95
    assert done.regions.sure is not None and 0.9 < done.regions.sure.mean() < 1


def test_other_subjects_stay_as_they_are() -> None:
    subject = _subject(0.1)
    assert cleared(subject) is subject  # a night stays a night
    closed = replace(subject.look, classifier=Classifier(np.zeros((2, 514), np.float32)))
    other = replace(_subject(0.8), look=replace(closed, classes=_subject(0.8).look.classes))
    assert cleared(other) is other  # a look without a sky
    drawn = replace(_subject(0.8), regions=replace(subject.regions, sure=None))
    assert cleared(drawn) is drawn  # classes from masks


def test_without_strength_the_photo_keeps_its_lamp(tmp_path: Path) -> None:
    night = image.write(tmp_path / "night.png", street())
    day = np.full((HEIGHT, WIDTH, 3), 0.8, np.float32)
    day[170:] = 0.35 + 0.2 * np.random.default_rng(1).random((150, WIDTH, 1)).astype(np.float32)
    style = image.write(tmp_path / "day.png", day)
    job = PhotorealJob(str(night), (str(style),), fast=True)
    assert photoreal.run(replace(job, strength=0)).picture == pytest.approx(image.read(night).rgb, abs=1e-6)
    whole = photoreal.run(job).picture
    assert np.abs(whole[LAMP] - whole[20:60, 200:280].mean((0, 1))).max() < 0.1 < whole[LAMP].min()
