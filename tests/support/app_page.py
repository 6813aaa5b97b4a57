"""The web page in a browser: what its tests click and drop."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from support.browser import WAIT, playwright

CLICKED = 20_000  # milliseconds until a click on a download or a button has an effect

# What takes back what was chosen and dropped.
EMPTYING = (".remove-all", ".drop [aria-label='Remove Image']", ".drop [aria-label='Clear']")


class Visit:
    """A page that is open, and what it has asked for."""

    def __init__(self, browser: Any, address: str) -> None:
        size = {"width": 1280, "height": 900}
        self.page = browser.new_context(viewport=size, accept_downloads=True).new_page()
        self.asked: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.set_default_timeout(WAIT)
        self.page.goto(address)
        # An update that comes later may undo what a test fills in.
        self.page.locator("body[data-shown='4']").wait_for()

    def close(self) -> None:
        self.page.context.close()


def tab(page: Any, name: str) -> Any:
    """Opens a tab, empties it and returns its panel once that is seen: files would go to the tab before."""
    button = page.get_by_role("tab", name=name, exact=True)
    button.click()
    panel = page.locator(f"[id='{button.get_attribute('aria-controls')}']")
    panel.wait_for(state="visible")
    for part in EMPTYING:
        for clear in reversed(panel.locator(part).locator("visible=true").all()):
            clear.click()
    for part in EMPTYING:
        playwright.expect(panel.locator(part).locator("visible=true")).to_have_count(0)
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


def seen(part: Any, number: int, path: Path) -> None:
    """Drops a photo, and waits until it is shown."""
    give(part, number, path)
    part.locator(".drop img[src*='.seen.jpg']").first.wait_for()


def filled(page: Any, name: str, photo: Path, style: Path) -> Any:
    """A tab with a photo and a picture as style."""
    part = tab(page, name)
    seen(part, 0, photo)
    give(part, 1, style)
    part.locator(".drop .file-preview").wait_for()
    return part


def choose(part: Any, style: str) -> None:
    part.locator(".styles button").filter(has_text=style).first.click()
    part.locator(".chosen").get_by_text(style, exact=True).first.wait_for()


def chosen(page: Any, photo: Path, *styles: str) -> Any:
    """The tab of pictures with a photo and learned styles."""
    part = tab(page, "Stylize")
    seen(part, 0, photo)
    for style in styles:
        choose(part, style)
    return part


def filming(page: Any, film: Path) -> Any:
    """The tab of films with a film and a learned style."""
    part = tab(page, "Film")
    give(part, 0, film)
    part.locator("video").first.wait_for()
    choose(part, "woodcut")
    return part


def more(part: Any) -> None:
    """Opens the settings that are not shown at first, or closes them."""
    part.get_by_role("button", name="more settings").click()
    part.page.wait_for_timeout(1000)  # fields that appear get their first values a moment later


def settled(page: Any) -> None:
    """Waits until what a change of the page's size has set off is drawn."""
    page.evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")


def field(part: Any, name: str) -> Any:
    label = part.locator("label").filter(has=part.page.get_by_text(name, exact=True))
    return label.locator("input, textarea").first


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
    part.get_by_role("button", name=name).click()


def slid(part: Any, share: float) -> np.ndarray:
    """What is seen of photo and painting, with the slider between them at this part of the width."""
    slider = part.locator(".slider-wrap")
    slider.wait_for()
    whole = slider.locator("xpath=..").bounding_box()
    middle, mouse = whole["y"] + whole["height"] / 2, part.page.mouse
    handle = slider.locator(".outer").bounding_box()
    mouse.move(handle["x"] + handle["width"] / 2, middle)
    mouse.down()
    mouse.move(whole["x"] + whole["width"] * share, middle, steps=5)
    mouse.up()
    mouse.move(5, 5)
    return np.asarray(Image.open(io.BytesIO(part.page.screenshot(clip=whole))).convert("RGB"), np.float32)


def kept(part: Any) -> Any:
    """The link to the result."""
    return part.locator(".kept a[download]").first


def result(part: Any) -> str | None:
    """The address of the result that is shown, if there is one."""
    return kept(part).get_attribute("href") if kept(part).count() else None


def start(part: Any, button: str) -> None:
    """Clicks the button of a job. A click is lost while the page is drawn anew: one is repeated."""
    asked = partial(part.page.expect_request, lambda request: "/queue/join" in request.url)
    press = part.get_by_role("button", name=button, exact=True).click
    try:
        with asked(timeout=CLICKED):
            press()
    except playwright.TimeoutError:
        with asked():
            press()


def done(part: Any, verb: str, text: str = "done") -> str:
    status = part.locator(f"#status-{verb}")
    try:
        status.get_by_text(text).wait_for()
    except playwright.TimeoutError:
        raise AssertionError(f"{verb} says {status.inner_text()!r}, not {text!r}") from None
    return str(status.inner_text())


def make(part: Any, button: str) -> str:
    """Clicks, and waits for the end: what is said then. An earlier result may still be shown before."""
    before = result(part)
    start(part, button)
    return made(part, button, before)


def made(part: Any, button: str, before: str | None) -> str:
    """Waits for another result than that before: what is said then."""
    kept(part).wait_for()
    playwright.expect(kept(part)).not_to_have_attribute("href", before or "", timeout=WAIT)
    return done(part, button.lower().replace(" ", "-"))


def saved(part: Any, to: Path) -> Path:
    """What the page offers to keep. A click is lost while the page is drawn anew: one is repeated."""
    try:
        with part.page.expect_download(timeout=CLICKED) as download:
            kept(part).click()
    except playwright.TimeoutError:
        with part.page.expect_download() as download:
            kept(part).click()
    download.value.save_as(to)
    return to
