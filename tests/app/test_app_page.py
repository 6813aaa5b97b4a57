"""The web page in a browser: every tab paints, stops and reports errors; nothing is loaded from elsewhere.

Loading the page takes a browser seconds. The tests share one that is open: each empties its tab first, and
takes back the settings that it changes. Those that paint a mask come last: once an editor was opened, it
draws without end while its tab is shown, for which a browser without a graphics card needs a whole core.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from impasto import files, image, samples
from impasto.media import FilmReader, FilmWriter
from support import app_page as do
from support.browser import MARKS, WAIT, chromium, playwright

pytestmark = MARKS
MASK = "mask: the first style goes where you paint"


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
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def visits() -> Iterator[list[do.Visit]]:
    """The page that is open, if one is."""
    kept: list[do.Visit] = []
    yield kept
    for visit in kept:
        visit.close()


@pytest.fixture
def visit(
    request: pytest.FixtureRequest, browser: Any, address: str, visits: list[do.Visit]
) -> Iterator[do.Visit]:
    """A page that earlier tests have used, unless one of them failed, and that shows no message."""
    failed = request.session.testsfailed
    if not visits:
        visits.append(do.Visit(browser, address))
    visits[0].page.evaluate("document.querySelectorAll('.toast-close').forEach(close => close.click())")
    yield visits[0]
    if request.session.testsfailed > failed:
        visits.pop().close()


@pytest.fixture
def page(visit: do.Visit) -> Any:
    return visit.page


@pytest.fixture
def other(browser: Any, address: str) -> Iterator[do.Visit]:
    """A page of the test's own."""
    visit = do.Visit(browser, address)
    yield visit
    visit.close()


def recipe(out: Path) -> dict[str, Any]:
    """The job in a picture's recipe."""
    found = json.loads(image.read_recipe(out) or "")["job"]
    assert isinstance(found, dict)
    return found


def test_what_is_wrong_is_a_sentence(page: Any, folder: Path) -> None:
    cases = (
        ("Stylize", "Paint", None, "there is no photo yet"),
        ("Stylize", "Paint", "photo.png", "no style is chosen"),
        ("Film", "Paint film", None, "there is no video yet"),
        ("Photoreal", "Relight", "photo.png", "no style is chosen"),
        ("Dream", "Dream", None, "there is no photo yet"),
    )
    for name, button, file, words in cases:
        part = do.tab(page, name)
        if file is not None:
            do.seen(part, 0, folder / file)
        do.start(part, button)
        do.done(part, button.lower().replace(" ", "-"), words)
        page.locator(".toast-body").filter(has_text=words).first.wait_for()


def test_a_picture_is_painted_compared_and_painted_again(page: Any, folder: Path, tmp_path: Path) -> None:
    part = do.chosen(page, folder / "photo.png", "woodcut")
    assert "128 x 96" in do.make(part, "Paint")
    out = do.saved(part, tmp_path / "out.png")
    assert recipe(out)["styles"] == ["woodcut"]
    assert np.abs(image.read(out).rgb - image.read(folder / "photo.png").rgb).mean() > 0.03
    part.get_by_text("equivalent command").click()
    part.get_by_text("impasto stylize").wait_for()
    left, right = (do.slid(part, share) for share in (0.1, 0.9))
    half = left.shape[1] // 2
    assert np.abs(left - right)[:, half // 2 : half + half // 2].mean() > 5

    picture = part.locator(".slider-wrap").locator("xpath=..").locator("img").last
    first = picture.get_attribute("src")
    do.choose(part, "starry_night")
    do.more(part)
    do.field(part, "weights").fill("0.7, 0.3")
    do.make(part, "Paint")
    playwright.expect(picture).not_to_have_attribute("src", first, timeout=WAIT)
    job = recipe(do.saved(part, tmp_path / "both.png"))
    assert (job["styles"], job["weights"]) == (["woodcut", "starry_night"], [0.7, 0.3])
    part.get_by_text("--weights").wait_for()
    do.field(part, "weights").fill("")
    do.more(part)
    part.get_by_text("equivalent command").click()


def test_a_sample_is_painted_with_two_clicks(page: Any, tmp_path: Path) -> None:
    part = do.tab(page, "Stylize")
    part.locator(".samples button").nth(1).click()
    part.locator(".chosen").get_by_text("the_scream", exact=True).first.wait_for()
    do.make(part, "Paint")
    out = do.saved(part, tmp_path / "out.png")
    assert image.read(out).rgb.shape == (300, 451, 3)
    assert "the_scream" in (image.read_recipe(out) or "") and "chelsea.png" in (image.read_recipe(out) or "")


def test_a_painting_is_stopped_and_what_there_is_is_kept(page: Any, folder: Path, tmp_path: Path) -> None:
    part = do.filled(page, "Stylize", folder / "photo.png", folder / "waves.png")
    do.more(part)
    part.get_by_label("print", exact=True).check()
    do.start(part, "Paint")
    do.done(part, "paint", "left")
    stop = part.get_by_role("button", name="Stop and keep")
    stop.click()
    assert "result so far" in do.done(part, "paint", "stopped")
    assert image.read(do.saved(part, tmp_path / "out.png")).rgb.shape[2] == 3
    playwright.expect(stop).to_be_disabled()
    part.get_by_label("good", exact=True).check()
    do.more(part)


def test_a_damaged_photo_is_refused_and_one_that_browsers_cannot_show_is_painted(
    page: Any, folder: Path, tmp_path: Path
) -> None:
    part = do.tab(page, "Stylize")
    do.give(part, 0, folder / "text.png")
    page.get_by_text("text.png").first.wait_for()
    said = page.locator(".toast-body").first.inner_text()
    assert "text.png" in said and "/" not in said, said
    part = do.tab(page, "Stylize")
    do.give(part, 0, folder / "photo.heic")
    part.locator("img[src*='photo.heic.seen.jpg']").first.wait_for()
    do.choose(part, "woodcut")
    assert "128 x 96" in do.make(part, "Paint")
    found = image.read_recipe(do.saved(part, tmp_path / "out.png")) or ""
    assert files.sha256(folder / "photo.heic") in found and '"photo.heic"' in found


def test_damaged_styles_are_told_when_they_are_dropped(page: Any, folder: Path, tmp_path: Path) -> None:
    part = do.tab(page, "Stylize")
    do.seen(part, 0, folder / "photo.png")
    do.give(part, 1, folder / "damaged.style", folder / "waves.png", folder / "text.png")
    page.locator(".toast-body").first.wait_for()
    said = page.locator(".toast-body").first.inner_text()
    assert "damaged.style is damaged" in said and "text.png is not a picture" in said and "waves" not in said
    part.get_by_label("instant").check()
    do.make(part, "Paint")
    job = recipe(do.saved(part, tmp_path / "out.png"))
    assert [Path(style).name for style in job["styles"]] == ["waves.png"] and job["instant"]
    part.get_by_label("instant").uncheck()


def test_a_photo_is_relit(page: Any, folder: Path, tmp_path: Path) -> None:
    part = do.filled(page, "Photoreal", folder / "photo.png", folder / "night.png")
    part.get_by_label("fast", exact=True).check()
    do.make(part, "Relight")
    out = image.read(do.saved(part, tmp_path / "out.png")).rgb
    assert np.abs(out - image.read(folder / "photo.png").rgb).mean() > 0.02
    part.get_by_label("fast", exact=True).uncheck()


def test_a_photo_is_dreamed_over(page: Any, folder: Path, tmp_path: Path) -> None:
    part = do.tab(page, "Dream")
    do.seen(part, 0, folder / "photo.png")
    do.field(part, "layers").fill("relu2_2")
    do.more(part)
    do.field(part, "size").fill("96")
    assert "96 x 72" in do.make(part, "Dream")
    assert "relu2_2" in (image.read_recipe(do.saved(part, tmp_path / "out.png")) or "")


def test_a_film_is_followed_and_stopped_on_a_page_that_is_loaded_again(
    other: do.Visit, folder: Path, tmp_path: Path
) -> None:
    page, part = other.page, do.filming(other.page, folder / "long.mp4")
    do.start(part, "Paint film")
    do.done(part, "paint-film", "frame ")
    page.reload()
    do.done(part, "paint-film", "frame ")
    playwright.expect(page.get_by_role("tab", name="Film")).to_have_attribute("aria-selected", "true")
    playwright.expect(part.get_by_role("button", name="Paint film", exact=True)).to_be_disabled()
    part.get_by_role("button", name="Stop and keep").click()
    do.done(part, "paint-film", "stopped")
    there = do.saved(part, tmp_path / "out.mp4").read_bytes()
    page.reload()
    page.locator("body[data-shown='4']").wait_for()
    do.done(part, "paint-film", "stopped")
    assert do.saved(part, tmp_path / "again.mp4").read_bytes() == there
    with FilmReader(tmp_path / "out.mp4") as reader:
        assert 0 < len(list(reader.frames())) < 300


def test_two_visits_paint_in_turn_until_one_is_closed_and_nothing_leaves_the_machine(
    visit: do.Visit, other: do.Visit, address: str, folder: Path, temporary: Path
) -> None:
    mine = do.chosen(visit.page, folder / "photo.png", "woodcut")
    shown = do.result(mine)
    theirs = do.chosen(other.page, folder / "photo.png", "waves")
    for part in (mine, theirs):
        do.start(part, "Paint")
    assert all("128 x 96" in do.made(*made) for made in ((mine, "Paint", shown), (theirs, "Paint", None)))
    (own,) = (f for f in temporary.glob("impasto-*/uploads/visits/*") if f.name in (do.result(theirs) or ""))
    # This one takes minutes. It is stopped when its page is closed, and the next has its turn.
    theirs = do.filled(other.page, "Stylize", folder / "photo.png", folder / "waves.png")
    do.more(theirs)
    do.field(theirs, "size").fill("640")
    theirs.get_by_label("print", exact=True).check()
    do.start(theirs, "Paint")
    do.done(theirs, "paint", "left")
    shown = do.result(mine)
    do.start(mine, "Paint")
    do.done(mine, "paint", "waiting: another job is")
    other.close()
    do.made(mine, "Paint", shown)
    deadline = time.monotonic() + WAIT / 1000
    while own.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not own.exists()
    local = ("data:", "blob:", address, address.replace("http", "ws"))
    for asked in (visit.asked, other.asked):
        assert len(asked) > 5 and [url for url in asked if not url.startswith(local)] == []


def test_the_page_fits_a_phone(page: Any) -> None:
    for name in ("Stylize", "Film", "Photoreal", "Dream", "Live"):
        do.tab(page, name)
        page.set_viewport_size({"width": 375, "height": 800})
        page.wait_for_function("window.innerWidth === 375")
        do.settled(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, name
        assert page.get_by_role("tab").count() == 5
        page.set_viewport_size({"width": 1280, "height": 900})


def test_a_camera_is_painted(other: do.Visit) -> None:
    page, part = other.page, do.tab(other.page, "Live")
    part.locator(".styles button").filter(has_text="waves").click()
    part.get_by_text("Click to Access Webcam").click()
    record = part.get_by_role("button", name="capture photo")
    record.click()
    painted = part.locator("img[src^='data:image/jpeg']")
    painted.wait_for()
    first = painted.get_attribute("src")
    page.wait_for_function(
        "first => document.querySelector(\"img[src^='data:image/jpeg']\").src !== first", arg=first
    )
    record.click()  # or the camera goes on beside other tests


def test_a_style_goes_where_a_mask_was_painted(page: Any, folder: Path, tmp_path: Path) -> None:
    part = do.chosen(page, folder / "photo.png", "woodcut")
    do.brush(part, MASK, start=0.3, end=0.4, height=0.5)
    do.make(part, "Paint")
    out = do.saved(part, tmp_path / "out.png")
    changed = np.abs(image.read(out).rgb - image.read(folder / "photo.png").rgb).max(2)
    assert changed[40:56, 38:51].mean() > 0.05
    assert changed[:, 90:].max() == 0


def test_a_night_lights_the_lamps_that_were_painted(page: Any, folder: Path, tmp_path: Path) -> None:
    part = do.tab(page, "Photoreal")
    do.seen(part, 0, folder / "photo.png")
    part.get_by_label("city", exact=True).check()
    do.brush(part, "lamps: what shines at night", start=0.4, end=0.5, height=0.3)
    do.make(part, "Relight")
    out = do.saved(part, tmp_path / "out.png")
    job = recipe(out)
    assert job["night"] == "city" and job["lamps"].endswith("lamps.png") and not job["styles"]
    assert image.read(out).rgb.mean() < 0.7 * image.read(folder / "photo.png").rgb.mean()
    part.get_by_label("no night", exact=True).check()


def test_a_film_is_painted_where_a_mask_was_painted(page: Any, folder: Path, tmp_path: Path) -> None:
    part = do.filming(page, folder / "film.mp4")
    do.brush(part, MASK, start=0.3, end=0.4, height=0.5)
    assert "4 frames" in do.make(part, "Paint film")
    out = do.saved(part, tmp_path / "out.mp4")
    with FilmReader(out) as reader, FilmReader(folder / "film.mp4") as before:
        pairs = [
            np.abs(a.rgb.astype(int) - b.rgb).mean(2)
            for a, b in zip(reader.frames(), before.frames(), strict=True)
        ]
    assert len(pairs) == 4
    for changed in pairs:
        assert changed[26:38, 30:38].mean() > 12
        assert changed[:, 70:].mean() < 4  # what coding twice changes
