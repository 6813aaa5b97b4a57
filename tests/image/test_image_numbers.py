"""Images with coded color spaces: PQ and HLG, P3 and BT.2020, in PNG, HEIC, AVIF and profiles."""

from __future__ import annotations

import logging
import struct
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image

from impasto import image
from support.image import chunk, png, profile

CARD = np.array(
    [
        (180, 30, 30),
        (30, 160, 40),
        (30, 40, 170),
        (170, 150, 40),
        (150, 40, 150),
        (40, 150, 150),
        (190, 120, 90),
        (128, 128, 128),
    ]
)
# From light of BT.709 to that of others: ITU-R BT.2087, and SMPTE EG 432-1.
TO = {
    1: np.eye(3),
    9: np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]),
    12: np.array([[0.8225, 0.1774, 0.0], [0.0332, 0.9669, 0.0], [0.0171, 0.0724, 0.9108]]),
}
SRGB, PQ, HLG = 13, 16, 18


def linear(values: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def stored(light: NDArray[np.float64], primaries: int, transfer: int) -> NDArray[np.float64]:
    """Light of BT.709, 1 being the white of a page, as a file with these numbers stores it."""
    light = light @ TO[primaries].T
    if transfer == PQ:
        power = (light * 203 / 10000) ** 0.1593017578125
        return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    if transfer == HLG:
        shown = light * 203 / 1000
        luminance = shown @ np.array([0.2627, 0.6780, 0.0593])
        scene = shown * luminance[..., None] ** (1 / 1.2 - 1)
        high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
        return np.asarray(np.where(scene <= 1 / 12, np.sqrt(3 * scene), high))
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def card(primaries: int, transfer: int) -> NDArray[np.float64]:
    """Fields 16 px wide and high."""
    values = stored(linear(CARD / 255), primaries, transfer)
    return values.repeat(16, axis=0)[None].repeat(16, axis=0)


def seen(path: Path) -> NDArray[np.float64]:
    fields = image.read(path).rgb[4:12].reshape(8, 8, 16, 3)[:, :, 4:12]
    return np.asarray(fields.mean((0, 2)) * 255, np.float64)


def numbered(path: Path, primaries: int, transfer: int) -> None:
    """Writes other numbers into the box of a HEIC or an AVIF."""
    body = path.read_bytes()
    place = body.index(b"colrnclx") + 8
    path.write_bytes(body[:place] + struct.pack(">HH", primaries, transfer) + body[place + 4 :])


KINDS = [(12, SRGB), (9, 14), (9, PQ), (9, HLG), (12, PQ), (1, PQ)]


@pytest.mark.parametrize(("primaries", "transfer"), KINDS)
@pytest.mark.parametrize("deep", [False, True])
def test_numbers_in_png(tmp_path: Path, primaries: int, transfer: int, deep: bool) -> None:
    values, path = card(primaries, transfer), tmp_path / "a.png"
    told = chunk(b"cICP", bytes((primaries, transfer, 0, 1)))
    if deep:
        path.write_bytes(png(np.rint(values * 65535).astype(np.uint16), told))
    else:
        Image.fromarray(np.rint(values * 255).astype(np.uint8)).save(path)
        body = path.read_bytes()
        path.write_bytes(body[:33] + told + body[33:])
        found = image.read_bytes(path)
        assert found is not None and found.dtype == np.uint8
        assert np.array_equal(found, np.rint(image.read(path).rgb * 255))
    assert np.abs(seen(path) - CARD).max() < (0.5 if deep else 6)
    assert np.abs(seen(path) - values[0, ::16] * 255).max() > 8, "the numbers must make a difference"


@pytest.mark.parametrize(("primaries", "transfer"), KINDS)
@pytest.mark.parametrize("bits", [8, 10])
def test_numbers_in_heic(tmp_path: Path, primaries: int, transfer: int, bits: int) -> None:
    values, path = card(primaries, transfer), tmp_path / "a.hif"
    if bits == 8:
        coded = pillow_heif.from_pillow(Image.fromarray(np.rint(values * 255).astype(np.uint8)))
    else:
        deep = np.rint(values * 65535).astype(np.uint16)
        coded = pillow_heif.from_bytes("RGB;16", (128, 16), deep.tobytes())
    coded.save(path, format="HEIF", quality=100, chroma=444)
    numbered(path, primaries, transfer)
    assert np.abs(seen(path) - CARD).max() < 9
    assert image.read(path).bits == (8 if bits == 8 else 16)


# Of 8 bits: a level of BT.2020 with PQ is many of a dark channel of sRGB.
@pytest.mark.parametrize(("primaries", "transfer"), [(12, SRGB), (9, HLG), (12, PQ), (1, PQ)])
def test_numbers_in_avif(tmp_path: Path, primaries: int, transfer: int) -> None:
    path = tmp_path / "a.avif"
    coded = Image.fromarray(np.rint(card(primaries, transfer) * 255).astype(np.uint8))
    coded.save(path, quality=100, subsampling="4:4:4")
    numbered(path, primaries, transfer)
    assert np.abs(seen(path) - CARD).max() < 9


def test_a_profile_of_hdr_is_known_by_its_numbers(tmp_path: Path) -> None:
    told = b"cicp" + bytes(4) + bytes((9, PQ, 0, 1))
    icc = profile(b"RGB ", b"Lab ", {b"cicp": told, b"A2B0": b"mft2" + bytes(40)})
    coded = Image.fromarray(np.rint(card(9, PQ) * 255).astype(np.uint8))
    coded.save(tmp_path / "a.jpg", quality=100, subsampling=0, icc_profile=icc)
    assert np.abs(seen(tmp_path / "a.jpg") - CARD).max() < 9


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_what_is_brighter_than_a_page_is_pressed_together(tmp_path: Path, transfer: int) -> None:
    light = np.array([0.1, 0.55, 0.9, 1.0, 2.0, 3.0, 4.0])[None, :, None] * np.ones((4, 1, 3))
    body = png(
        np.rint(stored(light, 9, transfer) * 65535).astype(np.uint16),
        chunk(b"cICP", bytes((9, transfer, 0, 1))),
    )
    (tmp_path / "a.png").write_bytes(body)
    found = linear(image.read(tmp_path / "a.png").rgb)[0, :, 1]
    assert found[:2] == pytest.approx([0.1, 0.55], abs=2e-3), "below the knee light stays"
    assert (np.diff(found) > 5e-4).all() and found[-1] == pytest.approx(1, abs=2e-3)
    # A picture no brighter than a page has nothing to press: its white stays white.
    body = png(
        np.rint(stored(light[:, :4], 9, transfer) * 65535).astype(np.uint16),
        chunk(b"cICP", bytes((9, transfer, 0, 1))),
    )
    (tmp_path / "b.png").write_bytes(body)
    assert linear(image.read(tmp_path / "b.png").rgb)[0, :, 1] == pytest.approx(light[0, :4, 1], abs=2e-3)


@pytest.mark.parametrize("numbers", [(1, 13), (2, 2), (1, 1), (99, 13), (9, 77)])
def test_numbers_of_srgb_and_unknown_ones_change_nothing(
    tmp_path: Path, numbers: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    values = np.rint(card(1, SRGB) * 65535).astype(np.uint16)
    (tmp_path / "a.png").write_bytes(png(values, chunk(b"cICP", bytes((*numbers, 0, 1)))))
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(np.rint(image.read(tmp_path / "a.png").rgb * 65535), values)
    known = numbers[0] < 99 and numbers[1] < 77
    assert ("a.png: its color code points" in caplog.text) == (not known)


def test_numbers_stand_above_a_profile_in_png(tmp_path: Path) -> None:
    wrong = chunk(b"iCCP", b"p\0\0" + zlib.compress(profile(b"CMYK", b"Lab ", {})))
    body = png(
        np.rint(card(12, SRGB) * 65535).astype(np.uint16), wrong, chunk(b"cICP", bytes((12, SRGB, 0, 1)))
    )
    (tmp_path / "a.png").write_bytes(body)
    assert np.abs(seen(tmp_path / "a.png") - CARD).max() < 0.5
