"""Metadata of photos: date, place, author, copyright and resolution are kept; the camera is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, PngImagePlugin

from impasto import image

RGB = np.random.default_rng(3).integers(0, 255, (24, 32, 3), np.uint8)
NAME = "Zo\u00eb K\u00fcste"
RECIPE = '{"verb": "stylize"}'
PLACE: dict[int, Any] = {
    1: "N",
    2: (48.0, 51.0, 30.25),
    3: "E",
    4: (2.0, 17.0, 40.0),
    5: b"\0",
    6: 35.5,
    7: (10.0, 20.0, 30.0),
    29: "2024:05:06",
}


def exif(*, turn: int = 1, place: bool = True) -> Image.Exif:
    """As a phone writes it."""
    made = Image.Exif()
    made[0x010E] = "The lion of Belfort"
    made[0x010F], made[0x0110] = "Maker", "Camera 9"
    made[0x0112] = turn
    made[0x011A], made[0x011B], made[0x0128] = 300.0, 300.0, 2
    made[0x0132] = "2024:05:07 08:09:10"
    made[0x013B] = NAME.encode()
    made[0x8298] = "(c) 2024 Z. K."
    taken = made.get_ifd(0x8769)
    taken[0x9003], taken[0x9011], taken[0x9291] = "2024:05:06 07:08:09", "+02:00", "123"
    taken[0x829A] = 0.004
    if place:
        made.get_ifd(0x8825).update(PLACE)
    return made


def photo(path: Path, **settings: Any) -> Path:
    if path.suffix == ".tif":  # Pillow leaves out of these when and where they were taken
        jpeg = photo(path.with_suffix(".jpeg"), **settings)
        image.write(path, RGB, metadata=image.read_metadata(jpeg))
    elif path.suffix == ".heic":
        pillow_heif.from_pillow(Image.fromarray(RGB)).save(path, exif=exif(**settings).tobytes())
    else:
        options: dict[str, Any] = {"dpi": (300, 300)} if path.suffix in (".png", ".jpg") else {}
        Image.fromarray(RGB).save(path, exif=exif(**settings), **options)
    return path


def told(path: Path) -> tuple[Image.Exif, dict[str, Any]]:
    """As another program reads it."""
    if path.suffix == ".heic":
        info = dict(pillow_heif.open_heif(path).info)
        found = Image.Exif()
        found.load(info["exif"] or b"")
        return found, info
    with Image.open(path) as opened:
        opened.load()
        return opened.getexif(), {str(name): value for name, value in opened.info.items()}


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".heic"])
@pytest.mark.parametrize("source", [".jpg", ".png", ".webp", ".tif", ".heic"])
def test_what_a_photo_says_of_itself_is_kept(tmp_path: Path, source: str, suffix: str) -> None:
    kept = image.read_metadata(photo(tmp_path / f"in{source}"))
    out = image.write(tmp_path / f"out{suffix}", RGB, recipe=RECIPE, metadata=kept)
    found, info = told(out)
    assert (found[0x010E], found[0x0132]) == ("The lion of Belfort", "2024:05:07 08:09:10")
    assert found[0x8298] == "(c) 2024 Z. K."
    assert found[0x013B].encode("latin-1").decode() == NAME
    assert found.get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"
    assert found.get_ifd(0x8769)[0x9011] == "+02:00"
    place = found.get_ifd(0x8825)
    assert (place[1], place[3], place[29]) == ("N", "E", "2024:05:06")
    for code in (2, 4, 6, 7):
        assert np.allclose(np.array(place[code], float), PLACE[code])
    assert (float(found[0x011A]), float(found[0x011B]), found[0x0128]) == (300, 300, 2)
    if suffix in (".jpg", ".png", ".tif"):
        assert [round(float(value)) for value in info["dpi"]] == [300, 300]
    assert not {0x010F, 0x0110, 0x0112} & set(found) and 0x829A not in found.get_ifd(0x8769)
    assert image.read_recipe(out) == RECIPE
    assert image.read_metadata(out) == kept, "a painting that is painted again keeps it, too"


def test_deep_pictures_keep_it(tmp_path: Path) -> None:
    kept = image.read_metadata(photo(tmp_path / "in.jpg"))
    for suffix in (".png", ".tif"):
        out = image.write(tmp_path / f"out{suffix}", RGB / 255, bits=16, recipe=RECIPE, metadata=kept)
        assert image.read_metadata(out) == kept and image.read_recipe(out) == RECIPE
        assert image.read(out).bits == 16


def test_a_place_is_told_only_where_it_was(tmp_path: Path) -> None:
    kept = image.read_metadata(photo(tmp_path / "in.jpg", place=False))
    assert kept.gps == () and 0x8825 not in told(image.write(tmp_path / "out.jpg", RGB, metadata=kept))[0]
    Image.fromarray(RGB).save(tmp_path / "bare.png")
    for name in ("bare.jpg", "bare.webp", "bare.tif"):
        image.write(tmp_path / name, RGB, recipe=RECIPE)
        assert image.read_metadata(tmp_path / name) == image.Metadata(), "no resolution is made up"
    bare = image.read_metadata(tmp_path / "bare.png")
    assert bare == image.Metadata()
    plain = image.write(tmp_path / "plain.png", RGB).read_bytes()
    assert image.write(tmp_path / "kept.png", RGB, metadata=bare).read_bytes() == plain


def test_texts_of_png_and_centimetres(tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Copyright", "K. K.")
    texts.add_itxt("Author", "\u4e16\u754c")
    texts.add_text("Comment", "x" * 9)
    Image.fromarray(RGB).save(tmp_path / "a.png", pnginfo=texts)
    found = told(image.write(tmp_path / "a.jpg", RGB, metadata=image.read_metadata(tmp_path / "a.png")))[0]
    assert found[0x8298] == "K. K." and set(found) == {0x8298, 0x013B}
    made = Image.Exif()
    made[0x011A], made[0x011B], made[0x0128] = 118.11, 118.11, 3
    Image.fromarray(RGB).save(tmp_path / "a.webp", exif=made)
    assert image.read_metadata(tmp_path / "a.webp").dpi == pytest.approx((300, 300), abs=0.01)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_a_turn_is_stored_with_turned_pixels(tmp_path: Path, suffix: str, turn: int) -> None:
    smooth = np.broadcast_to(
        np.linspace(0, 1, 32)[None, :, None] * np.linspace(0, 1, 24)[:, None, None], (24, 32, 3)
    )
    out = image.write(tmp_path / f"a{suffix}", smooth, metadata=image.Metadata(turn=turn))
    with Image.open(out) as opened:
        if suffix != ".tif":  # Pillow turns the sizes of these itself
            assert opened.size == ((24, 32) if turn >= 5 else (32, 24))
        assert opened.getexif().get(0x0112, 1) == turn
    assert np.abs(image.read(out).rgb - smooth).max() < 0.06


def test_broken_metadata_costs_no_picture(tmp_path: Path) -> None:
    body = photo(tmp_path / "a.jpg").read_bytes()
    place = body.index(b"Exif\0\0") + 6
    rng = np.random.default_rng(5)
    for _ in range(60):
        damaged = bytearray(body)
        for where in rng.integers(place, place + 500, 6):
            damaged[where] = rng.integers(256)
        (tmp_path / "b.jpg").write_bytes(damaged)
        kept = image.read_metadata(tmp_path / "b.jpg")
        out = image.write(tmp_path / "c.jpg", RGB, recipe=RECIPE, metadata=kept, overwrite=True)
        assert image.read_recipe(out) == RECIPE and image.read(out).size == (24, 32)


def test_a_recipe_too_long_for_a_jpeg_leaves_the_rest(tmp_path: Path) -> None:
    kept = image.read_metadata(photo(tmp_path / "in.jpg"))
    out = image.write(tmp_path / "a.jpg", RGB, recipe='{"a": "%s"}' % ("x" * 70000), metadata=kept)
    assert image.read_recipe(out) is None and image.read_metadata(out) == kept


PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
 xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 tiff:Orientation="6" GCamera:MotionPhoto="1" exif:PixelXDimension="4000" exif:GPSLatitude="48,51.5N"
 xmp:CreatorTool="Editor" xmp:Rating="4" photoshop:City="Belfort" photoshop:ICCProfile="Display P3">
<dc:rights><rdf:Alt><rdf:li xml:lang="de">\u00a9 2024 Zo\u00eb K\u00fcste</rdf:li></rdf:Alt></dc:rights>
<dc:subject><rdf:Bag><rdf:li>lion</rdf:li><rdf:li>stone</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""


def with_packet(path: Path, packet: bytes) -> Path:
    picture = Image.fromarray(RGB)
    if path.suffix == ".heic":
        pillow_heif.from_pillow(picture).save(path, xmp=packet)
    elif path.suffix == ".png":
        texts = PngImagePlugin.PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", packet.decode())
        picture.save(path, pnginfo=texts)
    elif path.suffix == ".tif":
        picture.save(path, tiffinfo={700: packet})
    else:
        picture.save(path, xmp=packet)
    return path


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".heic"])
def test_xmp_is_kept_where_it_applies(tmp_path: Path, suffix: str, bits: Any) -> None:
    if bits == 16 and suffix not in (".png", ".tif"):
        pytest.skip("8 bits only")
    kept = image.read_metadata(with_packet(tmp_path / f"in{suffix}", PACKET.encode()))
    out = image.write(tmp_path / f"out{suffix}", RGB / 255, bits=bits, metadata=kept, recipe=RECIPE)
    for text in ("\u00a9 2024 Zo\u00eb K\u00fcste", "lion", "stone", "48,51.5N", "Belfort", 'Rating="4"'):
        assert text in kept.xmp.decode()
    for text in ("Orientation", "MotionPhoto", "PixelXDimension", "Editor", "ICCProfile"):
        assert text not in kept.xmp.decode()
    info = told(out)[1]
    assert (info.get("xmp") or info["XML:com.adobe.xmp"].encode()) == kept.xmp
    assert image.read_metadata(out) == kept and image.read_recipe(out) == RECIPE


@pytest.mark.parametrize(
    "packet",
    [
        b"<x:xmpmeta",
        PACKET.replace("</dc:rights>", "").encode(),
        PACKET.replace("<dc:subject>", "<!ENTITY a 'aaaa'><dc:subject>").encode(),
        PACKET.replace("stone", "s" * 70_000).encode(),
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF>',
    ],
    ids=["cut", "broken", "entities", "long", "empty"],
)
def test_xmp_that_cannot_be_kept_costs_no_picture(tmp_path: Path, packet: bytes) -> None:
    path = with_packet(tmp_path / "in.webp", packet)
    kept = image.read_metadata(path)
    assert kept == image.Metadata()
    assert image.read(image.write(tmp_path / "out.jpg", RGB, metadata=kept)).size == (24, 32)
