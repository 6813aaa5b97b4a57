"""Live painting, with a video instead of a camera."""

from __future__ import annotations

import gc
import json
import sys
import time
import urllib.request
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from impasto import image, samples
from impasto.app.broadcast import ADDRESS, Broadcast
from impasto.app.serving import serve_during
from impasto.cli import main
from impasto.errors import InputError
from impasto.films.frame_painters import LearnedStyles
from impasto.jobs import LiveJob, VideoJob
from impasto.live import player
from impasto.live.camera import Camera
from impasto.live.pace import LEAST, Pace
from impasto.live.player import _pace, _shrink_frame
from impasto.media import FilmReader, FilmWriter, Link, write_pictures
from impasto.networks import library, packs
from impasto.painters.inputs import Inputs
from support.film_files import turn
from support.networks import LATE, at_home, pack_of


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a film of 20 frames, 20 a second, and a pack of one's own."""
    at_home(tmp_path, monkeypatch)
    with av.open("film.mp4", "w") as container:
        stream = container.add_stream("libx264", rate=20)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(20):
            rgb = np.full((48, 64, 3), 10 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 20)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return tmp_path


def test_a_film_is_painted_to_a_film_of_its_own_length(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["live", "style1", "--source", "film.mp4", "-o", "out.mp4", "--size", "64", "--json"])
    assert not stop.value.code
    told = json.loads(capsys.readouterr().out)
    assert told["seen"] == 20 and 1 <= told["painted"] <= 20 and told["size"] == [64, 48]
    with av.open("out.mp4") as container:
        frames = list(container.decode(video=0))
    assert len(frames) == told["painted"] and (frames[0].width, frames[0].height) == (64, 48)
    assert frames[-1].time is not None and frames[-1].time <= told["seconds"]


@pytest.mark.parametrize("command", [["live", "sea.png", "--source"], ["video"]])
def test_a_style_image_needs_no_training(
    here: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    image.write("sea.png", samples.style("waves", 96))
    styles = ["sea.png", "--instant", "--size", "64"] if command == ["video"] else ["--size", "64"]
    with pytest.raises(SystemExit) as stop:
        main([*command, "film.mp4", *styles, "-o", "out.mp4", "--json"])
    assert not stop.value.code, capsys.readouterr().err
    with av.open("out.mp4") as container:
        painted = next(container.decode(video=0)).to_ndarray(format="rgb24") / 255
    # The first frame is black; the sea is blue.
    assert painted.mean() > 0.05 and painted[..., 2].mean() > painted[..., 0].mean() + 0.03


def test_noise_moves_with_the_camera(here: Path) -> None:
    packs.save(pack_of(LATE), here / "styles" / "late.safetensors")
    job = VideoJob("film.mp4", ("late.safetensors#style1",))
    stylizing = job.stylizing()
    found = [library.InstalledStyle("style1", here / "styles" / "late.safetensors", shipped=False)]
    brush = LearnedStyles(job, stylizing, Inputs(stylizing, {}), found, (64, 64), threads=1)
    wide = np.random.default_rng(2).integers(0, 256, (64, 72, 3), np.uint8)
    still = np.full((64, 64, 2), (8.0, 0.0), np.float32)  # the scene moved 8 pixels to the left
    link = Link(still, np.ones((64, 64), np.float32))
    brush.move(None)
    first = brush(wide[:, :64], None, None)
    brush.move(link)
    assert brush.at == (0.0, 8.0)
    again = LearnedStyles(job, stylizing, Inputs(stylizing, {}), found, (64, 64), threads=1)
    again.restore(brush.state(), 1)
    second = again(wide[:, 8:], first, np.ones((64, 64), np.float32))
    brush.move(None)
    assert brush.at == (0.0, 0.0)
    stuck = brush(wide[:, 8:], first, np.ones((64, 64), np.float32))
    # The same scene gets the same strokes; the borders still differ a little.
    moved, fixed = (np.abs(first[24:40, 32:40] - p[24:40, 24:32]).mean() for p in (second, stuck))
    assert moved < 0.005 < 10 * moved < fixed


def test_a_turned_film_is_seen_as_films_are_read(tmp_path: Path) -> None:
    plain, turned = tmp_path / "a.mp4", tmp_path / "b.mp4"
    writer = FilmWriter(plain, (48, 64))
    rgb = np.full((48, 64, 3), (200, 90, 40), np.uint8)
    rgb[:24, :32] = 0
    writer.write(rgb, Fraction(0))
    writer.close()
    turn(plain, turned)
    camera = Camera(str(turned))
    seen = camera.newest(-1)
    camera.close()
    with FilmReader(turned) as reader:
        read = next(reader.frames()).rgb
    assert seen is not None and seen.rgb.shape == (64, 48, 3) and (seen.rgb == read).all()


@pytest.mark.parametrize("kind", ["folder", "gif", "wide"])
def test_what_is_played_is_read_as_films_are_read(tmp_path: Path, kind: str) -> None:
    source = tmp_path / ("a.mp4" if kind == "wide" else "a.gif" if kind == "gif" else "a")
    if kind == "wide":  # pixels twice as wide as high
        with av.open(str(source), "w") as container:
            stream = container.add_stream("libx264", rate=10)
            stream.width, stream.height, stream.pix_fmt = 32, 48, "yuv420p"
            stream.codec_context.sample_aspect_ratio = Fraction(2)
            frame = av.VideoFrame.from_ndarray(np.full((48, 32, 3), 90, np.uint8), format="rgb24")
            container.mux([*stream.encode(frame), *stream.encode()])
    else:
        if kind == "folder":
            source.mkdir()
        frames = [(np.full((48, 64, 3), 90, np.uint8), Fraction(number, 10)) for number in range(3)]
        write_pictures(source, source.suffix, lambda: iter(frames), wait=Fraction(1, 10))
    camera = Camera(str(source))
    seen = camera.newest(-1)
    camera.close()
    assert seen is not None and seen.rgb.shape == (48, 64, 3) and np.abs(seen.rgb.astype(int) - 90).max() <= 3


def test_the_original_size_stays() -> None:
    pace = _pace(LiveJob(("style1",), size="original"))
    pace.record(1000, 1.0)
    frame = np.zeros((501, 700, 3), np.uint8)
    assert _shrink_frame(frame, pace.side).shape == frame.shape
    assert _shrink_frame(frame, _pace(LiveJob(("style1",), size=350)).side).shape == (250, 350, 3)


def test_a_size_too_small_for_flow_is_painted_all_the_same(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["live", "style1", "--source", "film.mp4", "-o", "out.mp4", "--size", "7", "--json"])
    assert json.loads(capsys.readouterr().out)["size"] == [8, 6]


def test_the_device_asked_for_paints(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(player, "device_of", lambda name: f"{name}:1")
    monkeypatch.setattr(player, "Painter", lambda pack, *, device, precision: asked.append(device))
    player._painters(LiveJob(("style1",), device="cuda"))
    assert asked == ["cuda:1"]


def test_the_camera_drops_what_comes_too_late(here: Path) -> None:
    camera = Camera("film.mp4")
    first = camera.newest(-1)
    assert first is not None
    time.sleep(0.4)
    second = camera.newest(first.number)
    assert second is not None and second.number > first.number + 2
    last = second
    while (frame := camera.newest(last.number)) is not None:
        last = frame
    assert last.number == 19
    camera.close()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of Gradio, as it ends
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_page_shows_frames_and_changes_styles() -> None:
    pytest.importorskip("gradio")
    broadcast = Broadcast(["one", "<two>"])
    seen: list[str] = []

    def play(address: str) -> None:
        port = int(address.rsplit(":", 1)[1])
        with pytest.raises(InputError, match=f"{port}.*--port"):
            serve_during(seen.append, port, Broadcast(["one"]))
        config = json.loads(urllib.request.urlopen(address + "/config", timeout=60).read())
        radios = [part["props"] for part in config["components"] if part["type"] == "radio"]
        assert any([choice[0] for choice in radio["choices"]] == ["one", "<two>"] for radio in radios)
        broadcast.show(np.zeros((8, 8, 3), np.uint8))
        stream = urllib.request.urlopen(address + ADDRESS, timeout=60)
        assert b"image/jpeg" in stream.read(60)
        broadcast.state = {"style": "one", "fps": 9.5, "width": 8, "height": 8, "time": 0.0}
        assert broadcast.describe() == "one: 9.5 fps, 8x8"
        seen.append(address)

    serve_during(play, 0, broadcast)
    gc.collect()  # here, where what Gradio leaves open is no warning
    assert len(seen) == 1 and list(broadcast.stream()) == []


def test_a_live_source_without_gradio_names_the_extra(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(SystemExit) as stop:
        main(["live", "style1", "--source", "film.mp4"])
    said = capsys.readouterr().err
    assert stop.value.code == 2 and "pip install '.[app]'" in said and said.count("\n") == 1


def test_the_pace_finds_the_size_that_holds_the_rate() -> None:
    pace = Pace(fps=20, side=480)
    for _ in range(30):
        pixels = pace.side * pace.side * 9 // 16
        pace.record(pixels, pixels * 1e-6)  # a machine that paints a megapixel a second
    affordable = (0.85 / 20 / 1e-6 * 16 / 9) ** 0.5
    assert 0.7 * affordable < pace.side < 1.25 * affordable
    slow = Pace(fps=60)
    for _ in range(20):
        slow.record(1000, 1.0)
    assert slow.side == LEAST
    fixed = Pace(fps=60, side=320, fixed=True)
    fixed.record(1000, 1.0)
    assert fixed.side == 320


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("style1", "--source", "none.mp4"), "cannot open video source none.mp4"),
        (("style1", "--source", "notes.txt"), "notes.txt is not a readable video"),
        (("stile1", "--source", "film.mp4"), "style1"),
        (("style1", "--source", "film.mp4", "--fps", "0"), "fps 0"),
    ],
)
def test_what_cannot_be_played_is_told(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    Path("notes.txt").write_text("no film")
    with pytest.raises(SystemExit) as stop:
        main(["live", *arguments, "-o", "out.mp4"])
    said = capsys.readouterr()
    assert stop.value.code == 2 and words in said.err and said.err.count("\n") == 1
    assert not Path("out.mp4").exists()
