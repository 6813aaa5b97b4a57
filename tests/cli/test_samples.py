"""The sample photos and styles: names, sizes, values and credits."""

from __future__ import annotations

import socket

import numpy as np
import pytest
from PIL import Image

from impasto.errors import InputError
from impasto.samples import PHOTOS, STYLES, photo, style
from impasto.samples.paintings import FOLDER
from impasto.samples.photos import CREDITS

SIDE = 77  # odd on purpose


@pytest.fixture(scope="module")
def gallery() -> dict[str, np.ndarray]:
    return {name: style(name, size=SIDE) for name in STYLES}


def blocks(picture: np.ndarray, count: int = 8) -> np.ndarray:
    """Cut a picture into count x count blocks: (count * count, pixels, 3)."""
    side = picture.shape[0] // count
    cut = picture[: side * count, : side * count].reshape(count, side, count, side, 3)
    return cut.transpose(0, 2, 1, 3, 4).reshape(count * count, side * side, 3)


def test_there_are_at_least_ten_styles_with_the_promised_names() -> None:
    promised = {"waves", "stained_glass", "mosaic", "hatching", "brushwork", "night", "watercolor"}
    assert promised <= set(STYLES)
    assert len(STYLES) == len(set(STYLES)) >= 10


@pytest.mark.parametrize("name", STYLES)
def test_a_style_is_a_square_float_picture(name: str, gallery: dict[str, np.ndarray]) -> None:
    picture = gallery[name]
    assert picture.shape == (SIDE, SIDE, 3)
    assert picture.dtype == np.float32
    assert np.isfinite(picture).all()
    assert picture.min() >= 0
    assert picture.max() <= 1


@pytest.mark.parametrize("size", [32, 768])
def test_a_style_comes_from_its_smallest_to_its_own_size(size: int) -> None:
    assert style("woodcut", size=size).shape == (size, size, 3)


def test_the_pictures_are_small_enough_to_ship() -> None:
    files = sorted(FOLDER.iterdir())
    assert sorted(STYLES) == [path.stem for path in files]
    assert sum(path.stat().st_size for path in files) <= 1_500_000


@pytest.mark.parametrize("name", STYLES)
def test_the_whole_picture_has_texture_and_contrast(name: str, gallery: dict[str, np.ndarray]) -> None:
    light = blocks(gallery[name]).mean(-1)
    assert (light.std(1) > 0.02).mean() > 0.9
    assert gallery[name].mean(-1).std() > 0.1


@pytest.mark.parametrize("name", [name for name in STYLES if name != "hatching"])
def test_a_style_has_several_saturated_hues(name: str, gallery: dict[str, np.ndarray]) -> None:
    bytes_ = (gallery[name] * 255).astype(np.uint8)
    hue, saturation, value = np.moveaxis(np.asarray(Image.fromarray(bytes_).convert("HSV")), -1, 0)
    strong = hue[(saturation > 80) & (value > 60)]
    share = np.bincount(strong // 22, minlength=12) / hue.size
    assert (share > 0.01).sum() >= 4


@pytest.mark.parametrize("name", ["pointillism", "stained_glass"])
def test_a_larger_size_is_the_same_picture(name: str, gallery: dict[str, np.ndarray]) -> None:
    larger = style(name, size=2 * SIDE)
    coarse, fine = (blocks(picture).mean(1).ravel() for picture in (gallery[name], larger))
    assert np.corrcoef(coarse, fine)[0, 1] > 0.9


def test_an_unknown_style_is_refused_with_the_names() -> None:
    with pytest.raises(InputError) as refusal:
        style("fresco")
    assert "fresco" in str(refusal.value)
    assert all(name in str(refusal.value) for name in STYLES)


@pytest.mark.parametrize("size", [31, 769])
def test_a_size_that_a_style_does_not_come_in_is_refused(size: int) -> None:
    with pytest.raises(InputError, match=f"size {size} is not between 32 and 768"):
        style("waves", size=size)


@pytest.mark.parametrize("name", PHOTOS)
def test_a_photo_opens_without_the_network(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a sample photograph must not touch the network")

    monkeypatch.setattr(socket, "socket", refuse)
    picture = photo(name)
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    assert picture.dtype == np.float32
    assert 0 <= picture.min() < picture.max() <= 1


def test_every_photo_is_credited() -> None:
    assert tuple(CREDITS) == PHOTOS
    assert all(credit.author and credit.licence and credit.shows for credit in CREDITS.values())


def test_an_unknown_photo_is_refused_with_the_names() -> None:
    with pytest.raises(InputError) as refusal:
        photo("dog")
    assert "dog" in str(refusal.value)
    assert all(name in str(refusal.value) for name in PHOTOS)
