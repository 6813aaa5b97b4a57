"""Input images, output size and presets of a job. Does not need PyTorch."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from impasto import files, image
from impasto.errors import InputError
from impasto.image import Picture, Source
from impasto.jobs import Job, StylizeJob
from impasto.record import MADE_BY, Recipe, version


@dataclass(frozen=True)
class Budget:
    """Size and number of evaluations of a preset.

    Args:
        size: default long side, in pixels.
        first: least long side of a coarse stage, in pixels.
        steps: evaluations from the coarsest to the finest stage, for moment losses.
        ratio: ratio of consecutive sizes, for moment losses.
        neighbors: evaluations from the coarsest to the finest stage, for neural neighbors.
        rounds: evaluations of each round of the final pass of neural neighbors.
    """

    size: int
    first: int
    steps: tuple[int, ...]
    ratio: float = 2**0.5
    neighbors: tuple[int, ...] = (8,)
    rounds: tuple[int, ...] = (2,)

    def steps_at(self, longest: int) -> tuple[int, ...]:
        """Return the evaluations for an image with this long side, in pixels.

        At sizes other than the preset's own, the same number of evaluations gives a larger style distance;
        the added evaluations compensate for that (topic ``sizes`` of benchmarks/optimisation.py).
        """
        ratio = longest / self.size
        # An image smaller than the first stage has one stage, which gets all evaluations.
        more = 1.0 if longest < self.first else min(MOST, ratio if ratio > 1 else ratio**-SMALLER)
        return tuple(round(steps * more) for steps in self.steps)


# Largest factor on the evaluations of a preset, and the exponent of its growth below the preset's size.
MOST, SMALLER = 2.0, 0.5


BUDGETS = {
    "draft": Budget(320, 112, (14, 4, 2), ratio=1.65, neighbors=(20, 4), rounds=(4,)),
    "good": Budget(512, 128, (60, 36, 20, 10, 5), neighbors=(50, 30, 6), rounds=(6, 6)),
    "print": Budget(1024, 128, (160, 120, 80, 50, 30, 16, 8), neighbors=(80, 60, 30, 10), rounds=(8, 8)),
}


FLAT = 2 / 255  # largest difference within an image of one color
LARGE = 4_000_000  # pixels above which an 8-bit image is kept as uint8
WHITE = 0.998  # least value of a mask that selects the whole image
GRID = 16  # divisor of the sides of a seamless texture, pixels
LEAST_TILE = 64  # least side of a seamless texture, pixels
ASPECT = 0.05  # tolerated relative difference of the aspect ratio of a mask


class Inputs:
    """Input images of a job, read once, with their hashes for the recipe."""

    def __init__(self, job: Job, pictures: Mapping[str, Source]) -> None:
        self.job, self.pictures = job, pictures
        self._known: dict[str, Picture] = {}
        self._digests: dict[str, str] = {}
        self.names = job.inputs()
        masks = getattr(job, "mask", None) or ()
        self._masks = (masks,) if isinstance(masks, str) else masks
        self._most = int(job.settings()["max_pixels"])

    def source(self, name: str) -> Source:
        """Return the source of a name: an image in memory, or the path."""
        return self.pictures.get(name, name)

    def read(self, name: str) -> Picture:
        """Return the image of a name; for a mask, its coverage as a gray image."""
        if name not in self._known:
            picture = image.read(self.source(name), max_pixels=self._most)
            self._known[name] = image.as_mask(picture, name=name) if name in self._masks else picture
        return self._known[name]

    def read_at(self, name: str, size: int | str | None) -> NDArray[np.float32]:
        """Return an image ``(H, W, 3)`` at the long side ``size``; at its own size if that is no number."""
        picture = self.read(name)
        wanted = image.fit(picture.size, size) if isinstance(size, int) else picture.size
        return picture.flat() if wanted == picture.size else image.resize(picture.flat(), wanted)

    def forget(self, name: str) -> None:
        """Free the memory of an image that is no longer needed."""
        self._known.pop(name, None)

    def read_bytes(self, name: str, *, least: int) -> NDArray[np.uint8] | None:
        """Read a large 8-bit image as uint8, see :func:`impasto.image.read_bytes`; None for any other."""
        source = self.source(name)
        if not isinstance(source, (str, Path)):
            return None
        return image.read_bytes(source, max_pixels=self._most, least=least)

    def gray(self, name: str) -> NDArray[np.float32]:
        """Read a mask ``(H, W)``, 0..1; a large one without three channels of floats in memory."""
        plain = self.read_bytes(name, least=LARGE)
        if plain is None or int((plain.max(2) - plain.min(2)).max()) > 255 * image.ALIKE:
            return self.read(name).rgb[..., 0]
        gray = plain.mean(2, dtype=np.float32) / np.float32(255)
        return image.coverage(Picture(np.broadcast_to(gray[..., None], plain.shape)), name=name)

    def hand_over(self, name: str, digest: str) -> None:
        """Register the digest of a name that is not an image."""
        self._digests[name] = digest

    def recipe(self, device: str, *, engine: str, threads: int) -> Recipe:
        """Return the recipe; see :func:`recipe_of`."""

        def digest(name: str) -> str | None:
            return None if Path(name).is_dir() else self.digest(name)  # a folder of frames has no hash

        return recipe_of(self.job, device, engine=engine, threads=threads, digest=digest)

    def digest(self, name: str) -> str:
        """Return the hash of the content of an input."""
        if name in self._digests:
            return self._digests[name]
        source = self.source(name)
        return digest(source, source if isinstance(source, (str, Path)) else self.read(name))


def digest_of_file(name: str) -> str | None:
    """Return the SHA-256 of a file; None if there is no file of this name."""
    return files.sha256(name) if Path(name).is_file() else None


def recipe_of(
    job: Job,
    device: str,
    *,
    engine: str,
    threads: int,
    digest: Callable[[str], str | None] = digest_of_file,
) -> Recipe:
    """Return the recipe of a job: its settings with file names in place of paths, and the inputs' hashes.

    Args:
        job: the job, whose ``reads`` says what its inputs are.
        device: device of the run.
        engine: package that computes, whose version is recorded.
        threads: number of threads.
        digest: returns the hash of an input; None if it has none.
    """
    short = labels(job.inputs())
    settings = job.rename_files(job.settings(), short.__getitem__)
    found = {label: digest(name) for name, label in short.items()}
    hashes = {label: value for label, value in found.items() if value is not None}
    versions = {MADE_BY: version(), engine: metadata.version(engine), "python": platform.python_version()}
    return Recipe(job.verb, settings, hashes, device, threads, versions)


def labels(names: Iterable[str]) -> dict[str, str]:
    """Map each input to its file name, with a number appended where two are equal."""
    short: dict[str, str] = {}
    for name in dict.fromkeys(names):
        label, count = Path(name).name, 2
        while label in short.values():
            label, count = f"{Path(name).stem}-{count}{Path(name).suffix}", count + 1
        short[name] = label
    return short


def digest(source: Source, picture: Picture | str | Path) -> str:
    """Return the SHA-256 of an input: of its file, or of the values of an image in memory."""
    if isinstance(source, (str, Path)):
        return files.sha256(Path(source))
    assert isinstance(picture, Picture)
    return hashlib.sha256(picture.rgb.tobytes()).hexdigest()


def key_of(recipe: Recipe) -> str:
    """Return a key that identifies a run by its job and inputs, independent of the machine."""
    # Without the memory budget: a run that ran out of memory can be resumed with another one.
    settings = {name: value for name, value in recipe.job.items() if name != "memory"}
    text = replace(recipe, job=settings, device="", threads=0, versions={}).to_json()
    return hashlib.sha256(text.encode()).hexdigest()


def target_size(size: tuple[int, int], job: StylizeJob, *, longest: int | None = None) -> tuple[int, int]:
    """Return (height, width) of the result; only an explicit size enlarges an image.

    Those of a seamless texture are multiples of ``GRID``, so that it fits the pooling of all networks.

    Args:
        size: (height, width) of the content image.
        job: the job, which may set a size.
        longest: limit of the long side if the job sets no size; default: that of the preset.

    Raises:
        InputError: the size gives more pixels than allowed.
    """
    height, width = _target_size(size, job, longest or BUDGETS[job.preset].size)
    if job.tileable:
        height, width = (max(LEAST_TILE, GRID * round(side / GRID)) for side in (height, width))
    return height, width


def _target_size(size: tuple[int, int], job: StylizeJob, longest: int) -> tuple[int, int]:
    if job.size == "original":
        return size
    if isinstance(job.size, int):
        height, width = image.fit(size, job.size)
        if height * width > job.max_pixels:
            raise InputError(
                f"--size {job.size} makes {width} x {height} = {height * width:,} pixels, more than the "
                f"{job.max_pixels:,} allowed: choose a smaller size, or allow more with --max-pixels"
            )
        return height, width
    return image.fit(size, min(longest, max(size)))


def check_mask(name: str, mask: tuple[int, int], picture: tuple[int, int]) -> None:
    """Raise InputError if a mask, (height, width), does not have the aspect ratio of the image."""
    (rows, columns), (height, width) = mask, picture
    if abs(columns / rows / (width / height) - 1) > ASPECT:
        raise InputError(
            f"mask {name} is {columns}x{rows}, which is not the aspect ratio of the picture "
            f"({width}x{height}): make it from the photo, at any size"
        )


def sum_masks(job: StylizeJob, inputs: Inputs, size: tuple[int, int]) -> NDArray[np.float32] | None:
    """Return the sum of all masks, ``(H, W)``, clipped to 0..1; None if it covers the whole image."""
    if not job.mask:
        return None
    planes = [image.resize(inputs.gray(name), size).clip(0, 1) for name in job.mask]
    where = np.asarray(np.minimum(np.sum(planes, axis=0), 1), np.float32)
    return None if float(where.min()) > WHITE else where
