"""Batches: one row per job, no job done twice or lost, no file written outside the folder."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import signal
import sys
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from impasto import batching, files, films, image, samples
from impasto.batching import local, on_ray
from impasto.batching.manifest import Manifest, read
from impasto.batching.splitting import Films
from impasto.batching.tasks import Task, inside
from impasto.batching.worker import SHOT, Share, carry_out
from impasto.cli import main
from impasto.cli.batch import batch as batch_verb
from impasto.errors import InputError
from impasto.films import shots
from impasto.jobs import VideoJob
from impasto.media import FilmReader
from impasto.media.writing import FilmWriter
from impasto.networks import library, packs
from impasto.networks.openvino_engine import OnCpu
from impasto.session import Session
from impasto.verbs.replay import load_recipe
from impasto.verbs.run import in_batches
from support.networks import pack_of

MANIFEST = "manifest.jsonl"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a pack of one's own, four photos and a file that is none."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(library, "SHIPPED", tmp_path / "none")
    monkeypatch.chdir(tmp_path)
    packs.save(pack_of(), tmp_path / "mine.safetensors")
    (tmp_path / "in").mkdir()
    photo = samples.photo("chelsea")
    for number in range(4):
        image.write(f"in/{number}.png", image.resize(photo[number:], (40, 60)))
    Path("in/broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    return tmp_path


SETTINGS = {"styles": ["mine.safetensors#style1"]}


def rows(folder: str, status: str) -> list[dict[str, Any]]:
    return [row for row in read(Path(folder) / MANIFEST) if row["status"] == status]


def test_a_folder_is_painted_once_and_what_cannot_be_is_a_row(here: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    first = batching.run(
        "in",
        "out",
        settings=SETTINGS,
        workers=1,
        on_row=lambda row, n, total: told.append((row["status"], n, total)),
    )
    assert (first.done, first.skipped, first.failed) == (4, 0, 1)
    assert [n for _, n, _ in told] == [1, 2, 3, 4, 5] and {total for _, _, total in told} == {5}
    assert [s for s, _, _ in told].count("error") == 1
    done = rows("out", "done")
    assert sorted(row["output"] for row in done) == ["0.png", "1.png", "2.png", "3.png"]
    assert all(row["recipe"]["verb"] == "stylize" and len(row["sha256"]) == 64 for row in done)
    (error,) = rows("out", "error")
    assert "broken.jpg" in error["error"] and "\n" not in error["error"]
    assert sorted(p.name for p in Path("out").iterdir()) == ["0.png", "1.png", "2.png", "3.png", MANIFEST]
    stamps = {p: p.stat().st_mtime_ns for p in Path("out").glob("*.png")}
    again = batching.run("in", "out", settings=SETTINGS, workers=1)
    assert (again.done, again.skipped, again.failed) == (0, 4, 1)
    # What is missing is painted, what changed is painted anew, and errors are tried if asked for.
    Path("out/2.png").unlink()
    image.write("in/broken.jpg", image.read("in/0.png").rgb, overwrite=True)
    image.write("in/3.png", image.read("in/0.png").rgb, overwrite=True)
    third = batching.run("in", "out", settings=SETTINGS, workers=1, retry_errors=True)
    assert (third.done, third.skipped, third.failed) == (3, 2, 0)
    assert {p for p, stamp in stamps.items() if p.stat().st_mtime_ns == stamp} == {
        Path("out/0.png"),
        Path("out/1.png"),
    }


def test_what_would_be_lost_or_never_done_is_refused_at_once(here: Path) -> None:
    batching.run("in", "out", settings=SETTINGS, workers=1)
    before = Path("out/0.png").read_bytes()
    other = {"styles": ["mine.safetensors#style2"]}
    outcome = batching.run("in", "out", settings=other, workers=1)
    assert (outcome.done, outcome.failed) == (0, 5) and Path("out/0.png").read_bytes() == before
    assert "other settings" in next(r for r in rows("out", "error") if r["output"] == "0.png")["error"]
    assert batching.run("in", "out", settings=other, workers=1, overwrite=True, retry_errors=True).done == 4
    assert Path("out/0.png").read_bytes() != before
    for settings, words in (
        ({"styles": ["waevs"]}, "waevs"),
        ({"styles": ["gone.png"]}, "no such file"),
        ({**SETTINGS, "sise": 3}, "did you mean size"),
    ):
        with pytest.raises(InputError, match=words):
            batching.run("in", "new", settings=settings, workers=1)
    with pytest.raises(InputError, match="is the input folder"):
        batching.run("in", "in", settings=SETTINGS, workers=1)
    assert not Path("new").exists() and len(list(Path("in").iterdir())) == 5


def test_a_file_of_jobs_of_several_verbs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [
        {"content": "in/0.png", "styles": ["mine.safetensors#style1"], "output": "deep/er/a.png"},
        {"verb": "measure", "picture": "in/0.png", "content": "in/1.png"},
        {"verb": "stylize", "content": "in/0.png", "styles": ["mine.safetensors#style2"], "strength": 0.5},
        {"verb": "stylize", "content": "in/1.png", "styles": ["mine.safetensors#style1"], "output": "0.png"},
        {"verb": "live", "styles": ["x"]},
        {"content": "in/1.png", "styles": ["mine.safetensors#style1"], "strenght": 1},
        {"content": "gone.png", "styles": ["mine.safetensors#style1"], "output": "gone.png"},
        {"verb": "measure", "output": "in/0.png", "content": "in/1.png"},
    ]
    Path("jobs.jsonl").write_text("\n".join(map(json.dumps, jobs)) + '\n{"content": \n[1]\n')
    with pytest.raises(SystemExit) as stop:
        main(["batch", "jobs.jsonl", "-o", "out", "--workers", "1", "--json"])
    said = capsys.readouterr()
    assert stop.value.code == 2
    told = json.loads(said.out)
    assert (told["done"], told["failed"]) == (3, 7)
    assert "failed: see" in said.err.splitlines()[-1]
    assert said.err.splitlines()[0].startswith("1 of 10: ") and "; 0:" in said.err
    assert {row["recipe"]["verb"] for row in rows("out", "done")} == {"stylize", "measure"}
    figures = json.loads(Path("out/0.json").read_text())
    assert figures["ssim"] > 0.5
    errors = {row["origin"]: row["error"] for row in rows("out", "error")}
    assert "another job" in errors["jobs.jsonl:4"]
    assert "'live' is not one of stylize" in errors["jobs.jsonl:5"]
    assert "did you mean strength" in errors["jobs.jsonl:6"]
    assert 'needs "picture"' in errors["jobs.jsonl:8"]
    assert "not JSON" in errors["jobs.jsonl:9"] and "an object" in errors["jobs.jsonl:10"]
    assert Path("out/deep/er/a.png").exists() and Path("out/0.png").exists()


def test_what_an_engine_prints_is_no_result(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = batching.run

    def noisy(*arguments: Any, **settings: Any) -> Any:
        sys.stdout.write("(raylet) A worker died\n")
        return real(*arguments, **settings)

    monkeypatch.setattr(batching, "run", noisy)
    with pytest.raises(SystemExit):
        main(["batch", "in", "--style", "mine.safetensors#style1", "-o", "out", "--json", "-q"])
    said = capsys.readouterr()
    assert json.loads(said.out)["manifest"]
    assert "A worker died" in said.err


def test_light_and_dreams_are_jobs_too(here: Path) -> None:
    image.write("dusk.png", image.resize(samples.photo("rocket"), (40, 60)))
    with closing(FilmWriter(here / "film.mp4", (48, 64))) as writer:
        for number in range(3):
            writer.write(np.full((48, 64, 3), 60 + 40 * number, np.uint8), Fraction(number, 25))
    jobs = [
        {"verb": "photoreal", "content": "in/0.png", "styles": ["dusk.png"], "fast": True, "classes": 1},
        {"verb": "dream", "content": "in/1.png", "layers": ["relu1_1"], "octaves": 1, "steps": [1]},
        {"verb": "photoreal", "content": "film.mp4", "styles": ["dusk.png"], "fast": True, "classes": 1},
        {"verb": "dream", "content": "in/1.png", "output": "dusk.png", "layers": ["no_layer"]},
    ]
    Path("jobs.jsonl").write_text("\n".join(map(json.dumps, jobs)))
    outcome = batching.run("jobs.jsonl", "out", workers=1)
    done = {row["origin"]: row for row in rows("out", "done")}
    assert (outcome.done, outcome.failed) == (3, 1), rows("out", "error")
    light, dream, film = (done[f"jobs.jsonl:{number}"] for number in (1, 2, 3))
    assert (light["output"], dream["output"], film["output"]) == ("0.png", "1.png", "film.mp4")
    assert light["said"] and light["recipe"]["verb"] == "photoreal" and dream["recipe"]["verb"] == "dream"
    assert film["frames"] == 3 and film["recipe"]["verb"] == "photoreal"
    photo = image.read("in/1.png").rgb
    assert 0.003 < np.abs(image.read("out/1.png").rgb - photo).mean() < 0.3
    assert "no_layer" in rows("out", "error")[0]["error"]


def test_learning_and_an_atlas_are_jobs_too(here: Path) -> None:
    image.write("waves.png", samples.style("waves", size=64))
    brief = {"photos": "in", "network": "tiny", "scales": [1.0], "steps": 2, "side": 64, "batch": 1}
    jobs = [
        {"verb": "learn", "pictures": ["waves.png"], **brief},
        {"verb": "learn", "pictures": ["waves.png"], **brief, "output": "waves.png"},
        {"verb": "layers", "layers": ["relu1_1"], "channels": 1, "size": 32, "steps": 1},
    ]
    Path("in/broken.jpg").unlink()
    Path("jobs.jsonl").write_text("\n".join(map(json.dumps, jobs)))
    outcome = batching.run("jobs.jsonl", "out", workers=1)
    done = {row["origin"]: row for row in rows("out", "done")}
    assert (outcome.done, outcome.failed) == (2, 1), rows("out", "error")
    assert "must end in .safetensors or .style" in rows("out", "error")[0]["error"]
    row = done["jobs.jsonl:1"]
    assert (row["output"], row["styles"], row["steps"]) == ("waves.safetensors", ["waves"], 2)
    assert library.open_pack(Path("out/waves.safetensors")).names == ["waves"]
    assert row["recipe"]["job"]["pictures"] == ["waves.png"] and row["recipe"]["job"]["photos"] == "in"
    assert row["recipe"]["inputs"] == {"waves.png": files.sha256("waves.png")}
    assert done["jobs.jsonl:3"]["recipe"]["verb"] == "layers"
    assert done["jobs.jsonl:3"]["names"][0] == "relu1_1" and Path("out/vgg19/index.html").exists()
    assert not Path("out/.state").exists()
    # What a folder lists is an input: with another photo in it, it is learned anew.
    before = [task.key for task in batching.from_file(Path("jobs.jsonl"))]
    image.write("in/new.png", image.read("in/0.png").rgb)
    after = [task.key for task in batching.from_file(Path("jobs.jsonl"))]
    assert before[0] != after[0] and before[2] == after[2]


def test_help_and_docs_name_every_verb_that_runs() -> None:
    scale = (Path(__file__).parents[2] / "docs" / "scale.md").read_text()
    (listed,) = inspect.signature(batch_verb).parameters["source"].annotation.__metadata__
    for name in in_batches():
        assert f"`{name}`" in scale and name in listed.help


def test_pictures_of_one_name_in_several_folders_keep_their_folders(here: Path) -> None:
    for folder in ("sub/a", "sub/b/c"):
        Path(folder).mkdir(parents=True)
        image.write(f"{folder}/x.png", image.read("in/0.png").rgb)
    outcome = batching.run("sub/**/*.png", "out", settings=SETTINGS, workers=1)
    assert (outcome.done, outcome.failed) == (2, 0)
    assert Path("out/a/x.png").exists() and Path("out/b/c/x.png").exists()
    found = [Path("p/a/x.jpg"), Path("p/a/x.png"), Path("p/b/x.png")]
    assert list(batching.stems(found).values()) == ["a/x-jpg", "a/x-png", "b/x"]
    assert list(batching.stems([Path("in/x.png")]).values()) == ["x"]


def test_inputs_that_vanish_or_change_on_the_way_are_rows(here: Path) -> None:
    def told(row: dict[str, Any], *_: object) -> None:
        if row["origin"] == "in/0.png":
            Path("in/1.png").unlink()
            Path("in/2.png").write_bytes(b"\x89PNG\r\n\x1a\n cut off")
            image.write("in/3.png", image.read("in/0.png").rgb, overwrite=True)

    outcome = batching.run("in/?.png", "out", settings=SETTINGS, workers=1, on_row=told)
    assert (outcome.done, outcome.failed) == (2, 2)
    errors = {row["origin"]: row["error"] for row in rows("out", "error")}
    assert "1.png" in errors["in/1.png"] and "2.png" in errors["in/2.png"]
    assert np.array_equal(image.read("out/3.png").rgb, image.read("out/0.png").rgb)
    image.write("in/1.png", image.read("in/0.png").rgb)
    again = batching.run("in/?.png", "out", settings=SETTINGS, workers=1)
    assert (again.done, again.skipped, again.failed) == (1, 2, 1)


def test_trying_again_is_offered_only_where_it_may_help(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = {"content": "in/0.png", "styles": ["mine.safetensors#style1"]}
    for lines, words in (
        ([{**entry, "strenght": 1}, entry, {**entry, "strength": 0.5}], False),
        ([{**entry, "content": "in/broken.jpg"}], True),
    ):
        Path("jobs.jsonl").write_text("\n".join(map(json.dumps, lines)))
        for _ in range(2):
            with pytest.raises(SystemExit):
                main(["batch", "jobs.jsonl", "-o", "out", "--workers", "1", "-q"])
            assert ("--retry-errors" in capsys.readouterr().err) is words


def test_a_film_is_painted_by_many_as_by_one(
    here: Path, processes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = np.random.default_rng(3).integers(0, 256, (3, 60, 120, 3), np.uint8)
    with closing(FilmWriter(here / "film.mp4", (60, 80))) as writer:
        for number in range(15):
            shot, left = divmod(number, 5)
            texture = cv2.GaussianBlur(back[shot] // (shot + 1), (0, 0), 3)
            writer.write(texture[:, left : left + 80], Fraction(number, 25))
    job = {"film": "film.mp4", "styles": ["mine.safetensors#style1"]}
    threads = local.divide_resources(2, memory=2**40)[1].threads
    one = films.paint_film(VideoJob.parse(job), out=here / "one.mp4", session=Session(threads=threads))
    assert one.shots == 3 and [s.first for s in shots.shots(VideoJob.parse(job))] == [0, 5, 10]
    Path("jobs.jsonl").write_text(json.dumps({**job, "verb": "video"}))
    whole = shots.join_shots
    monkeypatch.setattr(shots, "join_shots", _stopped)  # when all is painted
    with pytest.raises(KeyboardInterrupt):
        batching.run("jobs.jsonl", "out", workers=2)
    monkeypatch.setattr(shots, "join_shots", whole)
    outcome = batching.run("jobs.jsonl", "out", workers=2)
    (row,) = rows("out", "done")
    assert outcome.done == 1 and (row["shots"], row["frames"], row["size"]) == (3, 15, [80, 60])
    assert row["recipe"] == json.loads(load_recipe("out/film.mp4").to_json())
    with FilmReader("one.mp4") as alone, FilmReader("out/film.mp4") as many:
        pairs = list(zip(alone.frames(), many.frames(), strict=True))
    assert load_recipe("out/film.mp4") == load_recipe("one.mp4") and one.recipe == load_recipe("one.mp4")
    assert load_recipe("out/film.mp4").threads == threads
    assert len(pairs) == 15 and all(a.time == b.time for a, b in pairs)
    assert all(np.array_equal(a.rgb, b.rgb) for a, b in pairs)
    assert not Path("out/.state").exists()
    Path("jobs.jsonl").write_text(json.dumps({**job, "verb": "video", "film": "in/broken.jpg"}))
    assert batching.run("jobs.jsonl", "out", workers=2).failed == 1


@pytest.mark.parametrize(
    "name",
    [
        "../out.png",
        "a/../../out.png",
        "/out.png",
        "C:\\out.png",
        "c:out.png",
        "..\\out.png",
        "a\0.png",
        "a\n.png",
        ".hidden/out.png",
        ".",
        "..",
        "",
        "x" * 2000,
        "é" * 150 + ".png",
        "aux. ",
        None,
        7,
        ["a.png"],
    ],
)
def test_an_output_that_leaves_the_folder_is_refused(name: object) -> None:
    with pytest.raises(InputError):
        inside(name)


def test_a_link_in_the_folder_leads_nowhere(here: Path) -> None:
    (here / "elsewhere").mkdir()
    (here / "out").mkdir()
    (here / "out" / "link").symlink_to(here / "elsewhere")
    (here / "out" / "self.png").symlink_to(here / "target.png")
    entry = {"content": "in/0.png", "styles": ["mine.safetensors#style1"]}
    lines = [{**entry, "output": name} for name in ("link/a.png", "self.png", MANIFEST)]
    Path("jobs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    outcome = batching.run("jobs.jsonl", "out", workers=1)
    assert (outcome.done, outcome.failed) == (0, 3)
    assert all("outside the output folder" in row["error"] for row in rows("out", "error"))
    assert not list((here / "elsewhere").iterdir()) and not (here / "target.png").exists()


def test_a_file_of_someone_else_is_not_replaced(here: Path) -> None:
    Path("out").mkdir()
    Path("out/0.png").write_text("mine")
    for _ in range(2):
        outcome = batching.run("in/0.png*", "out", settings=SETTINGS, workers=1, retry_errors=True)
        assert outcome.failed == 1 and Path("out/0.png").read_text() == "mine"
    outcome = batching.run(
        "in/0.png*", "out", settings=SETTINGS, workers=1, retry_errors=True, overwrite=True
    )
    assert outcome.done == 1 and image.read("out/0.png").size == (40, 60)


def test_an_output_that_other_settings_have_replaced_is_painted_again(here: Path) -> None:
    pictures = []
    for name in ("style1", "style2", "style1"):
        settings = {"styles": [f"mine.safetensors#{name}"]}
        outcome = batching.run("in/0.png*", "out", settings=settings, workers=1, overwrite=True)
        assert (outcome.done, outcome.skipped) == (1, 0)
        pictures.append(image.read("out/0.png").rgb)
    assert np.array_equal(pictures[0], pictures[2]) and not np.array_equal(pictures[0], pictures[1])


def test_what_killed_writers_left_is_swept(here: Path) -> None:
    batching.run("in/0.png*", "out", settings=SETTINGS, workers=1)
    Path("out/.0.99-abc.part.png").write_bytes(b"half")
    Path("out/.other.99-abc.part.png").write_bytes(b"someone's")
    Path("out/0.png").unlink()
    batching.run("in/0.png*", "out", settings=SETTINGS, workers=1)
    assert sorted(p.name for p in Path("out").iterdir()) == [".other.99-abc.part.png", "0.png", MANIFEST]


def test_a_manifest_cut_off_in_a_line_goes_on(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    manifest.add({"key": "a", "output": "a.png", "status": "done"})
    with manifest.path.open("ab") as stream:
        stream.write(b'{"key": "b", "outp')
    again = Manifest(tmp_path)
    again.add({"key": "c", "output": "c.png", "status": "error"})
    last = Manifest(tmp_path)
    assert [last.status(key) for key in "abc"] == ["done", "", "error"]
    assert last.owner("a.png") == "a" and not last.owner("b.png") and not last.owner("c.png")


def test_threads_and_memory_are_shared_out() -> None:
    cores = len(os.sched_getaffinity(0))
    count, share = local.divide_resources(None, memory=2**40)
    assert count == cores and share == Share(1, 2**40 // cores)
    assert local.divide_resources(None, memory=2**30)[0] == 1
    assert local.divide_resources(1, memory=2**30)[1].threads == cores
    assert local.divide_resources(64, memory=2**40)[1].threads == 1


def test_a_worker_that_is_killed_loses_nothing(here: Path, processes: None) -> None:
    killed: list[int] = []

    def told(row: dict[str, Any], *_: object) -> None:
        if not killed:
            children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
            workers = [int(c) for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]
            os.kill(workers[0], signal.SIGKILL)
            killed.append(workers[0])

    outcome = batching.run("in/?.png", "out", settings=SETTINGS, workers=1, on_row=told)
    assert killed and (outcome.done, outcome.failed) == (4, 0)


def test_a_job_that_kills_its_worker_twice_is_a_row() -> None:
    tasks = iter([Task("kill", {}, "a", "a", "1"), Task("fine", {}, "b", "b", "2")])
    done = {
        task.key: result
        for task, result in local.execute(tasks, Path(), workers=1, share=Share(1), serve=_mortal)
    }
    assert "worker died" in done["1"]["error"] and done["2"] == {"made": "b"}


def _mortal(line: Any, folder: str, share: Share) -> None:
    while True:
        try:
            verb, _, output, _ = line.recv()
        except EOFError:
            return
        if verb == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        line.send({"made": output})


@pytest.mark.parametrize(
    ("nodes", "workers", "count", "threads"),
    [
        ([(1, 0), (1, 0)], None, 2, 1),
        ([(4, 0), (4, 0)], 1, 1, 4),  # not eight: no node has them
        ([(6, 0), (2, 0)], 2, 2, 3),  # not four: the second would find no room
        ([(2, 0)], 64, 2, 1),
        ([(8, 2), (8, 1)], None, 3, 5),
        ([(8, 1)], 4, 1, 2),
    ],
)
def test_a_cluster_is_asked_for_no_more_than_its_nodes_hold(
    nodes: list[tuple[int, int]], workers: int | None, count: int, threads: int
) -> None:
    assert on_ray.divide_resources(nodes, workers)[:2] == (count, threads)


def test_threads_that_are_asked_for_are_those_of_each() -> None:
    assert local.divide_resources(3, memory=2**40, threads=1)[1].threads == 1
    assert local.divide_resources(None, memory=2**40, threads=2**20) == (1, Share(2**20, 2**40))
    assert on_ray.divide_resources([(4, 0), (4, 0)], 1, threads=1)[:2] == (1, 1)
    assert on_ray.divide_resources([(8, 1)], None, threads=1)[:2] == (1, 1)
    assert on_ray.divide_resources([(4, 0), (4, 0)], None, threads=2)[:2] == (4, 2)


@pytest.mark.parametrize("nodes", [[], [(0, 0)]])
def test_a_cluster_without_cores_is_refused(nodes: list[tuple[int, int]]) -> None:
    with pytest.raises(InputError, match="has a core"):
        on_ray.divide_resources(nodes, None)


def test_without_ray_the_mend_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install '\.\[batch\]'"):
        list(on_ray.execute(iter([]), Path(), workers=None, address=None))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing", "--style", "x"), "neither a folder"),
        (("in",), "--style"),
        (("jobs.jsonl", "--style", "x"), "leave out --style"),
        (("gone.jsonl",), "cannot read gone.jsonl"),
        (("in", "--style", "x", "--workers", "0"), "1 or more"),
        (("in", "--style", "x", "--set", "strength"), "strength=0.5"),
        (("in", "--style", "mine.safetensors#style1", "--address", "auto"), "--engine ray"),
    ],
)
def test_a_batch_that_cannot_begin_says_so_in_one_line(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    Path("jobs.jsonl").write_text('{"content": "in/0.png", "styles": ["waves.png"]}\n')
    monkeypatch.setenv(library.HOME, str(here / "none"))
    with pytest.raises(SystemExit) as stop:
        main(["batch", *arguments, "-o", "out"])
    said = capsys.readouterr()
    assert stop.value.code == 2 and words in said.err and said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("node", "options", "count", "share"),
    [
        ((8, 0), {"num_cpus": 1}, 16, 100),
        ((8, 0), {"num_cpus": 2}, 3, 266),  # not four: there are but three actors
        ((2, 0), {"num_cpus": 4}, 2, 800),  # one that no node should hold
        ((8, 2), {"num_gpus": 1, "num_cpus": 0}, 2, None),
    ],
)
def test_actors_of_a_node_share_its_memory(
    node: tuple[int, int], options: dict[str, int], count: int, share: int | None
) -> None:
    assert on_ray.memory_of_each(node, options, count, free=800) == share


def _stopped(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_what_breaks_while_films_are_split_or_joined_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shots, "shots", lambda job, **_: [films.FrameRange(0, 2), films.FrameRange(2, None)])
    monkeypatch.setattr(shots, "join_shots", lambda *_, **__: 1 / 0)
    film = Task("video", {"film": "a.mp4", "styles": ["waves"]}, "a.mp4", "a", "key")
    other = Task("stylize", {}, "b.png", "b", "other")
    painted = {"frames": 2, "size": [64, 48], "parts": [], "recipe": "{}"}
    book = Films(Path())
    done = list(book.join((task, painted) for task in list(book.split(iter([film, other])))))
    assert [task.key for task, _ in done] == ["key", "other"]
    assert done[0][1] == {"error": "ZeroDivisionError: division by zero", "fault": True}
    monkeypatch.setattr(shots, "shots", lambda job, **_: 1 / 0)
    assert list(book.split(iter([film, other]))) == [film, other]  # its worker says what it is


@pytest.mark.parametrize("film", [False, True])
def test_a_film_is_painted_with_the_threads_of_its_worker(
    here: Path, monkeypatch: pytest.MonkeyPatch, film: bool
) -> None:
    with closing(FilmWriter(here / "film.mp4", (48, 64))) as writer:
        for number in range(3):
            writer.write(np.full((48, 64, 3), 60 + 40 * number, np.uint8), Fraction(number, 25))
    asked: list[int | None] = []
    whole = OnCpu.__init__

    def begin(self: OnCpu, pack: Any, *, precision: Any = "auto", threads: int | None = None) -> None:
        asked.append(threads)
        whole(self, pack, precision=precision, threads=threads)

    monkeypatch.setattr(OnCpu, "__init__", begin)
    job = {"film": "film.mp4", "styles": ["mine.safetensors#style1"]}
    shot = {"job": job, "first": 0, "last": None, "film": "key"}
    verb, settings = ("video", job) if film else (SHOT, shot)
    found = carry_out(verb, settings, here / "out.mp4", here / ".state" / "x", Share(3))
    assert asked == [3] and found["frames"] == 3, found


def test_a_second_benchmark_does_not_skip_what_the_first_painted(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    scale = importlib.import_module("scale")
    left: list[list[str]] = []

    class Painted:
        """A batch that paints two pictures at once."""

        def __init__(self, *_: object, **__: object) -> None:
            left.append([path.name for path in Path("out").glob("*")])
            Path("out").mkdir(exist_ok=True)
            for number in range(2):
                Path(f"out/{number}.png").write_bytes(b"")

        def communicate(self) -> tuple[str, None]:
            return '{"done": 2, "failed": 0}', None

    monkeypatch.setattr(scale.subprocess, "Popen", Painted)
    for _ in range(2):
        scale._batch(Path("in"), Path("out"), "waves", [], False)
    assert left == [[], []]
