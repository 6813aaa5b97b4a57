"""Progress, recipe and result of a run."""

from __future__ import annotations

import dataclasses
import io
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto import image
from impasto.errors import InputError
from impasto.jobs.base import pluralize

if TYPE_CHECKING:
    from torch import Tensor

RECIPE_VERSION = 1
MADE_BY = "impasto"  # entry of the version, in recipes and in the state of a run that was killed
MOST_THREADS = 1024  # most threads accepted from a recipe
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Progress:
    """Progress of a run after a step; passed to a ``watch`` callback."""

    stage: int  # from 1
    stages: int
    size: tuple[int, int]  # (height, width) of this stage, in pixels
    step: int  # evaluations done at this stage
    steps: int
    done: float  # fraction of the total work, 0..1
    seconds: float  # since the start
    loss: float
    terms: Mapping[str, float]
    picture: Callable[[], Tensor]  # returns the current image, (1, 3, H, W); computed on call

    @property
    def seconds_left(self) -> float:
        """Estimated remaining seconds, from the fraction of the work done."""
        return self.seconds * (1 - self.done) / self.done if self.done > 0 else float("inf")


Watch = Callable[[Progress], None]


@dataclass(frozen=True)
class HistoryEntry:
    """One entry of the history of a run."""

    seconds: float
    stage: int
    loss: float
    terms: Mapping[str, float]


@dataclass(frozen=True)
class Recipe:
    """Data to reproduce a result: job, input hashes, device and versions, without absolute paths.

    ``stopped`` is the number of steps after which the run was stopped; 0 if it was not stopped. ``licenses``
    are those of the learned styles, where they are known. Neither is written if it is empty.
    """

    verb: str
    job: Mapping[str, Any]
    inputs: Mapping[str, str]  # file name -> SHA-256
    device: str
    threads: int
    versions: Mapping[str, str]
    recipe: int = RECIPE_VERSION
    stopped: int = 0
    licenses: Mapping[str, str] = field(default_factory=dict)  # name of a style -> license

    def to_json(self) -> str:
        """Return one line of JSON."""
        known = {name: value for name, value in self.__dict__.items() if name not in _OPTIONAL or value}
        return json.dumps(known, ensure_ascii=True, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Parse the JSON of :meth:`to_json`.

        Raises:
            InputError: the text is not a recipe, is damaged, or has a newer version.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            what = "it is nested too deeply" if isinstance(error, RecursionError) else f"{error}"
            raise InputError(
                f"this is not a recipe of impasto ({what}): nothing can be replayed from it"
            ) from error
        if not isinstance(data, dict) or "recipe" not in data:
            raise InputError("this is not a recipe of impasto: nothing can be replayed from it")
        version = data["recipe"]
        if type(version) is int and version > RECIPE_VERSION:
            raise InputError(
                f"this recipe has version {version}, newer than this impasto: upgrade impasto to replay it"
            )
        whole = {**_OPTIONAL, **data}
        if set(whole) != set(_FIELDS) or not all(fits(whole[name]) for name, fits in _FIELDS.items()):
            wrong = [n for n in _FIELDS if n not in whole or not _FIELDS[n](whole[n])]
            raise InputError(
                f"this recipe is damaged ({', '.join(wrong) or 'unknown fields'}): paint the picture again"
            )
        return cls(**data)


def version() -> str:
    """Return the version of impasto."""
    return metadata.version("impasto")


def other_version(versions: Mapping[str, Any]) -> str:
    """Return which other version of impasto wrote these versions or this state, in words; empty: none did."""
    made = versions.get(MADE_BY)
    if made == version():
        return ""
    return f"impasto {made}" if made else "an earlier version of impasto"


def _is_table(value: Any) -> bool:
    """Return whether a value is a dict with string values."""
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


_OPTIONAL: dict[str, Any] = {"stopped": 0, "licenses": {}}
_FIELDS: dict[str, Callable[[Any], bool]] = {
    "verb": lambda value: isinstance(value, str),
    "job": lambda value: isinstance(value, dict),
    "inputs": _is_table,
    "device": lambda value: isinstance(value, str),
    "threads": lambda value: type(value) is int and 1 <= value <= MOST_THREADS,
    "versions": _is_table,
    "recipe": lambda value: type(value) is int and value >= 1,
    "stopped": lambda value: type(value) is int and value >= 0,
    "licenses": _is_table,
}


@dataclass(frozen=True)
class Result:
    """Result of a run: the image with its recipe and history.

    ``picture`` is ``(H, W, 3)``, float32, 0..1; uint8 for learned styles in tiles, above four megapixels, to
    save memory. ``alpha`` is ``(H, W)`` if the content image has alpha. ``metadata`` is copied from the
    content image.
    """

    picture: NDArray[Any]
    recipe: Recipe
    history: tuple[HistoryEntry, ...] = ()
    alpha: Array | None = None
    bits: Literal[8, 16] = 8
    stopped: bool = False
    metadata: image.Metadata | None = None

    def __repr__(self) -> str:
        height, width = self.picture.shape[:2]
        return f"<Result {width}x{height}, {pluralize(len(self.history), 'step')}, {self.seconds:.1f} s>"

    def _repr_png_(self) -> bytes:
        """Return a PNG for notebooks."""
        stream = io.BytesIO()
        Image.fromarray(image.as_bytes(self.picture)).save(stream, "PNG")
        return stream.getvalue()

    def save(self, path: str | Path, *, overwrite: bool = False, gray: bool = False) -> Path:
        """Write the image with its recipe and metadata, in the format of the suffix.

        16-bit results stay 16-bit in PNG and TIFF; other formats have 8 bits. ``gray`` writes one channel.

        Raises:
            OutputError: the file cannot be written, or it exists and ``overwrite`` is False.
        """
        path = Path(path)
        stopped = len(self.history) if self.stopped else self.recipe.stopped
        image.write(
            path,
            self.picture,
            alpha=self.alpha,
            bits=self.bits if path.suffix.lower() in (".png", ".tif", ".tiff") else 8,
            gray=gray,
            recipe=dataclasses.replace(self.recipe, stopped=stopped).to_json(),
            metadata=self.metadata,
            overwrite=overwrite,
        )
        return path

    @property
    def seconds(self) -> float:
        """Time of the last recorded step since the start; 0 without a history."""
        return self.history[-1].seconds if self.history else 0.0


class Clock:
    """Clock of a run, including the time of earlier processes."""

    def __init__(self, already: float = 0.0) -> None:
        self.start = time.monotonic() - already

    def seconds(self) -> float:
        """Return the seconds since the start, including earlier processes."""
        return time.monotonic() - self.start
