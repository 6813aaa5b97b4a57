"""What a job names, read once; and the size that it asks for. Nothing here needs PyTorch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from impasto import files, image, record
from impasto.errors import InputError
from impasto.image import Picture, Source
from impasto.jobs import PhotorealJob, StylizeJob
from impasto.record import Recipe


@dataclass(frozen=True)
class Budget:
    """What a preset spends at its own size.

    Args:
        size: long side, pixels.
        first: least long side of a coarse stage.
        steps: evaluations from the coarsest stage to the finest, of losses on moments.
        ratio: of their sizes.
        neighbors: evaluations from the coarsest stage to the finest, of neural neighbours.
        rounds: evaluations of each round of their last pass.
    """

    size: int
    first: int
    steps: tuple[int, ...]
    ratio: float = 2**0.5
    neighbors: tuple[int, ...] = (8,)
    rounds: tuple[int, ...] = (2,)

    def steps_at(self, longest: int) -> tuple[int, ...]:
        """The evaluations of a picture with this long side, pixels.

        A larger one has strokes of more pixels to lay, a smaller one ends before its finest strokes are
        there; with more evaluations both come as near to the painting as the preset's own size (topic
        ``sizes`` of benchmarks/optimisation.py).
        """
        ratio = longest / self.size
        # One that is smaller than a first stage has but that stage, and does all the evaluations in it.
        more = 1.0 if longest < self.first else min(MOST, ratio if ratio > 1 else ratio**-SMALLER)
        return tuple(round(steps * more) for steps in self.steps)


# How many times the evaluations of its own size a preset may spend, and how they grow as pictures shrink.
MOST, SMALLER = 2.0, 0.5


BUDGETS = {
    "draft": Budget(320, 112, (14, 4, 2), ratio=1.65, neighbors=(20, 6), rounds=(6,)),
    "good": Budget(512, 128, (60, 36, 20, 10, 5), neighbors=(50, 30, 10), rounds=(6, 6, 6)),
    "print": Budget(1024, 128, (160, 120, 80, 50, 30, 16, 8), neighbors=(80, 60, 40, 16), rounds=(8, 8, 8)),
}


AnyJob = StylizeJob | PhotorealJob
FILES = ("content", "styles", "mask", "masks", "init")  # settings that name files


LARGE = 4_000_000  # pixels above which a plain picture is kept as bytes
WHITE = 0.998  # of a mask: all of it is to be painted
ASPECT = 0.05  # relative difference of proportions that a mask may have


class Inputs:
    """The pictures a job names, read once, and remembered by hash for its recipe."""

    def __init__(self, job: AnyJob, pictures: Mapping[str, Source]) -> None:
        self.job, self.pictures = job, pictures
        self._known: dict[str, Picture] = {}
        self._digests: dict[str, str] = {}
        self.names = [job.content, *job.styles]
        if isinstance(job, PhotorealJob):
            self.names += job.masks or ()
        else:
            self.names += job.mask or ()
            if job.init not in ("content", "noise"):
                self.names.append(job.init)

    def source(self, name: str) -> Source:
        """What the name stands for."""
        return self.pictures.get(name, name)

    def read(self, name: str) -> Picture:
        """The picture of that name; of a mask, how far it covers, as grey."""
        if name not in self._known:
            picture = image.read(self.source(name), max_pixels=self.job.max_pixels)
            masks = (self.job.mask or ()) if isinstance(self.job, StylizeJob) else ()
            self._known[name] = image.as_mask(picture, name=name) if name in masks else picture
        return self._known[name]

    def read_bytes(self, name: str, *, least: int) -> NDArray[np.uint8] | None:
        """A large plain picture as bytes, see :func:`impasto.image.read_bytes`; None for any other."""
        source = self.source(name)
        if not isinstance(source, (str, Path)):
            return None
        return image.read_bytes(source, max_pixels=self.job.max_pixels, least=least)

    def grey(self, name: str) -> NDArray[np.float32]:
        """A mask ``(H, W)``, 0..1; a large one never lies here as three planes of floats."""
        plain = self.read_bytes(name, least=LARGE)
        if plain is None or int((plain.max(2) - plain.min(2)).max()) > 255 * image.ALIKE:
            return self.read(name).rgb[..., 0]
        grey = plain.mean(2, dtype=np.float32) / np.float32(255)
        return image.coverage(Picture(np.broadcast_to(grey[..., None], plain.shape)), name=name)

    def hand_over(self, name: str, digest: str) -> None:
        """Says that a name stands for no picture, and by what digest it is known."""
        self._digests[name] = digest

    def recipe(self, device: str, *, engine: str, threads: int) -> Recipe:
        """The job with file names in place of paths, and the hash of every input.

        Args:
            device: where it is painted.
            engine: the library that computes, whose version matters.
            threads: that it computes with.
        """
        short = labels(self.names)
        settings = self.job.settings()
        for field in FILES:
            value = settings.get(field)
            if isinstance(value, str):
                settings[field] = short.get(value, value)
            elif value is not None:
                settings[field] = [short[name] for name in value]
        # A film as a folder has no hash of its own.
        hashes = {label: self.digest(name) for name, label in short.items() if not Path(name).is_dir()}
        return record.recipe(
            self.job.verb, settings, hashes=hashes, device=device, engine=engine, threads=threads
        )

    def digest(self, name: str) -> str:
        """What a name stands for, by its content."""
        if name in self._digests:
            return self._digests[name]
        source = self.source(name)
        return digest(source, source if isinstance(source, (str, Path)) else self.read(name))


def labels(names: Iterable[str]) -> dict[str, str]:
    """For each name of an input its file's name, told apart where two are the same."""
    short: dict[str, str] = {}
    for name in dict.fromkeys(names):
        label, count = Path(name).name, 2
        while label in short.values():
            label, count = f"{Path(name).stem}-{count}{Path(name).suffix}", count + 1
        short[name] = label
    return short


def digest(source: Source, picture: Picture | str | Path) -> str:
    """The SHA-256 of an input: of its file, or of the values of a picture in memory."""
    if isinstance(source, (str, Path)):
        return files.sha256(Path(source))
    assert isinstance(picture, Picture)
    return hashlib.sha256(picture.rgb.tobytes()).hexdigest()


def key_of(recipe: Recipe) -> str:
    """What makes a run this run: its job and its inputs, whatever it runs on."""
    # How much memory there was is no part of it: whoever ran out goes on with less.
    settings = {name: value for name, value in recipe.job.items() if name != "memory"}
    text = replace(recipe, job=settings, device="", threads=0, versions={}).to_json()
    return hashlib.sha256(text.encode()).hexdigest()


def target_size(size: tuple[int, int], job: StylizeJob, *, longest: int | None = None) -> tuple[int, int]:
    """(height, width) of the result; only a size that was asked for enlarges a photo.

    Args:
        size: of the photo.
        job: may say a size.
        longest: side that is not passed if it does not; default: by preset.
    """
    longest = longest or BUDGETS[job.preset].size
    if job.size == "original":
        return size
    if isinstance(job.size, int):
        height, width = image.fit(size, job.size)
        if height * width > job.max_pixels:
            raise InputError(
                f"--size {job.size} makes {width} x {height} = {height * width:,} pixels, more than the "
                f"{job.max_pixels:,} allowed: choose a smaller one, or allow more with --max-pixels"
            )
        return height, width
    return image.fit(size, min(longest, max(size)))


def check_mask(name: str, mask: tuple[int, int], picture: tuple[int, int]) -> None:
    """Refuses a mask whose (height, width) are of other proportions than those of the picture."""
    (rows, columns), (height, width) = mask, picture
    if abs(columns / rows / (width / height) - 1) > ASPECT:
        raise InputError(
            f"mask {name} is {columns}x{rows}, of other proportions than the picture ({width}x{height}): "
            f"make it from the photo, at any size"
        )


def masked(job: StylizeJob, inputs: Inputs, size: tuple[int, int]) -> NDArray[np.float32] | None:
    """How far masks allow each pixel to be painted ``(H, W)``, 0..1; None if they allow all."""
    if not job.mask:
        return None
    planes = [image.resize(inputs.grey(name), size).clip(0, 1) for name in job.mask]
    where = np.asarray(np.minimum(np.sum(planes, axis=0), 1), np.float32)
    return None if float(where.min()) > WHITE else where
