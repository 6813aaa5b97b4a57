"""Sound, subtitles and their times are copied to the painted video."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from impasto.films import paint_film
from impasto.jobs import VideoJob
from impasto.media import FilmReader, FilmWriter

RATE = 8000  # samples a second


def film(
    path: Path, *, seconds: int, fps: int = 5, begins: Fraction = Fraction(0), **streams: dict[str, str]
) -> Path:
    """Gray frames of 64x48, one brighter than the other, and a tone a stream, with what it says of itself."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream(
            "libx264", rate=fps, options={"bf": "0", "g": "25", "sc_threshold": "0"}
        )
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        pictures.time_base = pictures.codec_context.time_base = Fraction(1, 90_000)
        tones: list[Any] = []
        for said in streams.values() or [{}]:
            tones.append(container.add_stream("aac", rate=RATE, layout="mono"))
            tones[-1].metadata.update(said)
        for number in range(seconds * fps):
            gray = np.full((48, 64, 3), 40 + number, np.uint8)
            frame = av.VideoFrame.from_ndarray(gray, format="rgb24")
            frame.pts, frame.time_base = round((begins + Fraction(number, fps)) * 90_000), Fraction(1, 90_000)
            container.mux(pictures.encode(frame))
            if number % fps == 0:
                for tone in tones:
                    container.mux(tone.encode(_tone(round(begins * RATE) + number // fps * RATE)))
        for stream in (pictures, *tones):
            container.mux(stream.encode(None))
    return path


def _tone(first: int) -> av.AudioFrame:
    """A second of sound."""
    samples = (0.3 * np.sin(np.arange(first, first + RATE) / 5)).astype(np.float32)[None]
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE, first, Fraction(1, RATE)
    return frame


def due(stamp: int | None, base: Fraction | None) -> Fraction:
    """The time of a packet, in seconds."""
    assert stamp is not None and base is not None
    return stamp * base


def packets(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    """Of the first stream of a kind: when they are due, and what is in them."""
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        return [(due(p.pts, p.time_base), bytes(p)) for p in container.demux(stream) if p.size]


def paint(source: Path, target: Path, **settings: Any) -> Path:
    """A film painted, as quickly as can be: what was painted is the film itself."""
    job = VideoJob(str(source), processed=str(source), consistency=0, **settings)
    paint_film(job, out=target)
    return target


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize("joined", [True, False])
def test_sound_lies_beside_the_pictures_in_a_long_film(tmp_path: Path, suffix: str, joined: bool) -> None:
    source, target = film(tmp_path / "a.mp4", seconds=40), tmp_path / f"b{suffix}"
    if joined:
        paint(source, target)
    else:
        with FilmReader(source) as reader:
            writer = FilmWriter(target, (48, 64), source=reader)
            for frame in reader.frames():
                writer.write(frame.rgb, frame.time)
            writer.close()
    with av.open(str(target)) as container:
        found = [(p.pos, p.stream.type, due(p.dts, p.time_base)) for p in container.demux() if p.size]
    reached = {"video": Fraction(0), "audio": Fraction(0)}
    for _, kind, time in sorted(found):  # as they lie in the file
        reached[kind] = time
        assert abs(reached["video"] - reached["audio"]) < 2
    assert min(reached.values()) > 39
    assert [data for _, data in packets(source, "audio")] == [data for _, data in packets(target, "audio")]


def test_a_film_whose_clock_began_long_ago_begins_at_nothing(tmp_path: Path) -> None:
    source = film(tmp_path / "a.ts", seconds=12, begins=Fraction(26 * 3600))
    with FilmReader(source) as reader:
        frames = list(reader.frames())
        assert len(frames) == 60 and 0 <= frames[0].time < Fraction(1, 5)
        later = [frame for frame in frames if frame.time >= 7]
        assert [f.time for f in reader.frames(start=7)] == [f.time for f in later]
        again = next(reader.frames(start=7))
        assert (again.rgb == later[0].rgb).all()
        assert len(list(reader.frames())) == 60
    target = paint(source, tmp_path / "b.mp4")
    with FilmReader(target) as reader:
        assert [f.time for f in reader.frames()] == [f.time for f in frames]
    for (_, due), (_, heard) in zip(packets(source, "audio"), packets(target, "audio"), strict=True):
        assert due.endswith(heard)  # without a header of MPEG-TS's own
    assert offset(source) == offset(target)
    part = paint(source, tmp_path / "c.mkv", start="7", end="9")
    assert len(packets(part, "video")) == 10 and 14 <= len(packets(part, "audio")) <= 17
    assert abs(offset(part) - offset(source)) < Fraction(1024, RATE)


def offset(path: Path) -> Fraction:
    """From the first picture to the first sound."""
    return packets(path, "audio")[0][0] - packets(path, "video")[0][0]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_pictures_that_begin_after_the_sound_stay_behind_it(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / f"a{suffix}"
    with av.open(str(film(tmp_path / "all.mp4", seconds=4))) as whole, av.open(str(source), "w") as late:
        streams = {s.index: late.add_stream_from_template(s) for s in whole.streams}
        for packet in whole.demux():
            if packet.size:
                if packet.stream.type == "video":
                    assert packet.pts is not None and packet.dts is not None
                    packet.pts, packet.dts = packet.pts + 45_000, packet.dts + 45_000
                packet.stream = streams[packet.stream.index]
                late.mux(packet)
    with FilmReader(source) as reader:
        begins = packets(source, "video")[0][0]
        assert next(reader.frames()).time == begins > Fraction(2, 5)
        assert 0 <= next(reader.frames(start=2)).time - 2 < Fraction(1, 5)
    target = paint(source, tmp_path / f"b{suffix}")
    assert abs(offset(target) - offset(source)) < Fraction(1, 500)
    assert [data for _, data in packets(target, "audio")] == [data for _, data in packets(source, "audio")]


def test_streams_keep_their_languages_and_what_they_are_for(tmp_path: Path) -> None:
    said = {"language": "eng"}, {"language": "ger", "title": "Fassung"}
    source = film(tmp_path / "a.mkv", seconds=2, one=said[0], two=said[1])
    marked = tmp_path / "marked.mkv"
    with av.open(str(source)) as plain, av.open(str(marked), "w") as other:
        streams = {s.index: other.add_stream_from_template(s) for s in plain.streams}
        for index, told in zip((1, 2), said, strict=True):
            streams[index].metadata.update(told)
        streams[2].disposition = av.stream.Disposition.default | av.stream.Disposition.comment
        for packet in plain.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                other.mux(packet)
    with av.open(str(marked)) as container:
        wanted = [s.disposition for s in container.streams.audio]
    for suffix in (".mkv", ".mp4"):
        with av.open(str(paint(marked, tmp_path / f"b{suffix}"))) as container:
            audio = container.streams.audio
            assert [s.language for s in audio] == ["eng", "ger"]
            if suffix == ".mkv":
                assert [s.metadata.get("title") for s in audio] == [None, "Fassung"]
                assert [s.disposition for s in audio] == wanted and wanted[0] != wanted[1]


def test_subtitles_are_copied_packet_by_packet(tmp_path: Path) -> None:
    lines = tmp_path / "a.srt"
    lines.write_text(
        "1\n00:00:00,200 --> 00:00:01,000\nFirst.\n\n2\n00:00:01,500 --> 00:00:02,000\nSecond.\n\n"
        "3\n00:00:03,000 --> 00:00:03,800\nThird.\n"
    )
    source = tmp_path / "b.mkv"
    with (
        av.open(str(film(tmp_path / "a.mp4", seconds=4))) as whole,
        av.open(str(lines)) as written,
        av.open(str(source), "w") as both,
    ):
        streams = {s.index: both.add_stream_from_template(s) for s in whole.streams}
        subtitles = both.add_stream_from_template(written.streams.subtitles[0])
        subtitles.metadata["language"] = "ger"
        for origin, kept in ((whole, streams), (written, {0: subtitles})):
            for packet in origin.demux():
                if packet.size:
                    packet.stream = kept[packet.stream.index]
                    both.mux(packet)
    found = packets(source, "subtitle")
    assert [data for _, data in found] == [b"First.", b"Second.", b"Third."]
    assert packets(paint(source, tmp_path / "c.mkv"), "subtitle") == found
    with av.open(str(tmp_path / "c.mkv")) as container:
        assert container.streams.subtitles[0].language == "ger"
    part = packets(paint(source, tmp_path / "d.mkv", start=1, end=3), "subtitle")
    assert part == [(found[1][0] - 1, b"Second.")]


def test_what_a_container_cannot_hold_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = film(tmp_path / "a.mkv", seconds=1, one={"language": "ger"})
    target = tmp_path / "b.webm"
    paint(source, target)
    assert caplog.messages == [
        f"{target} will have its sound (aac, ger) re-encoded as Opus, which .webm cannot hold as it is: use "
        f"the suffix .mkv or .mp4 to keep it"
    ]
    with av.open(str(target)) as container:
        assert [s.codec_context.name for s in container.streams.audio] == ["opus"]
    caplog.clear()
    for name in ("c.mkv", "d.mp4", "e.gif"):  # the last has no sound by its nature
        paint(source, tmp_path / name)
    assert caplog.messages == []


def test_all_the_sound_stays_where_frames_are_left_out(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mp4", seconds=6)
    target = paint(source, tmp_path / "b.mp4", every=6)
    assert [time for time, _ in packets(target, "video")] == [Fraction(6 * n, 5) for n in range(5)]
    assert packets(target, "audio") == packets(source, "audio")


def test_a_part_has_the_packets_of_sound_that_begin_in_it(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mp4", seconds=6)
    target = paint(source, tmp_path / "b.mp4", start=1.3, end=4)
    expected = [(time, data) for time, data in packets(source, "audio") if 1.3 <= time < 4]
    found = packets(target, "audio")
    assert [data for _, data in found] == [data for _, data in expected]
    assert [time for time, _ in found] == [time - Fraction(13, 10) for time, _ in expected]
    assert [time for time, _ in packets(target, "video")][:2] == [Fraction(1, 10), Fraction(3, 10)]


@pytest.mark.parametrize(
    ("name", "codec", "target", "becomes"),
    [
        ("a.3gp", "libopencore_amrnb", ".mp4", "aac"),
        ("a.3gp", "libopencore_amrnb", ".webm", "opus"),
        ("a.avi", "pcm_u8", ".mp4", "aac"),
        ("a.avi", "adpcm_ms", ".mp4", "aac"),
        ("a.wmv", "wmav2", ".mp4", "aac"),
        ("a.avi", "pcm_u8", ".mkv", "pcm_u8"),
        ("a.mp4", "aac", ".mp4", "aac"),
    ],
)
def test_sound_is_kept_or_coded_anew(
    tmp_path: Path, name: str, codec: str, target: str, becomes: str
) -> None:
    rate = {"libopencore_amrnb": 8000, "wmav2": 44100, "aac": 44100}.get(codec, 22050)
    source = tmp_path / name
    with av.open(str(source), "w") as container:
        pictures = container.add_stream("mpeg4", rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        sound: Any = container.add_stream(codec, rate=rate, layout="mono")
        if codec == "wmav2":
            sound.bit_rate = 64_000
        for number in range(50):
            rgb = np.full((48, 64, 3), 2 * number, np.uint8)
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        wave = 0.4 * np.sin(2 * np.pi * 440 / rate * np.arange(2 * rate))
        wave[: rate // 2] = 0  # silence first: the tone begins at half a second
        for first in range(0, len(wave), 1000):
            block = wave[None, first : first + 1000].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, first, Fraction(1, rate)
            container.mux(sound.encode(frame))
        for stream in (pictures, sound):
            container.mux(stream.encode(None))
    painted = paint(source, tmp_path / f"b{target}")
    with av.open(str(painted)) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name == becomes
        heard = list(container.decode(stream))
    sampled = heard[0].sample_rate
    samples = np.concatenate([block.to_ndarray().astype(float).ravel() for block in heard])
    samples -= np.median(samples)
    loud = np.abs(samples) > 0.3 * np.abs(samples).max()
    assert float(heard[0].time or 0) + np.argmax(loud) / sampled == pytest.approx(0.5, abs=0.06)
    assert len(samples) / sampled == pytest.approx(2, abs=0.15)
    middle = samples[sampled : sampled + sampled // 2]
    peak = np.argmax(np.abs(np.fft.rfft(middle))) * sampled / len(middle)
    assert peak == pytest.approx(440, abs=5)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_what_a_film_says_of_itself_stays(tmp_path: Path, suffix: str) -> None:
    told = {"title": "Rome", "artist": "Ada", "date": "2026-05-01", "comment": "Our holiday"}
    source = tmp_path / "a.mov"
    with (
        av.open(str(film(tmp_path / "plain.mp4", seconds=1))) as plain,
        av.open(str(source), "w") as container,
    ):
        kept = {s.index: container.add_stream_from_template(s) for s in plain.streams}
        container.metadata.update({**told, "location": "+41.9028+012.4964/"})
        for packet in plain.demux():
            if packet.size:
                packet.stream = kept[packet.stream.index]
                container.mux(packet)
    for path, back in ((source, tmp_path / f"b{suffix}"), (tmp_path / f"b{suffix}", tmp_path / "c.mkv")):
        with av.open(str(paint(path, back))) as container:
            found = {name.lower(): text for name, text in container.metadata.items()}
        assert {name: found[name] for name in ("title", "artist", "date")} | {"comment": ""} == {
            **told,
            "comment": "",
        }
        assert found["location"].startswith("+41.90") and "+012.49" in found["location"]
        own, recipe = found["comment"].split("\n", 1)
        assert own == "Our holiday" and json.loads(recipe)["verb"] == "video"
        with FilmReader(back) as reader:
            assert reader.comment == recipe
