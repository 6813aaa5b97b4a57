"""The web page: start-up time, painting time, and screenshots for the docs.

    python benchmarks/app.py TOPIC --data DIR

Topics: ``speed``, ``pictures``, ``web``, and ``all``. Needs Playwright and a system Chromium; ``pictures``
also needs the photo of a mountain that docs/dream.md names, in ``photos`` of DIR.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

import harness

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
TRIES, SIDE = 5, 512  # repetitions, and long side of the image in pixels
WAIT = 600_000  # milliseconds
TABS = {"Stylize": "Paint", "Film": "Paint film", "Photoreal": "Relight", "Dream": "Dream", "Live": ""}
MOUNTAIN = "debian_lomiri_picosdeeuropa_by_Aitzol_Berasategi.jpg"  # to dream on
# The address of the result that is shown, or null.
RESULT = """(() => {
    const wrap = document.querySelector("#tab-stylize .slider-wrap")
    const images = [...(wrap?.parentElement.querySelectorAll("img") ?? [])].filter(image => image.complete)
    return images.at(-1)?.src ?? null
})()"""


@contextmanager
def served() -> Iterator[tuple[str, float]]:
    """Run the web page in a process of its own; yield its address and the seconds until it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begun = time.perf_counter()
    code = "from impasto.cli import main; main()"
    server = subprocess.Popen([sys.executable, "-c", code, "app", "--port", str(port)])
    url = f"http://127.0.0.1:{port}/"
    try:
        while server.poll() is None:
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise RuntimeError("the page did not start: see the output above")
        yield url, time.perf_counter() - begun
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def browsing(camera: Path | None = None) -> Iterator[Any]:
    """Yield the system's Chromium; a Y4M file replaces its camera."""
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise SystemExit(f"no browser: install one of {', '.join(BROWSERS)}")
    with sync_playwright() as play:
        args = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        if camera is not None:
            args.append(f"--use-file-for-fake-video-capture={camera.resolve()}")
        browser = play.chromium.launch(executable_path=found, args=args)
        yield browser
        browser.close()


def opened(browser: Any, url: str, tab: str, **view: Any) -> Any:
    """Open the page in a new session, at a tab."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}, **view).new_page()
    page.set_default_timeout(WAIT)
    page.goto(url)
    page.get_by_role("tab", name=tab, exact=True).click()
    page.locator(f"#tab-{tab.lower()}").wait_for()
    return page


def give(page: Any, tab: str, number: int, *paths: Path) -> None:
    """Upload files to the ``number``-th file input of a tab, retrying until the page listens."""
    from playwright.sync_api import TimeoutError as Late

    place = page.locator(f"#tab-{tab.lower()} input[type=file]").nth(number)
    for _ in range(5):
        try:
            with page.expect_request(lambda request: "/upload" in request.url, timeout=5000):
                place.set_input_files([str(path) for path in paths])
            return
        except Late:
            continue
    raise SystemExit(f"the tab {tab} does not accept files")


def choose(page: Any, tab: str, style: str) -> None:
    """Click a learned style."""
    part = page.locator(f"#tab-{tab.lower()}")
    part.locator(".styles button").filter(has_text=style).first.click()
    part.locator(".chosen").get_by_text(style, exact=True).first.wait_for()


def paint(page: Any, tab: str) -> float:
    """Click the tab's button; return the seconds until the job is done."""
    begun = time.perf_counter()
    page.locator(f"#tab-{tab.lower()}").get_by_role("button", name=TABS[tab], exact=True).click()
    page.locator(f"#status-{TABS[tab].lower().replace(' ', '-')}").get_by_text("done").wait_for()
    return time.perf_counter() - begun


def camera_of(photo: NDArray[Any], to: Path) -> Path:
    """Write the middle of a photo as a video in the Y4M format that Chromium takes as a camera."""
    import av

    from impasto import image

    height = photo.shape[1] * 9 // 16
    top = (photo.shape[0] - height) // 2
    rgb = image.as_bytes(image.resize(photo[top : top + height], (360, 640)))
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
    with av.open(str(to), "w", format="yuv4mpegpipe") as sink:
        stream = sink.add_stream("wrapped_avframe", rate=25)
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
        for number in range(25):
            frame.pts = number
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode())
    return to


def speed(out: Path, _: Path) -> None:
    """Time until the page answers, until it is drawn, and to paint a photo in a learned style."""
    from impasto import image, samples

    photo = image.write(out / "photo.jpg", image.resize(samples.photo("coffee"), (341, SIDE)), overwrite=True)
    with served() as (url, started), browsing() as browser:
        drawn = []
        for _ in range(TRIES):
            begun = time.perf_counter()
            opened(browser, url, "Stylize").context.close()
            drawn.append(time.perf_counter() - begun)
        page = opened(browser, url, "Stylize")
        give(page, "Stylize", 0, photo)
        page.locator("#tab-stylize img").first.wait_for()
        choose(page, "Stylize", "starry_night")
        painted = []
        for _ in range(TRIES):
            before = page.evaluate(RESULT)
            begun = time.perf_counter()
            page.locator("#tab-stylize").get_by_role("button", name="Paint", exact=True).click()
            page.wait_for_function(f"before => ![null, before].includes({RESULT})", arg=before, polling=20)
            painted.append(time.perf_counter() - begun)
            page.wait_for_timeout(1500)  # until the updates of the job end
    rows = [
        {"what": "the command until the page answers", "seconds": started},
        {"what": "the page, first visit", "seconds": drawn[0]},
        {"what": "the page, later visits", "seconds": harness.median(drawn[1:])},
        {"what": f"click to first picture, {SIDE} px", "seconds": painted[0]},
        {"what": f"click to later pictures, {SIDE} px", "seconds": harness.median(painted[1:])},
    ]
    harness.table(rows)
    harness.record("page", rows)


def pictures(out: Path, data: Path) -> None:
    """Take screenshots of every tab after it has painted, and of the first tab on a phone."""
    from impasto import image, samples
    from impasto.verbs import demo

    photo = image.write(out / "coffee.jpg", samples.photo("coffee"), overwrite=True)
    night = image.write(out / "rocket.jpg", samples.photo("rocket"), overwrite=True)
    mountain = image.shrink(image.read(data / "photos" / MOUNTAIN).flat(), 640)
    film = demo.write_film(out / "film.mp4", fps=12, overwrite=True)
    dropped = {"Film": film, "Dream": image.write(out / "mountain.jpg", mountain, overwrite=True)}
    made = []
    seen = camera_of(samples.photo("chelsea"), out / "camera.y4m")
    with served() as (url, _), browsing(seen) as browser:
        for tab, button in TABS.items():
            page = opened(browser, url, tab)
            if button:
                give(page, tab, 0, dropped.get(tab, photo))
                page.locator(f"#tab-{tab.lower()} {'video' if tab == 'Film' else 'img'}").first.wait_for()
                if tab in ("Stylize", "Film"):
                    choose(page, tab, "waves")
                if tab == "Photoreal":
                    give(page, tab, 1, night)
                paint(page, tab)
            else:
                page.locator("#tab-live .styles button").filter(has_text="starry_night").click()
                page.get_by_text("Click to Access Webcam").click()
                page.get_by_role("button", name="capture photo").click()
                page.locator("#tab-live img[src^='data:']").first.wait_for()
            page.wait_for_timeout(2500)  # for images to be drawn
            made.append(_shot(page, out / f"app-{tab.lower()}.jpg"))
            page.context.close()
        page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
        page.goto(url)
        page.locator("#tab-stylize").wait_for()
        page.wait_for_timeout(2500)
        made.append(_shot(page, out / "app-phone.jpg"))
    harness.record("page pictures", [{"picture": path.name} for path in made], pictures=made)


def _shot(page: Any, to: Path) -> Path:
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=str(to), type="jpeg", quality=82)
    print(f"  {to.name}", flush=True)
    return to


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """Serve a folder of static files; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "http.server", str(port), "-d", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.05)
        yield f"http://localhost:{port}/"
    finally:
        server.terminate()
        server.wait(20)


def _until_painted(page: Any, step: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    step()
    page.locator("canvas[data-state=painted]").wait_for()
    return time.perf_counter() - begun


def web(out: Path, _: Path) -> None:
    """Size of the page of ``export --web``, and time until it has painted its sample, 512 px."""
    folder = out / "site"
    harness.impasto("export", "waves", "--web", str(folder), "--overwrite")
    megabytes = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    seconds: dict[str, list[float]] = {"first visit": [], "later visit": [], "another strength": []}
    with hosted(folder) as url:
        for _ in range(TRIES):
            with browsing() as browser:  # a new one each time, which has compiled nothing yet
                page = browser.new_context().new_page()
                seconds["first visit"].append(_until_painted(page, partial(page.goto, url)))
                seconds["later visit"].append(_until_painted(page, page.reload))
                weaker = partial(page.locator("#strength").press, "ArrowLeft")
                seconds["another strength"].append(_until_painted(page, weaker))
    rows = [{"what": what, "seconds": harness.median(times)} for what, times in seconds.items()]
    harness.table(rows)
    harness.record("web page", [{**row, "megabytes": round(megabytes, 1)} for row in rows])


TOPICS = {"speed": speed, "pictures": pictures, "web": web}


def main() -> None:
    """Run one topic, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder with photos/")
    parser.add_argument("--out", type=Path, default=Path("bench"), help="folder of the images")
    parser.add_argument("topic", choices=[*TOPICS, "all"])
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for name, topic in TOPICS.items():
        if given.topic in (name, "all"):
            print(f"{name}: {topic.__doc__}")
            topic(given.out, given.data)


if __name__ == "__main__":
    main()
