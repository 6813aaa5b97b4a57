"""The settings of ``stylize``, ``compare`` and ``measure``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from impasto.errors import InputError
from impasto.jobs import base
from impasto.jobs.base import (
    BackboneName,
    Blend,
    Color,
    Job,
    Method,
    NetworkName,
    OptimiserName,
    Pooling,
    Precision,
    Preset,
    Statistics,
    StyleLoss,
    option,
    parse_memory,
    parse_seconds,
    parse_size,
)


@dataclass(frozen=True)
class StylizeJob(Job):
    """Paint a photo in the style of one or several pictures."""

    verb: ClassVar[str] = "stylize"
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "content": (),
        "styles": (),
        "mask": (),
        "init": ("content", "noise"),
    }

    content: str = field(
        metadata={"help": "The photo; also a folder, or a quoted pattern such as 'in/*.jpg'."}
    )
    styles: tuple[str, ...] = field(
        metadata={"help": "Paintings, or a folder of them; or names of learned styles, which paint at once."}
    )
    weights: tuple[float, ...] | None = option(None, base.WEIGHTS)
    style_scale: tuple[float, ...] | None = option(None, base.STYLE_SCALE)
    strength: float = option(1.0, base.STRENGTH)
    blend: Blend = option(
        "moments",
        "Several styles with --loss mixed or the like: 'moments' sets them side by side, 'barycenter' paints "
        "what lies between.",
    )
    mask: tuple[str, ...] | None = option(None, base.MASK)
    size: int | str | None = option(None, base.SIZE + " Default: by preset.", flag="-s")
    preset: Preset = option("good", base.PRESET, flag="-p")
    method: Method = option(
        "modern", "'modern' is ours, 'paper' is Gatys et al. 2015 as written, 'tutorial' is PyTorch's."
    )
    loss: StyleLoss = option(
        "neighbors",
        "Style loss of 'modern': neural neighbours; or moments: Gram, Wasserstein, both (mixed), or mean and "
        "variance.",
    )
    color: Color = option("style", base.COLOR)
    photoreal: bool = option(
        False, "Keep of the painting only what a photograph could show: its light and its colours."
    )
    realism: float = option(1.0, base.REALISM)
    init: str = option("content", "Begin with 'content', 'noise' or a picture of your own.")
    seed: int = option(0, base.SEED)
    optimiser: OptimiserName = option("lbfgs", "L-BFGS or Adam.")
    backbone: BackboneName = option("vgg19", base.BACKBONE)
    pooling: Pooling | None = option(None, base.POOLING + " Default: avg for 'paper', else max.")
    network: NetworkName | None = option(None, base.NETWORK)
    statistics: Statistics = option(
        "thumbnail",
        "Of learned styles on very large photos: from a 'thumbnail', or 'exact', in float32 and slower.",
    )
    precision: Precision = option("auto", base.PRECISION)
    device: str = option("auto", base.DEVICE, flag="-d")
    memory: str | None = option(
        None,
        "The most memory to plan for, as 8GB: tiles and a shorter history in place of more. Default: "
        "what is free.",
    )
    max_pixels: int = option(200_000_000, base.MAX_PIXELS)
    strip: bool = option(False, base.STRIP)

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_memory(self.memory)
        if not self.styles:
            raise InputError("stylize needs at least one style: a picture of the painting to paint like")
        if not 0 <= self.strength <= 100:
            raise InputError(f"strength {self.strength:g} is not between 0 and 100: 1 is usual")
        if self.loss == "neighbors" and self.blend != "moments":
            raise InputError(f"--blend {self.blend} is of losses on moments: add --loss mixed")
        base.check_realism(self.realism)
        if self.realism != 1 and not self.photoreal:
            raise InputError("--realism is for photographs: add --photoreal, or leave it out")
        object.__setattr__(self, "size", parse_size(self.size))
        if self.style_scale is not None and len(self.style_scale) == 1:
            object.__setattr__(self, "style_scale", self.style_scale * len(self.styles))
        for name in ("weights", "style_scale", "mask"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.styles):
                option = name.replace("_", "-")
                raise InputError(
                    f"--{option} has {len(values)} entries for {len(self.styles)} styles: give one a style, "
                    f"separated by commas"
                )


@dataclass(frozen=True)
class CompareJob(Job):
    """Paint one photo by every method and set the pictures side by side."""

    verb: ClassVar[str] = "compare"
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"content": (), "style": ()}

    content: str = field(metadata={"help": "The photo."})
    style: str = field(
        metadata={"help": "The painting's file; networks that learned that very file are compared too."}
    )
    size: int = option(256, "Long side in pixels.", flag="-s")
    methods: tuple[Method, ...] = option(("paper", "tutorial", "modern"), "Methods, as paper,modern.")
    seed: int = option(0, base.SEED)
    device: str = option("auto", base.DEVICE, flag="-d")


@dataclass(frozen=True)
class MeasureJob(Job):
    """Measure a picture against its photo and its style."""

    verb: ClassVar[str] = "measure"
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "output": (),
        "original": (),
        "baseline": (),
        "content": (),
        "style": (),
    }

    output: str = field(metadata={"help": "The painted picture; or a painted film, with --original."})
    original: str | None = option(None, "The film that a film was painted from: measure how it flickers.")
    baseline: str | None = option(None, "The same film with each frame painted by itself, to compare with.")
    start: float | str | None = option(None, base.START + " Default: as the painted film says.")
    content: str | None = option(None, "The photo it was painted from.")
    style: tuple[str, ...] | None = option(None, "A painting it was painted like; may be repeated.")
    weights: tuple[float, ...] | None = option(None, base.WEIGHTS)
    backbone: BackboneName = option("vgg19", base.BACKBONE)
    device: str = option("auto", base.DEVICE, flag="-d")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "start", parse_seconds("start", self.start))
        if self.start is not None and self.original is None:
            raise InputError("--start is where in its --original a painted film begins: give that, too")

    @property
    def begin(self) -> float | None:
        """``start`` in seconds; None if the painted film is to say it."""
        return None if self.start is None else float(self.start)
