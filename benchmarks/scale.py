"""Large images and batches: tiles compared to the whole, memory, a poster, local workers and Ray.

    python benchmarks/scale.py TOPIC

Topics: ``tiles``, ``memory``, ``batch``, ``poster`` (an hour on two cores), and ``all`` but the last.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import harness

SIZE = (507, 517)  # for comparing tiles to the whole, pixels
PICTURES = 500
WORKERS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

_SETUP = """
import json, sys, time, torch
from impasto import backbones, losses, samples, tensors
from impasto.methods.coarse_to_fine import Style, objective
from impasto.losses import LAYERS, BindContext
from impasto.optim import Lbfgs, Stage, evaluate, memory, minimize
from impasto.parametrizations import Pixels
net = backbones.load()
style = Style(tensors.from_array(samples.style("waves", size=512)))
def photo_of(height, width):
    return tensors.resize(tensors.from_array(samples.photo("rocket")), (height, width)).clamp(0, 1)
def grained(photo):
    return 0.8 * photo + 0.1 * torch.rand(photo.shape, generator=torch.Generator().manual_seed(0))
"""

# One evaluation after binding, in a process of its own to measure its peak memory.
_ONE = """
height, width, side = (int(a) for a in sys.argv[1:4])
photo = photo_of(height, width)
loss = objective(photo, [style])
cut = memory.tiling(net, LAYERS, pixels=side**2) if side else None
begun = time.perf_counter()
context = BindContext(net, (height, width), wanted=loss.needs, cut=cut)
bound = loss.bind(context)
bind = time.perf_counter() - begun
found = evaluate(bound, photo, backbone=net, windows=context.windows((height, width)))
print("RESULT", json.dumps({"bind": bind, "evaluation": time.perf_counter() - begun - bind,
                            "tiles": len(context.windows((height, width)))}))
"""

_AGAINST = """
height, width, side = (int(a) for a in sys.argv[1:4])
net = backbones.load(precision=sys.argv[4])
if sys.argv[5] == "direct":
    net.winograd, net.block = False, 1
photo = photo_of(height, width)
loss = objective(photo, [style])
now, rows = grained(photo), {}
terms = {"all": loss, "gram": losses.Gram(style.picture), "meanvar": losses.MeanVariance(style.picture),
         "wasserstein": losses.Wasserstein(style.picture), "content": losses.Content(0.5 * photo)}
for name, term in terms.items():
    found = []
    for cut in (None, memory.tiling(net, LAYERS, pixels=side**2)):
        context = BindContext(net, (height, width), wanted=term.needs, cut=cut)
        windows = context.windows((height, width))
        found.append(evaluate(term.bind(context), now, backbone=net, windows=windows))
    whole, tiled = (f.gradient for f in found)
    rows[name] = float((tiled - whole).norm() / whole.norm())
outcomes = [minimize(loss, Pixels(photo), schedule=(Stage((height, width), 6),), backbone=net, tiling=cut)
            for cut in (None, memory.tiling(net, LAYERS, pixels=side**2))]
moved = float((outcomes[0].picture - outcomes[1].picture).abs().max() * 255)
losses_ = [o.history[-1].loss for o in outcomes]
print("RESULT", json.dumps({"tiles": len(windows), **rows, "levels after 5 steps": moved,
                            "final losses": losses_, "loss": abs(losses_[1] / losses_[0] - 1)}))
"""

# The first evaluation of a painting of 24 megapixels, planned for 8 GB, as by the command line.
_POSTER = """
from pathlib import Path
from impasto import image, jobs, painters
from impasto.optim import loop
folder, most = Path(sys.argv[1]), sys.argv[2]
times, real = [], loop.evaluate
def evaluate_once(*arguments, **more):
    begun = time.perf_counter()
    found = real(*arguments, **more)
    times.append((time.perf_counter() - begun, len(more["windows"])))
    return found
loop.evaluate = evaluate_once
import impasto.painters.optimize as optimize
optimize.schedule = lambda job, size: (Stage(size, 1),)
begun = time.perf_counter()
job = jobs.StylizeJob(str(folder / "poster.png"), (str(folder / "waves.png"),), size="original", memory=most)
painters.run(job).save(folder / "poster-painted.jpg", overwrite=True)
print("RESULT", json.dumps({"evaluation": times[0][0], "tiles": times[0][1],
                            "all": time.perf_counter() - begun}))
"""


def _measured(code: str, *arguments: object, label: str) -> dict[str, Any]:
    """Run code in a process of its own; return its printed result and the peak memory in GB."""
    found = harness.run([sys.executable, "-c", _SETUP + code, *map(str, arguments)], label=label)
    line = next(line for line in found.output.splitlines() if line.startswith("RESULT "))
    return {**json.loads(line[7:]), "gigabytes": found.gigabytes}


def tiles(out: Path) -> None:
    """Compare gradient, image and loss of 3x3 tiles to the whole; time per megapixel with and without."""
    rows = []
    for precision, way in (("float32", "direct"), ("float32", "Winograd"), ("bfloat16", "direct")):
        label = f"tiles against the whole, {precision}, {way}"
        found = _measured(_AGAINST, *SIZE, 384, precision, way, label=label)
        rows.append({"convolutions": f"{precision}, {way}", "size": f"{SIZE[1]}x{SIZE[0]}", **found})
    harness.table(rows)
    harness.record("tiles", rows)
    rows = []
    for height, width, side in ((1000, 1000, 0), (1000, 1000, 700), (1500, 2000, 1000), (4000, 6000, 1000)):
        found = _measured(
            _ONE, height, width, side, label=f"{width}x{height}, at most {side or 'all'} a side at once"
        )
        pace = found["evaluation"] / (height * width / 1e6)
        rows.append({"size": f"{width}x{height}", "side": side, "seconds a megapixel": pace, **found})
    harness.table(rows)
    harness.record("tiles by size", rows)


def memory(out: Path) -> None:
    """Measure peak memory of one evaluation in one piece, for the constants of the planner."""
    rows = []
    for side in (256, 512, 768, 1024):
        found = _measured(_ONE, side, side, 0, label=f"{side}x{side}")
        rows.append({"side": side, **found})
    first, last = rows[0], rows[-1]
    slope = (last["gigabytes"] - first["gigabytes"]) * 2**30 / (last["side"] ** 2 - first["side"] ** 2)
    rows.append({"side": "bytes a pixel", "gigabytes": slope})
    harness.table(rows)
    harness.record("memory", rows)


def poster(out: Path) -> None:
    """Run one evaluation of the finest size of 24 megapixels within 8 GB, with file access."""
    from impasto import image, samples

    image.write(out / "poster.png", image.resize(samples.photo("rocket"), (4000, 6000)), overwrite=True)
    image.write(out / "waves.png", samples.style("waves", size=512), overwrite=True)
    rows = [{"size": "6000x4000", **_measured(_POSTER, out, "8GB", label="24 megapixels within 8 GB")}]
    harness.table(rows)
    harness.record("poster", rows, pictures=[out / "poster-painted.jpg"])


def batch(out: Path) -> None:
    """Measure images per second of one process, local workers and Ray, also with damaged files and kills."""
    from impasto import image, samples

    photos, bad = out / "photos", out / "damaged"
    style = _style(out)
    for folder in (photos, bad):
        folder.mkdir(exist_ok=True)
    rgb = samples.photo("rocket")
    for number in range(PICTURES):
        picture = image.resize(rgb[number % 50 :], (384, 512))
        path = image.write(photos / f"{number:03d}.jpg", picture, overwrite=True)
        data = path.read_bytes()
        (bad / path.name).write_bytes(data[: len(data) // 2] if number % 10 == 0 else data)
    rows = []
    for name, options in (
        ("one process", ["--workers", "1"]),
        ("local", []),
        ("ray", ["--engine", "ray"]),
        ("local, 10 % damaged, two workers killed", []),
        ("ray, 10 % damaged, two workers killed", ["--engine", "ray"]),
    ):
        harmed = "damaged" in name
        target = out / f"painted-{len(rows)}"
        rows.append({"engine": name, **_batch(bad if harmed else photos, target, style, options, harmed)})
    harness.table(rows)
    harness.record("batch", rows, pictures=[out / "painted-0" / "001.png"])


def _batch(photos: Path, out: Path, style: str, options: list[str], harmed: bool) -> dict[str, Any]:
    """Run one batch; return its rate with and without start-up, from the times of the rows' files."""
    shutil.rmtree(out, ignore_errors=True)  # images of an earlier run would be skipped
    code = "from impasto.cli import main; main()"
    arguments = ["batch", str(photos), "--style", style, "-o", str(out), "-q", "--json", *options]
    begun = time.time()
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True)
    if harmed:
        threading.Thread(target=_kill_two, args=(process.pid, out), daemon=True).start()
    told = json.loads(process.communicate()[0])
    seconds = time.time() - begun
    times = sorted(path.stat().st_mtime for path in out.glob("*.png"))
    steady = (len(times) - 1) / max(times[-1] - times[0], 1e-9)
    return {
        "done": told["done"],
        "failed": told["failed"],
        "pictures a second": told["done"] / seconds,
        "after start-up": steady,
        "start-up": times[0] - begun,
        "pictures": _digest(out),
    }


def _digest(folder: Path) -> str:
    """Return one hash of all images in a folder and their names, to compare engines."""
    text = "".join(f"{path.name} {harness.digest(path)}\n" for path in sorted(folder.glob("*.png")))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _kill_two(parent: int, out: Path) -> None:
    """Kill a worker after fifty images, and another after a hundred."""
    for goal in (50, 100):
        while len(list(out.glob("*.png"))) < goal:
            time.sleep(0.2)
        os.kill(next(_workers(parent)), signal.SIGKILL)


def _workers(parent: int) -> Iterator[int]:
    """Yield the worker processes below a process: local workers, or Ray actors, by their name."""
    listed = (path.read_text() for path in Path(f"/proc/{parent}/task").glob("*/children"))
    for child in " ".join(listed).split():
        line = Path(f"/proc/{child}/cmdline").read_bytes()
        if b"spawn_main" in line or line.startswith(b"ray::_Worker"):
            yield int(child)
        yield from _workers(int(child))


def _style(out: Path) -> str:
    """Write a pack of the usual size with random weights, which is as fast as a trained one."""
    import torch

    from impasto.networks import PLANS, LearnedStyle, Pack, packs
    from impasto.networks.torch_engine import StyleNetwork

    network = StyleNetwork(PLANS["quality"], rows=2, seed=1)
    with torch.no_grad():
        trunk = {name: p.detach().numpy() for name, p in network.trunk.items()}
        values = network.rows.detach().numpy()
    pack = Pack(PLANS["quality"], trunk, values[:1])
    pack = pack.add_style(LearnedStyle("random", rows=(), scales=(1.0,)), values[1:])
    path = packs.save(pack, out / "random.safetensors", overwrite=True)
    return f"{path}#random"


TOPICS = {"tiles": tiles, "memory": memory, "poster": poster, "batch": batch}


def main() -> None:
    """Run one topic, or all but the poster."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench"), help="folder of the images")
    parser.add_argument("topic", choices=[*TOPICS, "all"])
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for name, topic in TOPICS.items():
        if given.topic in (name, "all") and (name != "poster" or given.topic == name):
            topic(given.out)


if __name__ == "__main__":
    main()
