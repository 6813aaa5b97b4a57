"""Settings of ``video``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from impasto.errors import InputError
from impasto.jobs import base
from impasto.jobs.base import (
    Color,
    Excerpt,
    Job,
    NetworkName,
    Precision,
    Preset,
    option,
    parse_seconds,
    parse_size,
)
from impasto.jobs.stylize import StylizeJob

Flow = Literal["medium", "fast"]
# Suffixes of files that are treated as videos.
FILMS = (
    *(".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".ts", ".mts", ".m2ts"),
    *(".mpg", ".mpeg", ".vob", ".wmv", ".flv", ".ogv"),
    *(".3gp", ".3g2", ".mxf", ".h264", ".264", ".h265", ".265", ".hevc"),
)


@dataclass(frozen=True)
class VideoJob(Excerpt, Job):
    """Stylize a video with temporal consistency, and keep its sound."""

    verb: ClassVar[str] = "video"
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "film": (),
        "styles": (),
        "processed": (),
        "mask": (),
    }

    film: str = option(text="Video, GIF, animated WebP, folder of numbered images, or folder of videos.")
    styles: tuple[str, ...] = option((), "Learned styles by name; or style images, at minutes per frame.")
    processed: str | None = option(None, "The same video stylized by another program: only stabilize it.")
    weights: tuple[float, ...] | None = option(None, base.WEIGHTS)
    style_scale: tuple[float, ...] | None = option(None, base.STYLE_SCALE)
    strength: float = option(1.0, base.STRENGTH)
    mask: tuple[str, ...] | None = option(None, base.MASK)
    color: Color = option("style", base.COLOR)
    consistency: float = option(0.9, base.CONSISTENCY, least=0, most=1)
    keys: int = option(
        1, "Stylize only every n-th frame; warp those in between from the stylized ones around them.", least=1
    )
    preset: Preset = option("good", base.PRESET, flag="-p")
    size: int | str | None = option(
        None, base.SIZE + " Default: the size of the video; with style images, set by --preset.", flag="-s"
    )
    start: float | str = option(0.0, base.START)
    end: float | str | None = option(None, base.END)
    every: int = option(1, base.EVERY, least=1)
    fps: float | None = option(
        None,
        "Maximum frame rate; for a folder of images, its frame rate. Default: the video's, or 25.",
        least=0.01,
        most=1000,
    )
    preview: float | str | None = option(
        None, "Preview of this length, e.g. 2s: half where there is most motion, half where there is least."
    )
    flow: Flow | None = option(
        None,
        "Optical flow: medium or fast. Default: medium; fast for tiny networks.",
    )
    network: NetworkName | None = option(None, base.NETWORK)
    instant: bool = option(False, base.INSTANT)
    precision: Precision = option("auto", base.PRECISION)
    device: str = option("auto", base.DEVICE, flag="-d")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "size", parse_size(self.size))
        self._check_part()
        object.__setattr__(self, "preview", parse_seconds("preview", self.preview))
        if bool(self.styles) == bool(self.processed):
            raise InputError("video needs styles or --processed with a stylized video, not both")
        if self.keys > 1 and (self.processed or self.consistency == 0):
            raise InputError("--keys above 1 needs styles and --consistency above 0: leave out --keys")
        if self.weights is not None and (
            len(self.weights) != len(self.styles) or min(self.weights) < 0 or sum(self.weights) <= 0
        ):
            raise InputError(
                f"--weights must be one number per style ({len(self.styles)}), none negative, not all zero"
            )
        if self.styles:
            self.stylizing()  # its checks

    def stylizing(self) -> StylizeJob:
        """Return the job that stylizes one frame."""
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
            instant=self.instant,
            precision=self.precision,
            device=self.device,
        )
