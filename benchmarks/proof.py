"""Results stay where their photo is, and repeat to the bit.

    python benchmarks/proof.py [--out DIR]

It needs nothing but this repository: photos, style images and learned styles are those that impasto ships.
Results that are in DIR already are measured again, not made again. docs/proof.md explains the measure.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

import harness

Plane = NDArray[np.float64]

PAIRS = (  # a sample photo, and a style that is both a sample image and a learned style
    ("coffee", "waves"),
    ("chelsea", "watercolor"),
    ("astronaut", "stained_glass"),
    ("rocket", "birches"),
    ("camera", "hatching"),
)
DRAFT = ("--preset", "draft")
BLOCK, STRIDE, REACH = 64, 32, 8  # side and distance of the blocks, and the longest shift found, in pixels
CONFIDENT = 10.0  # 99 of 100 blocks of unrelated photos have a lower peak
CONTROL = (0.0, 0.5)  # the known shift that the measure has to find, in pixels
DRAWS = 60  # of the bootstrap


@dataclass(frozen=True)
class Way:
    """One way to make a picture: a verb, its options and the kind of style that it takes."""

    name: str
    verb: str
    style: str  # "image", "learned", "night" (the sample image of that name) or "none"
    options: tuple[str, ...] = ()
    pairs: int = 2  # how many of PAIRS are made


WAYS = (
    Way("learned, quality", "stylize", "learned", ("--network", "quality"), pairs=5),
    Way("learned, tiny", "stylize", "learned", ("--network", "tiny"), pairs=5),
    Way("instant", "stylize", "image", ("--instant",), pairs=5),
    Way("photoreal --night", "photoreal", "none", ("--night",)),
    Way("photoreal --fast", "photoreal", "night", ("--fast",)),
    Way("dream", "dream", "none"),
    Way("neighbors, draft", "stylize", "image", DRAFT, pairs=5),
    Way("mixed, draft", "stylize", "image", (*DRAFT, "--loss", "mixed")),
    Way("photoreal", "photoreal", "night", pairs=1),
    Way("tutorial, draft", "stylize", "image", (*DRAFT, "--method", "tutorial"), pairs=1),
    Way("paper, draft", "stylize", "image", (*DRAFT, "--method", "paper"), pairs=1),
    Way("neighbors, good", "stylize", "image", pairs=5),
)


def orientation(luma: Plane) -> NDArray[np.complex128]:
    """Return the gradient at doubled angles: the same for a contrast and its inverse.

    Source: Fitch et al. 2002, "Orientation correlation", without the normalization of each gradient.
    """
    down, right = np.gradient(ndimage.gaussian_filter(luma, 1))
    both = right + 1j * down
    return np.asarray(both**2 / np.maximum(np.abs(both), 1e-9))


def spectra(photo: NDArray[np.complex128], result: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return the cross-power spectra ``(N, BLOCK, BLOCK)`` of blocks, each with a correlation of RMS 1.

    Half whitened: otherwise the many weak frequencies of brush strokes outweigh those of the scene.
    """
    window = np.outer(np.hanning(BLOCK), np.hanning(BLOCK))
    found = []
    for top in range(0, photo.shape[0] - BLOCK + 1, STRIDE):
        for left in range(0, photo.shape[1] - BLOCK + 1, STRIDE):
            place = np.s_[top : top + BLOCK, left : left + BLOCK]
            parts = ((p[place] - np.average(p[place], weights=window)) * window for p in (photo, result))
            one, other = (np.fft.fft2(part) for part in parts)
            cross = other * np.conj(one)
            cross /= np.maximum(np.sqrt(np.abs(cross)), 1e-12)
            rms = float(np.sqrt(np.mean(np.real(np.fft.ifft2(cross)) ** 2)))
            if rms > 1e-9:
                found.append(cross / rms)
    return np.array(found).reshape(-1, BLOCK, BLOCK)


def peak(cross: NDArray[np.complex128]) -> tuple[float, float, float]:
    """Return the shift (down, right) with the highest correlation in pixels, and that correlation.

    Whole pixels first, then ever finer grids of the interpolated correlation.
    """
    frequencies = np.fft.fftfreq(BLOCK)

    def at(downs: Plane, rights: Plane) -> Plane:
        rows = np.exp(2j * np.pi * np.outer(downs, frequencies))
        return np.real(rows @ cross @ np.exp(2j * np.pi * np.outer(frequencies, rights))) / BLOCK**2

    whole = np.arange(-REACH, REACH + 1.0)
    downs, rights, step = whole, whole, 1.0
    while True:
        field = at(downs, rights)
        row, column = np.unravel_index(int(field.argmax()), field.shape)
        down, right = float(downs[row]), float(rights[column])
        if step < 0.005:
            return down, right, float(field.max())
        grid = np.linspace(-step, step, 9)
        downs, rights, step = down + grid, right + grid, step / 4


def peaks(every: NDArray[np.complex128]) -> Plane:
    """Return :func:`peak` of each block, ``(N, 3)``."""
    return np.array([peak(cross) for cross in every])


def registration(pairs: list[tuple[Plane, Plane]]) -> dict[str, Any]:
    """Return the shift of results from their photos ``(H, W)``, in pixels.

    ``down`` and ``right`` maximize the sum of the correlations of all confident blocks, and ``shift`` is its
    length; ``error`` is its standard error (bootstrap over blocks); ``block`` is the median length of the
    shifts of single blocks.
    """
    every = np.concatenate([spectra(orientation(photo), orientation(result)) for photo, result in pairs])
    found = peaks(every)
    kept = found[:, 2] >= CONFIDENT
    own = every[kept]
    down, right, _ = peak(own.sum(0))
    generator = np.random.default_rng(0)
    drawn = (
        np.bincount(generator.integers(len(own), size=len(own)), minlength=len(own)) for _ in range(DRAWS)
    )
    again = [peak(np.tensordot(counts.astype(float), own, 1))[:2] for counts in drawn]
    return {
        "blocks": len(every),
        "confident": len(own),
        "down": down,
        "right": right,
        "shift": float(np.hypot(down, right)),
        "error": float(np.hypot(*np.std(again, axis=0))),
        "block": float(np.median(np.hypot(*found[kept, :2].T))),
    }


def lumas(photo: Path, result: Path) -> tuple[Plane, Plane]:
    """Read both, the photo at the size of the result."""
    with Image.open(photo) as one, Image.open(result) as other:
        same = one.convert("L").resize(other.size, Image.Resampling.BICUBIC)
        pair = (same, other.convert("L"))
        first, second = (np.asarray(picture, np.float64) / 255 for picture in pair)
    return first, second


def make(way: Way, photo: str, style: str, out: Path) -> tuple[Path, Path]:
    """Return a photo and its result, made by the command line unless it is there."""
    source, samples = out / "samples" / "photos" / f"{photo}.png", out / "samples" / "styles"
    given = {"image": str(samples / f"{style}.png"), "night": str(samples / "night.png"), "learned": style}
    path = out / f"{way.name.replace(', ', '-').replace(' --', '-')}-{photo}.png"
    if not path.exists():
        styles = [given[way.style]] if way.style in given else []
        harness.impasto(way.verb, str(source), *styles, *way.options, "-o", str(path), label=path.stem)
    return source, path


def replayed(path: Path, samples: Path) -> bool:
    """Replay a picture in another process; return whether the file is the same, byte for byte."""
    again = path.with_name(f"again-{path.name}")
    options = ("--search", str(samples), "--overwrite")
    harness.impasto("replay", str(path), "-o", str(again), *options, label=f"replay {path.stem}")
    return harness.digest(again) == harness.digest(path)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench"), help="folder of the images")
    out: Path = parser.parse_args().out
    if not (out / "samples").exists():
        harness.impasto("styles", "samples", "-o", str(out / "samples"), label="samples")
    rows, pictures = [], list[Path]()
    for way in WAYS:
        made = [make(way, *pair, out) for pair in PAIRS[: way.pairs]]
        pairs = [lumas(*pair) for pair in made]
        moved = [(photo, ndimage.shift(result, CONTROL, order=5, mode="mirror")) for photo, result in pairs]
        found, control = registration(pairs), registration(moved)
        rows.append(
            {
                "way": way.name,
                "pictures": len(made),
                **found,
                "control": control["right"] - found["right"],
                "replay": "same bytes" if replayed(made[0][1], out / "samples") else "differs",
            }
        )
        pictures += [path for _, path in made]
        harness.record("registration", rows, pictures=pictures)  # after each, because it takes an hour
    harness.table(rows)


if __name__ == "__main__":
    main()
