"""Whole runs of ``impasto video``: all kinds of videos, interruptions, and files left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from conftest import Run
from impasto.errors import InputError, OutputError
from impasto.films import Enough, FilmProgress, paint_film, video
from impasto.jobs import VideoJob
from impasto.media import FilmReader, FilmWriter, open_film, segments, write_pictures
from impasto.media.streams import PassthroughStreams
from impasto.session import Session
from support.film_files import packets_of
from support.films import frames, here  # noqa: F401 - a fixture
from support.video import scene, texture


def test_every_way_in_and_out(run: Run, here: Path) -> None:
    for target in ("out.gif", "out.webp", "out"):
        code, said, wrong = run("video", "film.mp4", "style1", "--end", "0.5", "-o", target, "--json")
        assert code == 0, wrong
        assert json.loads(said)["frames"] == 5
        found = list(open_film(target, rate=10).frames())
        assert len(found) == 5 and found[0].rgb.shape == (120, 160, 3)
        assert [frame.time for frame in found] == [Fraction(n, 10) for n in range(5)]
    for source in ("out.gif", "out.webp", "out"):
        code, _, wrong = run("video", source, "style1", "--fps", "10", "-o", f"{source}-again.mkv")
        assert code == 0 and len(frames(f"{source}-again.mkv")) == 5, wrong
    assert sorted(p.name for p in Path("out").iterdir())[0] == "000001.png"


def test_a_folder_painted_again_holds_one_film(run: Run, here: Path) -> None:
    assert run("video", "film.mp4", "style1", "--end", "0.8", "-o", "out")[0] == 0
    for name in ("000099.png", "20240101.png", "cover.png", "notes.txt"):
        Path("out", name).write_bytes(b"mine")
    code, _, wrong = run("video", "film.mp4", "style1", "--end", "0.3", "-o", "out", "--overwrite")
    assert code == 0, wrong
    numbered = ["000001.png", "000002.png", "000003.png"]
    assert sorted(p.name for p in Path("out").iterdir()) == [
        *numbered,
        "20240101.png",
        "cover.png",
        "notes.txt",
    ]
    code, _, wrong = run("video", "out", "style1", "--end", "0.1", "-o", "out", "--overwrite")
    assert code == 2 and "would be lost" in wrong
    assert all(Path("out", name).exists() for name in numbered)


def test_what_lies_in_a_folder_is_not_painted_over(run: Run, here: Path) -> None:
    Path("mine").mkdir()
    Path("mine/000001.png").write_bytes(b"mine")
    code, _, wrong = run("video", "film.mp4", "style1", "-o", "mine")
    assert code == 2 and "not empty" in wrong and Path("mine/000001.png").read_bytes() == b"mine"


def test_keyframes_paint_fewer_frames(run: Run, here: Path) -> None:
    code, said, wrong = run("video", "film.mp4", "style1", "--keys", "4", "-o", "out.mp4", "--json")
    told = json.loads(said)
    assert code == 0 and told["frames"] == 11 and told["shots"] == 2, wrong
    # Of five frames and six: the first, the fifth; the first, the fifth and the last.
    assert told["painted"] == 5


def test_killed_with_keyframes_it_ends_like_an_unbroken_run(
    run: Run,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run("video", "film.mp4", "style1", "--keys", "2", "-o", "whole.mp4")[0] == 0
    count = []

    def told(progress: FilmProgress) -> None:
        count.append(progress)
        if len(count) == 7:
            raise KeyboardInterrupt

    job = VideoJob(film="film.mp4", styles=("style1",), keys=2)
    with pytest.raises(KeyboardInterrupt):
        paint_film(job, out=Path("out.mp4"), session=Session(on_progress=told))
    result = paint_film(job, out=Path("out.mp4"))
    assert result.frames == 11 and result.done < 8 and result.shots == 2
    assert all((a == b).all() for a, b in zip(frames("whole.mp4"), frames("out.mp4"), strict=True))


@pytest.mark.parametrize("keys", [1, 2])
def test_who_is_told_may_have_enough(here: Path, keys: int) -> None:
    def told(progress: FilmProgress) -> None:
        assert progress.picture is not None and progress.picture.shape == (120, 160, 3)
        if progress.frames == 3:
            raise Enough

    result = paint_film(
        VideoJob(film="film.mp4", styles=("style1",), keys=keys),
        out=Path("out.mp4"),
        session=Session(on_progress=told),
    )
    assert result.stopped and result.frames == len(frames("out.mp4")) == 3
    heard, whole = packets_of(Path("out.mp4")), packets_of(Path("film.mp4"))
    assert 0 < len(heard) < len(whole) and heard == whole[: len(heard)]  # no longer than the picture
    assert not Path("out.mp4.parts").exists()


def test_killed_while_the_parts_are_joined(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = VideoJob(film="film.mp4", styles=("style1",))
    paint_film(job, out=Path("whole.mp4"))

    class Killed(BaseException):
        pass

    real = PassthroughStreams.copy

    def copy(self: PassthroughStreams, *, until: Fraction | None = None) -> None:
        if self.source is not None and until is None:
            raise Killed
        real(self, until=until)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(PassthroughStreams, "copy", copy)
        paint_film(job, out=Path("out.mp4"))
    assert not Path("out.mp4").exists()
    assert paint_film(job, out=Path("out.mp4")).done == 0
    assert all((a == b).all() for a, b in zip(frames("whole.mp4"), frames("out.mp4"), strict=True))
    assert packets_of(Path("film.mp4")) == packets_of(Path("out.mp4"))


def _killed_after(count: int, **settings: object) -> None:
    """A run that is killed after so many frames; four are a part."""

    def told(progress: FilmProgress) -> None:
        if progress.frames == count:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        paint_film(_fed(**settings), out=Path("out.mp4"), session=Session(on_progress=told))


def _fed(**settings: object) -> VideoJob:
    """A job that takes no time: the film itself is what was painted."""
    return VideoJob(film="film.mp4", processed="film.mp4", consistency=0, **settings)  # type: ignore[arg-type]


def test_killed_while_parts_are_thrown_away(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paint_film(_fed(), out=Path("whole.mp4"))
    _killed_after(10)

    def rmtree(folder: Path) -> None:
        (folder / "000000000.nut").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shutil, "rmtree", rmtree)
        paint_film(_fed(), out=Path("out.mp4"), session=Session(restart=True))
    assert Path("out.mp4.parts/000000004.nut").exists()
    monkeypatch.setattr(video, "PART_FRAMES", 5)  # what is left would lie between the new parts
    result = paint_film(_fed(), out=Path("out.mp4"))
    assert result.done == result.frames == len(frames("out.mp4")) == len(frames("whole.mp4"))


@pytest.mark.parametrize("name", ["out.mp4", "out.gif", "out"])
def test_killed_while_the_film_comes_into_its_place(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    out, replaced, forgotten, moved = Path(name), Path.replace, segments.forget, list[Path]()

    def replace(self: Path, target: Path) -> Path:
        if out == target.parent:
            moved.append(target)
            if len(moved) == 4:  # a folder is half filled
                raise KeyboardInterrupt
        return replaced(self, target)

    def forget(folder: Path) -> None:
        if folder.exists():  # a file is in its place
            raise KeyboardInterrupt
        forgotten(folder)

    paint_film(_fed(), out=Path(f"whole{out.suffix}"))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "replace", replace)
        patch.setattr(segments, "forget", forget)
        paint_film(_fed(), out=out)
    assert out.exists()
    with pytest.raises(InputError, match="other settings"):
        paint_film(_fed(every=2), out=out)
    with pytest.raises(OutputError, match=r"exists|not empty"):
        paint_film(_fed(), out=out, session=Session(restart=True))
    result = paint_film(_fed(), out=out)
    assert result.done == 0 and result.frames == 11 and not Path(f"{name}.parts").exists()
    one, other = (list(open_film(path).frames()) for path in (out, f"whole{out.suffix}"))
    assert all((a.rgb == b.rgb).all() for a, b in zip(one, other, strict=True))
    with pytest.raises(OutputError, match=r"exists|not empty"):
        paint_film(_fed(), out=out)


def test_a_film_of_others_is_not_replaced_by_a_run_that_goes_on(here: Path) -> None:
    _killed_after(10)
    Path("out.mp4").write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists"):
        paint_film(_fed(), out=Path("out.mp4"))
    assert Path("out.mp4").read_bytes() == b"mine"


def test_parts_that_are_not_all_there_are_refused(run: Run, here: Path) -> None:
    _killed_after(10)
    Path("out.mp4.parts/000000004.nut").unlink()
    words = ("video", "film.mp4", "--processed", "film.mp4", "--consistency", "0", "-o", "out.mp4")
    code, _, wrong = run(*words)
    assert code == 2 and "lacks a part" in wrong and "--restart" in wrong and wrong.count("\n") == 1
    assert run(*words, "--restart")[0] == 0 and len(frames("out.mp4")) == 11


def test_killed_by_the_system_at_any_moment(here: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom impasto.films import paint_film, video\n"
        "from impasto.jobs import VideoJob\nfrom impasto.networks import library\n"
        "from impasto.session import Session\n"
        "library.SHIPPED = Path('none')\nvideo.PART_FRAMES = 4\n"
        "paint_film(VideoJob(film='film.mp4', styles=('style1',)), out=Path('out.mp4'),"
        " session=Session(on_progress=lambda p: (print(p.frames, flush=True), time.sleep(0.2))))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while process.stdout.readline().strip() != "6":
        assert process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not Path("out.mp4").exists()
    job = VideoJob(film="film.mp4", styles=("style1",))
    result = paint_film(job, out=Path("out.mp4"))
    assert result.done == 6 and result.frames == 11
    paint_film(job, out=Path("whole.mp4"))
    assert all((a == b).all() for a, b in zip(frames("whole.mp4"), frames("out.mp4"), strict=True))
    assert sorted(p.name for p in Path().glob("out*")) == ["out.mp4"]


def test_a_full_disk_is_told_and_nothing_is_lost(here: Path) -> None:
    writer = FilmWriter(Path("noisy.mkv"), (240, 320))
    for number in range(36):
        writer.write(
            np.random.default_rng(number).integers(0, 255, (240, 320, 3), np.uint8), Fraction(number)
        )
    writer.close()
    limit = 1_300_000
    code = (
        f"import resource, signal\nresource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from pathlib import Path\nfrom impasto.cli import main\nfrom impasto.films import video\n"
        "video.PART_FRAMES = 4\n"
        "main(['video', 'noisy.mkv', '--processed', 'noisy.mkv', '--consistency', '0', '-o', 'out.mkv'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert (
        "cannot write" in done.stderr
        and "repeat the command to resume" in done.stderr
        and done.stderr.count("\n") == 1
    )
    assert not Path("out.mkv").exists()
    job = VideoJob(film="noisy.mkv", processed="noisy.mkv", consistency=0)
    result = paint_film(job, out=Path("out.mkv"))
    assert result.done == 0 and result.frames == 36 == len(frames("out.mkv"))
    assert Path("out.mkv").stat().st_size > limit


def test_a_damaged_film_is_painted_as_far_as_it_goes(
    run: Run,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = FilmReader.frames

    def broken(self: FilmReader, **more: object) -> object:
        for number, frame in enumerate(real(self, **more)):  # type: ignore[arg-type]
            if number == 6:
                raise InputError(f"{self.path} is damaged after 6 frames")
            yield frame

    monkeypatch.setattr(FilmReader, "frames", broken)
    code, _, wrong = run("video", "film.mp4", "style1", "-o", "out.mp4")
    assert code == 2 and "damaged after 6 frames" in wrong and "the frames before are in out.mp4" in wrong
    monkeypatch.undo()
    assert len(frames(str(here / "out.mp4"))) == 6


def test_an_unknown_codec_is_told(run: Run, here: Path) -> None:
    data = Path("film.mp4").read_bytes()
    Path("odd.mp4").write_bytes(data.replace(b"avc1", b"zzz1"))
    code, _, wrong = run("video", "odd.mp4", "style1", "-o", "out.mp4")
    assert code == 2 and "odd.mp4" in wrong and wrong.count("\n") == 1


def test_another_programs_output_is_held_still(run: Run, here: Path) -> None:
    rng = np.random.default_rng(0)
    writer = FilmWriter(Path("wild.mp4"), (120, 160))
    for number in range(11):
        clean = scene(number) if number < 5 else texture(120, 160, seed=7)
        writer.write(
            np.clip(clean + rng.normal(0, 25, clean.shape), 0, 255).astype(np.uint8), Fraction(number, 10)
        )
    writer.close()
    code, said, wrong = run("video", "film.mp4", "--processed", "wild.mp4", "-o", "calm.mp4", "--json")
    assert code == 0 and json.loads(said)["shots"] == 2, wrong
    assert packets_of(Path("film.mp4")) == packets_of(Path("calm.mp4"))
    code, said, wrong = run(
        "measure", "calm.mp4", "--original", "film.mp4", "--baseline", "wild.mp4", "--json", "-o", "report"
    )
    assert code == 0, wrong
    told = json.loads(said)
    assert told["lags"]["1"]["ratio"] < 0.5 and told["frames"] == 11
    assert {p.name for p in Path("report").iterdir()} == {
        "report.json",
        "index.html",
        "profile.png",
        "errors.png",
    }
    code, _, wrong = run("video", "film.mp4", "--processed", "calm.mp4", "style1", "-o", "x.mp4")
    assert code == 2 and "not both" in wrong


def test_a_processed_film_that_is_too_short_is_told(run: Run, here: Path) -> None:
    assert run("video", "film.mp4", "style1", "--end", "0.4", "-o", "short.mp4")[0] == 0
    code, _, wrong = run("video", "film.mp4", "--processed", "short.mp4", "-o", "x.mp4")
    assert code == 2 and "ends after 4 frames" in wrong and "the frames before are in x.mp4" in wrong
    assert wrong.count("\n") == 1 and len(frames("x.mp4")) == 4
    assert not Path("x.mp4.parts").exists()


def test_a_preview_tells_what_all_of_it_takes(run: Run, here: Path) -> None:
    code, said, wrong = run("video", "film.mp4", "style1", "--preview", "0.4s", "-o", "p.mp4", "--json")
    told = json.loads(said)
    assert code == 0 and told["frames"] < 11 and told["whole"]["bytes"] > 0, wrong
    assert abs(len(frames("p.mp4")) - 4) <= 1
    part = ("--start", "0.5", "--end", "0.9", "--preview", "1s")
    code, said, wrong = run("video", "film.mp4", "style1", *part, "-o", "q.mp4", "--json")
    told = json.loads(said)
    assert code == 0 and told["frames"] == len(frames("q.mp4")) == 4, wrong
    assert told["whole"]["bytes"] < Path("q.mp4").stat().st_size


def test_a_flow_of_ones_own(here: Path) -> None:
    asked = []

    def still(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        asked.append((first.shape, second.shape))
        return np.zeros((*first.shape[:2], 2), np.float32)

    def told(progress: FilmProgress) -> None:
        if progress.frames == 7:
            raise KeyboardInterrupt

    job = VideoJob(film="film.mp4", styles=("style1",))
    with pytest.raises(KeyboardInterrupt):
        paint_film(job, out=Path("out.mp4"), flow=still, session=Session(on_progress=told))
    assert asked[0] == ((120, 160, 3), (120, 160, 3))
    with pytest.raises(InputError, match="other settings"):
        paint_film(job, out=Path("out.mp4"))
    assert paint_film(job, out=Path("out.mp4"), flow=still).frames == 11


def test_progress_tells_frames_rate_and_size(here: Path) -> None:
    seen: list[FilmProgress] = []
    paint_film(
        VideoJob(film="film.mp4", styles=("style1",)),
        out=Path("out.mkv"),
        session=Session(on_progress=seen.append),
    )
    assert [p.frames for p in seen] == list(range(1, 12)) and all(p.expected == 11 for p in seen)
    assert seen[0].bytes is None and seen[-1].bytes
    size = Path("out.mkv").stat().st_size
    assert 0.4 * size < seen[-1].bytes < 2.5 * size


def test_the_recipe_is_in_the_film(run: Run, here: Path) -> None:
    assert run("styles", "describe", "style1", "--license", "CC0")[0] == 0
    assert run("video", "film.mp4", "style1", "--end", "0.3", "-o", "out.mp4")[0] == 0
    with av.open("out.mp4") as container:
        told = json.loads(container.metadata["comment"])
    assert told["verb"] == "video" and told["job"]["styles"] == ["style1"]
    assert told["licenses"] == {"style1": "CC0"}
    assert set(told["inputs"]) == {"film.mp4"} and str(here) not in json.dumps(told)
    assert run("replay", "out.mp4", "-o", "again.mp4")[0] == 0
    for one, other in zip(frames("out.mp4"), frames("again.mp4"), strict=True):
        assert np.array_equal(one, other)


def test_identity_keeps_colors_within_two_levels(here: Path) -> None:
    def even() -> object:
        for number, tone in enumerate(((200, 90, 40), (20, 120, 220), (128, 128, 128))):
            yield np.full((48, 64, 3), tone, np.uint8), Fraction(number, 10)

    Path("tones").mkdir()
    write_pictures(Path("tones"), "", even, wait=Fraction(1, 10))  # type: ignore[arg-type]
    job = VideoJob(film="tones", processed="tones", fps=10)
    paint_film(job, out=Path("out.mp4"))
    for frame, (rgb, _) in zip(frames("out.mp4"), even(), strict=True):  # type: ignore[call-overload]
        assert np.abs(frame.astype(int) - rgb).max() <= 2


def test_an_output_that_is_an_input_is_refused(run: Run, here: Path) -> None:
    before = Path("film.mp4").read_bytes()
    code, _, wrong = run("video", "film.mp4", "style1", "-o", "film.mp4", "--overwrite")
    assert code == 2 and "would be lost" in wrong and Path("film.mp4").read_bytes() == before


def test_memory_does_not_grow_with_the_film(here: Path) -> None:
    import tracemalloc

    held: list[int] = []

    def told(progress: FilmProgress) -> None:
        if progress.frames in (20, 40):
            held.append(tracemalloc.get_traced_memory()[0])

    writer = FilmWriter(Path("long.mkv"), (48, 64))
    for number in range(40):
        writer.write(texture(48, 64, seed=number % 5), Fraction(number, 25))
    writer.close()
    tracemalloc.start()
    paint_film(
        VideoJob(film="long.mkv", styles=("style1",)), out=Path("l.mkv"), session=Session(on_progress=told)
    )
    tracemalloc.stop()
    assert held[1] - held[0] < 20 / 2 * 48 * 64 * 3  # of twenty frames, not even every second is kept


def test_work_ahead_stops_when_it_is_no_longer_wanted() -> None:
    from impasto.films.prefetch import ahead

    made: list[int] = []

    def source() -> Iterator[int]:
        for number in range(1000):
            made.append(number)
            yield number

    with ahead(source(), by=2) as items:
        assert next(items) == 0
    count = len(made)
    time.sleep(0.05)
    assert len(made) == count < 6
    with pytest.raises(InputError, match="here"), ahead(_failing()) as items:
        assert list(items) == []


def _failing() -> Iterator[int]:
    yield from ()
    raise InputError("here")
