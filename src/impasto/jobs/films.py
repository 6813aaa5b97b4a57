"""The settings of ``video``; as plain as those in :mod:`impasto.jobs`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

from impasto.errors import InputError
from impasto.jobs.base import Color, Job, NetworkName, Precision, Preset, option, parse_size
from impasto.jobs.pictures import StylizeJob


@dataclass(frozen=True)
class VideoJob(Job):
    """Paint a film so that it holds still, and with its sound."""

    verb: ClassVar[str] = "video"

    film: str = field(metadata={"help": "The film; also a GIF, a WebP or a folder of numbered pictures."})
    styles: tuple[str, ...] = field(
        default=(), metadata={"help": "Learned styles by name; or paintings, which take minutes a frame."}
    )
    processed: str | None = option(None, "The film painted by another program: only hold it still.")
    weights: tuple[float, ...] | None = option(None, "Share of each style, as 0.7,0.3. Default: equal.")
    style_scale: tuple[float, ...] | None = option(
        None, "Size of the strokes, one for all or one a style: below 1 finer, above 1 coarser."
    )
    strength: float = option(1.0, "How much style.")
    mask: tuple[str, ...] | None = option(None, "One grey picture a style: white where that style goes.")
    color: Color = option("style", "Whose colours: style, content, or only lightness painted (luminance).")
    consistency: float = option(
        0.85, "How much of the frame before is kept, 0 to 1; 0 paints each frame by itself."
    )
    keys: int = option(1, "Paint every n-th frame and carry the others along the motion from both sides.")
    preset: Preset = option("good", "Of paintings: time to spend, as for stylize.", flag="-p")
    size: int | str | None = option(
        None, "Long side in pixels. Default: the film's own; with paintings, by preset.", flag="-s"
    )
    start: float | str = option(0.0, "Begin here: seconds, or as 1:02:03.")
    end: float | str | None = option(None, "End here.")
    every: int = option(1, "Paint only every n-th frame: 6 makes 5 a second of 30, with the sound kept.")
    fps: float | None = option(None, "Frames a second to thin out to; of a folder: that it has. Default: 25.")
    preview: float | str | None = option(
        None, "Only so long, as 2s: half the liveliest part, half the stillest."
    )
    flow: str | None = option(
        None, "medium, fast, or a folder of .flo files named as Ruder's. Default: fast for tiny networks."
    )
    network: NetworkName | None = option(None, "quality, or tiny, which is faster.")
    precision: Precision = option("auto", "auto: bfloat16 where the processor computes in it.")
    device: str = option("auto", "cpu, cuda, ...; auto: a GPU if there is one.", flag="-d")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "size", parse_size(self.size))
        for name in ("start", "end", "preview"):
            object.__setattr__(self, name, parse_seconds(name, getattr(self, name)))
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
        if self.begin < 0 or (self.stop is not None and self.stop <= self.begin):
            raise InputError(
                f"from {self.start} s to {self.end} s there is nothing: let it end after it starts"
            )
        if self.weights is not None and (
            len(self.weights) != len(self.styles) or min(self.weights) < 0 or sum(self.weights) <= 0
        ):
            raise InputError(f"{len(self.styles)} styles need as many weights, not negative, nor all zero")

    @property
    def begin(self) -> float:
        """``start`` in seconds."""
        return float(self.start)

    @property
    def stop(self) -> float | None:
        """``end`` in seconds."""
        return None if self.end is None else float(self.end)

    def stylizing(self) -> StylizeJob:
        """The job that paints one frame."""
        scales = self.style_scale
        if scales is not None and len(scales) == 1:
            scales = scales * len(self.styles)
        return StylizeJob(
            content="a frame",
            styles=self.styles,
            weights=self.weights,
            style_scale=scales,
            strength=self.strength,
            mask=self.mask,
            color=self.color,
            preset=self.preset,
            size=self.size,
            network=self.network,
            precision=self.precision,
            device=self.device,
        )


def parse_seconds(name: str, value: float | str | None) -> float | None:
    """A time in seconds, from a number, ``2s``, ``1:30`` or ``1:02:03.5``.

    Raises:
        InputError: anything else.
    """
    if value is None:
        return None
    parts = str(value).removesuffix("s").split(":")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= 3 or not all(math.isfinite(n) and n >= 0 for n in numbers):
        raise InputError(f"{name} {value} is not a time: write seconds, or hours:minutes:seconds")
    return sum(number * 60.0**place for place, number in enumerate(reversed(numbers)))
