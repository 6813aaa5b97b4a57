"""Folders of frames from other programs, and videos with transparency."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from impasto.errors import InputError
from impasto.films import paint_film
from impasto.jobs import VideoJob
from impasto.session import Session
from impasto.video import open_film


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
    assert [path.name for path in open_film(folder).inputs] == names  # type: ignore[union-attr]
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
        stream = container.add_stream(codec, rate=10, options=options)
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
