"""The page in Chromium: it paints as Python does, also offline, fits on a phone, and says what is wrong."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from impasto import image, samples, web
from impasto.errors import OutputError
from impasto.networks import library
from impasto.networks.painter import Painter
from impasto.web import runtime
from support.browser import MARKS, REQUIRED, WAIT, chromium
from support.web import hosted

pytestmark = MARKS
# A software adapter, as there is no GPU in most machines that run tests.
GPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]
TEXT: Any = {"name": "text.png", "mimeType": "image/png", "buffer": b"no picture"}
Bytes = NDArray[np.uint8]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of all shipped styles; skips where the npm registry cannot be reached."""
    pack = library.open_pack(library.pack_file("quality"))
    try:
        return web.write(pack, pack.names, tmp_path_factory.mktemp("web") / "page")
    except OutputError as error:
        if REQUIRED or "failed" not in str(error):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium(*GPU) as opened:
        yield opened


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with hosted(folder) as url:
        yield url


@pytest.fixture(scope="module")
def page(browser: Any, address: str) -> Iterator[Any]:
    """The page after its first painting, the sample's; one for all tests that leave it usable."""
    yield (visit := opened(browser, address))
    visit.context.close()


def opened(browser: Any, address: str, **view: Any) -> Any:
    visit = browser.new_context(accept_downloads=True, **view).new_page()
    visit.set_default_timeout(WAIT)
    visit.goto(address)
    painted(visit)
    return visit


def painted(page: Any) -> str:
    """Wait until there is nothing left to paint; return what the page says."""
    page.locator("canvas[data-state=painted]").wait_for()
    return str(page.locator("#status").inner_text())


def give(page: Any, data: bytes, name: str = "photo.png") -> None:
    page.evaluate("document.getElementById('canvas').dataset.state = 'old'")
    kind = {"name": name, "mimeType": "image/png", "buffer": data}
    page.get_by_label("Choose a photo").set_input_files(kind)


def choose(page: Any, *, strength: int = 100, size: int = 512, style: str = "Waves") -> None:
    page.get_by_label(style, exact=True).check(force=True)
    page.get_by_label("Size, long side").select_option(str(size))
    slider = page.get_by_label("Strength")
    slider.evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')) }", strength
    )
    painted(page)


def saved(page: Any) -> Bytes:
    """Return the file that is saved."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").click()
    path = Path(download.value.path())
    return np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("RGB"))


def png(pixels: Bytes) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def photo(name: str, size: tuple[int, int]) -> Bytes:
    return image.as_bytes(image.resize(samples.photo(name), size))


def in_python(pixels: Bytes, style: str, strength: float) -> Bytes:
    pack = library.open_pack(library.pack_file("quality"))
    painter = Painter(pack, precision="float32", threads=1)
    return image.as_bytes(painter.paint(image.floats(pixels), pack.weights({style: 1.0}, strength=strength)))


def apart(one: Bytes, other: Bytes) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other.astype(int)).max())


def test_the_folder_is_below_20_mb(folder: Path) -> None:
    assert sum(path.stat().st_size for path in folder.iterdir()) < 20_000_000


@pytest.mark.parametrize(
    ("name", "size", "long", "style", "strength"),
    [
        ("coffee", (341, 512), 512, "Waves", 100),
        ("chelsea", (333, 501), 512, "The Scream", 60),
        ("rocket", (256, 131), 256, "Woodcut", 150),
        ("astronaut", (1024, 768), 1024, "Waves", 100),
        ("coffee", (64, 96), 512, "Waves", 0),
    ],
)
def test_a_photo_is_painted_as_in_python(
    page: Any, *, name: str, size: tuple[int, int], long: int, style: str, strength: int
) -> None:
    pixels = photo(name, size)
    choose(page, strength=strength, size=long, style=style)
    give(page, png(pixels), f"{name}.png")
    assert f"{size[1]} x {size[0]} pixels, painted in" in painted(page)
    expected = in_python(pixels, style.lower().replace(" ", "_"), strength / 100)
    assert apart(saved(page), expected) <= 2
    assert apart(expected, pixels) > 50 or strength == 0
    label = page.get_by_role("img", name="painted in the style").get_attribute("aria-label")
    assert label == f"{name}, painted in the style {style.lower().replace(' ', '_')}"


def test_a_photo_is_turned_and_reduced(page: Any) -> None:
    stream = io.BytesIO()
    turned = Image.Exif()
    turned[0x0112] = 6  # shown turned by a quarter
    Image.fromarray(photo("coffee", (400, 600))).save(stream, "JPEG", exif=turned, quality=95)
    choose(page, strength=0, size=256)
    give(page, stream.getvalue(), "photo.jpg")
    assert "171 x 256 pixels" in painted(page)
    expected = np.rot90(photo("coffee", (171, 256)), -1).astype(int)
    assert np.abs(saved(page).astype(int) - expected).mean() < 3


def test_what_cannot_be_read_is_said_and_the_photo_before_stays(page: Any) -> None:
    before = saved(page)
    page.get_by_label("Choose a photo").set_input_files(TEXT)
    page.get_by_text("This browser cannot read text.png: choose a JPEG or PNG file").wait_for()
    assert apart(saved(page), before) == 0


def test_the_camera_is_painted_until_a_picture_is_taken(page: Any) -> None:
    choose(page, size=256)
    page.get_by_role("button", name="Camera").click()
    page.get_by_role("button", name="Take picture").wait_for()
    page.get_by_text("pictures a second").wait_for()
    assert page.get_by_role("button", name="Save").is_disabled()
    first = page.evaluate("document.getElementById('canvas').toDataURL()")
    # Not at every frame: to encode the canvas takes time from what paints it.
    changed = "first => document.getElementById('canvas').toDataURL() !== first"
    page.wait_for_function(changed, arg=first, polling=500)
    page.get_by_label("Choose a photo").set_input_files(TEXT)
    page.get_by_text("cannot read text.png").wait_for()
    page.wait_for_timeout(1000)  # several pictures later
    assert "cannot read text.png" in page.locator("#status").inner_text()
    page.get_by_text("pictures a second").wait_for()
    page.get_by_role("button", name="Take picture").click()
    assert "256 x 192 pixels, painted in" in painted(page)
    page.get_by_role("button", name="Camera").wait_for()
    assert saved(page).shape == (192, 256, 3)


def test_a_double_click_starts_one_camera(page: Any) -> None:
    page.evaluate("""() => {
        const devices = navigator.mediaDevices, start = devices.getUserMedia.bind(devices)
        window.tracks = []
        devices.getUserMedia = async what => {
            const stream = await start(what)
            window.tracks.push(...stream.getTracks())
            return stream
        }
    }""")
    page.get_by_role("button", name="Camera").dblclick()
    page.get_by_text("pictures a second").wait_for()
    give(page, png(photo("chelsea", (96, 128))))
    assert "painted in" in painted(page)
    assert page.evaluate("window.tracks.map(track => track.readyState)") == ["ended"]


def test_the_photo_that_was_chosen_last_is_painted(page: Any) -> None:
    page.evaluate("""() => {
        const read = window.createImageBitmap
        let count = 0
        window.createImageBitmap = async file => {
            if (count++ === 0) await new Promise(late => setTimeout(late, 1500))
            return read(file)
        }
    }""")
    for name, size in (("slow", (96, 128)), ("quick", (64, 96))):
        file = {"name": f"{name}.png", "mimeType": "image/png", "buffer": png(photo("chelsea", size))}
        page.get_by_label("Choose a photo").set_input_files(file)
    page.wait_for_timeout(2500)
    assert "96 x 64 pixels, painted in" in painted(page)


def test_it_is_painted_offline_and_nothing_was_sent(browser: Any, folder: Path) -> None:
    asked = []
    with hosted(folder) as url:
        visit = browser.new_context(accept_downloads=True).new_page()
        visit.set_default_timeout(WAIT)
        visit.context.on("request", lambda request: asked.append((request.method, urlsplit(request.url))))
        visit.goto(url)
        painted(visit)
        assert visit.evaluate("crossOriginIsolated")
        visit.get_by_text("Painted by WASM").wait_for()
    visit.context.set_offline(True)
    visit.reload()
    painted(visit)
    pixels = photo("chelsea", (96, 128))
    choose(visit)
    give(visit, png(pixels))
    assert "128 x 96" in painted(visit)
    assert apart(saved(visit), in_python(pixels, "waves", 1.0)) <= 2
    assert len(asked) > 10
    for method, parts in asked:
        assert (method, parts.netloc) == ("GET", urlsplit(url).netloc) or parts.scheme in ("blob", "data")
    visit.context.close()


def test_it_is_painted_without_a_service_worker(browser: Any, address: str) -> None:
    visit = opened(browser, address, service_workers="block")
    visit.get_by_text("Painted by WASM, 1 thread.").wait_for()
    visit.context.close()


def test_it_is_painted_by_webgpu(browser: Any, folder: Path, tmp_path: Path) -> None:
    small = shutil.copytree(folder, tmp_path / "page")
    pixels = photo("coffee", (48, 64))
    (small / "sample.jpg").write_bytes(png(pixels))  # is painted first, and a software adapter is slow
    with hosted(small) as url:
        visit = opened(browser, f"{url}?runtime=webgpu")
        if not visit.evaluate("navigator.gpu?.requestAdapter().then(Boolean)"):
            pytest.skip("this Chromium has no WebGPU, not even in software")
        visit.get_by_text("Painted by WebGPU.").wait_for()
        style = library.open_pack(library.pack_file("quality")).names[0]
        assert apart(saved(visit), in_python(pixels, style, 1.0)) <= 2
        visit.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_on_a_phone(browser: Any, address: str, scheme: str) -> None:
    view = {"width": 390, "height": 844}
    visit = opened(browser, address, viewport=view, color_scheme=scheme, has_touch=True)
    assert visit.evaluate("document.documentElement.scrollWidth") <= view["width"]
    for control in visit.locator("button:visible, .button, select, .styles label").all():
        box = control.bounding_box()
        assert box["height"] >= 44 and box["width"] >= 44
    tree = visit.locator("body").aria_snapshot()
    for named in ('button "Choose a photo"', 'radio "Waves"', 'slider "Strength', 'button "Save"'):
        assert named in tree, tree
    visit.context.close()


def test_a_file_that_is_missing_is_named(browser: Any, folder: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(folder, tmp_path / "page")
    (broken / f"{runtime.BINARIES[0]}{runtime.PACKED}").unlink()
    with hosted(broken) as url:
        visit = browser.new_page()
        visit.goto(url)
        visit.get_by_text(f"{runtime.BINARIES[0]}{runtime.PACKED} is missing on the server").wait_for()
        visit.close()
