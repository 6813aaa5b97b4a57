"""Settings of ``compare`` and ``measure``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from impasto.errors import InputError
from impasto.jobs import base
from impasto.jobs.base import BackboneName, Job, Method, option, parse_seconds


@dataclass(frozen=True)
class CompareJob(Job):
    """Stylize one photo with every method and show the results side by side."""

    verb: ClassVar[str] = "compare"
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"content": (), "style": ()}

    content: str = option(text="Photo.")
    style: str = option(text="Style image file; learned styles trained on this file are compared, too.")
    size: int = option(256, "Long side in pixels.", flag="-s")
    methods: tuple[Method, ...] = option(("paper", "tutorial", "modern"), "Methods, e.g. paper,modern.")
    seed: int = option(0, base.SEED)
    device: str = option("auto", base.DEVICE, flag="-d")


@dataclass(frozen=True)
class MeasureJob(Job):
    """Measure a stylized image against its photo and its style, or the flicker of a stylized video."""

    verb: ClassVar[str] = "measure"
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "output": (),
        "original": (),
        "baseline": (),
        "content": (),
        "style": (),
    }

    output: str = option(text="Stylized image; or a stylized video, with --original.")
    original: str | None = option(None, "Source of the stylized video: measure its flicker.")
    baseline: str | None = option(None, "The same video with frames processed independently, to compare.")
    start: float | str | None = option(None, base.START + " Default: read from the stylized video.")
    content: str | None = option(None, "Photo that the image was made from.")
    style: tuple[str, ...] | None = option(None, "Style image that was used; may be repeated.")
    weights: tuple[float, ...] | None = option(None, base.WEIGHTS)
    backbone: BackboneName = option("vgg19", base.BACKBONE)
    device: str = option("auto", base.DEVICE, flag="-d")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "start", parse_seconds("start", self.start))
        if self.start is not None and self.original is None:
            raise InputError("--start is a time in --original: give --original, too")

    @property
    def begin(self) -> float | None:
        """``start`` in seconds; None to read it from the stylized video."""
        return None if self.start is None else float(self.start)
