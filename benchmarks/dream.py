"""Deep Dream: time, memory, exactness in tiles, preserved detail, and still videos.

    python benchmarks/dream.py TOPIC --data DIR

DIR holds ``content/tubingen.jpg``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import harness

STILL_FRAMES = 100


class Bench:
    """Folders of inputs and outputs."""

    def __init__(self, data: Path, out: Path) -> None:
        self.photo, self.out = data / "content" / "tubingen.jpg", out
        out.mkdir(parents=True, exist_ok=True)

    def sized(self, name: str, size: tuple[int, int]) -> Path:
        """Return the photo at a size (height, width)."""
        from impasto import image

        return image.write(self.out / name, image.resize(image.read(self.photo).rgb, size), overwrite=True)

    def dream(self, photo: Path, out: str, *options: str) -> tuple[Path, harness.Timed]:
        """Run ``impasto dream``."""
        path = self.out / out
        arguments = ("dream", str(photo), "-o", str(path), "--overwrite", "-q", *options)
        return path, harness.impasto(*arguments, label=f"{out} {' '.join(options)}")


def speed(bench: Bench) -> None:
    """Time 640 px with the default settings, start-up included; the goal is 60 s on two cores."""
    photo = bench.sized("640.png", (480, 640))
    runs = [bench.dream(photo, "dream-640.png") for _ in range(3)]
    rows = [
        {
            "pixels": "640x480",
            "seconds": harness.median([took.seconds for _, took in runs]),
            "peak GB": max(took.gigabytes for _, took in runs),
        }
    ]
    harness.table(rows)
    harness.record("dream, 640 px", rows, pictures=[runs[0][0]])


def memory(bench: Bench) -> None:
    """Measure peak memory at 12 megapixels, one step at each of two octaves; the goal is 3 GB."""
    photo = bench.sized("12mp.jpg", (3000, 4000))
    path, took = bench.dream(photo, "dream-12mp.jpg", "--size", "original", "--octaves", "2", "--steps", "1")
    rows = [{"pixels": "4000x3000", "seconds": took.seconds, "peak GB": took.gigabytes}]
    harness.table(rows)
    harness.record("dream, 12 megapixels", rows, pictures=[path])


def tiles(bench: Bench) -> None:
    """Compare the gradient in 3x3 tiles, with uneven rest, to that of the whole; the goal is 1e-4."""
    import torch

    from impasto import backbones, tensors
    from impasto.jobs import VGG_LAYERS
    from impasto.losses import Activation, BindContext
    from impasto.optim import evaluate
    from impasto.optim.memory import tiling
    from impasto.tiles import Window

    size, rows = (701, 733), []
    now = tensors.resize(tensors.from_source(bench.photo), size).clamp(0, 1)
    loss = Activation(VGG_LAYERS)
    for convolutions in ("Winograd", "plain", "plain, float64"):
        network = backbones.load("vgg19", precision="float32")
        if convolutions != "Winograd":
            network.winograd, network.block = False, 1
        if "float64" in convolutions:
            network.double().dtype, now = torch.float64, now.double()
        cut = tiling(network, loss.needs, pixels=512**2)
        assert cut is not None
        whole, tiled = (
            evaluate(loss.bind(BindContext(network, size)), now, backbone=network, windows=windows).gradient
            for windows in ([Window.full(size)], cut(size))
        )
        error = float((tiled - whole).norm() / whole.norm())
        pixels = f"{size[1]}x{size[0]}"
        rows.append(
            {"convolutions": convolutions, "tiles": len(cut(size)), "pixels": pixels, "relative error": error}
        )
    harness.table(rows)
    harness.record("dream, tiles", rows)


def detail(bench: Bench) -> None:
    """Measure high-pass PSNR against the photo where the gradient is low; the goal is 30 dB."""
    import torch

    from impasto import backbones, tensors
    from impasto.jobs import VGG_LAYERS
    from impasto.losses import Activation, BindContext
    from impasto.optim import evaluate
    from impasto.optim.transforms import blur
    from impasto.tiles import Window

    photo = bench.sized("640.png", (480, 640))
    path, _ = bench.dream(photo, "dream-detail.png")
    before, after = (tensors.from_source(p) for p in (photo, path))
    network, loss = backbones.load("vgg19", precision="float32"), Activation(VGG_LAYERS)
    bound = loss.bind(BindContext(network, (480, 640)))
    found = evaluate(bound, before, backbone=network, windows=[Window.full((480, 640))]).gradient
    strength = blur(found.abs().sum(1, keepdim=True), 4.0)
    miss = ((after - blur(after, 2.0)) - (before - blur(before, 2.0))).square().mean(1, keepdim=True)
    rows = []
    for share in (0.1, 0.25, 0.5, 1.0):
        low = strength <= strength.flatten()[::4].quantile(share)
        rows.append({"lowest": share, "high-pass PSNR": float(-10 * torch.log10(miss[low].mean()))})
    harness.table(rows)
    harness.record("dream, detail", rows, pictures=[path])


def still(bench: Bench) -> None:
    """Measure brightness and change over the frames of a still video; the goal is a drift below 1 %."""
    import numpy as np

    from impasto import image
    from impasto.media import FilmReader, FilmWriter

    film = bench.out / "still.mp4"
    rgb = image.resize(image.read(bench.photo).rgb, (144, 192))
    writer = FilmWriter(film, (144, 192))
    for number in range(STILL_FRAMES):
        writer.write((rgb * 255).round().astype(np.uint8), Fraction(number, 25))
    writer.close()
    path, took = bench.dream(film, "dream-still.mp4", "--json")
    with FilmReader(path) as reader:
        frames = [frame.rgb.astype(np.float32) for frame in reader.frames()]
    means = np.array([frame.mean() for frame in frames])
    changes = [float(np.abs(b - a).mean()) for a, b in pairwise(frames)]
    rows = [
        {
            "frames": len(frames),
            "seconds": took.seconds,
            "drift": float(np.abs(means / means[0] - 1).max()),
            "change a frame, of 255": float(np.mean(changes)),
            "the dream, of 255": float(np.abs(frames[-1] - rgb * 255).mean()),
            "dreamed": json.loads(took.output.splitlines()[-1])["painted"],
        }
    ]
    harness.table(rows)
    harness.record("dream, still film", rows, pictures=[path])


TOPICS: dict[str, Callable[[Bench], None]] = {
    "speed": speed,
    "memory": memory,
    "tiles": tiles,
    "detail": detail,
    "still": still,
}


def main() -> None:
    """Run one topic, or all."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("topic", choices=[*TOPICS, "all"])
    given = parser.parse_args()
    bench = Bench(given.data, given.out)
    for name, topic in TOPICS.items():
        if given.topic in (name, "all"):
            print(f"{name}: {topic.__doc__}")
            topic(bench)


if __name__ == "__main__":
    main()
