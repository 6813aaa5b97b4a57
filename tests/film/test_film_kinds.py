"""Videos of many formats: every frame is read, at its time, as players show it."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from impasto.errors import InputError
from impasto.films import paint_film
from impasto.jobs import VideoJob
from impasto.media import FilmReader, open_film
from support.film_kinds import CARD, FIELD, HEIGHT, WIDTH, Bytes, gray, picture

COUNT = 30
TIMES = tuple(Fraction(n, 25) for n in range(COUNT))
BT601 = 6


def write(
    path: Path,
    codec: str,
    *,
    times: Sequence[Fraction] = TIMES,
    rate: int = 25,
    options: dict[str, str] | None = None,
    fmt: str | None = None,
    sound: str = "",
    pix_fmt: str = "yuv420p",
) -> Path:
    """A film of numbered pictures, with a tone if a codec for it is named."""
    with av.open(str(path), "w", format=fmt) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pix_fmt
        stream.codec_context.colorspace = BT601
        audio: Any = container.add_stream(sound, rate=SAMPLES.get(sound, 44100)) if sound else None
        if audio is not None:
            audio.layout = "mono"
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame = frame.reformat(format=pix_fmt, dst_colorspace=5)
            frame.pts, frame.time_base = round(time * rate), Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None:
            for block in tone(audio.codec_context, float(times[-1] + Fraction(1, rate))):
                container.mux(audio.encode(block))
            container.mux(audio.encode(None))
    return path


SAMPLES = {"libopencore_amrnb": 8000, "libopus": 48000, "adpcm_ms": 22050}


def tone(context: Any, seconds: float) -> Iterator[av.AudioFrame]:
    """A tone of 440 Hz, in the format of an encoder, in blocks of its size."""
    rate = context.sample_rate
    context.open(strict=False)
    length = context.frame_size or 1024
    for first in range(0, int(seconds * rate), length):
        wave = 0.4 * np.sin(2 * np.pi * 440 / rate * np.arange(first, first + length))
        block = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], format="fltp", layout="mono")
        block.sample_rate, block.pts, block.time_base = rate, first, Fraction(1, rate)
        yield from av.AudioResampler(context.format, "mono", rate).resample(block)


def numbers(frames: Sequence[Bytes], *, near: int = 3) -> list[int]:
    """Which pictures they are, by their gray; those of which the colors are wrong are -1."""
    found = []
    for rgb in frames:
        fields = rgb[4:28, FIELD // 2 :: FIELD].mean(0)
        right = np.abs(fields - CARD).max() <= 9
        level = float(rgb[40:60, 8:-8].mean())
        number = round((level - 20) / 7)
        found.append(number if right and abs(level - gray(number)) <= near else -1)
    return found


KINDS = {
    "one group of pictures.ts": ("libx264", {"g": "250"}, ""),
    "many groups.ts": ("libx264", {"g": "8"}, "aac"),
    "b frames.mts": ("libx264", {"bf": "3", "g": "250"}, "ac3"),
    "hevc.m2ts": ("libx265", {"x265-params": "log-level=none"}, ""),
    "disc.mpg": ("mpeg2video", {"b": "8M", "g": "15", "bf": "2"}, "mp2"),
    "old.mpg": ("mpeg1video", {"b": "8M"}, ""),
    "raw.h264": ("libx264", {"bf": "2"}, ""),
    "raw.hevc": ("libx265", {"x265-params": "log-level=none"}, ""),
    "b frames.avi": ("libx264", {"bf": "3"}, "mp3"),
    "xvid.avi": ("mpeg4", {"b": "8M", "bf": "2"}, ""),
    "motion jpeg.avi": ("mjpeg", {"b": "8M"}, "pcm_s16le"),
    "windows.wmv": ("wmv2", {"b": "8M"}, ""),
    "flash.flv": ("flv", {"b": "8M"}, "mp3"),
    "theora.ogv": ("libtheora", {"qscale": "10"}, ""),
    "vp8.webm": ("libvpx", {"crf": "4", "b": "4M"}, "libopus"),
    "vp9.webm": ("libvpx-vp9", {"crf": "4", "b": "0", "cpu-used": "8", "deadline": "realtime"}, ""),
    "av1.mkv": ("libsvtav1", {"crf": "10", "preset": "12", "svtav1-params": "lp=1"}, ""),
    "b frames.mp4": ("libx264", {"bf": "3"}, "aac"),
    "phone.3gp": ("mpeg4", {"b": "8M"}, "libopencore_amrnb"),
    "edited.mov": ("prores_ks", {}, "pcm_s16le"),
    "animation.mov": ("qtrle", {}, ""),
    "lossless.mkv": ("ffv1", {}, "flac"),
    "hevc.mp4": ("libx265", {"x265-params": "log-level=none"}, "aac"),
    "vp9.mp4": ("libvpx-vp9", {"crf": "4", "b": "0", "cpu-used": "8", "deadline": "realtime"}, ""),
    "divx.mp4": ("mpeg4", {"b": "8M"}, "aac"),
    "flash h264.flv": ("libx264", {"bf": "0"}, "aac"),
    "h264.mov": ("libx264", {"bf": "2"}, "pcm_s16le"),
    "capture.avi": ("huffyuv", {}, "pcm_u8"),
    "ut capture.avi": ("utvideo", {}, ""),
    "uncompressed.nut": ("rawvideo", {}, "pcm_s16le"),
    "screen.mov": ("png", {}, ""),
}
PIXELS = {
    "mjpeg": "yuvj420p",
    "prores_ks": "yuv422p10le",
    "qtrle": "rgb24",
    "png": "rgb24",
    "huffyuv": "yuv422p",
    "utvideo": "yuv422p",
}


def written(folder: Path, name: str) -> Path:
    """Write a small video of a kind; skip the test if this FFmpeg cannot."""
    codec, options, sound = KINDS[name]
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    fmt = {".m2ts": "mpegts", ".mts": "mpegts"}.get(Path(name).suffix)
    pixels = PIXELS.get(codec, "yuv420p")
    writing = partial(write, folder / name, codec, options=options, fmt=fmt, sound=sound, pix_fmt=pixels)
    if codec != "libsvtav1":
        return writing()
    # Run by root, this encoder makes its process real-time for good, and so all that the process starts.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
        return apart.submit(writing).result()


@pytest.mark.parametrize("name", KINDS)
def test_every_frame_is_read_at_its_time(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name)
    with FilmReader(path) as reader:
        frames = list(reader.frames())
        assert numbers([frame.rgb for frame in frames]) == list(range(COUNT))
        steps = [frame.time - frames[0].time - Fraction(n, 25) for n, frame in enumerate(frames)]
        assert max(abs(step) for step in steps) <= Fraction(1, 1000) and abs(frames[0].time) < 0.1
        assert abs(sum(frame.duration for frame in frames) - Fraction(COUNT, 25)) <= Fraction(2, 1000)
        assert reader.rate == 25 and reader.seconds == pytest.approx(COUNT / 25, abs=0.3)
        again = list(reader.frames(start=0.6, every=2))
        first = next(n for n, frame in enumerate(frames) if frame.time >= exactly(0.6))
        assert numbers([frame.rgb for frame in again]) == list(range(first, COUNT, 2))
        assert [frame.time for frame in again] == [frame.time for frame in frames[first::2]]


def as_ffmpeg_reads(path: Path) -> tuple[list[Bytes], list[Fraction | None], float]:
    """Frames and times of a file by a plain loop, and the seconds of its sound."""
    with av.open(str(path)) as container:
        rate = container.streams.video[0].average_rate
        decoded = list(container.decode(video=0))
        frames = [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in decoded]
        told = [None if f.pts is None or f.time_base is None else f.pts * f.time_base for f in decoded]
    assert rate is not None
    with av.open(str(path)) as container:
        blocks = list(container.decode(audio=0)) if container.streams.audio else []
    return frames, told, sum((block.samples / block.sample_rate for block in blocks), 0.0)


@pytest.mark.parametrize("name", KINDS)
def test_what_is_written_holds_what_ffmpeg_reads(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name)
    target = tmp_path / ("out.webm" if name.endswith("webm") else "out.mp4")
    paint_film(VideoJob(str(path), processed=str(path), consistency=0), out=target)
    source, times, heard = as_ffmpeg_reads(path)
    made, shown, hears = as_ffmpeg_reads(target)
    assert len(source) == len(made) == COUNT and made[0].shape == source[0].shape
    for one, other in zip(source, made, strict=True):
        assert np.abs(one[4:28, 8::16].mean(0) - other[4:28, 8::16].mean(0)).max() <= 9
    exact = path.suffix not in (".h264", ".hevc", ".avi")  # which tell no times, or only of decoding
    for number, (told, time) in enumerate(zip(times, shown, strict=True)):
        assert time is not None and shown[0] is not None
        first = times[0]
        right = told - first if exact and told is not None and first is not None else Fraction(number, 25)
        assert abs(time - shown[0] - right) <= Fraction(1, 500)
    assert abs(hears - heard) < 0.12 and (heard > 1) is bool(KINDS[name][2])


def exactly(seconds: float) -> Fraction:
    return Fraction(seconds).limit_denominator(90_000)


def damaged(path: Path, *, packets: Sequence[int], to: Path) -> Path:
    """A copy in which some packets of pictures are noise."""
    noise = np.random.default_rng(3)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        found = [(p.pos, p.size) for p in container.demux(video=0) if p.size and p.pos is not None]
    for place, size in (found[n] for n in packets):
        data[place : place + size] = noise.integers(0, 256, size, np.uint8).tobytes()
    to.write_bytes(data)
    return to


def test_what_is_damaged_within_a_film_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = write(
        tmp_path / "a.mp4", "libx264", options={"g": "5", "bf": "0", "sc_threshold": "0"}, sound="aac"
    )
    path = damaged(whole, packets=[9], to=tmp_path / "b.mp4")
    with FilmReader(path) as reader:
        frames = list(reader.frames())
        list(reader.frames())
    found = numbers([frame.rgb for frame in frames])
    assert found == [*range(9), *range(10, 30)]
    assert sum(frame.duration for frame in frames) == Fraction(COUNT, 25)
    assert caplog.messages == [
        f"{path} is damaged: 1 of its 30 packets cannot be decoded, the first at 0.36 s; they are skipped"
    ]
    paint_film(VideoJob(str(path), processed=str(path), consistency=0), out=tmp_path / "c.mp4")
    with FilmReader(tmp_path / "c.mp4") as reader:
        assert len(list(reader.frames())) == len(frames)


def test_damage_to_the_end_is_an_error(tmp_path: Path) -> None:
    whole = write(
        tmp_path / "a.mp4", "libx264", options={"g": "1"}, times=[Fraction(n, 10) for n in range(COUNT)]
    )
    path = damaged(whole, packets=range(12, COUNT), to=tmp_path / "b.mp4")
    count = 0
    with FilmReader(path) as reader, pytest.raises(InputError, match="damaged after 12 frames"):
        for _ in reader.frames():
            count += 1
    assert count == 12


def matrix(path: Path, to: Path, turn: Sequence[int]) -> Path:
    """A copy with another display matrix, of which a, b, c and d are given."""
    data = path.read_bytes()
    unit = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    a, b, c, d = (65536 * value for value in turn)
    last = data.rindex(unit)  # the header of the film has one, too; this one is of the pictures
    other = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    to.write_bytes(data[:last] + other + data[last + len(unit) :])
    return to


@pytest.mark.parametrize(
    ("turn", "shown"),
    [
        ((1, 0, 0, 1), lambda rgb: rgb),
        ((-1, 0, 0, 1), lambda rgb: rgb[:, ::-1]),  # a selfie
        ((1, 0, 0, -1), lambda rgb: rgb[::-1]),
        ((-1, 0, 0, -1), lambda rgb: rgb[::-1, ::-1]),
        ((0, 1, -1, 0), lambda rgb: np.rot90(rgb, -1)),  # a quarter to the right
        ((0, -1, 1, 0), np.rot90),
        ((0, 1, 1, 0), lambda rgb: rgb.swapaxes(0, 1)),
        ((0, -1, -1, 0), lambda rgb: rgb[::-1, ::-1].swapaxes(0, 1)),
    ],
)
def test_turned_and_mirrored_films_are_upright(tmp_path: Path, turn: tuple[int, ...], shown: Any) -> None:
    plain = write(tmp_path / "a.mp4", "libx264", times=[Fraction(0)])
    path = matrix(plain, tmp_path / "b.mp4", turn)
    with FilmReader(plain) as one, FilmReader(path) as other:
        assert (next(other.frames()).rgb == shown(next(one.frames()).rgb)).all()


def test_a_film_that_changes_its_size_has_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    parts = tmp_path / "wide.ts", tmp_path / "tall.ts"
    for place, (path, size) in enumerate(zip(parts, ((96, 64), (64, 96)), strict=True)):
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg2video", rate=25, options={"b": "8M"})
            (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
            for number in range(5):
                frame = av.VideoFrame.from_ndarray(np.full((*size[::-1], 3), 200, np.uint8), format="rgb24")
                frame.pts, frame.time_base = 5 * place + number, Fraction(1, 25)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    whole = tmp_path / "call.ts"
    whole.write_bytes(parts[0].read_bytes() + parts[1].read_bytes())
    with FilmReader(whole) as reader:
        frames = [frame.rgb for frame in reader.frames()]
    assert {frame.shape for frame in frames} == {(64, 96, 3)} and len(frames) >= 9  # one of a B picture's
    assert (frames[0] > 190).all()
    assert (frames[-1][:, 30:66] > 190).all()  # 43 of 96 columns: as tall as it can be, not stretched
    assert (frames[-1][:, :24] < 10).all() and (frames[-1][:, -24:] < 10).all()
    assert caplog.messages == [f"{whole} changes its frame size: all frames are fitted into 96x64"]
    paint_film(VideoJob(str(whole), processed=str(whole), consistency=0), out=tmp_path / "out.mp4")


def test_half_pictures_are_made_whole(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "camcorder.mpg"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25, options={"flags": "+ilme+ildct", "b": "8M"})
        stream.width, stream.height, stream.pix_fmt = 160, 64, "yuv420p"
        for number in range(12):  # a bar that moves by eight columns from half picture to half picture
            rgb = np.full((64, 160, 3), 40, np.uint8)
            for half in (0, 1):
                rgb[half::2, 16 * (number % 6) + 8 * half :][:, :24] = 200
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with FilmReader(path) as reader:
        frames = list(reader.frames())
    assert len(frames) == 12
    assert [f.time - frames[0].time for f in frames] == [Fraction(n, 25) for n in range(12)]
    for woven in frames[1:-1]:
        rows = woven.rgb[8:-8].mean(2)
        assert np.abs(np.diff(rows, axis=0)).mean() < 1  # woven, every row differs from the next
    assert caplog.messages == [f"{path} is interlaced: it is deinterlaced by FFmpeg's bwdif"]


def test_a_cover_is_no_film_and_a_film_may_have_one(tmp_path: Path) -> None:
    film = write(tmp_path / "film.mp4", "libx264", sound="aac")
    with av.open(str(tmp_path / "cover.mp4"), "w") as container, av.open(str(film)) as source:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 400, 400, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        kept = {s.index: container.add_stream_from_template(s) for s in source.streams}
        plain = av.VideoFrame.from_ndarray(np.full((400, 400, 3), 9, np.uint8), format="rgb24")
        container.mux(cover.encode(plain.reformat(format="yuvj420p")))
        container.mux(cover.encode(None))
        for packet in source.demux():
            if packet.size:
                packet.stream = kept[packet.stream.index]
                container.mux(packet)
    with FilmReader(tmp_path / "cover.mp4") as reader:
        assert numbers([frame.rgb for frame in reader.frames()]) == list(range(COUNT))
    song = tmp_path / "song.m4a"
    with av.open(str(song), "w", format="mp4") as container:
        sung: Any = container.add_stream("aac", rate=44100, layout="mono")
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 400, 400, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        container.mux(cover.encode(plain.reformat(format="yuvj420p")))
        for block in tone(sung.codec_context, 1):
            container.mux(sung.encode(block))
    with pytest.raises(InputError, match="has a cover image, but no video"):
        open_film(song)


FROM_709 = {  # in light, to the primaries of BT.2020 (ITU-R BT.2087) and of Display P3
    9: np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]),
    12: np.array([[0.8225, 0.1774, 0.0], [0.0332, 0.9669, 0.0], [0.0171, 0.0724, 0.9108]]),
}


def hlg(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of light on a screen, 1 being 203 candela of its 1000, by ITU-R BT.2100."""
    shown = light * 203 / 1000
    luminance = shown @ (0.2627, 0.678, 0.0593)
    scene = shown * luminance[..., None] ** (-0.2 / 1.2)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), a * np.log(np.maximum(12 * scene - b, 1e-9)) + c)


def screen(light: NDArray[np.float64]) -> NDArray[np.float64]:
    return light ** (1 / 2.4)


def srgb(light: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize(
    ("primaries", "curve", "coded", "weights"),
    [
        (9, 18, hlg, (0.2627, 0.0593)),
        (9, 14, screen, (0.2627, 0.0593)),
        (12, 13, srgb, (0.2126, 0.0722)),
        (12, 1, screen, (0.2126, 0.0722)),
    ],
)
def test_colors_of_wide_gamuts_are_those_that_were_filmed(
    tmp_path: Path, primaries: int, curve: int, coded: Any, weights: tuple[float, float]
) -> None:
    shown = CARD / 255
    light = np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)
    values = coded(light @ FROM_709[primaries].T)
    red, blue = weights
    luma = values @ (red, 1 - red - blue, blue)
    cb, cr = (values[:, 2] - luma) / (2 - 2 * blue), (values[:, 0] - luma) / (2 - 2 * red)
    planes = [np.rint(64 + 876 * luma), np.rint(512 + 896 * cb), np.rint(512 + 896 * cr)]
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, 32, "yuv444p10le"
        context = stream.codec_context
        context.colorspace = 9 if primaries == 9 else 1
        context.color_primaries, context.color_trc, context.color_range = primaries, curve, 1
        frame = av.VideoFrame(WIDTH, 32, "yuv444p10le")
        for plane, row in zip(frame.planes, planes, strict=True):
            padded = np.zeros((32, plane.line_size // 2), "<u2")
            padded[:, :WIDTH] = np.repeat(row, FIELD)
            plane.update(padded.tobytes())
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with FilmReader(path) as reader:
        rgb = next(reader.frames()).rgb
    assert np.abs(rgb[16, FIELD // 2 :: FIELD].astype(int) - CARD).max() <= 3
