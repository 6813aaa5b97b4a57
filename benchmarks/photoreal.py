"""Photoreal transfer on pairs of photos with masks: preserved structure and distance to the style.

    python benchmarks/photoreal.py TOPIC --data DIR

DIR holds ``photoreal/`` with ``inN.jpg``, ``tarN.jpg`` and their masks ``inN_mask.png``, ``tarN_mask.png``,
as the test set of Luan et al. 2017 does, and ``video/dashcam_720p.mp4``. Only numbers are published,
because those photos may not be shown.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import harness
import regions

SIDE = 350  # long side for all measurements, pixels
DAY_TO_NIGHT, NIGHT_TO_DAY = (3, 4, 5, 20, 31), (19,)
PEER, METHODS = "color-matcher==0.6.0", ("hm-mkl-hm", "mkl", "reinhard")
Array = NDArray[np.float32]

# The peer maps the colors of whole images: every pair of files by every method, and one at 1280x720, timed.
_PEER = """
import json, sys, time
import numpy as np
from color_matcher import ColorMatcher
from color_matcher.normalizer import Normalizer
from PIL import Image
folder, methods, numbers, timed = sys.argv[1], *(json.loads(a) for a in sys.argv[2:])
read = lambda name: np.array(Image.open(f"{folder}/{name}.png").convert("RGB"))
def match(method, photo, style):
    return Normalizer(ColorMatcher().transfer(src=photo, ref=style, method=method)).uint8_norm()
seconds = {}
for method in methods:
    for n in numbers:
        found = match(method, read(f"content{n}"), read(f"style{n}"))
        Image.fromarray(found).save(f"{folder}/{method}{n}.png")
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        match(method, read("timed"), read(f"style{timed}"))
        times.append(time.perf_counter() - begun)
    seconds[method] = sorted(times)[1]
print("RESULT", json.dumps(seconds))
"""


class Pair:
    """A pair at the size of the measurement, with its classes."""

    def __init__(self, data: Path, number: int, *, swapped: bool = False) -> None:
        from impasto import image, looks

        names = [f"in{number}", f"tar{number}"]
        if swapped:
            names.reverse()
        read = [image.read(data / f"{name}.jpg").rgb for name in names]
        sizes = [(p.shape[0], p.shape[1]) for p in read]
        small = [image.fit(size, SIDE) for size in sizes]
        self.content, self.style = (image.resize(p, s) for p, s in zip(read, small, strict=True))
        found = looks.read_masks([data / f"{name}_mask.png" for name in names], sizes)
        self.regions, self.style_regions = (r.resize(s) for r, s in zip(found, small, strict=True))
        self.number = -number if swapped else number

    def masks(self) -> list[Array]:
        """Return the masks as id maps, at this size."""
        ids = [(r.labels + 1).astype(np.uint8) for r in (self.regions, self.style_regions)]
        return list(ids)  # type: ignore[arg-type]

    def one(self) -> list[Array]:
        """Return masks of a single class."""
        return [np.ones_like(ids) for ids in self.masks()]


def _paint(pair: Pair, masks: list[Array] | None, *, photo: Array | None = None, **settings: Any) -> Array:
    import impasto

    content = pair.content if photo is None else photo
    return impasto.photoreal(content, pair.style, masks=masks, log=lambda text: None, **settings).picture


WAYS: dict[str, Callable[[Pair], Array]] = {
    "content unchanged": lambda pair: pair.content,
    "global map": lambda pair: _paint(pair, pair.one(), fast=True),
    "fast, masks": lambda pair: _paint(pair, pair.masks(), fast=True),
    "full, masks": lambda pair: _paint(pair, pair.masks()),
    "fast, automatic": lambda pair: _paint(pair, None, fast=True),
    "full, automatic": lambda pair: _paint(pair, None),
}


def _measure(pair: Pair, result: Array, judge: Any, alphas: Array) -> dict[str, float]:
    from impasto import metrics

    labels = {"output_labels": pair.regions.labels, "style_labels": pair.style_regions.labels}
    layers = regions.region_style_distance(result, pair.style, backbone=judge, **labels)
    return {
        "edge SSIM": metrics.edge_ssim(result, pair.content),
        "SSIM": metrics.ssim(result, pair.content),
        "mSWD": regions.region_palette_distance(result, pair.style, **labels),
        "VGG": float(np.mean(list(layers.values()))),
        "halo": metrics.halo_index(result, pair.content, alphas=alphas),
    }


def quality(data: Path, out: Path, ways: list[str] | None = None) -> None:
    """Measure baselines, closed form and refinement, with and without masks; or only ``ways``."""
    from impasto import backbones, image, looks

    numbers = sorted(int(path.stem[2:]) for path in data.glob("in*.jpg"))
    pairs = [Pair(data, number) for number in numbers]
    pairs += [Pair(data, number, swapped=True) for number in DAY_TO_NIGHT]
    judge = backbones.load(precision="float32")
    chosen = {way: paint for way, paint in WAYS.items() if ways is None or way in ways}
    found: dict[str, dict[int, dict[str, float]]] = {way: {} for way in chosen}
    pictures = []
    for pair in pairs:
        alphas = looks.Mattes.of(pair.content, pair.regions.labels, len(pair.regions.names)).alphas
        for way, paint in chosen.items():
            result = paint(pair)
            name = f"{way.replace(', ', '-').replace(' ', '-')}-{pair.number}.png"
            pictures.append(image.write(out / name, result, overwrite=True))
            found[way][pair.number] = _measure(pair, result, judge, alphas)
        print(f"  pair {pair.number} ...", flush=True)
    groups = {
        f"all {len(numbers)}": numbers,
        "day to night": list(DAY_TO_NIGHT),
        "night to day": [*NIGHT_TO_DAY, *(-n for n in DAY_TO_NIGHT)],
    }
    rows = [
        {"pairs": group, "way": way, **_means([found[way][n] for n in members])}
        for group, members in groups.items()
        for way in chosen
    ]
    known = (harness.recorded("photoreal") or {"rows": []})["rows"]
    rows = [row for row in known if row["way"] not in chosen] + rows
    harness.table(rows)
    harness.record("photoreal", rows, pictures=pictures)


def peers(data: Path, out: Path) -> None:
    """Measure a peer that maps colors on the same pairs, and its time at 1280x720 beside ours."""
    from impasto import backbones, image, looks

    pairs = [Pair(data, n) for n in sorted(int(path.stem[2:]) for path in data.glob("in*.jpg"))]
    for pair in pairs:
        image.write(out / f"content{pair.number}.png", pair.content, overwrite=True)
        image.write(out / f"style{pair.number}.png", pair.style, overwrite=True)
    large = Pair(data, DAY_TO_NIGHT[0])
    photo = image.read(
        image.write(out / "timed.png", image.resize(large.content, (720, 1280)), overwrite=True)
    ).rgb
    python = harness.peer("color-matcher", PEER)
    given = [json.dumps(x) for x in (METHODS, [pair.number for pair in pairs], large.number)]
    taken = harness.run([str(python), "-c", _PEER, str(out), *given], label=PEER)
    seconds = json.loads(taken.output.rpartition("RESULT ")[2])
    seconds["impasto, one class"] = _seconds(
        lambda: _paint(large, [np.ones((720, 1280), np.uint8), large.one()[1]], fast=True, photo=photo)
    )
    judge, rows, pictures = backbones.load(precision="float32"), [], []
    for way, took in seconds.items():
        found = []
        for pair in pairs:
            path = out / f"{way}{pair.number}.png".replace("impasto, ", "")
            if way not in METHODS:
                image.write(path, _paint(pair, pair.one(), fast=True), overwrite=True)
            pictures.append(path)
            result = image.read(path).rgb
            alphas = looks.Mattes.of(pair.content, pair.regions.labels, len(pair.regions.names)).alphas
            found.append(_measure(pair, result, judge, alphas))
        rows.append({"way": f"{PEER} {way}" if way in METHODS else way, "seconds": took, **_means(found)})
    harness.table(rows)
    harness.record("photoreal peers", rows, pictures=pictures, peers=["color-matcher"])


_ONE = """
import sys
import numpy as np
from color_matcher import ColorMatcher
from color_matcher.normalizer import Normalizer
from PIL import Image
photo, style, out = sys.argv[1:]
read = lambda name: np.array(Image.open(name).convert("RGB"))
found = ColorMatcher().transfer(src=read(photo), ref=read(style), method="mkl")
Image.fromarray(Normalizer(found).uint8_norm()).save(out)
"""


def memory(data: Path, out: Path) -> None:
    """Measure peak memory and time of a command for one photo of 1280x720, for the peer and for impasto."""
    from impasto import image

    pair = Pair(data, DAY_TO_NIGHT[0])
    photo = image.write(out / "memory.png", image.resize(pair.content, (720, 1280)), overwrite=True)
    style = image.write(out / "memory-style.png", pair.style, overwrite=True)
    python = harness.peer("color-matcher", PEER)
    rows, pictures = [], []
    files = [out / "memory-mask.png", out / "memory-style-mask.png"]
    ids = [pair.regions.resize((720, 1280)).labels.astype(np.uint8) + 1, pair.masks()[1]]
    for file, values in zip(files, ids, strict=True):
        Image.fromarray(np.asarray(values, np.uint8)).save(file)  # ids, not light
    ways = {
        "impasto --fast, masks": ("--fast", "--masks", *map(str, files)),
        "impasto --fast": ("--fast",),
        "impasto": (),
    }
    for who in (f"{PEER} mkl", *ways):
        path = out / f"memory-{who.replace(',', '').replace(' ', '-')}.png"
        if who.startswith(PEER):
            taken = harness.run([str(python), "-c", _ONE, str(photo), str(style), str(path)], label=who)
        else:
            more = ("-o", str(path), "--overwrite", "-q", *ways[who])
            taken = harness.impasto("photoreal", str(photo), str(style), *more, label=who)
        pictures.append(path)
        rows.append({"who": who, "seconds": taken.seconds, "peak GB": taken.gigabytes})
    harness.table(rows)
    harness.record("photoreal memory of a command", rows, pictures=pictures, peers=["color-matcher"])


def _seconds(work: Callable[[], Any]) -> float:
    """Return the median time of three runs, after one warm-up."""
    times = []
    for _ in range(4):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return harness.median(times[1:])


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def projection(data: Path, out: Path) -> None:
    """Measure what ``--photoreal`` changes in the results of ``stylize``."""
    import impasto
    from impasto import image, metrics

    rows, pictures = [], []
    for number in (*DAY_TO_NIGHT, *NIGHT_TO_DAY):
        pair = Pair(data, number)
        row: dict[str, Any] = {"pair": number}
        for name, settings in (("painted", {}), ("projected", {"photoreal": True})):
            result = impasto.stylize(pair.content, pair.style, preset="draft", size=SIDE, **settings).picture
            pictures.append(image.write(out / f"{name}-{number}.png", result, overwrite=True))
            row[f"{name} edge SSIM"] = metrics.edge_ssim(result, pair.content)
            row[f"{name} palette"] = metrics.palette_distance(result, pair.style)
        rows.append(row)
    rows.append({"pair": "mean"} | {k: float(np.mean([r[k] for r in rows])) for k in rows[0] if k != "pair"})
    harness.table(rows)
    harness.record("photoreal projection", rows, pictures=pictures)


def speed(data: Path, out: Path) -> None:
    """Time in process, after warm-up, at 1280x720, and of a saved look on 3840x2160 with file access."""
    import impasto
    from impasto import backbones, image
    from impasto.jobs import PhotorealJob

    pair = Pair(data, DAY_TO_NIGHT[0])
    rows = []
    photo = image.resize(pair.content, (720, 1280))
    masks = pair.masks()
    masks[0] = pair.regions.resize((720, 1280)).labels.astype(np.uint8) + 1  # type: ignore[assignment]
    look = out / "speed.look"
    impasto.photoreal(photo, pair.style, masks=masks, fast=True, save_look=look, overwrite=True)
    for name, settings in (("fast, masks", {"fast": True}), ("full, masks", {})):
        taken = _seconds(lambda settings=settings: _paint(pair, masks, photo=photo, **settings))
        rows.append({"what": f"1280x720 {name}", "seconds": taken})
    judge = backbones.load(PhotorealJob.backbone, precision=PhotorealJob.precision)
    taken = _seconds(lambda: _classes(photo, pair.style, judge))
    rows.append({"what": "1280x720 classes found, after the network is loaded", "seconds": taken})
    large = image.write(out / "speed-4k.jpg", image.resize(pair.content, (2160, 3840)), overwrite=True)

    def relight() -> None:
        impasto.photoreal(large, look, masks=[masks[0]], fast=True, log=lambda text: None).save(
            out / "speed-4k-night.jpg", overwrite=True
        )

    rows.append({"what": "3840x2160 saved look, JPEG to JPEG", "seconds": _seconds(relight)})
    mask = out / "speed-mask.png"
    Image.fromarray(np.asarray(masks[0], np.uint8)).save(mask)  # ids, not light
    taken = harness.impasto(
        "photoreal",
        str(large),
        str(look),
        "--fast",
        "--masks",
        str(mask),
        "-o",
        str(out / "speed-4k-night.jpg"),
        "--overwrite",
        "-q",
    )
    rows.append({"what": "the same as a command", "seconds": taken.seconds, "peak GB": taken.gigabytes})
    harness.table(rows)
    harness.record("photoreal speed", rows, pictures=[out / "speed-4k-night.jpg"])


def _classes(photo: Array, style: Array, backbone: Any) -> Any:
    """Find the classes of a photo and a style without masks, and solve the mattes of the photo."""
    from impasto import looks
    from impasto.jobs import PhotorealJob
    from impasto.looks.clustering import resize_input
    from impasto.painters.photoreal_refine import classes_of

    job = PhotorealJob("photo", ("style",))
    _, found = classes_of(job, [resize_input(photo), resize_input(style)], backbone=backbone)
    return looks.Mattes.of(photo, found[0].labels, len(found[0].names), sure=found[0].sure)


def film(data: Path, out: Path) -> None:
    """Compare the warp error of a video turned to night to that of one affine map of the same contrast."""
    from impasto.media import FilmReader, flicker

    source, style = data.parent / "video" / "dashcam_720p.mp4", data / f"tar{DAY_TO_NIGHT[0]}.jpg"
    rows = []
    with FilmReader(source) as reader:
        frames = [frame.rgb for frame in reader.frames()]
    for name, options in (("fast", ("--fast",)), ("full", ())):
        path = out / f"film-{name}.mp4"
        taken = harness.impasto(
            "photoreal", str(source), str(style), "-o", str(path), "--overwrite", "-q", *options
        )
        with FilmReader(path) as reader:
            graded = [frame.rgb for frame in reader.frames()]
        plain = _one_map(frames, graded)
        ours, theirs = flicker(graded, frames), flicker(plain, frames)
        rows.append(
            {
                "way": name,
                "warp error": ours.error,
                "one map": theirs.error,
                "ratio": ours.error / theirs.error,
                "seconds a frame": taken.seconds / len(frames),
            }
        )
    harness.table(rows)
    harness.record("photoreal film", rows, pictures=[out / f"film-{way}.mp4" for way in ("fast", "full")])


def _one_map(frames: list[NDArray[np.uint8]], graded: list[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Map the video so that mean and deviation of each channel equal those of the graded video."""
    thinned = [np.stack([f[::4, ::4] for f in film]) for film in (frames, graded)]
    ours, theirs = (film.reshape(-1, 3).astype(float) for film in thinned)
    gain = theirs.std(0) / ours.std(0)
    return [
        np.rint(((f - ours.mean(0)) * gain + theirs.mean(0)).clip(0, 255)).astype(np.uint8) for f in frames
    ]


TOPICS = {
    "quality": quality,
    "peers": peers,
    "memory": memory,
    "projection": projection,
    "speed": speed,
    "film": film,
}


def main() -> None:
    """Run one topic, or all."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("topic", choices=[*TOPICS, "all"])
    parser.add_argument(
        "--way", action="append", choices=list(WAYS), help="for quality: measure only this one again"
    )
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.way:
        quality(given.data / "photoreal", given.out, given.way)
        return
    for name, topic in TOPICS.items():
        if given.topic in (name, "all"):
            print(f"{name}: {topic.__doc__}")
            topic(given.data / "photoreal", given.out)


if __name__ == "__main__":
    main()
