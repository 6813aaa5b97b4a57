"""Reading and writing videos: times, sound, colors, rotation and chapters; other files are refused."""

from __future__ import annotations

import gc
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from impasto import image
from impasto.errors import InputError, OutputError
from impasto.films import paint_film
from impasto.jobs import VideoJob
from impasto.media import FilmReader, FilmWriter, size_of
from impasto.verbs.run import run
from support.film_files import FilmWriterWithSound, packets_of, turn
from support.video import texture

Bytes = NDArray[np.uint8]


def _film(path: Path, times: list[Fraction], *, size: tuple[int, int] = (48, 64), sound: bool = True) -> None:
    with FilmWriterWithSound(path, size, sound=sound) as writer:
        for number, time in enumerate(times):
            writer.write(texture(*size, seed=number), time)


TIMES = [Fraction(t, 90_000) for t in (0, 3003, 6006, 12_010, 15_750, 30_000)]


@pytest.mark.parametrize(("of", "to"), [(".mp4", ".mp4"), (".mkv", ".mkv"), (".mp4", ".mkv")])
def test_times_and_sound_stay(tmp_path: Path, of: str, to: str) -> None:
    source, target = tmp_path / f"a{of}", tmp_path / f"b{to}"
    _film(source, TIMES)
    with FilmReader(source) as reader:
        frames = list(reader.frames())
        writer = FilmWriter(target, (48, 64), source=reader)
        for frame in frames:
            writer.write(frame.rgb, frame.time)
        writer.close()
    with FilmReader(target) as reader:
        again = list(reader.frames())
    slack = Fraction(1, 1000) if to == ".mkv" else 0  # Matroska counts milliseconds
    assert [f.time for f in again] == pytest.approx([f.time for f in frames], abs=float(slack))
    assert [f.time for f in frames] == pytest.approx(TIMES, abs=float(slack))
    assert packets_of(source) == packets_of(target) != []


def test_colors_survive_the_way_out_and_in(tmp_path: Path) -> None:
    for size in ((48, 64), (720, 64)):
        path = tmp_path / "a.mp4"
        writer = FilmWriter(path, size)
        colour = np.array([200, 90, 40], np.uint8)
        writer.write(np.broadcast_to(colour, (*size, 3)).copy(), Fraction(0))
        writer.close()
        with FilmReader(path) as reader:
            rgb = next(reader.frames()).rgb
        assert rgb.shape == (*size, 3) and np.abs(rgb.astype(int) - colour).max() <= 2


def test_odd_sizes_parts_and_steps(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    _film(path, [Fraction(n, 10) for n in range(12)], size=(47, 63), sound=False)
    with FilmReader(path) as reader:
        assert [f.time for f in reader.frames(start=0.3, end=0.8)] == [Fraction(n, 10) for n in range(3, 8)]
    with FilmReader(path) as reader:
        found = list(reader.frames(every=6))
        assert [f.time for f in found] == [0, Fraction(6, 10)]
        assert found[0].rgb.shape == (48, 64, 3)


def test_frames_that_were_read_do_not_wait_for_the_garbage_collector(tmp_path: Path) -> None:
    _film(tmp_path / "a.mp4", [Fraction(n, 25) for n in range(20)])
    gc.collect()
    gc.disable()
    try:
        with FilmReader(tmp_path / "a.mp4") as reader:
            count = sum(1 for _ in reader.frames())
        left = gc.collect()
    finally:
        gc.enable()
    assert count == 20 and left < count


def test_a_turned_film_is_read_upright(tmp_path: Path) -> None:
    path, turned = tmp_path / "a.mp4", tmp_path / "b.mp4"
    writer = FilmWriter(path, (48, 64))
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:24, :32] = 255  # a corner: above, left
    writer.write(frame, Fraction(0))
    writer.close()
    plain = _decoded(path)
    assert plain.shape == (48, 64, 3) and plain[10, 5].min() > 240 and plain[40, 60].max() < 20
    turn(path, turned)
    with av.open(str(turned)) as source:
        rotation = next(source.decode(video=0)).rotation
    assert abs(rotation) == 90
    upright = _decoded(turned)
    assert upright.shape == (64, 48, 3)
    assert (np.rot90(plain, 1 if rotation > 0 else -1) == upright).all()


def test_a_turned_film_of_varying_rate_is_painted_as_it_is_seen(tmp_path: Path) -> None:
    plain, turned, out = tmp_path / "a.mp4", tmp_path / "b.mp4", tmp_path / "c.mp4"
    _film(plain, TIMES, sound=False)
    turn(plain, turned)
    with FilmReader(turned) as reader:
        seen = list(reader.frames())
    assert seen[0].rgb.shape == (64, 48, 3)
    paint_film(VideoJob(str(turned), processed=str(turned), consistency=0), out=out)
    with FilmReader(out) as reader:
        painted = list(reader.frames())
    assert [f.time for f in painted] == TIMES == [f.time for f in seen]
    for one, other in zip(painted, seen, strict=True):
        assert one.rgb.shape == (64, 48, 3) and np.abs(one.rgb.astype(int) - other.rgb).mean() < 6


@pytest.mark.parametrize(
    ("pixel", "size", "shown"),
    [
        (Fraction(64, 45), (48, 60), (48, 86)),
        (Fraction(1, 2), (48, 64), (96, 64)),
        (Fraction(1), (48, 64), (48, 64)),
    ],
)
def test_pixels_that_are_not_square_are_made_so(
    tmp_path: Path, pixel: Fraction, size: tuple[int, int], shown: tuple[int, int]
) -> None:
    source, target = tmp_path / "a.mkv", tmp_path / "b.mp4"
    height, width = size
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.sample_aspect_ratio = pixel
        half = np.zeros((height, width, 3), np.uint8)
        half[:, : width // 2] = 255
        for number in range(3):
            picture = av.VideoFrame.from_ndarray(half, format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    with FilmReader(source) as reader:
        assert reader.pixel == pixel and size_of(reader, None) == shown
    rgb = _decoded(source)
    assert rgb.shape == (*shown, 3)
    assert (rgb[:, shown[1] // 2 - 4] > 240).all() and (rgb[:, shown[1] // 2 + 4] < 16).all()
    paint_film(VideoJob(str(source), processed=str(source), consistency=0), out=target)
    with FilmReader(target) as reader:
        assert reader.pixel == 1 and next(reader.frames()).rgb.shape == (*shown, 3)


def test_an_odd_film_is_painted_and_continued_by_a_line(tmp_path: Path) -> None:
    folder, out = tmp_path / "pictures", tmp_path / "b.mkv"
    folder.mkdir()
    own = [texture(47, 63, seed) for seed in range(3)]
    for number, rgb in enumerate(own):
        image.write(folder / f"{number}.png", rgb.astype(np.float32) / 255)
    job = VideoJob(str(folder), processed=str(folder), consistency=0, fps=5)
    told = run(job, out).text
    with FilmReader(out) as reader:
        painted = list(reader.frames())
    assert told.startswith(f"{out}: 3 frames, 64x48, ")  # what the file has
    gif = tmp_path / "b.gif"
    assert run(replace(job, end=0.1), gif).text.startswith(f"{gif}: 1 frame, 63x47, ")
    assert image.read(gif).size == (47, 63)
    assert [f.time for f in painted] == [Fraction(n, 5) for n in range(3)]
    for frame, rgb in zip(painted, own, strict=True):
        assert frame.rgb.shape == (48, 64, 3)
        assert np.abs(frame.rgb[:47, :63].astype(int) - rgb).mean() < 9
        assert np.abs(frame.rgb[:, 63].astype(int) - frame.rgb[:, 62]).mean() < 12


def test_high_dynamic_range_is_brought_to_what_screens_show(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    grays = np.repeat(np.array([0.0, 0.38, 0.58, 0.9]), 16)  # PQ: black, 20, 203 and about 4000 candela
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 9, 9, 16, 1
        frame = av.VideoFrame(64, 64, "yuv420p10le")
        luma = np.broadcast_to(np.rint(64 + grays * 876), (64, 64)).astype("<u2")
        chroma = np.full((32, 32), 512, "<u2")
        for plane, values in zip(frame.planes, (luma, chroma, chroma), strict=True):
            padded = np.zeros((plane.height, plane.line_size // 2), "<u2")
            padded[:, : values.shape[1]] = values
            plane.update(padded.tobytes())
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    shown = _decoded(path)[32, [8, 24, 40, 56]].astype(int)
    assert shown[0].max() <= 2 and 85 < shown[1].mean() < 125 and 225 < shown[2].mean() <= 255
    assert (shown[3] == 255).all() and np.ptp(shown, axis=1).max() <= 3


def test_chapters_stay_and_move_with_the_part(tmp_path: Path) -> None:
    source, target = tmp_path / "a.mkv", tmp_path / "b.mkv"
    clock = Fraction(1, 1000)
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.set_chapters(
            [
                {"id": 1, "start": 0, "end": 1000, "time_base": clock, "metadata": {"title": "one"}},
                {"id": 2, "start": 1000, "end": 3000, "time_base": clock, "metadata": {"title": "two"}},
            ]
        )
        for number in range(30):
            picture = av.VideoFrame.from_ndarray(texture(48, 64, number % 3), format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    with FilmReader(source) as reader:
        writer = FilmWriter(target, (48, 64), source=reader, start=0.5, end=2.0)
        for frame in reader.frames(start=0.5, end=2.0):
            writer.write(frame.rgb, frame.time)
        writer.close()
    with av.open(str(target)) as container:
        found = [
            (c["metadata"]["title"], float(c["start"] * base), float(c["end"] * base))
            for c in container.chapters()
            if (base := c["time_base"]) is not None
        ]
    assert found == [("one", 0.0, 0.5), ("two", 0.5, 1.5)]


def _decoded(path: Path) -> Bytes:
    with FilmReader(path) as reader:
        return next(reader.frames()).rgb


def test_what_is_no_film_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no film")
    with pytest.raises(InputError, match="not a readable video"):
        FilmReader(tmp_path / "a.mp4")
    with pytest.raises(InputError, match="no such file"):
        FilmReader(tmp_path / "b.mp4")
    with pytest.raises(OutputError, match="suffix"):
        FilmWriter(tmp_path / "c.xyz", (4, 4))
    writer = FilmWriter(tmp_path / "d.mp4", (48, 64))
    with pytest.raises(InputError, match="does not fit"):
        writer.write(np.zeros((4, 4, 3), np.uint8), Fraction(0))
    writer.write(np.zeros((48, 64, 3), np.uint8), Fraction(0))
    writer.close()


def test_a_film_cut_short_yields_what_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    _film(path, [Fraction(n, 10) for n in range(30)], sound=False)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    with FilmReader(path) as reader:
        count = 0
        try:
            for _ in reader.frames():
                count += 1
        except InputError as error:
            assert "damaged after" in str(error)
    assert 5 < count < 30


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{part}\n#EXT-X-ENDLIST\n"),
        ("a.mp4", "ffconcat version 1.0\nfile {part}\n"),
    ],
)
def test_a_playlist_opens_no_other_file(tmp_path: Path, name: str, text: str) -> None:
    with av.open(str(tmp_path / "part.ts"), "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 90, np.uint8), format="rgb24")
        container.mux([*stream.encode(frame), *stream.encode()])
    (tmp_path / name).write_text(text.format(part="part.ts"))
    with pytest.raises(InputError, match="is a playlist of other files"):
        FilmReader(tmp_path / name)
