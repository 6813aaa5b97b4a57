"""Writing images with their recipe; hostile files and invalid arrays give one-line errors."""

from __future__ import annotations

import errno
import io
import logging
import os
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile
from skimage import data

from impasto import color, image
from impasto.errors import ImpastoError, InputError, OutputError

RNG = np.random.default_rng(11)
PHOTO = np.asarray(np.asarray(Image.fromarray(data.astronaut()).resize((45, 31))) / 255, np.float32)
# How far, in gray levels, a format may be off at a pixel and in the mean; WebP halves the colors' size.
MOST = {".png": (0.5, 0.3), ".tif": (0.5, 0.3), ".tiff": (0.5, 0.3), ".webp": (70, 6)}
LOSSY = (20, 3)
RECIPE = '{"verb": "stylize", "style": "K\\u00fcste", "weights": [0.7, 0.3]}'


def refused(error: type[ImpastoError], words: str, call: Any) -> str:
    """Run the call, which must be refused in one line with these words."""
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("suffix", image.SUFFIXES)
@pytest.mark.parametrize("grey", [False, True])
def test_written_and_read_again(tmp_path: Path, suffix: str, grey: bool) -> None:
    path = image.write(tmp_path / f"a{suffix}", PHOTO, gray=grey)
    result = image.read(path)
    wanted = color.luma(PHOTO)[..., None].repeat(3, axis=2) if grey else PHOTO
    difference = np.abs(result.rgb - wanted) * 255
    at_most, in_mean = MOST.get(suffix, LOSSY)
    assert difference.max() <= at_most + 1e-3
    assert difference.mean() < in_mean
    assert result.alpha is None
    assert result.gray == (grey and suffix not in (".webp", ".heic"))  # these have no gray of their own
    assert os.listdir(tmp_path) == [path.name]  # noqa: PTH208 - names, hidden ones too


@settings(deadline=None, max_examples=40)
@given(
    height=st.integers(1, 24),
    width=st.integers(1, 24),
    suffix=st.sampled_from([".png", ".tif"]),
    bits=st.sampled_from([8, 16]),
    grey=st.booleans(),
    veiled=st.booleans(),
)
def test_lossless_round_trip(
    *, height: int, width: int, suffix: str, bits: Any, grey: bool, veiled: bool
) -> None:
    top = 2**bits - 1
    whole = np.random.default_rng(height * 31 + width).integers(0, top + 1, (height, width, 4))
    colors = whole[..., :1].repeat(3, axis=2) if grey else whole[..., :3]
    alpha = whole[..., 3] / top if veiled else None
    with tempfile.TemporaryDirectory() as folder:
        path = image.write(Path(folder) / f"a{suffix}", colors / top, alpha=alpha, bits=bits, gray=grey)
        result = image.read(path)
        assert np.array_equal(np.rint(result.rgb * top), colors)
        assert result.bits == bits
        assert (result.alpha is not None) == veiled
        if result.alpha is not None:
            assert np.array_equal(np.rint(result.alpha * top), whole[..., 3])
        again = image.write(Path(folder) / f"b{suffix}", result, bits=bits)
        assert np.array_equal(image.read(again).rgb, result.rgb)


@pytest.mark.parametrize("suffix", image.SUFFIXES)
@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1)])
def test_slivers(tmp_path: Path, suffix: str, size: tuple[int, int]) -> None:
    values = np.broadcast_to(np.array([0.8, 0.4, 0.2], np.float32), (*size, 3))
    result = image.read(image.write(tmp_path / f"a{suffix}", values))
    assert result.size == size
    assert np.abs(result.rgb - values).max() < 6 / 255


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".heic"])
def test_transparency(tmp_path: Path, suffix: str) -> None:
    alpha = np.tile(np.linspace(0, 1, 45, dtype=np.float32), (31, 1))
    result = image.read(image.write(tmp_path / f"a{suffix}", PHOTO, alpha=alpha))
    assert result.alpha is not None
    assert np.abs(result.alpha - alpha).max() < (0.6 if suffix != ".heic" else 4) / 255
    seen = alpha > 0.1
    assert np.abs(result.rgb - PHOTO)[seen].mean() < 6 / 255


def test_jpeg_is_laid_over_white_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        image.write(tmp_path / "a.jpg", image.Picture(PHOTO * 0, np.full((31, 45), 0.25, np.float32)))
    assert "composited over white" in caplog.text
    assert np.abs(image.read(tmp_path / "a.jpg").rgb - 0.75).max() < 2 / 255


@pytest.mark.parametrize("suffix", image.SUFFIXES)
@pytest.mark.parametrize(
    "recipe", ["{}", RECIPE, '{"name": "K\u00fcste \u4e16\u754c \U0001f30a"}', '{"a": "%s"}' % ("x" * 40001)]
)
def test_recipe_comes_back(tmp_path: Path, suffix: str, recipe: str) -> None:
    path = image.write(tmp_path / f"a{suffix}", PHOTO, recipe=recipe)
    assert image.read_recipe(path) == recipe
    with Image.open(path) if suffix != ".heic" else Image.new("RGB", (1, 1)) as opened:
        comment = opened.getexif().get_ifd(0x8769).get(0x9286, b"")
    if suffix not in (".png", ".heic"):
        assert comment[:8] == (b"ASCII\0\0\0" if recipe.isascii() else b"UNICODE\0")


def test_recipe_of_deep_pictures_and_profiles(tmp_path: Path) -> None:
    for suffix in (".png", ".tif"):
        path = image.write(tmp_path / f"a{suffix}", PHOTO, bits=16, recipe=RECIPE)
        assert image.read_recipe(path) == RECIPE
    for suffix in (".png", ".jpg", ".webp", ".tif"):
        with Image.open(image.write(tmp_path / f"b{suffix}", PHOTO)) as opened:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(opened.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)


def test_equal_pictures_are_equal_files(tmp_path: Path) -> None:
    for suffix in image.SUFFIXES:
        first = image.write(tmp_path / f"a{suffix}", PHOTO, recipe=RECIPE).read_bytes()
        assert image.write(tmp_path / f"b{suffix}", PHOTO, recipe=RECIPE).read_bytes() == first


def test_no_recipe_where_there_is_none(tmp_path: Path) -> None:
    for suffix in image.SUFFIXES:
        assert image.read_recipe(image.write(tmp_path / f"a{suffix}", PHOTO)) is None
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0holiday at the sea"
    Image.new("RGB", (8, 8)).save(tmp_path / "camera.jpg", exif=exif)
    assert image.read_recipe(tmp_path / "camera.jpg") is None
    refused(InputError, "no such file", lambda: image.read_recipe(tmp_path / "none.png"))


def test_too_long_a_recipe_never_costs_the_painting(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    long = '{"a": "%s"}' % ("x" * 70000)
    path = image.write(tmp_path / "a.jpg", PHOTO, recipe=long)
    assert "too long for JPEG" in caplog.text
    assert image.read(path).size == (31, 45)
    assert image.read_recipe(path) is None
    assert image.read_recipe(image.write(tmp_path / "a.png", PHOTO, recipe=long)) == long


def test_values_are_rounded_and_clipped(tmp_path: Path) -> None:
    values = np.array([[[-0.5, 1.5, 0.5], [0.4999 / 255, 0.5001 / 255, 254.4999 / 255]]])
    result = image.read(image.write(tmp_path / "a.png", values)).rgb * 255
    assert np.rint(result).tolist() == [[[0, 255, 128], [0, 1, 254]]]
    tensor = torch.rand(1, 3, 5, 7, generator=torch.Generator().manual_seed(2))
    result = image.read(image.write(tmp_path / "t.png", tensor, bits=16)).rgb
    assert np.abs(result - tensor[0].permute(1, 2, 0).numpy()).max() < 1 / 65535


def test_writing_refuses(tmp_path: Path) -> None:
    def attempt(name: str, values: Any = PHOTO, **settings: Any) -> Any:
        return lambda: image.write(tmp_path / name, values, **settings)

    message = refused(OutputError, "its suffix must be one of", attempt("a.xyz"))
    assert all(suffix in message for suffix in image.SUFFIXES)
    refused(OutputError, "16 bits need .png or .tif", attempt("a.jpg", bits=16))
    refused(OutputError, "at most 16383 pixels", attempt("a.webp", np.zeros((1, 16384, 3))))
    refused(InputError, "2 values that are not numbers", attempt("a.png", np.array([[[np.nan, 0, np.inf]]])))
    refused(InputError, "(H, W, 3)", attempt("a.png", np.zeros((3, 4, 5))))
    refused(InputError, "the transparency has the shape", attempt("a.png", alpha=np.zeros((4, 4))))
    refused(InputError, "quality must be", attempt("a.jpg", quality=0))
    refused(OutputError, "no such folder", attempt("none/a.png"))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.png").write_bytes(b"old")
    refused(OutputError, "--overwrite", attempt("a.png"))
    refused(OutputError, "not a folder", attempt("a.png/b.png"))
    assert (tmp_path / "a.png").read_bytes() == b"old"
    attempt("a.png", overwrite=True)()
    assert image.read(tmp_path / "a.png").size == (31, 45)


@pytest.mark.parametrize("suffix", image.SUFFIXES)
def test_full_disk_keeps_the_old_picture(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = image.write(tmp_path / f"a{suffix}", PHOTO)
    old = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    refused(OutputError, "disk is full", lambda: image.write(path, 1 - PHOTO, overwrite=True))
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == old


def examples(folder: Path) -> dict[str, Path]:
    """One whole file of each kind."""
    made = {
        f"own{suffix}": image.write(folder / f"own{suffix}", PHOTO, recipe=RECIPE)
        for suffix in image.SUFFIXES
    }
    for suffix in (".png", ".tif"):
        made[f"deep{suffix}"] = image.write(folder / f"deep{suffix}", PHOTO, bits=16)
    photo = Image.fromarray(np.rint(PHOTO * 255).astype(np.uint8))
    options: dict[str, dict[str, Any]] = {
        "progressive.jpg": {"progressive": True},
        "lossless.webp": {"lossless": True},
        "raw.tif": {},
        "lzw.tif": {"compression": "tiff_lzw"},
        "a.gif": {},
        "a.bmp": {},
        "a.avif": {},
    }
    for name, option in options.items():
        photo.save(folder / name, **option)
        made[name] = folder / name
    return made


OTHERS = ("progressive.jpg", "lossless.webp", "raw.tif", "lzw.tif", "a.gif", "a.bmp", "a.avif")
KINDS = [*(f"own{suffix}" for suffix in image.SUFFIXES), "deep.png", "deep.tif", *OTHERS]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return examples(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_files_are_refused_or_whole(tmp_path: Path, whole: dict[str, Path], kind: str) -> None:
    body = whole[kind].read_bytes()
    wanted = image.read(whole[kind]).rgb
    path = tmp_path / kind
    kept = 0
    for cut in [*range(1, len(body), len(body) // 40 + 1), *range(len(body) - 9, len(body))]:
        path.write_bytes(body[:cut])
        try:
            result = image.read(path)
        except InputError as fault:
            assert str(path) in str(fault)
            assert "\n" not in str(fault)
            continue
        if kind.endswith("jpg") and not np.array_equal(result.rgb, wanted):
            # A JPEG that lacks only its end is read, with a warning: what is lost is small.
            assert cut > 0.7 * len(body) and np.abs(result.rgb - wanted).mean() < 0.03
            continue
        assert np.array_equal(result.rgb, wanted)
        kept += 1
    # Only what follows the last pixel (a check sum, a trailer) may be missing.
    assert kept <= 10


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_give_a_picture_or_one_line(tmp_path: Path, whole: dict[str, Path], kind: str) -> None:
    body = whole[kind].read_bytes()
    path = tmp_path / kind
    noise = np.random.default_rng(len(body))
    for attempt in range(40):
        damaged = bytearray(body)
        for place in noise.integers(0, len(body) if attempt % 2 else 200, 4):
            damaged[place] = noise.integers(256)
        path.write_bytes(damaged)
        for call in (image.read, image.read_recipe):
            try:
                result = call(path)
            except InputError as fault:
                assert "\n" not in str(fault)
            else:
                assert not isinstance(result, image.Picture) or (
                    0 <= result.rgb.min() <= result.rgb.max() <= 1
                )


def test_a_host_that_allows_truncated_files_changes_nothing(
    tmp_path: Path, whole: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    body = whole["own.jpg"].read_bytes()
    (tmp_path / "a.jpg").write_bytes(body[: len(body) // 2 + 200])
    refused(InputError, "cut off", lambda: image.read(tmp_path / "a.jpg"))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_what_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    refused(InputError, "no such file", lambda: image.read(path))
    refused(InputError, "is a folder", lambda: image.read(tmp_path))
    refused(InputError, "not a regular file", lambda: image.read("/dev/zero"))
    path.write_bytes(b"")
    refused(InputError, "is empty", lambda: image.read(path))
    path.write_text("a text with the wrong name\n" * 9)
    refused(InputError, "is not a picture", lambda: image.read(path))
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    refused(InputError, "is not a picture", lambda: image.read(path))
    refused(InputError, "not int", lambda: image.read(7))  # type: ignore[arg-type]


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    image.write(tmp_path / "a.png", PHOTO)
    monkeypatch.setattr(Path, "open", denied)
    refused(InputError, "Permission denied", lambda: image.read(tmp_path / "a.png"))


def header_only(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def test_size_is_checked_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    for side in (20_000, 1_000_000):
        path.write_bytes(header_only(side, side) + b"\0\0\0\0IDAT\x35\xaf\x06\x1e")
        message = refused(InputError, "--max-pixels", lambda: image.read(path))
        assert f"{side} x {side}" in message
    # Below the limit there is nothing to decode: another refusal, so the first came from the header.
    path.write_bytes(header_only(100, 100) + b"\0\0\0\0IDAT\x35\xaf\x06\x1e")
    assert "--max-pixels" not in refused(InputError, "cut off", lambda: image.read(path))
    image.write(tmp_path / "b.png", PHOTO)
    refused(InputError, "--max-pixels", lambda: image.read(tmp_path / "b.png", max_pixels=31 * 45 - 1))
    assert image.read(tmp_path / "b.png", max_pixels=31 * 45).size == (31, 45)
    image.write(tmp_path / "b.heic", PHOTO)
    refused(InputError, "--max-pixels", lambda: image.read(tmp_path / "b.heic", max_pixels=1000))
    path.write_bytes(header_only(0, 7))
    refused(InputError, "a.png", lambda: image.read(path))


ARRAYS: list[tuple[NDArray[Any], str]] = [
    (np.zeros((3, 8, 8)), "the shape (3, 8, 8)"),
    (np.zeros((8, 8, 2)), "the shape"),
    (np.zeros(8), "the shape"),
    (np.zeros((0, 8, 3)), "the shape"),
    (np.zeros((8, 8, 3), np.int64), "type int64"),
    (np.zeros((8, 8, 3), complex), "type complex128"),
    (np.full((8, 8, 3), 200.0), "scale them to 0..1"),
    (np.full((8, 8, 3), -0.1), "scale them to 0..1"),
    (np.full((8, 8), np.nan), "64 values that are not numbers"),
]


@pytest.mark.parametrize(("values", "words"), ARRAYS)
def test_wrong_arrays(values: NDArray[Any], words: str) -> None:
    refused(InputError, words, lambda: image.read(values))


def test_wrong_tensors_and_pil_images() -> None:
    for shape in ((2, 3, 4, 4), (4, 4, 3), (3, 4), (1, 1, 4, 4)):
        refused(InputError, str(shape), lambda shape=shape: image.read(torch.zeros(shape)))
    refused(InputError, "scale them", lambda: image.read(torch.full((3, 4, 4), 9.0)))
    refused(InputError, "--max-pixels", lambda: image.read(Image.new("L", (20, 20)), max_pixels=399))
    refused(InputError, "no pixels", lambda: image.read(Image.new("L", (0, 20))))
    refused(InputError, "values from", lambda: image.read(Image.new("I", (4, 4), 70000)))
    refused(InputError, "Lab", lambda: image.read(Image.new("LAB", (4, 4))))


def test_reading_and_writing_need_no_torch(tmp_path: Path) -> None:
    program = (
        "import sys, numpy, impasto.image, impasto.files, impasto.color\n"
        "impasto.image.write(sys.argv[1], numpy.zeros((4, 4, 3)))\n"
        "assert impasto.image.read(sys.argv[1]).size == (4, 4)\n"
        "assert not {'torch', 'pillow_heif', 'tifffile'} & set(sys.modules)\n"
    )
    environment = {"PYTHONPATH": str(Path(image.__file__).parents[2])}
    subprocess.run([sys.executable, "-c", program, tmp_path / "a.png"], env=environment, check=True)
