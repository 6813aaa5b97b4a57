"""Unusual images as other programs write them: read correctly, or refused with a remedy."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from impasto import image
from impasto.errors import InputError
from support.image import chunk, png

ROWS, COLUMNS = np.mgrid[:48, :64] / 64
RGB = (np.stack([COLUMNS, ROWS, (COLUMNS + ROWS) / 2], 2) * 255).astype(np.uint8)
GRAY = RGB[..., 0]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_the_preview_in_a_tiff_is_not_the_picture(tmp_path: Path, kind: Any) -> None:
    tops: dict[Any, float] = {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}
    values: NDArray[Any] = np.asarray(RGB.astype(np.float64) * tops[kind], kind)
    with tifffile.TiffWriter(tmp_path / "a.tif") as made:
        made.write(values[::8, ::8], photometric="rgb", subfiletype=1)
        made.write(values, photometric="rgb")
    assert np.abs(image.read(tmp_path / "a.tif").rgb - RGB / 255).max() < 1e-6
    Image.fromarray(RGB).save(tmp_path / "b.tif", save_all=True, append_images=[Image.fromarray(RGB[:9])])
    assert image.read(tmp_path / "b.tif").size == (48, 64), "the first of several pages"


@pytest.mark.parametrize("bits", [8, 16])
def test_white_may_be_zero(tmp_path: Path, bits: int) -> None:
    values = 255 - GRAY if bits == 8 else 65535 - GRAY.astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="miniswhite")
    found = image.read(tmp_path / "a.tif")
    assert found.bits == bits and np.abs(found.rgb[..., 1] - GRAY / 255).max() < 1e-6


def test_light_in_a_png_is_shown_as_light(tmp_path: Path) -> None:
    stored = RGB / 255
    light = np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)
    values = np.rint(light * 65535).astype(np.uint16)
    for chunks, wanted in (
        ([chunk(b"gAMA", struct.pack(">I", 100000))], stored),
        ([chunk(b"gAMA", struct.pack(">I", 45455))], light),
        ([chunk(b"sRGB", b"\0"), chunk(b"gAMA", struct.pack(">I", 100000))], light),
    ):
        (tmp_path / "a.png").write_bytes(png(values, *chunks))
        assert np.abs(image.read(tmp_path / "a.png").rgb - wanted).max() < 2e-3


def test_pictures_with_others_behind_them(tmp_path: Path) -> None:
    photo = Image.fromarray(RGB)
    photo.save(tmp_path / "two.jpg", format="MPO", save_all=True, append_images=[photo.rotate(90)])
    photo.save(tmp_path / "one.jpg", quality=95)
    with (tmp_path / "one.jpg").open("ab") as stream:
        stream.write(b"\0\0\0\x20ftypmp42" + bytes(500))  # a phone's moving photo
    for name in ("two.jpg", "one.jpg"):
        assert np.abs(image.read(tmp_path / name).rgb * 255 - RGB).mean() < 2


def test_arrays_of_one_channel_and_of_truths() -> None:
    assert np.array_equal(image.read(GRAY[..., None]).rgb[..., 2] * 255, GRAY)
    assert np.array_equal(image.read(GRAY > 99).rgb[..., 0], GRAY > 99)


@pytest.mark.parametrize(("kind", "words"), [("JPEG2000", "a JPEG 2000: convert"), ("ICO", "an icon: save")])
def test_kinds_that_are_not_read_are_named(tmp_path: Path, kind: str, words: str) -> None:
    Image.fromarray(RGB).save(tmp_path / "a", kind)
    with pytest.raises(InputError, match=words):
        image.read(tmp_path / "a")
