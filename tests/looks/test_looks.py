"""Photoreal transfer without a network: masks, mattes, class maps, looks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from impasto import color, image, looks, moments
from impasto.errors import InputError
from impasto.looks import Grade, Look, Mattes, Regions
from impasto.looks.class_coverage import table
from impasto.looks.grading import bend, denoise, noise, without_signal
from impasto.looks.look import blend, statistics
from impasto.looks.masks import COLORS
from support.looks import Array, night, painted, towers

NAMES = ("sky", "walls")


def look_of(rgb: Array, labels: Array) -> Look:
    *classes, whole = statistics(rgb, Regions(labels, NAMES))
    assert whole is not None
    return Look(NAMES, tuple(classes), whole)


# Masks


def test_masks_with_noise_at_borders_are_read() -> None:
    _, labels = towers()
    draw = np.random.default_rng(2)
    mask = painted(labels, ("blue", "white")).astype(int)
    mask = (mask + draw.integers(-25, 26, mask.shape)).clip(0, 255).astype(np.uint8)
    mask[40, ::7] = (120, 130, 125)  # grays between the two, a few
    first, second = looks.read_masks([mask, painted(labels, ("white", "blue"))], [labels.shape] * 2)
    assert first.names == second.names == ("blue", "white")
    assert (first.labels == labels).mean() > 0.995
    assert (second.labels == 1 - labels).all()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_gray_masks_hold_ids(kind: type) -> None:
    _, labels = towers()
    ids = np.array([7, 23], kind)[labels]
    found = looks.read_masks([ids, ids], [labels.shape] * 2)
    assert found[0].names == ("id 7", "id 23") and (found[0].labels == labels).all()


def test_ids_lose_no_class_however_small() -> None:
    _, labels = towers()
    ids = np.array([7, 23], np.uint8)[labels]
    ids[50, 5] = 11
    found = looks.read_masks([ids, ids], [labels.shape] * 2)
    assert found[0].names == ("id 7", "id 11", "id 23") and (found[0].labels == 1).sum() == 1


def test_ids_may_come_in_three_channels_or_by_a_palette(tmp_path: Path) -> None:
    _, labels = towers()
    ids = np.array([7, 23], np.uint8)[labels]
    paletted = Image.fromarray(labels.astype(np.uint8), "P")
    paletted.putpalette([128, 64, 128, 70, 130, 180])
    paletted.save(tmp_path / "mask.png")
    for mask, names in (
        (np.stack([ids] * 3, -1), ("id 7", "id 23")),
        (tmp_path / "mask.png", ("id 0", "id 1")),
    ):
        found = looks.read_masks([mask, mask], [labels.shape] * 2)
        assert found[0].names == names and (found[0].labels == labels).all()
    paletted.putpalette([70, 130, 180, 128, 64, 128])
    with pytest.raises(InputError, match="different palettes"):
        looks.read_masks([tmp_path / "mask.png", paletted], [labels.shape] * 2)


def test_a_color_too_thin_to_be_a_class_is_told() -> None:
    rgb, labels = towers()
    style, where = night()
    mask = painted(labels, ("blue", "white"))
    mask[40:42, 75:95] = COLORS["red"]
    photo, styles = looks.read_masks([mask, painted(where, ("blue", "white"))], [labels.shape, where.shape])
    assert photo.names == ("blue", "white") and photo.thin == {"red": 40 / labels.size}
    look = look_of(style, where)
    look = Look(photo.names, look.classes, look.whole)
    _, own = looks.shift(rgb, photo, look)
    said = table(looks.coverage(own, look, photo, [styles]))
    assert "red     0.3%   0.0%  too thin in the photo: merged into its neighbors" in said


def test_a_mask_may_have_another_size() -> None:
    _, labels = towers()
    large = painted(np.kron(labels, np.ones((3, 3), np.int16)), ("blue", "white"))
    found = looks.read_masks([large, large], [labels.shape] * 2)[0].resize(labels.shape)
    assert (found.labels == labels).all()


def _masks(case: str) -> list[Array]:
    _, labels = towers()
    good = painted(labels, ("blue", "white"))
    if case == "proportions":
        return [good[:, :100], good]
    if case == "colour":
        odd = good.copy()
        odd[:20] = (200, 90, 40)
        return [good, odd]
    if case == "crimson":
        odd = good.copy()
        odd[:8, :8] = (220, 20, 60)
        return [good, odd]
    if case == "photo":
        return [np.random.default_rng(0).integers(0, 256, labels.shape).astype(np.uint8)] * 2
    if case == "kinds":
        return [good, labels.astype(np.uint8)]
    return [good, painted(labels, ("red", "green"))]


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("proportions", "100x96, which is not the aspect ratio of its picture (160x96)"),
        ("colour", "#c85a28"),
        ("crimson", "#dc143c"),
        ("photo", "more than 64: give a map of ids"),
        ("kinds", "some are gray (ids) and some colored"),
        ("common", "no class is in both"),
    ],
)
def test_a_mask_that_cannot_be_used_is_refused_in_one_line(case: str, words: str) -> None:
    with pytest.raises(InputError) as fault:
        looks.read_masks(_masks(case), [(96, 160)] * 2)
    assert words in str(fault.value) and "\n" not in str(fault.value)


def test_a_class_that_one_side_lacks_is_said_and_takes_the_whole() -> None:
    rgb, labels = towers()
    style, _ = night()
    look = look_of(style, np.ones(style.shape[:2], np.int16))
    given, own = looks.shift(rgb, Regions(labels, NAMES), look)
    said = table(looks.coverage(own, look))
    assert "sky" in said and "not in the style: uses the color transform of the whole images" in said
    everything, _ = looks.shift(
        rgb, Regions(np.zeros_like(labels), ("all",)), Look(("all",), (None,), look.whole)
    )
    assert np.array_equal(given.maps[0], everything.maps[0])
    assert not np.allclose(given.maps[1], everything.maps[0], atol=1e-3)


# Mattes


def test_mattes_find_the_edges_that_a_coarse_mask_misses() -> None:
    rgb, labels = towers(sky=0.45)
    shifted = np.roll(labels, 2, axis=1)
    mattes = Mattes.of(rgb, shifted, 2)
    assert mattes.alphas.shape == (2, 96, 160)
    np.testing.assert_allclose(mattes.alphas.sum(0), 1, atol=1e-5)
    wrong = (shifted != labels).mean()
    assert np.abs(mattes.alphas[1] - labels).mean() < 0.25 * wrong


def test_mattes_agree_at_two_sizes() -> None:
    rgb, labels = towers(sky=0.45)
    large = image.resize(rgb, (288, 480))
    mattes = Mattes.of(rgb, labels, 2)
    shrunk = image.resize(mattes.at(large)[1], (96, 160))
    assert np.abs(shrunk - mattes.alphas[1]).mean() < 0.01


def test_one_class_needs_no_matting() -> None:
    rgb, _ = towers()
    assert (Mattes.of(rgb, np.zeros(rgb.shape[:2], np.int16), 1).alphas == 1).all()


# Maps


def test_the_map_is_the_transport_of_moments_and_moves_colors_onto_the_target() -> None:
    draw = np.random.default_rng(3)
    ours, theirs = (
        draw.normal(0.5, 0.1, (500, 3)) * [1, 0.7, 0.4],
        draw.normal(0.3, 0.05, (400, 3)) * [1, 2, 1],
    )
    one, other = color.gaussian(ours), color.gaussian(theirs)
    matrix, offset = color.gaussian_transport(one, other, ridge=0)
    tensors = [moments.Moments(*(torch.from_numpy(np.asarray(v)) for v in g)) for g in (one, other)]
    wanted, shift = moments.transport(*tensors)
    np.testing.assert_allclose(matrix, wanted.numpy(), atol=1e-6)
    np.testing.assert_allclose(offset, shift.numpy(), atol=1e-6)
    mean, cov = color.gaussian(ours @ matrix.T + offset)
    np.testing.assert_allclose(mean, other[0], atol=1e-8)
    np.testing.assert_allclose(cov, other[1], atol=1e-8)


def test_the_barycenter_is_that_of_moments() -> None:
    draw = np.random.default_rng(4)
    parts = [color.gaussian(draw.normal(0.5, 0.1, (300, 3)) @ draw.normal(0, 1, (3, 3))) for _ in range(3)]
    shares = [0.5, 0.3, 0.2]
    mean, cov = color.barycenter(parts, shares, steps=30)
    wanted = moments.barycenter(
        [moments.Moments(*(torch.from_numpy(np.asarray(v)) for v in g)) for g in parts], shares, steps=30
    )
    np.testing.assert_allclose(mean, wanted.mean.numpy(), atol=1e-8)
    np.testing.assert_allclose(cov, wanted.cov.numpy(), atol=1e-6)


def test_content_as_style_gives_the_content_back() -> None:
    rgb, labels = towers()
    given, _ = looks.shift(rgb, Regions(labels, NAMES), look_of(rgb, labels))
    result = looks.grade(rgb, Mattes.of(rgb, labels, 2), given)
    assert np.abs(result - rgb).max() < 1 / 255


def test_each_class_takes_the_colors_of_its_own() -> None:
    rgb, labels = towers()
    style, where = night()
    given, _ = looks.shift(rgb, Regions(labels, NAMES), look_of(style, where))
    result = looks.grade(rgb, Mattes.of(rgb, labels, 2), given)
    for index in (0, 1):
        apart = result[labels == index].mean(0) - style[where == index].mean(0)
        assert np.abs(apart).max() < 0.03
    half = looks.grade(rgb, Mattes.of(rgb, labels, 2), given, strength=0.5)
    np.testing.assert_allclose(half, (rgb + result) / 2, atol=1e-5)


def test_a_light_sky_against_white_towers_turns_to_night_without_a_halo() -> None:
    rgb, labels = towers((192, 320))
    style, where = night()
    given, _ = looks.shift(rgb, Regions(labels, NAMES), look_of(style, where))
    result = looks.grade(rgb, Mattes.of(rgb, labels, 2), given)
    lightness = result.mean(2)
    # Along a row: next to the tower the sky is as dark, and the tower as light, as further away.
    # The first tower spans columns 20 to 67.
    sky_near, sky_far = lightness[150, 71:75].mean(), lightness[150, 80:90].mean()
    wall_near, wall_far = lightness[150, 62:66].mean(), lightness[150, 40:50].mean()
    assert abs(sky_near - sky_far) < 0.02 and abs(wall_near - wall_far) < 0.02
    assert wall_far - sky_far > 0.2


def test_every_pixel_is_an_affine_map_of_its_own_color() -> None:
    rgb, labels = towers()
    style, where = night()
    given, _ = looks.shift(rgb, Regions(labels, NAMES), look_of(style, where))
    free = Grade(given.maps, np.tile(np.array([0, 1], np.float32), (2, 1)), np.ones(2, np.float32))
    mattes = Mattes.of(rgb, labels, 2)
    result = looks.grade(rgb, mattes, free)
    wanted = np.einsum("khw,kij,hwj->hwi", mattes.alphas, given.maps[..., :3], rgb)
    wanted += np.einsum("khw,ki->hwi", mattes.alphas, given.maps[..., 3])
    np.testing.assert_allclose(result, wanted.clip(0, 1), atol=1e-5)


def test_nothing_depends_on_the_run() -> None:
    rgb, labels = towers()
    style, where = night()
    given, _ = looks.shift(rgb, Regions(labels, NAMES), look_of(style, where))
    one, other = (looks.grade(rgb, Mattes.of(rgb, labels, 2), given) for _ in range(2))
    assert np.array_equal(one, other)


def test_strips_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    rgb, labels = towers()
    style, where = night()
    given, _ = looks.shift(rgb, Regions(labels, NAMES), look_of(style, where))
    mattes = Mattes.of(rgb, labels, 2)
    whole = looks.grade(rgb, mattes, given)
    monkeypatch.setattr("impasto.looks.grading.STRIP", 7)
    np.testing.assert_allclose(looks.grade(rgb, mattes, given), whole, atol=1e-6)


def test_what_would_be_clipped_is_bent() -> None:
    values = np.linspace(-0.4, 1.5, 400).astype(np.float32)
    bent = bend(values, (-0.4, 1.5))
    assert bent.min() >= -1e-6 and bent.max() <= 1 + 1e-6 and (np.diff(bent) > 0).all()
    middle = (values > 0.12) & (values < 0.85)
    assert np.array_equal(bent[middle], values[middle])
    inside = values.clip(0, 1)
    assert np.array_equal(bend(inside, (0.0, 1.0)), inside)


# Night to day


def test_the_gain_is_limited_and_the_grain_held_back() -> None:
    draw = np.random.default_rng(5)
    flat = np.full((80, 80, 3), 0.17)
    flat[:, 40:] = 0.23
    dark = (flat + draw.normal(0, 0.012, flat.shape)).clip(0, 1).astype(np.float32)
    light = (0.5 + 8 * (dark - 0.2)).clip(0, 1)
    whole = np.zeros((80, 80), np.int16)
    *classes, all_of_it = statistics(light, Regions(whole, ("all",)))
    assert all_of_it is not None
    given, _ = looks.shift(dark, Regions(whole, ("all",)), Look(("all",), tuple(classes), all_of_it))
    limit = 0.05 / noise(dark)
    assert 2.5 < limit < 8
    assert np.linalg.eigvalsh(given.maps[0, :, :3]).max() == pytest.approx(limit, rel=1e-3)
    result = looks.grade(dark, Mattes.of(dark, whole, 1), given)
    assert given.grain[0] < 1
    assert result[20:60, 5:30].std((0, 1)).max() < 0.6 * limit * 0.012
    assert result[:, 60:].mean() - result[:, :20].mean() > 0.2  # the edge has the whole gain


def test_grain_is_measured_and_taken_away() -> None:
    draw = np.random.default_rng(6)
    noisy = (0.5 + draw.normal(0, 0.02, (200, 200, 1)) * np.ones(3)).astype(np.float32)
    assert noise(noisy) == pytest.approx(0.02, rel=0.1)
    assert denoise(noisy).std() < 0.4 * 0.02


def test_light_made_of_nothing_is_counted() -> None:
    photo, result = np.zeros((10, 10, 3), np.float32), np.full((10, 10, 3), 0.5, np.float32)
    photo[:5] = 0.3
    assert without_signal(photo, result) == pytest.approx(0.5)
    assert without_signal(photo, photo) == 0
    assert without_signal(photo + np.float32(0.05), result) == 0
    assert without_signal(photo + np.float32(0.05), result, least=0.08) == pytest.approx(0.5)


# Looks


def test_a_look_is_saved_small_and_comes_back(tmp_path: Path) -> None:
    style, where = night()
    look = look_of(style, where)
    path = looks.save(look, tmp_path / "night.look")
    assert path.stat().st_size < 2000
    again = looks.load(path)
    assert again.names == look.names and again.classifier is None and not again.has_features
    for one, other in zip((*again.classes, again.whole), (*look.classes, look.whole), strict=True):
        assert one is not None and other is not None
        np.testing.assert_array_equal(one.cov, other.cov)
        assert one.share == pytest.approx(other.share)


def test_a_damaged_or_foreign_look_is_refused_in_one_line(tmp_path: Path) -> None:
    style, where = night()
    body = looks.save(look_of(style, where), tmp_path / "night.look").read_bytes()
    (tmp_path / "cut.look").write_bytes(body[:-40])
    (tmp_path / "text.look").write_text("no look")
    from impasto import files

    files.save_checkpoint(tmp_path / "other.look", {"x": np.zeros(3)}, {"name": "waves"})
    files.save_checkpoint(tmp_path / "empty.look", {"x": np.zeros(3)}, {"kind": "look", "names": ["a"]})
    one: dict[str, Any] = {"whole.colour": np.zeros(13, np.float32)}
    meta: dict[str, files.JSON] = {"kind": "look", "names": ["a", "b"], "backbone": "vgg19"}
    far = np.full((2, 514), np.nan, np.float16)
    seen = {"whole.relu1_1": np.zeros((2, 7), np.float16)}
    damaged: dict[str, dict[str, Any]] = {
        "centres": {"centres": far},
        "narrow": {"centres": far[:, :9] * 0},
        "unseen": seen,
        "huge": {"whole.colour": np.full(13, 3e38, np.float32)},
        "uneven": {"0.colour": one["whole.colour"], "whole.relu1_1": np.zeros((2, 64), np.float16)},
    }
    for name, more in damaged.items():
        files.save_checkpoint(tmp_path / f"{name}.look", one | more, meta)
    for name, words in (
        ("centres", "centers of the classes"),
        ("narrow", "centers of the classes"),
        ("unseen", "relu1_1 of class whole"),
        ("uneven", "lacks parts"),
        ("cut", "damaged"),
        ("huge", "colors of class whole"),
        ("text", "damaged"),
        ("other", "is not a look"),
        ("empty", "lacks parts of a look"),
        ("none", "no such file"),
    ):
        with pytest.raises(InputError) as fault:
            looks.load(tmp_path / f"{name}.look")
        assert words in str(fault.value) and "\n" not in str(fault.value)


def test_between_two_styles_lies_their_mean() -> None:
    one, other = (statistics(rgb, Regions(labels, NAMES))[0] for rgb, labels in (towers(), night()))
    assert one is not None and other is not None
    middle = blend([one, other], [0.5, 0.5])
    assert middle is not None
    np.testing.assert_allclose(middle.mean, (one.mean + other.mean) / 2, atol=1e-6)
    assert blend([one, None], [0.5, 0.5]) is not None
    assert blend([None, None], [0.5, 0.5]) is None


def test_with_masks_no_torch_is_loaded(tmp_path: Path) -> None:
    rgb, labels = towers()
    style, where = night()
    for name, picture in (("day", rgb), ("night", style)):
        image.write(tmp_path / f"{name}.png", picture)
    for name, classes in (("day-mask", labels), ("night-mask", where)):
        image.write(tmp_path / f"{name}.png", painted(classes, ("blue", "white")))
    code = (
        "import sys\n"
        "from impasto.cli import main\n"
        "line = 'photoreal day.png night.png --fast --masks day-mask.png night-mask.png -o out.png'\n"
        "try: main(line.split())\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert not {'torch', 'numba', 'scipy.optimize'} & sys.modules.keys()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert "blue" in done.stderr and "out.png: 160x96" in done.stdout


def test_classes_that_were_found_fade_over_a_sky_of_blocks() -> None:
    sky = (
        np.linspace(0.7, 0.5, 96)[:, None, None]
        * np.array([0.7, 0.85, 1.0], np.float32)
        * np.ones((1, 160, 1))
    )
    blocks = np.random.default_rng(8).normal(0, 0.004, (12, 20, 1)).repeat(8, 0).repeat(8, 1)
    rows = np.arange(96)[:, None].repeat(160, 1)
    sure = (rows < 28) | (rows >= 68)
    mattes = Mattes.of((sky + blocks).astype(np.float32), (rows >= 48).astype(np.int16), 2, sure=sure)
    steps = np.abs(np.diff(mattes.alphas[0, 28:68], axis=1))
    assert steps.max() < 0.12
