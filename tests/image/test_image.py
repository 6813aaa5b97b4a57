"""Reading images of every kind at full depth, upright and in sRGB; resizing."""

from __future__ import annotations

import doctest
import logging
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps
from skimage import data

from impasto import image
from impasto.errors import InputError
from impasto.image import picture, profiles, reading, writing
from support.image import chunk, png, profile

RNG = np.random.default_rng(7)
BYTES = RNG.integers(0, 256, (5, 7, 4), dtype=np.uint8)
WORDS = RNG.integers(0, 65536, (5, 7, 4), dtype=np.uint16)


def xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


WHITE = {b"wtpt": xyz(0.9642, 1, 0.8249)}
# Display P3 adapted to D50, with a plain gamma of 2.2 and with the curve of sRGB as parameters.
P3 = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.1571, 0.06657, 0.78407),
}
GAMMA = b"curv" + bytes(4) + struct.pack(">IH", 1, round(2.2 * 256))
PARAMETERS = [round(x * 65536) for x in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)]
CURVE = b"para" + bytes(4) + struct.pack(">HH5i", 3, 0, *PARAMETERS)


def p3(curve: bytes = GAMMA) -> bytes:
    columns = {name: xyz(*values) for name, values in P3.items()}
    return profile(b"RGB ", b"XYZ ", WHITE | columns | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def p3_to_srgb(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """From P3 with gamma 2.2 by the published matrix between the two under D65."""
    matrix = [[1.22494, -0.22494, 0], [-0.04206, 1.04206, 0], [-0.01964, -0.07864, 1.09827]]
    linear = np.clip(values ** (round(2.2 * 256) / 256) @ np.array(matrix).T, 0, 1)
    return np.asarray(np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_orientation_is_applied_once(tmp_path: Path, suffix: str, turn: int) -> None:
    stored = Image.fromarray(data.astronaut()).resize((24, 16))
    exif = stored.getexif()
    exif[0x0112] = turn
    upright = np.asarray(ImageOps.exif_transpose(stored)) / 255
    options: dict[str, Any] = {"quality": 95} if suffix != ".tif" else {}
    stored.save(tmp_path / f"a{suffix}", exif=exif, **options)
    result = image.read(tmp_path / f"a{suffix}").rgb
    assert result.shape == upright.shape
    assert np.abs(result - upright).mean() < (0.04 if suffix in (".webp", ".avif", ".jpg") else 1e-6)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_large_plain_pictures_are_read_and_written_as_bytes(tmp_path: Path, suffix: str, turn: int) -> None:
    stored = Image.fromarray(data.astronaut()).resize((24, 16))
    exif = stored.getexif()
    exif[0x0112] = turn
    stored.save(tmp_path / f"a{suffix}", exif=exif, icc_profile=p3())
    found = image.read_bytes(tmp_path / f"a{suffix}", least=24 * 16 - 1)
    assert found is not None and found.dtype == np.uint8
    assert np.array_equal(found, np.rint(image.read(tmp_path / f"a{suffix}").rgb * 255))
    assert image.read_bytes(tmp_path / f"a{suffix}", least=24 * 16) is None
    image.write(tmp_path / "again.png", found)
    assert np.array_equal(image.read(tmp_path / "again.png").rgb * np.float32(255), found)
    assert np.abs(image.resize(found, (8, 12)) - image.resize(found / 255, (8, 12))).max() < 1e-6


def test_bytes_are_not_taken_from_what_holds_more(tmp_path: Path) -> None:
    Image.fromarray(BYTES[..., :3]).convert("RGBA").save(tmp_path / "alpha.png")
    (tmp_path / "deep.png").write_bytes(png(np.full((4, 4, 3), 30000, np.uint16)))
    Image.fromarray(BYTES[..., :3]).save(tmp_path / "a.tif")
    for name in ("alpha.png", "deep.png", "a.tif"):
        assert image.read_bytes(tmp_path / name) is None
    with pytest.raises(InputError, match="no such file"):
        image.read_bytes(tmp_path / "none.jpg")
    Image.fromarray(data.astronaut()).save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:2000])
    with pytest.raises(InputError, match="damaged or cut off"):
        image.read_bytes(tmp_path / "cut.jpg")


def test_orientation_six_turns_clockwise() -> None:
    stored = Image.fromarray(BYTES[..., :3])
    stored.getexif()[0x0112] = 6
    result = image.read(stored)
    assert result.size == (7, 5)
    # CIPA DC-008: the first row is the right side, the first column is the top.
    assert np.array_equal(result.rgb[0, -1] * 255, BYTES[0, 0, :3])
    assert np.array_equal(result.rgb[0, 0] * 255, BYTES[-1, 0, :3])


@pytest.mark.parametrize("deep", [False, True])
def test_wide_gamut_profile_is_converted(tmp_path: Path, deep: bool) -> None:
    colors = np.array(
        [[[0, 1, 0], [1, 0, 0], [0.5, 0.25, 0.75], [0.5, 0.5, 0.5], [1, 1, 1], [0.2, 0.4, 0.3]]]
    )
    if deep:
        icc = chunk(b"iCCP", b"p3\0\0" + zlib.compress(p3()))
        (tmp_path / "a.png").write_bytes(png(np.rint(colors * 65535).astype(np.uint16), icc))
    else:
        Image.fromarray(np.rint(colors * 255).astype(np.uint8)).save(tmp_path / "a.png", icc_profile=p3())
    result = image.read(tmp_path / "a.png")
    assert result.bits == (16 if deep else 8)
    expected = p3_to_srgb(np.rint(colors * 255) / 255 if not deep else colors)
    assert np.abs(result.rgb - expected).max() < (3e-4 if deep else 2.1 / 255)
    assert np.abs(expected - colors).max() > 0.1, "the profile must make a difference"


def test_deep_and_shallow_profiles_agree() -> None:
    for curve in (GAMMA, CURVE, b"curv" + bytes(4) + struct.pack(">I5H", 5, 0, 3000, 13000, 33000, 65535)):
        values = RNG.random((20, 20, 3)).astype(np.float32)
        shallow = profiles.as_floats(
            profiles.to_srgb(Image.fromarray(np.rint(values * 255).astype(np.uint8)), p3(curve), name="x")
        )
        deep = profiles.to_srgb_16((np.rint(values * 255) / 255).astype(np.float32), p3(curve), name="x")
        assert np.abs(shallow - deep).mean() < 0.5 / 255
        assert np.abs(shallow - deep).max() < 4 / 255  # LittleCMS has 8 bits, coarse where it is dark


def test_profiles_of_srgb_change_nothing(tmp_path: Path) -> None:
    fresh = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for icc in (fresh, profiles.srgb_profile()):
        Image.fromarray(BYTES[..., :3]).save(tmp_path / "a.png", icc_profile=icc)
        assert np.array_equal(np.rint(image.read(tmp_path / "a.png").rgb * 255), BYTES[..., :3])
    assert profiles.srgb_profile()[24:36] == struct.pack(">6H", 2000, 1, 1, 0, 0, 0)


@pytest.mark.parametrize(
    "icc", [b"nonsense", p3()[:200], profile(b"CMYK", b"Lab ", {}), p3()[:-400] + bytes(400)]
)
def test_broken_profile_is_named_and_left_out(
    tmp_path: Path, icc: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    Image.fromarray(BYTES[..., :3]).save(tmp_path / "a.png", icc_profile=icc)
    with caplog.at_level(logging.WARNING):
        result = image.read(tmp_path / "a.png")
    assert "a.png: its color profile is not usable" in caplog.text
    assert np.array_equal(np.rint(result.rgb * 255), BYTES[..., :3])


def test_gray_profile(tmp_path: Path) -> None:
    linear = profile(b"GRAY", b"XYZ ", WHITE | {b"kTRC": b"curv" + bytes(4) + struct.pack(">I", 0)})
    Image.fromarray(np.full((2, 3), 55, np.uint8)).save(tmp_path / "a.png", icc_profile=linear)
    assert image.read(tmp_path / "a.png").rgb[0, 0] == pytest.approx([0.5017] * 3, abs=0.006)
    body = png(np.full((2, 3, 1), 14025, np.uint16), chunk(b"iCCP", b"g\0\0" + zlib.compress(linear)))
    (tmp_path / "b.png").write_bytes(body)
    assert image.read(tmp_path / "b.png").rgb[0, 0] == pytest.approx([0.5] * 3, abs=1e-3)


def cmyk_profile() -> bytes:
    """Every ink only darkens: L* = 100 (1 - K) (1 - (C + M + Y) / 3), no color at all."""
    nodes = np.stack(np.meshgrid(*[[0.0, 1.0]] * 4, indexing="ij"), axis=-1).reshape(16, 4)
    lightness = (1 - nodes[:, 3]) * (1 - nodes[:, :3].mean(axis=1))
    grid = np.stack([lightness * 0xFF00, np.full(16, 0x8000), np.full(16, 0x8000)], axis=1)
    identity = struct.pack(">9i", *(np.eye(3) * 65536).astype(int).ravel())
    ramp = struct.pack(">2H", 0, 65535)
    head = b"mft2" + bytes(4) + bytes([4, 3, 2, 0]) + identity + struct.pack(">2H", 2, 2)
    table = head + ramp * 4 + np.rint(grid).astype(">u2").tobytes() + ramp * 3
    return profile(b"CMYK", b"Lab ", WHITE | {b"A2B0": table}, b"prtr")


def test_cmyk_without_and_with_a_profile(tmp_path: Path) -> None:
    inks = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    for suffix in (".jpg", ".tif"):
        inks.save(tmp_path / f"a{suffix}")
        assert image.read(tmp_path / f"a{suffix}").rgb[8, 8] == pytest.approx([0, 1, 1], abs=0.02)
        inks.save(tmp_path / f"b{suffix}", icc_profile=cmyk_profile())
        gray = image.read(tmp_path / f"b{suffix}").rgb[8, 8]
        assert gray == pytest.approx([0.634] * 3, abs=0.01)  # L* of 66.7


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_of_16_bits_is_exact(tmp_path: Path, channels: int, interlaced: bool) -> None:
    values = WORDS[..., -channels:]
    (tmp_path / "a.png").write_bytes(png(values, interlaced=interlaced))
    result = image.read(tmp_path / "a.png")
    colors = values[..., :1] if channels < 3 else values[..., :3]
    assert np.array_equal(np.rint(result.rgb * 65535), np.broadcast_to(colors, (5, 7, 3)))
    assert (result.bits, result.gray) == (16, channels < 3)
    if channels in (2, 4):
        assert result.alpha is not None
        assert np.array_equal(np.rint(result.alpha * 65535), values[..., -1])
    else:
        assert result.alpha is None


def test_png_of_16_bits_with_one_transparent_color(tmp_path: Path) -> None:
    for channels in (1, 3):
        values = WORDS[..., :channels]
        keyed = chunk(b"tRNS", values[2, 3].astype(">u2").tobytes())
        (tmp_path / "a.png").write_bytes(png(values, keyed))
        alpha = image.read(tmp_path / "a.png").alpha
        assert alpha is not None
        assert np.array_equal(np.argwhere(alpha == 0), [[2, 3]])
        assert alpha.sum() == 34


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("extra", [None, "unassalpha", "unspecified"])
def test_tiff_of_16_bits_is_exact(
    tmp_path: Path, order: str, compression: str | None, extra: str | None
) -> None:
    values = WORDS if extra else WORDS[..., :3]
    extras: dict[str, Any] = {"byteorder": order}
    extras |= {"extrasamples": [extra]} if extra else {}
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, values, photometric="rgb", compression=compression, **extras)
    result = image.read(path)
    assert result.bits == 16
    assert np.array_equal(np.rint(result.rgb * 65535), values[..., :3])
    assert (result.alpha is not None) == (extra == "unassalpha")


def test_tiff_of_other_kinds(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.moveaxis(WORDS[..., :3], -1, 0), photometric="rgb", planarconfig="separate")
    assert np.array_equal(np.rint(image.read(path).rgb * 65535), WORDS[..., :3])
    tifffile.imwrite(path, np.moveaxis(BYTES[..., :3], -1, 0), photometric="rgb", planarconfig="separate")
    assert np.array_equal(np.rint(image.read(path).rgb * 255), BYTES[..., :3])
    floats = (WORDS[..., :3] / 65535).astype(np.float32)
    tifffile.imwrite(path, floats, photometric="rgb", extratags=[(274, "H", 1, 6, True)])
    assert np.array_equal(image.read(path).rgb, np.rot90(floats, -1))
    tifffile.imwrite(path, floats * 3, photometric="rgb")
    with pytest.raises(InputError, match=r"scale them to 0\.\.1"):
        image.read(path)
    for values, top in ((WORDS[..., 0], 65535), (BYTES[..., 0], 255)):
        tifffile.imwrite(path, values, extratags=[(274, "H", 1, 8, True)])
        assert np.array_equal(np.rint(image.read(path).rgb[..., 1] * top), np.rot90(values))
    alpha = np.maximum(WORDS[..., 3], 30000)
    premultiplied = np.rint(WORDS[..., :3] * (alpha[..., None] / 65535)).astype(np.uint16)
    both = np.concatenate([premultiplied, alpha[..., None]], axis=2)
    tifffile.imwrite(
        path, both, photometric="rgb", extrasamples=["assocalpha"], extratags=[(274, "H", 1, 3, True)]
    )
    assert np.abs(image.read(path).rgb * 65535 - np.rot90(WORDS[..., :3], 2)).max() < 2


def test_palette_gray_and_two_levels(tmp_path: Path) -> None:
    indices = Image.fromarray(BYTES[..., 0] % 3, mode="P")
    indices.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    for suffix in (".png", ".gif"):
        indices.save(tmp_path / f"a{suffix}", transparency=1)
        result = image.read(tmp_path / f"a{suffix}")
        assert result.alpha is not None
        assert np.array_equal(result.alpha == 0, BYTES[..., 0] % 3 == 1)
        assert np.array_equal(result.rgb[..., 2] == 1, BYTES[..., 0] % 3 == 2)
    indices.save(tmp_path / "b.png", transparency=bytes([10, 128, 255]))
    alpha = image.read(tmp_path / "b.png").alpha
    assert alpha is not None
    assert np.array_equal(np.rint(alpha * 255), np.array([10, 128, 255])[BYTES[..., 0] % 3])
    Image.fromarray(BYTES[..., 0]).save(tmp_path / "l.png", transparency=int(BYTES[2, 3, 0]))
    result = image.read(tmp_path / "l.png")
    assert result.gray
    assert result.alpha is not None
    assert result.alpha[2, 3] == 0
    assert np.array_equal(np.rint(result.rgb[..., 0] * 255), BYTES[..., 0])
    Image.fromarray(BYTES[..., 0] > 99).save(tmp_path / "1.png")
    assert np.array_equal(image.read(tmp_path / "1.png").rgb[..., 1], BYTES[..., 0] > 99)


def test_gif_gives_the_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert image.read(tmp_path / "a.gif").rgb[0, 0].tolist() == [1, 0, 0]


def test_heic_with_ten_bits(tmp_path: Path) -> None:
    ramp = np.repeat(np.linspace(0, 65535, 128).astype(np.uint16)[None, :, None], 3, axis=2).repeat(
        64, axis=0
    )
    coded = pillow_heif.from_bytes("RGB;16", (128, 64), ramp.tobytes())
    coded.save(tmp_path / "a.heic", quality=-1, chroma=444)
    result = image.read(tmp_path / "a.heic")
    assert result.bits == 16
    assert np.abs(result.rgb - ramp / 65535).max() < 0.01
    assert result.rgb.max() > 0.999


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.float64])
def test_arrays(kind: type[Any]) -> None:
    arrays: dict[type[Any], NDArray[Any]] = {np.uint8: BYTES, np.uint16: WORDS}
    values = arrays.get(kind)
    floats = RNG.random((5, 7, 4)).astype(kind) if values is None else values
    top = 1 if values is None else np.iinfo(kind).max
    for part in (floats, floats[..., :3], floats[..., 0]):
        result = image.read(part)
        assert result.rgb.dtype == np.float32
        shown = part[..., :3] if part.ndim == 3 else part[..., None].repeat(3, axis=2)
        assert np.allclose(result.rgb, shown.astype(np.float64) / top, atol=1e-7)
        assert (result.gray, result.alpha is not None) == (part.ndim == 2, part is floats)
    before = floats.copy()
    image.read(floats).rgb[:] = 0
    assert np.array_equal(floats, before), "the array handed in must stay as it is"


def test_tensors_pictures_and_pil_images() -> None:
    tensor = torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for given_tensor in (tensor, tensor[None], tensor.clone().requires_grad_(), tensor.bfloat16()):
        result = image.read(given_tensor)
        assert np.abs(result.rgb - tensor.permute(1, 2, 0).numpy()).max() < 0.003
    assert image.read(result) is result
    assert image.read(Image.fromarray(BYTES)).alpha is not None
    assert image.read(Image.fromarray(BYTES[..., :3])).name == "picture"
    assert image.read(Image.fromarray(BYTES[..., :2], mode="LA")).gray


def test_name_and_path_of_a_file(tmp_path: Path) -> None:
    Image.fromarray(BYTES).save(tmp_path / "sea.view.png")
    result = image.read(str(tmp_path / "sea.view.png"))
    assert (result.name, result.path, result.size) == ("sea.view", tmp_path / "sea.view.png", (5, 7))


def test_flat_lays_over_the_mean_visible_color() -> None:
    rgb = np.array([[[1, 0, 0], [0, 0, 1], [0.3, 0.9, 0.4]]], np.float32)
    seen = image.Picture(rgb, np.array([[1, 0.5, 0]], np.float32))
    mean = np.array([2 / 3, 0, 1 / 3])
    assert np.allclose(seen.flat(), np.array([[[1, 0, 0], mean / 2 + [0, 0, 0.5], mean]]), atol=1e-6)
    assert np.allclose(seen.flat((0, 1, 0)), np.array([[[1, 0, 0], [0, 0.5, 0.5], [0, 1, 0]]]), atol=1e-6)
    assert image.Picture(rgb, np.zeros((1, 3), np.float32)).flat().min() == 1
    assert image.Picture(rgb).flat() is rgb


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(*[st.integers(1, 40)] * 4),
    st.integers(1, 60),
    st.floats(0, 1, width=32),
    st.integers(0, 1 << 30),
)
def test_resize_and_fit(sides: tuple[int, int, int, int], long: int, value: float, seed: int) -> None:
    height, width, new_height, new_width = sides
    flat = image.resize(np.full((height, width, 3), value, np.float32), (new_height, new_width))
    assert flat.shape == (new_height, new_width, 3)
    assert np.abs(flat - value).max() < 1e-5
    noise = np.random.default_rng(seed).random((height, width))
    resized = image.resize(noise, (new_height, new_width))
    assert resized.shape == (new_height, new_width)
    assert 0 <= resized.min() <= resized.max() <= 1
    assert np.array_equal(image.resize(noise, (height, width)), noise.astype(np.float32))
    fitted = image.fit((height, width), long)
    assert max(fitted) == long
    assert min(fitted) >= 1
    assert abs(min(fitted) - max(1, long * min(height, width) / max(height, width))) <= 0.5


def test_resize_does_not_alias_and_keeps_places() -> None:
    stripes = np.tile(np.array([0, 1], np.float32), (8, 32))
    assert np.abs(image.resize(stripes, (2, 8)) - 0.5)[:, 1:-1].max() < 0.02
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[None].repeat(3, axis=0)
    assert (
        np.abs(image.resize(ramp, (3, 16))[1, 2:-2] - ramp[0].reshape(16, 4).mean(axis=1)[2:-2]).max() < 2e-3
    )
    for call in (lambda: image.resize(ramp, (0, 4)), lambda: image.fit((4, 4), 0)):
        with pytest.raises(InputError, match="at least 1 pixel"):
            call()


def test_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tried = [doctest.testmod(module) for module in (picture, reading, writing)]
    assert [result.failed for result in tried] == [0, 0, 0]
    assert sum(result.attempted for result in tried) >= 6
