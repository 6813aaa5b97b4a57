"""The web page in a browser: every tab paints, stops and reports errors; nothing is loaded from elsewhere."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto import files, image, samples
from impasto.media import FilmReader, FilmWriter
from support.browser import MARKS, WAIT, chromium, playwright
from support.pages import served

pytestmark = MARKS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small pictures and a film."""
    here = tmp_path_factory.mktemp("page")
    image.write(here / "photo.png", image.resize(samples.photo("coffee"), (96, 128)))
    image.write(here / "photo.heic", image.read(here / "photo.png"))
    image.write(here / "night.png", image.resize(samples.photo("rocket"), (96, 128)))
    image.write(here / "waves.png", samples.style("waves", 96))
    (here / "text.png").write_text("no picture")
    (here / "damaged.style").write_text("no style")
    # The long one is large enough to be still painted when it is stopped.
    for name, count, size in (("film.mp4", 4, (64, 96)), ("long.mp4", 300, (240, 320))):
        writer = FilmWriter(here / name, size)
        still = image.resize(samples.photo("coffee"), size)
        for number in range(count):
            rgb = np.roll(still, number, 1)
            writer.write(np.rint(rgb.clip(0, 1) * 255).astype(np.uint8), Fraction(number, 10))
        writer.close()
    return here


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page has its folder."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def address(temporary: Path) -> Iterator[str]:
    """A page that is served."""
    with served(temporary, "--max-away", "0.2") as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    yield (visit := opened(browser, address))
    visit.context.close()


def opened(browser: Any, address: str, *, width: int = 1280) -> Any:
    visit = browser.new_context(viewport={"width": width, "height": 900}, accept_downloads=True).new_page()
    visit.set_default_timeout(WAIT)
    visit.goto(address)
    visit.locator(
        "body[data-shown='4']"
    ).wait_for()  # an update that comes later may undo what a test fills in
    return visit


def tab(page: Any, name: str) -> Any:
    """Opens a tab; its own panel, once that is seen: what was dropped earlier went to the tab before."""
    button = page.get_by_role("tab", name=name, exact=True)
    button.click()
    panel = page.locator(f"[id='{button.get_attribute('aria-controls')}']")
    panel.wait_for(state="visible")
    return panel


def give(part: Any, number: int, *paths: Path) -> None:
    """Drops files on the tab's ``number``-th place for them, as soon as that listens."""
    for _ in range(5):
        try:
            with part.page.expect_request(lambda request: "/upload" in request.url, timeout=10_000):
                part.locator("input[type=file]").nth(number).set_input_files([str(path) for path in paths])
            return
        except playwright.TimeoutError:
            continue
    raise AssertionError(f"nothing was uploaded of {paths}")


def filled(page: Any, name: str, photo: Path, style: Path) -> Any:
    """A tab with a photo and a picture as style."""
    part = tab(page, name)
    give(part, 0, photo)
    give(part, 1, style)
    return part


def choose(part: Any, style: str) -> None:
    part.locator(".styles button").filter(has_text=style).first.click()
    part.locator(".chosen").get_by_text(style, exact=True).first.wait_for()


def chosen(page: Any, photo: Path, *styles: str) -> Any:
    """The tab of pictures with a photo and learned styles."""
    part = tab(page, "Stylize")
    give(part, 0, photo)
    for style in styles:
        choose(part, style)
    return part


def paint(part: Any) -> None:
    """Clicks, and waits for the end."""
    part.get_by_role("button", name="Paint", exact=True).click()
    done(part, "paint")


def more(part: Any) -> None:
    """Opens the settings that are not shown at first."""
    part.get_by_role("button", name="more settings").click()
    part.page.wait_for_timeout(1000)  # fields that appear get their first values a moment later


def field(part: Any, name: str) -> Any:
    label = part.locator("label").filter(has=part.page.get_by_text(name, exact=True))
    return label.locator("input, textarea").first


def done(part: Any, verb: str, text: str = "done") -> str:
    status = part.locator(f"#status-{verb}")
    status.get_by_text(text).wait_for()
    return str(status.inner_text())


def saved(page: Any, part: Any, to: Path) -> Path:
    """What the page offers to keep."""
    with page.expect_download() as download:
        part.locator(".kept a[download]").first.click()
    download.value.save_as(to)
    return to


def test_a_learned_style_is_painted_and_its_recipe_is_kept(page: Any, folder: Path, tmp_path: Path) -> None:
    part = chosen(page, folder / "photo.png", "woodcut")
    part.get_by_role("button", name="Paint", exact=True).click()
    assert "128 x 96" in done(part, "paint")
    out = saved(page, part, tmp_path / "out.png")
    assert "woodcut" in (image.read_recipe(out) or "")
    assert np.abs(image.read(out).rgb - image.read(folder / "photo.png").rgb).mean() > 0.03
    part.get_by_text("equivalent command").click()
    part.get_by_text("impasto stylize").wait_for()


def test_a_sample_is_painted_with_two_clicks(page: Any, tmp_path: Path) -> None:
    part = tab(page, "Stylize")
    part.locator(".samples button").nth(1).click()
    part.locator(".chosen").get_by_text("the_scream", exact=True).first.wait_for()
    paint(part)
    out = saved(page, part, tmp_path / "out.png")
    assert image.read(out).rgb.shape == (300, 451, 3)
    assert "the_scream" in (image.read_recipe(out) or "") and "chelsea.png" in (image.read_recipe(out) or "")


def test_what_is_painted_next_is_shown(page: Any, folder: Path) -> None:
    part = chosen(page, folder / "photo.png", "woodcut")
    paint(part)
    picture = part.locator(".slider-wrap").locator("xpath=..").locator("img").last
    picture.wait_for()
    first = picture.get_attribute("src")
    choose(part, "waves")
    part.get_by_role("button", name="Paint", exact=True).click()
    playwright.expect(picture).not_to_have_attribute("src", first, timeout=WAIT)


def test_two_styles_are_mixed_by_their_weights(page: Any, folder: Path, tmp_path: Path) -> None:
    part = chosen(page, folder / "photo.png", "woodcut", "starry_night")
    more(part)
    field(part, "weights").fill("0.7, 0.3")
    paint(part)
    job = json.loads(image.read_recipe(saved(page, part, tmp_path / "out.png")) or "")["job"]
    assert (job["styles"], job["weights"]) == (["woodcut", "starry_night"], [0.7, 0.3])
    part.get_by_text("equivalent command").click()
    part.get_by_text("--weights").wait_for()


def brush(part: Any, name: str, *, start: float, end: float, height: float) -> None:
    """Opens an editor and paints a stroke from ``start`` to ``end``, at a height, as parts of its sides."""
    page = part.page
    part.get_by_role("button", name=name).click()
    canvas = part.locator("canvas").first
    canvas.wait_for()
    page.wait_for_timeout(1000)  # the photo is laid under the brush
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    across = [box["x"] + box["width"] * share for share in (start, end)]
    page.mouse.move(across[0], box["y"] + box["height"] * height)
    page.mouse.down()
    page.mouse.move(across[1], box["y"] + box["height"] * height, steps=8)
    page.mouse.up()
    page.wait_for_timeout(1000)


def test_a_style_goes_where_a_mask_was_painted(page: Any, folder: Path, tmp_path: Path) -> None:
    part = chosen(page, folder / "photo.png", "woodcut")
    brush(part, "mask: the first style goes where you paint", start=0.3, end=0.4, height=0.5)
    paint(part)
    out = saved(page, part, tmp_path / "out.png")
    changed = np.abs(image.read(out).rgb - image.read(folder / "photo.png").rgb).max(2)
    assert changed[40:56, 38:51].mean() > 0.05
    assert changed[:, 90:].max() == 0


def test_before_and_after_lie_under_a_slider(page: Any, folder: Path) -> None:
    part = chosen(page, folder / "photo.png", "woodcut")
    paint(part)
    slider = part.locator(".slider-wrap")
    slider.wait_for()
    whole = slider.locator("xpath=..").bounding_box()
    middle = whole["y"] + whole["height"] / 2

    def shown(share: float) -> np.ndarray:
        handle = slider.locator(".outer").bounding_box()
        page.mouse.move(handle["x"] + handle["width"] / 2, middle)
        page.mouse.down()
        page.mouse.move(whole["x"] + whole["width"] * share, middle, steps=5)
        page.mouse.up()
        page.mouse.move(5, 5)
        seen = page.screenshot(clip=whole)
        return np.asarray(Image.open(io.BytesIO(seen)).convert("RGB"), np.float32)

    left, right = shown(0.1), shown(0.9)
    half = left.shape[1] // 2
    assert np.abs(left - right)[:, half // 2 : half + half // 2].mean() > 5


def test_a_camera_is_painted(page: Any) -> None:
    part = tab(page, "Live")
    part.locator(".styles button").filter(has_text="waves").click()
    part.get_by_text("Click to Access Webcam").click()
    part.get_by_role("button", name="capture photo").click()
    painted = part.locator("img[src^='data:image/jpeg']")
    painted.wait_for()
    first = painted.get_attribute("src")
    page.wait_for_function(
        "first => document.querySelector(\"img[src^='data:image/jpeg']\").src !== first", arg=first
    )


def test_a_painting_is_stopped_and_what_there_is_is_kept(page: Any, folder: Path, tmp_path: Path) -> None:
    part = filled(page, "Stylize", folder / "photo.png", folder / "waves.png")
    more(part)
    part.get_by_label("print", exact=True).check()
    part.get_by_role("button", name="Paint", exact=True).click()
    done(part, "paint", "left")
    stop = part.get_by_role("button", name="Stop and keep")
    stop.click()
    assert "result so far" in done(part, "paint", "stopped")
    assert image.read(saved(page, part, tmp_path / "out.png")).rgb.shape[2] == 3
    playwright.expect(stop).to_be_disabled()


def test_who_closes_the_page_paints_no_more(
    browser: Any, address: str, folder: Path, temporary: Path
) -> None:
    visit = opened(browser, address)
    part = filled(visit, "Stylize", folder / "photo.png", folder / "waves.png")
    more(part)
    field(part, "size").fill("1536")
    part.get_by_label("print", exact=True).check()
    before = set(temporary.glob("impasto-*/uploads/visits/*"))
    part.get_by_role("button", name="Paint", exact=True).click()
    done(part, "paint", "left")
    (own,) = set(temporary.glob("impasto-*/uploads/visits/*")) - before
    visit.context.close()
    # Its folder goes when nothing is painted into it any more; the painting itself would take many minutes.
    deadline = time.monotonic() + WAIT / 1000
    while own.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not own.exists()


def test_a_photo_that_browsers_cannot_show_is_painted(page: Any, folder: Path, tmp_path: Path) -> None:
    part = tab(page, "Stylize")
    give(part, 0, folder / "photo.heic")
    part.locator("img[src*='photo.heic.seen.jpg']").first.wait_for()
    choose(part, "woodcut")
    part.get_by_role("button", name="Paint", exact=True).click()
    assert "128 x 96" in done(part, "paint")
    recipe = image.read_recipe(saved(page, part, tmp_path / "out.png")) or ""
    assert files.sha256(folder / "photo.heic") in recipe and '"photo.heic"' in recipe


def test_a_damaged_photo_is_refused_in_a_sentence(page: Any, folder: Path) -> None:
    part = tab(page, "Stylize")
    give(part, 0, folder / "text.png")
    page.get_by_text("text.png").first.wait_for()
    said = page.locator(".toast-body").first.inner_text()
    assert "text.png" in said and "/" not in said, said


def test_damaged_styles_are_told_when_they_are_dropped(page: Any, folder: Path, tmp_path: Path) -> None:
    part = tab(page, "Stylize")
    give(part, 0, folder / "photo.png")
    give(part, 1, folder / "damaged.style", folder / "waves.png", folder / "text.png")
    page.locator(".toast-body").first.wait_for()
    said = page.locator(".toast-body").first.inner_text()
    assert "damaged.style is damaged" in said and "text.png is not a picture" in said and "waves" not in said
    part.get_by_label("instant").check()
    paint(part)
    job = json.loads(image.read_recipe(saved(page, part, tmp_path / "out.png")) or "")["job"]
    assert [Path(style).name for style in job["styles"]] == ["waves.png"] and job["instant"]


@pytest.mark.parametrize(
    ("name", "button", "file", "words"),
    [
        ("Stylize", "Paint", None, "there is no photo yet"),
        ("Stylize", "Paint", "photo.png", "no style is chosen"),
        ("Film", "Paint film", None, "there is no video yet"),
        ("Photoreal", "Relight", "photo.png", "no style is chosen"),
        ("Dream", "Dream", None, "there is no photo yet"),
    ],
)
def test_what_is_wrong_is_a_sentence(
    page: Any, folder: Path, *, name: str, button: str, file: str | None, words: str
) -> None:
    part = tab(page, name)
    if file is not None:
        give(part, 0, folder / file)
        part.locator("img").first.wait_for()
    part.get_by_role("button", name=button, exact=True).click()
    page.get_by_text(words).first.wait_for()


def test_a_photo_is_relit(page: Any, folder: Path, tmp_path: Path) -> None:
    part = filled(page, "Photoreal", folder / "photo.png", folder / "night.png")
    part.get_by_label("fast", exact=True).check()
    part.get_by_role("button", name="Relight", exact=True).click()
    done(part, "relight")
    out = image.read(saved(page, part, tmp_path / "out.png")).rgb
    assert np.abs(out - image.read(folder / "photo.png").rgb).mean() > 0.02


def test_a_night_lights_the_lamps_that_were_painted(page: Any, folder: Path, tmp_path: Path) -> None:
    part = tab(page, "Photoreal")
    give(part, 0, folder / "photo.png")
    part.locator("img").first.wait_for()
    part.get_by_label("city", exact=True).check()
    brush(part, "lamps: what shines at night", start=0.4, end=0.5, height=0.3)
    part.get_by_role("button", name="Relight", exact=True).click()
    done(part, "relight")
    out = saved(page, part, tmp_path / "out.png")
    job = json.loads(image.read_recipe(out) or "")["job"]
    assert job["night"] == "city" and job["lamps"].endswith("lamps.png") and not job["styles"]
    assert image.read(out).rgb.mean() < 0.7 * image.read(folder / "photo.png").rgb.mean()


def test_a_photo_is_dreamed_over(page: Any, folder: Path, tmp_path: Path) -> None:
    part = tab(page, "Dream")
    give(part, 0, folder / "photo.png")
    part.locator("img").first.wait_for()
    field(part, "layers").fill("relu2_2")
    more(part)
    field(part, "size").fill("96")
    part.get_by_role("button", name="Dream", exact=True).click()
    assert "96 x 72" in done(part, "dream")
    assert "relu2_2" in (image.read_recipe(saved(page, part, tmp_path / "out.png")) or "")


def filming(page: Any, film: Path) -> Any:
    """The tab of films, painting one."""
    part = tab(page, "Film")
    give(part, 0, film)
    part.locator("video").first.wait_for()
    choose(part, "woodcut")
    part.get_by_role("button", name="Paint film", exact=True).click()
    return part


def test_a_film_is_painted(page: Any, folder: Path, tmp_path: Path) -> None:
    part = filming(page, folder / "film.mp4")
    assert "4 frames" in done(part, "paint-film")
    with FilmReader(saved(page, part, tmp_path / "out.mp4")) as reader:
        assert len(list(reader.frames())) == 4


def test_a_film_is_painted_where_a_mask_was_painted(page: Any, folder: Path, tmp_path: Path) -> None:
    part = tab(page, "Film")
    give(part, 0, folder / "film.mp4")
    part.locator("video").first.wait_for()
    choose(part, "woodcut")
    brush(part, "mask: the first style goes where you paint", start=0.3, end=0.4, height=0.5)
    part.get_by_role("button", name="Paint film", exact=True).click()
    assert "4 frames" in done(part, "paint-film")
    out = saved(page, part, tmp_path / "out.mp4")
    with FilmReader(out) as reader, FilmReader(folder / "film.mp4") as before:
        pairs = [
            np.abs(a.rgb.astype(int) - b.rgb).mean(2)
            for a, b in zip(reader.frames(), before.frames(), strict=True)
        ]
    for changed in pairs:
        assert changed[26:38, 30:38].mean() > 12
        assert changed[:, 70:].mean() < 4  # what coding twice changes


def test_a_page_that_is_loaded_again_shows_its_job(page: Any, folder: Path, tmp_path: Path) -> None:
    part = filming(page, folder / "long.mp4")
    done(part, "paint-film", "frame ")
    page.reload()
    done(part, "paint-film", "frame ")
    playwright.expect(page.get_by_role("tab", name="Film")).to_have_attribute("aria-selected", "true")
    playwright.expect(part.get_by_role("button", name="Paint film", exact=True)).to_be_disabled()
    part.get_by_role("button", name="Stop and keep").click()
    done(part, "paint-film", "stopped")
    page.reload()
    done(part, "paint-film", "stopped")
    with FilmReader(saved(page, part, tmp_path / "out.mp4")) as reader:
        assert 0 < len(list(reader.frames())) < 300


def test_a_film_is_stopped_and_what_there_is_is_kept(page: Any, folder: Path, tmp_path: Path) -> None:
    part = filming(page, folder / "long.mp4")
    done(part, "paint-film", "frame ")
    part.get_by_role("button", name="Stop and keep").click()
    done(part, "paint-film", "stopped")
    with FilmReader(saved(page, part, tmp_path / "out.mp4")) as reader:
        assert 0 < len(list(reader.frames())) < 300


def test_two_visits_paint_at_once_and_nothing_leaves_the_machine(
    browser: Any, address: str, folder: Path
) -> None:
    visits = [opened(browser, address) for _ in range(2)]
    asked: list[str] = []
    parts = []
    for visit, style in zip(visits, ("woodcut", "waves"), strict=True):
        visit.on("request", lambda request: asked.append(request.url))
        visit.reload()
        part = tab(visit, "Stylize")
        give(part, 0, folder / "photo.png")
        choose(part, style)
        parts.append(part)
    for part in parts:
        part.get_by_role("button", name="Paint", exact=True).click()
    for part in parts:
        assert "128 x 96" in done(part, "paint")
    own = ("data:", "blob:", address, address.replace("http", "ws"))
    assert len(asked) > 5 and [url for url in asked if not url.startswith(own)] == []
    for visit in visits:
        visit.context.close()


def test_the_page_fits_a_phone(page: Any) -> None:
    for name in ("Stylize", "Film", "Photoreal", "Dream", "Live"):
        tab(page, name)
        page.set_viewport_size({"width": 375, "height": 800})
        page.wait_for_timeout(500)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, name
        assert page.get_by_role("tab").count() == 5
        page.set_viewport_size({"width": 1280, "height": 900})
