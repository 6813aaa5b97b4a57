"""Paint the dreams of the docs: ``dreams.py FOLDER [NAME ...]`` with the folder of the photos.

docs/dream.md names the photos and their authors.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

import impasto
from impasto import image, samples
from impasto.verbs.demo import sheet

IMAGES = Path(__file__).resolve().parents[1] / "images"
SIDE, OCTAVES = 900, 7  # long side in pixels, and number of octaves, enough to start from a small image
HEAVIEST = 190_000  # largest size of an image, bytes

# name: photo, settings of the dream
DREAMS: dict[str, tuple[str, dict[str, Any]]] = {
    "mountain": ("picosdeeuropa", {"steps": (20, 6)}),
    "towers": ("picosdeeuropa", {"layers": "relu5_2[224]", "steps": (16, 3)}),
    "stream": ("life_by", {}),
    "boats": ("EveningGlow", {}),
}
ATLAS = ("relu4_3", "relu4_4[319]", "relu4_4[470]", "relu5_2", "relu5_2[152]", "relu5_2[224]")


def photo(folder: Path, name: str) -> np.ndarray:
    """Read the photo in the folder whose file name contains ``name``."""
    return image.read(next(iter(sorted(folder.glob(f"*{name}*"))))).rgb


def dreamed(name: str) -> Callable[[Path], np.ndarray]:
    """Return a function that paints one of the dreams."""
    source, settings = DREAMS[name]
    return lambda folder: (
        impasto.dream(photo(folder, source), size=SIDE, octaves=OCTAVES, seed=0, **settings).picture
    )


def command(name: str) -> str:
    """Return the command that paints one of the dreams."""
    _, settings = DREAMS[name]
    words = ["impasto", "dream", f"{'mountain' if name == 'towers' else name}.jpg"]
    words += ["--size", str(SIDE), "--octaves", str(OCTAVES)]
    for key, value in settings.items():
        words += [f"--{key}", value if isinstance(value, str) else ",".join(map(str, value))]
    return shlex.join(words)


def guided(folder: Path) -> np.ndarray:
    """Return a sheet of the photo, the guide, and the dream with the guide's shapes."""
    stream, cat = photo(folder, "life_by"), samples.photo("chelsea")
    dream = impasto.dream(stream, guide=cat, size=384, steps=(20, 4), seed=0).picture
    return sheet([[stream, cat, dream]], height=256)


def atlas(folder: Path) -> np.ndarray:
    """Return a sheet of images that maximize layers and channels, with their names."""
    cells = []
    for name in ATLAS:
        cell = Image.new("RGB", (292, 312), (22, 22, 26))
        cell.paste(Image.fromarray(levels(impasto.visualize(name, size=288, steps=160).picture)), (2, 2))
        ImageDraw.Draw(cell).text((6, 294), name, fill=(221, 221, 221))
        cells.append(np.asarray(cell))
    rows = [np.concatenate(cells[first : first + 3], 1) for first in range(0, len(cells), 3)]
    return np.concatenate(rows).astype(np.float32) / 255


def levels(picture: np.ndarray) -> np.ndarray:
    """Return an image as bytes."""
    return (picture * 255 + 0.5).astype(np.uint8)


def write(name: str, picture: np.ndarray) -> None:
    """Write a JPEG at the highest quality below ``HEAVIEST`` bytes."""
    for quality in range(92, 40, -2):
        stream = BytesIO()
        Image.fromarray(levels(picture)).save(stream, "JPEG", quality=quality, optimize=True)
        if stream.tell() <= HEAVIEST:
            break
    (IMAGES / f"dream-{name}.jpg").write_bytes(stream.getvalue())


PAINTED = {**{name: dreamed(name) for name in DREAMS}, "guided": guided, "atlas": atlas}


def paint(folder: Path, names: Sequence[str] = ()) -> None:
    """Paint the named dreams, or all."""
    for name in names or PAINTED:
        write(name, PAINTED[name](folder))


def main() -> None:
    """Paint as the command-line arguments say."""
    paint(Path(sys.argv[1]), sys.argv[2:])


if __name__ == "__main__":
    main()
