"""The settings of ``video``; as plain as those in :mod:`impasto.jobs`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from impasto.errors import InputError
from impasto.jobs import base
from impasto.jobs.base import (
    Color,
    Job,
    NetworkName,
    Part,
    Precision,
    Preset,
    option,
    parse_seconds,
    parse_size,
)
from impasto.jobs.pictures import StylizeJob

WRITABLE = (".mp4", ".mov", ".mkv", ".webm")
# What a verb for photos takes for a film.
FILMS = (
    *(*WRITABLE, ".avi", ".m4v", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".vob", ".wmv", ".flv", ".ogv"),
    *(".3gp", ".3g2", ".mxf", ".h264", ".264", ".h265", ".265", ".hevc"),
)


@dataclass(frozen=True)
class VideoJob(Part, Job):
    """Paint a film so that it holds still, and with its sound."""

    verb: ClassVar[str] = "video"
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "film": (),
        "styles": (),
        "processed": (),
        "mask": (),
        "flow": ("medium", "fast"),
    }

    film: str = field(metadata={"help": "The film; also a GIF, a WebP or a folder of numbered pictures."})
    styles: tuple[str, ...] = field(
        default=(), metadata={"help": "Learned styles by name; or paintings, which take minutes a frame."}
    )
    processed: str | None = option(None, "The film painted by another program: only hold it still.")
    weights: tuple[float, ...] | None = option(None, base.WEIGHTS)
    style_scale: tuple[float, ...] | None = option(None, base.STYLE_SCALE)
    strength: float = option(1.0, base.STRENGTH)
    mask: tuple[str, ...] | None = option(None, base.MASK)
    color: Color = option("style", base.COLOR)
    consistency: float = option(0.85, base.CONSISTENCY)
    keys: int = option(1, "Paint every n-th frame and carry the others along the motion from both sides.")
    preset: Preset = option("good", base.PRESET, flag="-p")
    size: int | str | None = option(
        None, base.SIZE + " Default: the film's own; with paintings, by preset.", flag="-s"
    )
    start: float | str = option(0.0, base.START)
    end: float | str | None = option(None, base.END)
    every: int = option(1, base.EVERY)
    fps: float | None = option(None, "Frames a second to thin out to; of a folder: that it has. Default: 25.")
    preview: float | str | None = option(
        None, "Only so long, as 2s: half the liveliest part, half the stillest."
    )
    flow: str | None = option(
        None, "medium, fast, or a folder of .flo files named as Ruder's. Default: fast for tiny networks."
    )
    network: NetworkName | None = option(None, base.NETWORK)
    precision: Precision = option("auto", base.PRECISION)
    device: str = option("auto", base.DEVICE, flag="-d")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "size", parse_size(self.size))
        self._check_part()
        object.__setattr__(self, "preview", parse_seconds("preview", self.preview))
        if bool(self.styles) == bool(self.processed):
            raise InputError("video needs styles, or --processed with a film that has been painted; not both")
        if not 0 <= self.consistency <= 1:
            raise InputError(f"consistency {self.consistency:g} is not between 0 and 1: 0.85 is usual")
        if self.keys > 1 and (self.processed or self.consistency == 0):
            raise InputError("keys are for frames still to be painted, at a consistency above 0")
        for name in ("every", "keys"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} {getattr(self, name)} must be 1 or more")
        if self.fps is not None and not 0.01 <= self.fps <= 1000:
            raise InputError(f"fps {self.fps:g} is not between 0.01 and 1000: 25 is usual")
        if self.weights is not None and (
            len(self.weights) != len(self.styles) or min(self.weights) < 0 or sum(self.weights) <= 0
        ):
            raise InputError(f"{len(self.styles)} styles need as many weights, not negative, nor all zero")

    def stylizing(self) -> StylizeJob:
        """The job that paints one frame."""
        return StylizeJob(
            content="a frame",
            styles=self.styles,
            weights=self.weights,
            style_scale=self.style_scale,
            strength=self.strength,
            mask=self.mask,
            color=self.color,
            preset=self.preset,
            size=self.size,
            network=self.network,
            precision=self.precision,
            device=self.device,
        )
