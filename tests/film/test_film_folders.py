"""Folders of frames from other programs, and videos with transparency."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from conftest import Run
from impasto import image
from impasto.errors import InputError
from impasto.films import FilmProgress, paint_film, video
from impasto.jobs import VideoJob
from impasto.media import FilmReader, FilmWriter, open_film, prepare_frame, select_frames
from impasto.networks import library, packs
from impasto.session import Session
from support.networks import pack_of


def paint(source: Path, out: Path, **settings: object) -> list[str]:
    job = VideoJob(str(source), processed=str(source), consistency=0, **settings)  # type: ignore[arg-type]
    paint_film(job, out=out, session=Session(overwrite=True))
    return sorted(path.name for path in out.iterdir())


def frames(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for number, name in enumerate(names):
        Image.fromarray(np.full((32, 48, 3), 20 * number, np.uint8)).save(folder / name)
    return folder


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".jpg", ".tif"])
def test_frames_keep_their_names_and_numbers(tmp_path: Path, suffix: str) -> None:
    names = [f"shot_{1001 + n}{suffix}" for n in range(5)]
    folder = frames(tmp_path / "in", names)
    (folder / f"._shot_1001{suffix}").write_bytes(b"\0\5\x16\7 notes of a Mac")
    (folder / ".DS_Store").write_bytes(b"Bud1")
    assert [path.name for path in open_film(folder).inputs] == names
    out = tmp_path / "out"
    assert paint(folder, out) == [f"shot_{1001 + n}.png" for n in range(5)]
    tones = [int(np.asarray(Image.open(path))[0, 0, 0]) for path in sorted(out.iterdir())]
    assert np.abs(np.array(tones) - 20 * np.arange(5)).max() <= 2
    # A shorter one over it: what the longer one left of these names goes, and nothing else does.
    (out / "shot_1000.png").write_bytes(b"mine")
    (out / "other_1009.png").write_bytes(b"mine")
    kept = paint(folder, out, start=0.04, end=0.12)
    assert kept == ["other_1009.png", "shot_1000.png", "shot_1001.png", "shot_1002.png", "shot_1003.png"]
    assert paint(folder, tmp_path / "third", every=2)[1] == "shot_1003.png"


def test_a_folder_has_one_ground(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        rgba = np.zeros((32, 48, 4), np.uint8)
        rgba[8:24, 8 : 16 + 8 * number] = (90 * number, 30, 30, 255)
        Image.fromarray(rgba).save(folder / f"{number}.png")
    shown = [frame.rgb for frame in open_film(folder).frames()]
    assert all((rgb[:8] == 255).all() for rgb in shown)
    assert caplog.messages == [f"{folder} has transparency, which is replaced by a white background"]


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt"),
    [
        (".webm", "libvpx-vp9", "yuva420p"),
        (".webm", "libvpx", "yuva420p"),
        (".mov", "qtrle", "argb"),
        (".mov", "prores_ks", "yuva444p10le"),
        (".mkv", "ffv1", "bgra"),
    ],
)
def test_films_that_let_light_through_stand_on_white(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str, codec: str, pix_fmt: str
) -> None:
    path = tmp_path / f"a{suffix}"
    with av.open(str(path), "w") as container:
        options = {"auto-alt-ref": "0", "b": "2M"} if codec.startswith("libvpx") else {}
        stream: Any = container.add_stream(codec, rate=10, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        if codec.startswith("libvpx"):
            stream.metadata["alpha_mode"] = "1"
        rgba = np.zeros((48, 64, 4), np.uint8)
        rgba[12:36, 16:48] = (200, 30, 30, 255)
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format=pix_fmt)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with open_film(path) as film:
        shown = [frame.rgb for frame in film.frames()]
    assert len(shown) == 3
    for rgb in shown:
        assert (rgb[:8] > 250).all() and np.abs(rgb[24, 32].astype(int) - (200, 30, 30)).max() <= 12
    assert caplog.messages == [f"{path} has transparency, which is replaced by a white background"]


def cut_out(number: int) -> NDArray[np.uint8]:
    """A red square that moves to the right, with a blue glass on it; nothing around them."""
    rgba = np.zeros((48, 64, 4), np.uint8)
    rgba[8:40, 8 + 4 * number : 32 + 4 * number] = (200, 60, 30, 255)
    rgba[16:24, 44:60] = (30, 60, 200, 128)
    return rgba


@pytest.fixture
def cut_outs(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for number in range(6):
        Image.fromarray(cut_out(number)).save(tmp_path / "in" / f"{number}.png")
    return tmp_path / "in"


def held(source: Path, out: Path, **settings: object) -> None:
    """Process a video with itself as the painted one, so that colors and alpha should stay."""
    job = VideoJob(str(source), processed=str(source), consistency=0, **settings)  # type: ignore[arg-type]
    paint_film(job, out, Session(overwrite=True))


@pytest.mark.parametrize("suffix", [".webm", ".mov", ".gif", ".webp", ""])
def test_transparency_is_kept(
    tmp_path: Path, cut_outs: Path, caplog: pytest.LogCaptureFixture, suffix: str
) -> None:
    out, again = tmp_path / f"out{suffix}", tmp_path / f"again{suffix}"
    held(cut_outs, out)
    held(out, again)
    for path in (out, again):
        found = list(open_film(path, clear=True).frames())
        assert len(found) == 6
        for number, frame in enumerate(found):
            right = cut_out(number)[..., 3].astype(int)
            if suffix == ".gif":  # which has no half
                right = 255 * (right >= 128)
            assert frame.alpha is not None and np.abs(frame.alpha - right).mean() < 0.5
            assert np.abs(frame.rgb[24, 20 + 4 * number].astype(int) - (200, 60, 30)).max() <= 9
            if suffix != ".gif":  # the glass, over white
                assert np.abs(frame.rgb[20, 58].astype(int) - (142, 157, 227)).max() <= 12
    assert caplog.messages == []


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_transparency_that_cannot_be_kept_is_told(
    tmp_path: Path, cut_outs: Path, caplog: pytest.LogCaptureFixture, suffix: str
) -> None:
    held(cut_outs, tmp_path / f"out{suffix}")
    # Once by the source, once by the same folder as the painted video.
    assert set(caplog.messages) == {f"{cut_outs} has transparency, which is replaced by a white background"}
    with FilmReader(tmp_path / f"out{suffix}") as reader:
        assert all((frame.rgb[44:] > 235).all() for frame in reader.frames())


def test_transparency_survives_a_kill(
    tmp_path: Path, cut_outs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "PART_FRAMES", 2)
    job = VideoJob(str(cut_outs), processed=str(cut_outs), consistency=0)
    paint_film(job, out=tmp_path / "whole.webm")

    def told(progress: FilmProgress) -> None:
        if progress.frames == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        paint_film(job, tmp_path / "out.webm", Session(on_progress=told))
    assert paint_film(job, out=tmp_path / "out.webm").done == 2
    pairs = zip(
        open_film(tmp_path / "whole.webm", clear=True).frames(),
        open_film(tmp_path / "out.webm", clear=True).frames(),
        strict=True,
    )
    assert all((a.rgb == b.rgb).all() and np.array_equal(a.alpha, b.alpha) for a, b in pairs)  # type: ignore[arg-type]


def test_no_background_shows_in_what_is_painted(cut_outs: Path) -> None:
    for shown in select_frames(open_film(cut_outs, clear=True)):
        rgb = prepare_frame(shown, (48, 64)).rgb
        assert np.abs(rgb[6, 20:28].astype(int) - (200, 60, 30)).max() < 40  # just outside the square
        assert np.abs(rgb[20, 59].astype(int) - (30, 60, 200)).max() < 40  # the glass itself
        assert shown.ground is not None and (np.abs(rgb[47, 0] / 255 - shown.ground) < 0.02).all()


def test_opaque_frames_with_an_alpha_channel_stay_opaque(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(2):
        Image.new("RGBA", (48, 32), (40, 90 * number, 160, 255)).save(folder / f"{number}.png")
    held(folder, tmp_path / "out")
    held(folder, tmp_path / "out.webm")
    with Image.open(tmp_path / "out" / "1.png") as opened:
        assert opened.mode == "RGB" and opened.getpixel((5, 5)) == (40, 90, 160)
    assert not open_film(tmp_path / "out.webm", clear=True).clear


@pytest.mark.parametrize("clear", [False, True])
def test_sixteen_bits_stay_sixteen(tmp_path: Path, clear: bool) -> None:
    folder = tmp_path / "in"
    ramp = np.linspace(0.2, 0.21, 32 * 48, dtype=np.float32).reshape(32, 48, 1).repeat(3, 2)
    seen = np.arange(48) < (24 if clear else 48)
    alpha = np.tile(seen.astype(np.float32), (32, 1)) if clear else None
    folder.mkdir()
    for number in (1001, 1002):
        image.write(folder / f"{number}.png", ramp, alpha=alpha, bits=16)
    held(folder, tmp_path / "out")
    found = image.read(tmp_path / "out" / "1002.png")
    assert found.bits == 16 and np.abs(found.rgb - ramp)[:, seen].max() < 4 / 65535
    assert clear is (found.alpha is not None)
    held(folder, tmp_path / "half", size=24)
    assert image.read(tmp_path / "half" / "1001.png").rgb.shape == (16, 24, 3)
    held(folder, tmp_path / "out.mp4")
    with FilmReader(tmp_path / "out.mp4") as reader:
        assert all(frame.rgb.dtype == np.uint8 for frame in reader.frames())


def test_what_is_refused_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = frames(tmp_path / "in", ["1.png", "2.png"])
    Image.new("RGB", (40, 40)).save(folder / "1.png")
    (folder / "2.png").write_bytes(b"no picture")
    broken = frames(tmp_path / "other", ["1.png"])
    (broken / "1.png").write_bytes(b"no picture")
    for out in ("a.mp4", "b.gif", "c"):
        with pytest.raises(InputError):
            paint_film(VideoJob(str(broken), processed=str(folder), consistency=0), out=tmp_path / out)
        with pytest.raises(InputError, match="no frame"):
            job = VideoJob(str(folder), processed=str(folder), consistency=0, start=9)
            paint_film(job, out=tmp_path / out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "other"]


def test_a_folder_of_videos_is_each_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(library.HOME, str(tmp_path / "styles"))
    (tmp_path / "styles").mkdir()
    packs.save(pack_of(), tmp_path / "styles" / "mine.safetensors")
    clips = tmp_path / "clips"
    clips.mkdir()
    for name, suffix in (("a.mp4", ".mp4"), ("b", ".mkv"), ("c.webm", ".webm")):
        writer = FilmWriter(clips / name, (48, 64), suffix=suffix)
        for number in range(3):
            writer.write(np.full((48, 64, 3), 60 * number, np.uint8), Fraction(number, 10))
        writer.close()
    (clips / "notes.txt").write_text("mine")
    (clips / "broken.mov").write_bytes(b"no video")
    with pytest.raises(InputError, match=r"no images in .*, but 4 videos: give one of them"):
        open_film(clips)
    out = tmp_path / "clips-style1"
    code, said, wrong = run("video", str(clips), "style1", "-q")
    assert code == 2 and "broken.mov" in wrong and "Traceback" not in wrong and "3 done" in said
    made = ["a.mp4", "b.mp4", "c.webm"]
    assert sorted(path.name for path in out.iterdir()) == [*made, "manifest.jsonl"]
    for name in made:
        with FilmReader(out / name) as reader:
            assert len(list(reader.frames())) == 3
    (clips / "broken.mov").unlink()
    code, said, wrong = run("video", str(clips), "style1", "-q")
    assert (code, wrong) == (0, "") and "3 skipped" in said
    assert sorted(path.name for path in clips.iterdir()) == ["a.mp4", "b", "c.webm", "notes.txt"]


def test_frames_are_known_by_their_first_bytes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = frames(tmp_path / "in", ["1.png", "2.png", "3.png"])
    (folder / "2.png").rename(folder / "2.jpg_large")
    (folder / "3.png").rename(folder / "3")
    for name in ("notes.txt", "cache.bin"):
        (folder / name).write_bytes(b"no picture")
    assert [path.name for path in open_film(folder).inputs] == ["1.png", "2.jpg_large", "3"]
    assert caplog.messages == [f"{folder}: ignored 2 non-image files (cache.bin, notes.txt)"]


def test_a_refused_output_leaves_no_folder(tmp_path: Path, run: Run) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    image.write(tmp_path / "a.png", np.zeros((64, 64, 3)))
    for verb, source, name in (("video", "broken.mp4", "a.mp4"), ("stylize", "a.png", "a.png")):
        out = tmp_path / "new" / "deep" / name
        assert run(verb, str(tmp_path / source), "no-such-style", "-o", str(out), "-q")[0] == 2
        assert not (tmp_path / "new").exists()
    with pytest.raises(InputError):
        job = VideoJob(str(tmp_path / "broken.mp4"), processed=str(tmp_path / "broken.mp4"))
        paint_film(job, out=tmp_path / "new" / "a.mp4")
    assert not (tmp_path / "new").exists()
