"""Masks of every kind apply to the right pixels, and an empty mask is refused, in every method."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import impasto
from impasto import image, looks
from impasto.errors import InputError
from impasto.jobs import StylizeJob
from impasto.networks import packs
from impasto.painters import inputs
from support.networks import pack_of, photo_of

Array = NDArray[np.uint8]
SIZE = (60, 90)
RIGHT = np.zeros(SIZE, bool)
RIGHT[:, 45:] = True


def gray(values: NDArray[np.generic]) -> Image.Image:
    return Image.fromarray(np.asarray(values, np.uint8))


def rgba(colour: NDArray[np.generic], alpha: NDArray[np.generic]) -> Image.Image:
    rgb = np.broadcast_to(np.asarray(colour, np.uint8), (*SIZE, 3))
    return Image.fromarray(np.dstack([rgb, np.asarray(alpha, np.uint8)]))


def palette(numbers: NDArray[np.generic], colors: list[int]) -> Image.Image:
    found = Image.fromarray(np.asarray(numbers, np.uint8), mode="P")
    found.putpalette(colors)
    return found


VOC = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]
CUT_OUT = (photo_of(*SIZE) * 255).astype(np.uint8)
KINDS: dict[str, Callable[[], Image.Image]] = {
    "grey": lambda: gray(RIGHT * 255),
    "white on transparent": lambda: rgba(np.array([255] * 3), RIGHT * 255),
    "white on transparent black": lambda: rgba(np.repeat(RIGHT[..., None], 3, 2) * 255, RIGHT * 255),
    "black on transparent": lambda: rgba(np.array([0] * 3), RIGHT * 255),
    "red on transparent": lambda: rgba(np.array([200, 0, 0]), RIGHT * 255),
    "cut-out": lambda: rgba(CUT_OUT, RIGHT * 255),
    "black and white, half of it seen": lambda: rgba(
        np.repeat((np.arange(90) % 90 >= 45)[None, :, None], 3, 2) * 255, np.full(SIZE, 255) - ~RIGHT * 55
    ),
    "0 and 1": lambda: gray(RIGHT),
    "two levels": lambda: Image.fromarray(RIGHT),
    "0 and 1 of 16 bits": lambda: Image.fromarray(RIGHT.astype(np.uint16)),
    "palette of gray": lambda: palette(~RIGHT, [255, 255, 255, 0, 0, 0]),
    "palette of classes": lambda: palette(RIGHT, VOC),
    "palette of classes, the third": lambda: palette(RIGHT * 3, VOC),
    "palette with transparency": lambda: palette(RIGHT, VOC),
    "one color on black": lambda: Image.fromarray(RIGHT[..., None] * np.array([255, 0, 120], np.uint8)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_mask_covers_what_it_shows(tmp_path: Path, kind: str) -> None:
    options: dict[str, Any] = {"transparency": 0} if kind == "palette with transparency" else {}
    KINDS[kind]().save(tmp_path / "mask.png", **options)
    found = image.coverage(image.read(tmp_path / "mask.png"), name="mask.png")
    assert np.abs(found - RIGHT).max() < 0.01


def test_grays_and_soft_edges_stay(tmp_path: Path) -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 90).round(), SIZE)
    soft = ramp / 255
    for number, made in enumerate((gray(ramp), rgba(np.array([255] * 3), ramp), rgba(CUT_OUT, ramp))):
        made.save(tmp_path / f"{number}.png")
        found = image.coverage(image.read(tmp_path / f"{number}.png"), name="ramp")
        assert np.abs(found - soft).max() < 0.01
    # Grays that are partly transparent are both.
    both = rgba(np.repeat(ramp[..., None], 3, 2), np.where(RIGHT, 255, 0))
    assert np.abs(image.coverage(image.read(both), name="both") - soft * RIGHT).max() < 0.01


BAD: dict[str, tuple[Callable[[], Image.Image], str]] = {
    "black": (lambda: gray(RIGHT * 0), "nearly black"),
    "2 of 255": (lambda: gray(RIGHT * 2), r"nearly black \(its brightest value is 2\.0 of 255\)"),
    "transparent": (lambda: rgba(np.array([255] * 3), RIGHT * 0), "fully transparent"),
    "classes": (lambda: palette(RIGHT + np.eye(*SIZE) * 2, VOC), "like a map of classes"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_mask_of_nothing_is_refused_in_every_method(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, brief: None
) -> None:
    monkeypatch.chdir(tmp_path)
    made, words = BAD[kind]
    made().save("mask.png")
    packs.save(pack_of(), tmp_path / "a.safetensors")
    photo = photo_of(*SIZE)
    for style in ("a.safetensors#style1", CUT_OUT):
        with pytest.raises(InputError, match=f"mask mask.png (is|has) .*{words}"):
            impasto.stylize(photo, [style], mask=["mask.png"], size=64)
    with pytest.raises(InputError, match=f"mask mask.png (is|has) .*{words}"):
        impasto.dream(photo, mask="mask.png", size=64)


@pytest.mark.parametrize("kind", ["0 and 1", "white on transparent", "black on transparent", "cut-out"])
def test_what_a_mask_does_not_cover_stays_a_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    KINDS[kind]().save("mask.png")
    packs.save(pack_of(), tmp_path / "a.safetensors")
    photo = photo_of(*SIZE)
    painted = impasto.stylize(photo, ["a.safetensors#style1"], mask=["mask.png"], size="original").picture
    assert np.array_equal(painted[:, :45], photo[:, :45])
    assert np.abs(painted[:, 50:] - photo[:, 50:]).mean() > 0.02
    job = StylizeJob.parse({"content": "a", "styles": ["b"], "mask": ["mask.png"]})
    # What the optimizing methods read.
    assert np.abs(inputs.Inputs(job, {}).read("mask.png").rgb - RIGHT[..., None]).max() < 0.01


def test_large_masks_are_read_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "LARGE", 100)
    for kind in ("0 and 1", "grey", "one color on black", "palette of classes"):
        KINDS[kind]().save(tmp_path / "mask.png")
        name = str(tmp_path / "mask.png")
        job = StylizeJob.parse({"content": "a", "styles": ["b"], "mask": [name]})
        assert np.abs(inputs.Inputs(job, {}).gray(name) - RIGHT).max() < 0.01


@pytest.mark.parametrize("kind", ["white on transparent", "black on transparent"])
def test_transparency_makes_classes_for_photoreal(tmp_path: Path, kind: str) -> None:
    KINDS[kind]().save(tmp_path / "mask.png")
    found = looks.read_masks([tmp_path / "mask.png"], [SIZE])[0]
    assert found.names == ("black", "white")
    assert np.array_equal(found.labels == 1, RIGHT)
