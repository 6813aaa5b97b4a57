"""The web page without a browser: commands, limits, controls, masks, progress and stopping."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import io
import re
import runpy
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto import image, samples
from impasto.app import output, previews, runner, serving
from impasto.app.command import command_line
from impasto.app.gathering import OFFERS
from impasto.app.limits import Limits
from impasto.app.runner import AppRun, TurnQueue, sentence
from impasto.app.serving import Guarded
from impasto.app.visits import AppState, Request
from impasto.cli import verbs
from impasto.errors import InputError
from impasto.films import FilmProgress
from impasto.jobs import DreamJob, Job, PhotorealJob, StylizeJob, VideoJob
from impasto.session import Session
from impasto.verbs.run import VERBS, Outcome
from support.graded_films import write as write_film

JOBS: list[Job] = [
    StylizeJob(content="a photo.jpg", styles=("starry_night",)),
    StylizeJob(
        content="a.jpg",
        styles=("b.jpg", "c.jpg"),
        weights=(0.7, 0.3),
        strength=0.5,
        mask=("m.png", "n.png"),
        photoreal=True,
        size=640,
        color="luminance",
    ),
    VideoJob(film="f.mp4", styles=("waves",), consistency=0.5, end=2.5, keys=2),
    PhotorealJob(content="a.jpg", styles=("n.jpg",), realism=3.0),
    DreamJob(content="a.jpg", layers=("relu4_3", "relu5_2:0.5"), steps=(8, 2), guide="g.jpg"),
]


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.verb)
def test_the_command_makes_the_same_job(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(command_line(job, out="out.png"))
    assert words[:2] == ["impasto", job.verb] and words[-2:] == ["-o", "out.png"]
    found: list[Job] = []
    command = verbs.application()

    real = type(job).parse

    def parse(settings: dict[str, Any]) -> Job:
        found.append(real(settings))
        raise ZeroDivisionError

    monkeypatch.setattr(type(job), "parse", parse)
    with pytest.raises(ZeroDivisionError):
        command(words[1:], standalone_mode=False)
    assert found == [job]


def test_absolute_paths_are_not_told(tmp_path: Path) -> None:
    job = StylizeJob(content=str(tmp_path / "photo.jpg"), styles=(str(tmp_path / "style.png"), "waves"))
    assert command_line(job, out="o.png") == "impasto stylize photo.jpg style.png waves -o o.png"


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (lambda limits: limits.check_styles(()), "no style"),
        (lambda limits: limits.check_styles(("a",) * 7), "too many"),
        (lambda limits: limits.check_uploads(500), "upload limit reached .500 files"),
        (lambda limits: limits.side_of(4000, 4000), "at most 2048"),
        (lambda limits: limits.side_of("original", 4000), r"original \(4000 px\)"),
        (lambda limits: limits.check_film("a.mp4", 500.0), "500 s"),
        (lambda limits: limits.check_film("a.mp4", None), "unknown"),
    ],
)
def test_limits_are_told(check: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check(Limits())  # type: ignore[operator]


def test_uploads_beyond_the_limits_are_refused_before_they_are_read(tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "thumbnail.jpg").touch()
    passed: list[str] = []

    async def app(scope: Any, *_: object) -> None:
        passed.append(scope["path"])

    guarded = Guarded(app, tmp_path, Limits(uploads=2, megabytes=10, styles=6))

    def asked(method: str, path: str, size: int = 1000) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        headers = [(b"content-length", str(size).encode())]
        scope = {"type": "http", "method": method, "path": path, "headers": headers}
        asyncio.run(guarded(scope, None, send))
        return sent

    assert asked("POST", "/gradio_api/upload") == []
    assert b"must not exceed 60 MB" in asked("POST", "/gradio_api/upload", 10**8)[1]["body"]
    for name in ("a.jpg", "b.jpg", "b.jpg.seen.jpg"):
        (tmp_path / name).touch()
    start, body = asked("POST", "/gradio_api/upload")
    assert start["status"] == 413 and b"upload limit reached (2 files)" in body["body"]
    assert asked("GET", "/gradio_api/upload") == [] and len(passed) == 2
    (tmp_path / "b.jpg").unlink()
    assert asked("POST", "/gradio_api/upload") == []


@pytest.mark.parametrize("visit", ["..", "/etc", "a/b", None])
def test_a_visit_is_a_folder_of_its_own_whatever_it_is_called(tmp_path: Path, visit: str | None) -> None:
    state = AppState(Limits(away_seconds=0), tmp_path / "page")
    mine, again = state.place(visit, "painted.png"), state.place(visit, "painted.png")
    other = state.place("another", "painted.png")
    visits = tmp_path / "page" / "uploads" / "visits"
    assert mine.parents[2] == other.parents[2] == visits and mine.parents[1] == again.parents[1]
    assert mine != again, "a browser would show the first under the address of both"
    for path in (mine, again, other):
        path.touch()
    state.come(visit)
    state.go(visit)
    until(lambda: not mine.parents[1].exists())
    assert other.exists()


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_page_fetches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from gradio import Image as Place
    from gradio import processing_utils

    for name in ("save_url_to_cache", "ssrf_protected_download", "async_ssrf_protected_download"):
        monkeypatch.setattr(processing_utils, name, getattr(processing_utils, name))  # put back afterwards
    serving._fetch_nothing()
    place = Place(render=False)
    with pytest.raises(InputError, match="no URLs"):
        place.move_resource_to_block_cache("http://127.0.0.1:9/a.png")
    with pytest.raises(InputError, match="no URLs"):
        asyncio.run(place.async_move_resource_to_block_cache("http://127.0.0.1:9/a.png"))


def test_the_page_is_there_before_torch_is_loaded(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom impasto.app import serving\n"
        "from impasto.app.limits import Limits\n"
        f"serving._mount(Limits(), Path({str(tmp_path)!r}))\nprint('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.endswith("False\n"), done.stdout


def test_passing_pictures_are_parts_of_the_page() -> None:
    rgb = np.full((8, 12, 3), 200, np.uint8)
    url = previews.data_url(rgb).url
    kind, coded = url.split(",")
    assert kind == "data:image/jpeg;base64"
    assert np.abs(np.asarray(Image.open(io.BytesIO(base64.b64decode(coded))), int) - 200).max() < 4
    assert previews.data_url(None) is None


def test_where_no_size_is_asked_for_the_limit_is_the_size() -> None:
    limits = Limits(side=640)
    assert [limits.side_of(*asked) for asked in ((None, 1024), (None, 320), ("original", 640), (96, 96))] == [
        640,
        None,
        "original",
        96,
    ]


@pytest.mark.parametrize(
    "job",
    [
        StylizeJob(content="a.jpg", styles=("waves",)),
        VideoJob(film="f.mp4", styles=("waves",), start=1.0, end=3.0),
        PhotorealJob(content="a.jpg", styles=("n.jpg",)),
        DreamJob(content="a.jpg"),
    ],
    ids=lambda job: job.verb,
)
def test_every_job_is_bounded_and_says_so(
    job: StylizeJob | VideoJob | PhotorealJob | DreamJob, tmp_path: Path
) -> None:
    state = AppState(Limits(side=320), tmp_path)
    request = state.make_request(job, 4000)
    assert request.job == replace(job, size=320) and "320 px" in request.note
    assert state.make_request(job, 300).job == job


def test_one_run_at_a_time_and_none_for_those_who_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = painting(monkeypatch)
    state = AppState(Limits(waiting=1, away_seconds=0), tmp_path)
    wanted = Request(DreamJob(content="a.jpg"))
    for session in ("first", "second", "third"):
        state.come(session)
    first = state.run(wanted, "first", "first.png").run.updates()
    assert "frame 1" in next(first).text and busy == ["first"]
    second = state.run(wanted, "second", "second.png").run.updates()
    assert next(second).text == "waiting: another job is ahead of this one"
    with pytest.raises(InputError, match="try again"):
        next(state.run(wanted, "third", "third.png").run.updates())
    state.go("first")  # as when the tab is closed
    assert "frame 1" in next(said for said in second if "waiting" not in said.text).text
    assert busy == ["second"]
    state.go("second")
    until(lambda: not busy and state.latest("second") is None)


def painting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lets jobs run until they are stopped; what runs now."""
    busy: list[str] = []

    def paint(job: DreamJob, out: Path | None, session: Session) -> Outcome:
        assert out is not None
        busy.append(out.stem)
        assert len(busy) == 1 and session.on_progress is not None and session.stop is not None
        try:
            while not session.stop():
                session.on_progress(FilmProgress(1, None, 1.0, 1.0))
                time.sleep(0.01)
            time.sleep(0.3)  # to write what there is
            out.touch()
            return Outcome(None, out, "", {"size": [1, 1]})
        finally:
            busy.clear()

    monkeypatch.setitem(VERBS, "dream", replace(VERBS["dream"], function=paint))
    return busy


def test_a_page_that_is_loaded_again_has_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = painting(monkeypatch)
    state, wanted = AppState(Limits(away_seconds=0.5), tmp_path), Request(DreamJob(content="a.jpg"))
    state.come("before", "token")
    started = state.run(wanted, "before", "dream.png")
    run = started.run
    assert "frame 1" in next(run.updates()).text
    state.go("before")
    state.come("after", "token")
    state.come("stranger", "another token")
    time.sleep(1.0)
    assert busy == ["dream"] and state.latest("after", "dream.png") == started
    assert state.latest("stranger") is state.latest("after", "painted.png") is None
    state.stop("stranger", "dream.png")
    assert busy == ["dream"]
    state.stop("after", "dream.png")
    assert list(run.updates())[-1].file == run.out and run.out.exists()
    assert [said.file for said in run.updates()] == [run.out], "who comes late sees the result"
    state.go("stranger")
    state.come("after", "another token")
    assert state.latest("after") is not None, "a visit that has begun is not left for another"
    state.go("after")
    until(lambda: not run.out.exists() and state.latest("after") is None)


@pytest.mark.parametrize("quick", [True, False])
def test_a_run_that_ends_at_once_shows_its_result_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, quick: bool
) -> None:
    monkeypatch.setattr(output, "QUICK", 60.0 if quick else 0.0)
    image.write(tmp_path / "a.png", np.zeros((16, 24, 3)))
    state = AppState(Limits(), tmp_path)
    started = state.run(Request(StylizeJob(str(tmp_path / "a.png"), ("waves",))), "s", "out.png")
    names: Any = ("preview", "whole", "status", "command", "file", "paint", "stop")
    panel = output.OutputPanel(*names)
    shown = list(output.following(state, panel, lambda: started))
    assert "waiting" in str(shown[0][panel.status]) or quick
    for update in (shown[0 if quick else 1], shown[-1]):
        assert "done" in update[panel.status] and update[panel.whole]["visible"]
    assert any("impasto stylize" in update.get(panel.command, "") for update in shown)
    assert shown[-1][panel.paint]["interactive"]
    if not quick:
        assert not any(update[panel.paint]["interactive"] for update in shown[:-1])


def test_a_run_that_failed_tells_all_its_readers(tmp_path: Path) -> None:
    state = AppState(Limits(), tmp_path)
    run = state.run(Request(DreamJob(content=str(tmp_path / "none.png"))), "a", "dream.png").run
    for _ in range(2):
        with pytest.raises(InputError, match=r"none\.png"):
            list(run.updates())


def test_damaged_styles_are_told(tmp_path: Path) -> None:
    from impasto.app.uploads import check_style

    good = image.write(tmp_path / "good.png", samples.style("waves", 32))
    check_style(str(good), max_pixels=10_000)
    for name, words in (("a.style", "damaged"), ("a.look", "damaged"), ("a.png", "not a picture")):
        (tmp_path / name).write_bytes(b"nothing")
        with pytest.raises(InputError, match=words):
            check_style(str(tmp_path / name), max_pixels=10_000)
    with pytest.raises(InputError, match="32 x 32"):
        check_style(str(good), max_pixels=100)


@pytest.mark.parametrize(
    "option", ["--max-size", "--max-megabytes", "--max-film", "--max-minutes", "--max-away"]
)
def test_a_limit_below_nothing_is_refused(option: str) -> None:
    with pytest.raises(InputError, match=f"{option} -1 must be above 0"):
        verbs.application()(["app", option, "-1"], standalone_mode=False)


def test_what_went_wrong_names_no_folders(tmp_path: Path) -> None:
    error = InputError(f"cannot read {tmp_path}/0a1b/my photo.jpg: it is damaged")
    assert sentence(error, folders=(tmp_path,)) == "cannot read my photo.jpg: it is damaged"


def test_a_photo_is_seen_and_stays_the_file_that_it_is(tmp_path: Path) -> None:
    pytest.importorskip("gradio")
    from impasto.app.uploads import original, preview_of, write_preview

    rgb = image.resize(samples.photo("coffee"), (64, 80))
    photo = image.write(tmp_path / "a photo.heic", rgb, alpha=np.full((64, 80), 0.5, np.float32))
    before = photo.read_bytes()
    found = preview_of(str(photo))
    assert found.orig_name == "a photo.heic" and Path(found.path) == write_preview(photo)
    assert image.read(found.path).size == (64, 80)
    assert original(found) == str(photo) and photo.read_bytes() == before
    (tmp_path / "cut.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"cut\.png"):
        write_preview(tmp_path / "cut.png")


@pytest.mark.usefixtures("narrow_vgg19")
def test_a_run_shows_itself_and_stops_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.app.runner.PREVIEW_SECONDS", 0.0)
    photo, style = tmp_path / "photo.png", tmp_path / "style.png"
    image.write(photo, image.resize(samples.photo("coffee"), (64, 80)))
    image.write(style, samples.style("waves", 64))
    job = StylizeJob(content=str(photo), styles=(str(style),), preset="print", size=80)
    run = AppRun(job, tmp_path / "out.png", seconds=120, turns=TurnQueue(1)).start()
    latest = []
    for said in run.updates():
        latest.append(said)
        if len(latest) == 3:
            run.stop()
    assert len(latest) < 12
    assert latest[1].picture is not None and latest[1].picture.dtype == np.uint8 and "left" in latest[1].text
    assert latest[-1].file == tmp_path / "out.png" and "stopped" in latest[-1].text
    assert image.read_recipe(tmp_path / "out.png")


@pytest.mark.usefixtures("narrow_vgg19")
def test_a_run_ends_when_its_time_is_over(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    image.write(photo, image.resize(samples.photo("coffee"), (64, 80)))
    job = StylizeJob(content=str(photo), styles=(str(photo),), preset="print", size=80)
    *_, last = AppRun(job, tmp_path / "out.png", seconds=0.5, turns=TurnQueue(1)).start().updates()
    assert "stopped" in last.text and last.file is not None


@pytest.mark.usefixtures("narrow_vgg19")
def test_a_frame_that_takes_long_is_stopped_too(tmp_path: Path) -> None:
    write_film(tmp_path / "film.mp4", [np.full((64, 80, 3), 20 * n, np.uint8) for n in range(3)])
    image.write(tmp_path / "style.png", samples.style("waves", 64))
    job = VideoJob(film=str(tmp_path / "film.mp4"), styles=(str(tmp_path / "style.png"),), preset="print")
    run = AppRun(job, tmp_path / "out.mp4", seconds=0, turns=TurnQueue(1)).start()
    with pytest.raises(InputError, match="before a frame"):
        list(run.updates())
    assert not (tmp_path / "out.mp4").exists()


def test_tables_are_told_as_they_are() -> None:
    assert runner._block("class  photo\nsky    45.0%") == "```\nclass  photo\nsky    45.0%\n```"
    assert runner._block("a warning") == "a warning"


def test_an_error_is_raised_where_the_news_are_read(tmp_path: Path) -> None:
    job = StylizeJob(content=str(tmp_path / "none.png"), styles=("waves",))
    with pytest.raises(InputError, match=r"none\.png"):
        list(AppRun(job, tmp_path / "out.png", seconds=5, turns=TurnQueue(1)).start().updates())


def test_what_was_painted_becomes_a_mask(tmp_path: Path) -> None:
    from impasto.app.previews import invert_mask, write_mask

    layer = np.zeros((20, 30, 4), np.uint8)
    assert write_mask({"layers": [layer]}, tmp_path / "m.png") is None
    assert write_mask(None, tmp_path / "m.png") is None
    layer[:, :10] = 255
    found = write_mask({"layers": [layer]}, tmp_path / "m.png")
    assert found is not None
    gray, rest = image.read(found).rgb[..., 0], image.read(invert_mask(found)).rgb[..., 0]
    assert gray[:, :10].min() == 1 and gray[:, 10:].max() == 0
    np.testing.assert_allclose(gray + rest, 1, atol=1 / 255)


def test_what_was_painted_becomes_lamps(tmp_path: Path) -> None:
    from impasto.app.previews import write_lamps
    from impasto.looks.lamps import palette, read_lamps

    layer = np.zeros((20, 30, 4), np.uint8)
    assert write_lamps(None, tmp_path / "l.png") is None
    assert write_lamps({"layers": [layer]}, tmp_path / "l.png") is None
    layer[4:8, 10:14] = (*palette()["signal"], 255)
    layer[12:14, 20:24] = (*palette()["rear"], 255)
    layer[3, 10:14] = (*palette()["window"], 60)  # the soft border of a stroke
    found = write_lamps({"layers": [layer]}, tmp_path / "l.png")
    assert found is not None
    lamps = read_lamps(found, np.zeros((40, 60, 3), np.float32)).lamps
    assert lamps.where("signal")[8:16, 20:28].all() and lamps.where("rear").sum() == 32
    assert not lamps.where("window").any()


def test_controls_mean_what_options_mean() -> None:
    from impasto.app.controls import controls, settings

    made = controls(StylizeJob, ("strength", "weights", "preset", "size", "color", "photoreal", "seed"))
    assert all(control.info for control in made.values())
    assert made["strength"].value == 1 and made["preset"].value == "good"
    given = settings(
        StylizeJob,
        {"strength": 0.5, "weights": "0.7, 0.3", "size": "", "seed": 3.0, "photoreal": False, "color": None},
    )
    assert given == {"strength": 0.5, "weights": (0.7, 0.3), "seed": 3, "photoreal": False}
    assert settings(DreamJob, {"smoothing": "1.5", "size": "96"}) == {"smoothing": 1.5, "size": 96}
    assert settings(StylizeJob, {"size": "original"}) == {"size": "original"}
    with pytest.raises(InputError, match="size 'big'"):
        StylizeJob.parse({"content": "a", "styles": ("b",), **settings(StylizeJob, {"size": "big"})})
    with pytest.raises(InputError, match="weights 'x'"):
        settings(StylizeJob, {"weights": "x"})


@pytest.mark.parametrize("required", [True, False])
def test_a_browser_that_is_required_is_no_skip(monkeypatch: pytest.MonkeyPatch, required: bool) -> None:
    monkeypatch.setenv("IMPASTO_BROWSER", "required" if required else "")
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    module = Path(__file__).parents[1] / "support" / "browser.py"
    with pytest.raises(ImportError if required else pytest.skip.Exception):
        runpy.run_path(str(module))


@pytest.mark.parametrize("job", OFFERS)
def test_hints_speak_of_what_the_page_has(job: type[Job]) -> None:
    from impasto.app.controls import controls

    fields = {item.name: item for item in dataclasses.fields(job)}
    offered = (*OFFERS[job].first, *OFFERS[job].others)
    for name, made in controls(job, offered).items():
        hint = str(getattr(made, "info", ""))
        assert hint and "--" not in hint, name
        for other in re.findall(r"--([a-z-]+)", fields[name].metadata["help"]):
            assert other.replace("-", "_") in offered or not re.search(rf"\b{other}\b", hint), name
        assert ("not set", "") not in getattr(made, "choices", ()), name
    if job is PhotorealJob:
        night: Any = controls(job, ("night",))["night"]
        assert night.choices[0] == ("no night", "") and night.value == ""
