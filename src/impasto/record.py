"""What is known of a run: its progress while it lasts, its recipe and its result afterwards."""

from __future__ import annotations

import dataclasses
import io
import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto import image
from impasto.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

RECIPE_VERSION = 1
MOST_THREADS = 1024  # that a recipe may ask for: more are no machine's, and would be begun all the same
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Progress:
    """Where a run stands after a step; handed to a ``watch`` callback."""

    stage: int  # from 1
    stages: int
    size: tuple[int, int]  # (height, width) of this stage, pixels
    step: int  # evaluations done at this stage
    steps: int
    done: float  # share of all the work, 0..1
    seconds: float  # since the start
    loss: float
    terms: Mapping[str, float]
    picture: Callable[[], Tensor]  # the picture as it is now, (1, 3, H, W); costs only if called

    @property
    def seconds_left(self) -> float:
        """Expected, from the share of the work done so far."""
        return self.seconds * (1 - self.done) / self.done if self.done > 0 else float("inf")


Watch = Callable[[Progress], None]


@dataclass(frozen=True)
class Point:
    """One entry of a run's history."""

    seconds: float
    stage: int
    loss: float
    terms: Mapping[str, float]


@dataclass(frozen=True)
class Recipe:
    """All that is needed to paint a picture again: the job, its inputs, what it ran on. No absolute paths.

    ``stopped`` is the number of steps after which it was stopped, 0 where it went to its end.
    """

    verb: str
    job: Mapping[str, Any]
    inputs: Mapping[str, str]  # file name -> SHA-256
    device: str
    threads: int
    versions: Mapping[str, str]
    recipe: int = RECIPE_VERSION
    stopped: int = 0

    def to_json(self) -> str:
        """One line of JSON."""
        told = {name: value for name, value in self.__dict__.items() if name != "stopped" or value}
        return json.dumps(told, ensure_ascii=True, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Reads what :meth:`to_json` wrote.

        Raises:
            InputError: not a recipe, or one of a later version.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            what = "it is nested too deep" if isinstance(error, RecursionError) else f"{error}"
            raise InputError(
                f"this is not a recipe of impasto ({what}): nothing can be replayed from it"
            ) from error
        if not isinstance(data, dict) or "recipe" not in data:
            raise InputError("this is not a recipe of impasto: nothing can be replayed from it")
        version = data["recipe"]
        if type(version) is int and version > RECIPE_VERSION:
            raise InputError(
                f"this recipe is of version {version}, newer than this impasto: upgrade it to replay"
            )
        whole = {"stopped": 0, **data}
        if set(whole) != set(_FIELDS) or not all(fits(whole[name]) for name, fits in _FIELDS.items()):
            wrong = [n for n in _FIELDS if n not in whole or not _FIELDS[n](whole[n])]
            raise InputError(
                f"this recipe is damaged ({', '.join(wrong) or 'unknown fields'}): paint the picture anew"
            )
        return cls(**data)


def _is_table(value: Any) -> bool:
    """Whether it is a table of texts."""
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def _is_count(value: Any) -> bool:
    return type(value) is int and 1 <= value <= MOST_THREADS


_FIELDS: dict[str, Callable[[Any], bool]] = {
    "verb": lambda value: isinstance(value, str),
    "job": lambda value: isinstance(value, dict),
    "inputs": _is_table,
    "device": lambda value: isinstance(value, str),
    "threads": _is_count,
    "versions": _is_table,
    "recipe": lambda value: type(value) is int and value >= 1,
    "stopped": lambda value: type(value) is int and value >= 0,
}


def recipe(
    verb: str, job: Mapping[str, Any], *, hashes: Mapping[str, str], device: str, engine: str, threads: int
) -> Recipe:
    """The recipe of a run on this machine.

    Args:
        verb: what was done.
        job: its settings.
        hashes: of the files that the job names, SHA-256.
        device: that it ran on.
        engine: the package that computed.
        threads: it computed with.
    """
    return Recipe(
        verb=verb,
        job=dict(job),
        inputs=dict(hashes),
        device=device,
        threads=threads,
        versions={
            "impasto": metadata.version("impasto"),
            engine: metadata.version(engine),
            "python": platform.python_version(),
        },
    )


@dataclass(frozen=True)
class Result:
    """A picture and the record of how it came to be.

    ``picture`` is ``(H, W, 3)``, float32, 0..1; uint8 where a learned style painted in tiles, above
    four megapixels: floats would take four times the memory. ``alpha`` ``(H, W)`` if the photo had one.
    ``metadata`` is what the photo says of itself, and its painting keeps.
    """

    picture: NDArray[Any]
    recipe: Recipe
    history: tuple[Point, ...] = ()
    alpha: Array | None = None
    bits: Literal[8, 16] = 8
    stopped: bool = False
    metadata: image.Metadata | None = None

    def __repr__(self) -> str:
        height, width = self.picture.shape[:2]
        return f"<Result {width}x{height}, {len(self.history)} steps, {self.seconds:.1f} s>"

    def _told(self) -> Recipe:
        return dataclasses.replace(self.recipe, stopped=len(self.history)) if self.stopped else self.recipe

    def _repr_png_(self) -> bytes:
        """What a notebook shows of it."""
        levels = (
            self.picture if self.picture.dtype == np.uint8 else (self.picture * 255 + 0.5).astype(np.uint8)
        )
        stream = io.BytesIO()
        Image.fromarray(levels).save(stream, "PNG")
        return stream.getvalue()

    def save(self, path: str | Path, *, overwrite: bool = False, grey: bool = False) -> Path:
        """Writes the picture with its recipe and the photo's metadata; the suffix chooses the format.

        A picture of 16 bits keeps them in PNG and TIFF; the other formats hold 8. ``grey`` writes one
        channel.

        Raises:
            OutputError: the place cannot be written, or exists and ``overwrite`` is not set.
        """
        path = Path(path)
        image.write(
            path,
            self.picture,
            alpha=self.alpha,
            bits=self.bits if path.suffix.lower() in (".png", ".tif", ".tiff") else 8,
            grey=grey,
            recipe=self._told().to_json(),
            metadata=self.metadata,
            overwrite=overwrite,
        )
        return path

    @property
    def seconds(self) -> float:
        """Time spent on the last recorded step, counted from the start; 0 without a history."""
        return self.history[-1].seconds if self.history else 0.0


class Clock:
    """Seconds since a start that may lie in an earlier process."""

    def __init__(self, already: float = 0.0) -> None:
        self.start = time.monotonic() - already

    def seconds(self) -> float:
        """Seconds, those of earlier processes included."""
        return time.monotonic() - self.start
