"""Settings of ``stylize``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
    OptimizerName,
    Pooling,
    Precision,
    Preset,
    Statistics,
    StyleLossName,
    option,
    parse_memory,
    parse_size,
    pluralize,
)


@dataclass(frozen=True)
class StylizeJob(Job):
    """Stylize a photo with one or more style images or learned styles."""

    verb: ClassVar[str] = "stylize"
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "content": (),
        "styles": (),
        "mask": (),
        "init": ("content", "noise"),
    }

    content: str = option(text="Photo, folder of photos, or quoted pattern such as 'in/*.jpg'.")
    styles: tuple[str, ...] = option(
        text="Style images or a folder of them; or names of learned styles, which are fast."
    )
    weights: tuple[float, ...] | None = option(None, base.WEIGHTS)
    style_scale: tuple[float, ...] | None = option(None, base.STYLE_SCALE)
    strength: float = option(1.0, base.STRENGTH, least=0, most=100)
    blend: Blend = option(
        "moments",
        "How a moment loss such as --loss mixed combines several styles: 'moments' shows them side by side, "
        "'barycenter' interpolates.",
    )
    mask: tuple[str, ...] | None = option(None, base.MASK)
    size: int | str | None = option(
        None,
        base.SIZE + " Default: with style images set by --preset, with learned styles at most 1024.",
        flag="-s",
    )
    preset: Preset = option("good", base.PRESET, flag="-p")
    method: Method = option(
        "modern", "'modern' is impasto's own, 'paper' is Gatys et al. 2015, 'tutorial' is PyTorch's tutorial."
    )
    loss: StyleLossName = option(
        "neighbors",
        "Style loss of 'modern': nearest neighbors, or a moment loss: Gram, Wasserstein, both (mixed) "
        "or mean and variance.",
    )
    upright: bool = option(
        False,
        "With --loss neighbors: do not add copies of the style image rotated by 90, 180 and 270 degrees.",
        sparse=True,
    )
    color: Color = option("style", base.COLOR)
    photoreal: bool = option(
        False, "Transfer only light and colors of the stylized image, so that the result stays a photograph."
    )
    realism: float = option(1.0, base.REALISM, least=0.001, most=1000)
    init: str = option(
        "content",
        "Initial image: 'content' (neighbors: recolored and blurred), 'noise' or an image file.",
    )
    seed: int = option(0, base.SEED)
    optimizer: OptimizerName = option("lbfgs", "Optimizer: L-BFGS or Adam.", stored="optimiser")
    backbone: BackboneName = option("vgg19", base.BACKBONE)
    pooling: Pooling | None = option(None, base.POOLING + " Default: avg for 'paper', else max.")
    network: NetworkName | None = option(None, base.NETWORK)
    instant: bool = option(False, base.INSTANT)
    tune: float | None = option(None, base.TUNE, sparse=True)
    statistics: Statistics = option(
        "thumbnail",
        "Feature statistics of learned styles on very large photos: from a 'thumbnail', or 'exact' (float32, "
        "slower).",
    )
    precision: Precision = option("auto", base.PRECISION)
    device: str = option("auto", base.DEVICE, flag="-d")
    memory: str | None = option(
        None,
        "Memory budget, e.g. 8GB; larger jobs use tiles and a shorter L-BFGS history. Default: free memory.",
    )
    max_pixels: int = option(200_000_000, base.MAX_PIXELS)
    strip: bool = option(False, base.STRIP)
    tileable: bool = option(
        False,
        "Seamless texture: the result continues across its borders, as the input does. Sides become "
        "multiples of 16.",
        sparse=True,
    )
    style_weight: float = option(
        4.0,
        "Expert: weight of a moment loss at strength 1, relative to content.",
        least=0,
        most=1000,
        sparse=True,
    )
    layer_weights: tuple[float, ...] = option(
        (0.3, 1.0, 1.0, 4.0, 0.3),
        "Expert: weights of relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1 in a moment loss.",
        sparse=True,
    )
    smoothness: float = option(
        0.3, "Expert: weight of total variation, relative to a moment loss.", least=0, most=1000, sparse=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_memory(self.memory)
        if not self.styles:
            raise InputError("stylize needs at least one style: a style image or the name of a learned style")
        if self.tune is not None and not (self.instant and self.tune > 0):
            raise InputError("--tune needs --instant and a number of seconds above 0: 30 is usual")
        if self.loss == "neighbors" and self.blend != "moments":
            raise InputError(f"--blend {self.blend} needs a moment loss: add --loss mixed")
        self._check_expert()
        if self.realism != 1 and not self.photoreal:
            raise InputError("--realism needs --photoreal: add it, or leave out --realism")
        if self.tileable and self.photoreal:
            raise InputError("--tileable does nothing with --photoreal, which adds no strokes: leave one out")
        object.__setattr__(self, "size", parse_size(self.size))
        if self.style_scale is not None and len(self.style_scale) == 1:
            object.__setattr__(self, "style_scale", self.style_scale * len(self.styles))
        if (least := min(self.style_scale or (1.0,))) <= 0:
            raise InputError(f"--style-scale {least:g} is not above 0: give e.g. 0.5 (finer) or 2 (coarser)")
        for name in ("weights", "style_scale", "mask"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.styles):
                option = name.replace("_", "-")
                given, needed = pluralize(len(values), "value"), pluralize(len(self.styles), "style")
                raise InputError(
                    f"--{option} has {given} for {needed}: give one per style, separated by commas"
                )

    def _check_expert(self) -> None:
        """Check the weights of moment losses, which other losses and methods do not have."""
        for name in ("style_weight", "layer_weights", "smoothness"):
            if getattr(self, name) != getattr(StylizeJob, name):
                flag = f"--{name.replace('_', '-')}"
                if self.method != "modern":
                    raise InputError(f"{flag} does not apply to --method {self.method}: leave it out")
                if self.loss == "neighbors":
                    raise InputError(f"{flag} needs a moment loss: add --loss mixed")
        if len(self.layer_weights) != 5 or min(self.layer_weights) < 0 or not any(self.layer_weights):
            given = ",".join(f"{weight:g}" for weight in self.layer_weights)
            raise InputError(
                f"--layer-weights {given} must be five numbers from 0, not all 0: 0.3,1,1,4,0.3 is usual"
            )
