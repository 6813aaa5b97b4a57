"""Settings of ``dream``, ``visualize`` and ``layers``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, Literal

from impasto.errors import InputError
from impasto.jobs import base
from impasto.jobs.base import Excerpt, Job, Pooling, Precision, option, parse_size

DreamBackboneName = Literal["vgg19", "vgg19-torchvision", "vgg16-torchvision", "googlenet-torchvision"]
Padding = Literal["zeros", "replicate"]
VGG_LAYERS = ("relu5_2",)  # heads and bodies; relu4_3 gives eyes and fur
GOOGLENET_LAYERS = ("inception4c",)
STEPS = (16, 2)  # coarsest octave, finest octave

Kind = Literal["photo", "film", "zoom"]
_DREAM_ALONE = ("octaves", "octave_scale", "rate", "jitter", "smoothing", "distance")
_OF_FILMS = ("start", "end", "consistency", "decay")
_OF_ZOOMS = ("frames", "fps", "speed")


@dataclass(frozen=True)
class DreamJob(Excerpt, Job):
    """Amplify what a network sees in a photo or video (DeepDream), or make an endless zoom into a photo."""

    verb: ClassVar[str] = "dream"
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"content": (), "guide": (), "mask": (), "style": ()}

    content: str = option(text="Photo or video.")
    layers: tuple[str, ...] | None = option(
        None,
        "Layers or channels to amplify, e.g. relu4_3,relu5_2:0.5 or relu5_2[113]. Default: by backbone.",
    )
    guide: str | None = option(None, "Image whose shapes guide the dream.")
    style: tuple[str, ...] = option(
        (),
        "Style image to apply while dreaming; may be repeated. Not with --octaves, --octave-scale, "
        "--rate, --jitter, --smoothing, --distance.",
    )
    strength: float = option(1.0, "Amount of --style: 0 is none, 1 a full transfer.", least=0, most=100)
    weight: float = option(1.0, "Weight of the dream relative to --style.", least=0, most=100)
    mask: str | None = option(None, "Grayscale mask: white where to dream, black where the photo is kept.")
    octaves: int = option(
        5, "Number of scales, the finest included; more give larger shapes.", least=1, most=20
    )
    octave_scale: float = option(1.4, "Scale factor between octaves.", least=1.05, most=4)
    steps: tuple[int, ...] | None = option(
        None,
        "Steps per octave, interpolated from the coarsest to the finest. Default: 16,2; with --style "
        "60,36,20,10,5.",
    )
    rate: float = option(
        1.5, "Mean change of a pixel per step, in gray levels (0 to 255).", least=0.001, most=255
    )
    jitter: int = option(32, "Maximum random shift of the image, in pixels.", least=0, most=1000)
    smoothing: float = option(
        1.0, "Blur of the gradient, in pixels; more gives large, calm shapes.", least=0, most=50
    )
    distance: float = option(
        150.0, "Weight that holds the photo's colors; more gives a calmer dream.", least=0, most=10_000
    )
    size: int | str | None = option(None, base.SIZE + " Default: the photo's, at most 640.", flag="-s")
    seed: int = option(0, base.SEED)
    zoom: bool = option(False, "Make a video that zooms endlessly into the photo.")
    frames: int = option(300, "Number of frames of --zoom.", least=1, most=1_000_000)
    fps: float = option(25.0, "Frame rate of --zoom, in frames per second.", least=1, most=240)
    speed: float = option(1.02, "Magnification from one frame of --zoom to the next.", least=1.0001, most=1.5)
    consistency: float = option(0.85, base.CONSISTENCY, least=0, most=1)
    decay: float = option(
        0.95, "Share of the previous frame's dream carried into the next frame of a video.", least=0, most=1
    )
    start: float | str = option(0.0, base.START)
    end: float | str | None = option(None, base.END)
    backbone: DreamBackboneName = option("vgg19", base.BACKBONE)
    pooling: Pooling = option("max", base.POOLING)
    padding: Padding = option("zeros", "Padding of the VGG's layers: zeros, or replicate their border.")
    precision: Precision = option("auto", base.PRECISION)
    device: str = option("auto", base.DEVICE, flag="-d")
    max_pixels: int = option(200_000_000, base.MAX_PIXELS)
    strip: bool = option(False, base.STRIP)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "size", parse_size(self.size))
        if self.steps is not None and not all(1 <= steps <= 100_000 for steps in self.steps or (0,)):
            raise InputError(f"--steps {','.join(map(str, self.steps))} must be numbers of 1 or more")
        self._check_part()
        if self.style and (given := self._find_non_default(_DREAM_ALONE)):
            raise InputError(
                f"{given} cannot be combined with --style: leave it out; use --steps to set the iterations"
            )

    @property
    def targets(self) -> tuple[str, ...]:
        """The requested layers, or the backbone's default."""
        usual = GOOGLENET_LAYERS if self.backbone.startswith("googlenet") else VGG_LAYERS
        return self.layers or usual

    @property
    def octave_steps(self) -> tuple[int, ...]:
        """The requested steps, or the default for octaves."""
        return self.steps or STEPS

    def check_kind(self, kind: Kind) -> None:
        """Check that no setting belongs to another kind of output.

        Raises:
            InputError: one does.
        """
        for of, names in (("film", _OF_FILMS), ("zoom", _OF_ZOOMS)):
            if of != kind and (given := self._find_non_default(names)):
                what = "videos, and the input is not one" if of == "film" else "--zoom"
                raise InputError(f"{given} is for {what}: leave it out, or see impasto dream --help")

    def _find_non_default(self, names: Sequence[str]) -> str | None:
        """Return the first of these options that differs from its default, or None."""
        usual = {item.name: item.default for item in fields(self)}
        changed = (name for name in names if getattr(self, name) != usual[name])
        return next((f"--{name.replace('_', '-')}" for name in changed), None)


@dataclass(frozen=True)
class VisualizeJob(Job):
    """Generate an image that maximizes the activation of a layer or channel."""

    verb: ClassVar[str] = "visualize"

    layer: str = option(text="Layer, e.g. relu4_3, or channel, e.g. relu4_3[12].")
    size: int = option(224, "Side in pixels.", flag="-s", least=32, most=4096)
    steps: int = option(160, "Number of steps.", least=1, most=100_000)
    rate: float = option(0.05, "Learning rate.", least=1e-06, most=10)
    seed: int = option(0, base.SEED)
    backbone: DreamBackboneName = option("vgg19", base.BACKBONE)
    precision: Precision = option("auto", base.PRECISION)
    device: str = option("auto", base.DEVICE, flag="-d")


@dataclass(frozen=True)
class LayersJob(Job):
    """Draw an atlas of a network: images that maximize each layer and its strongest channels."""

    verb: ClassVar[str] = "layers"

    backbone: DreamBackboneName = option("vgg19", base.BACKBONE)
    layers: tuple[str, ...] | None = option(
        None, "Only these layers with their strongest channels, or these channels: relu4_3,relu5_2[113]."
    )
    channels: int = option(4, "Channels to show per layer.", least=0, most=64)
    size: int = option(128, "Side of a thumbnail in pixels.", flag="-s", least=32, most=1024)
    steps: int = option(64, "Steps per thumbnail.", least=1, most=100_000)
    seed: int = option(0, base.SEED)
    precision: Precision = option("auto", base.PRECISION)
    device: str = option("auto", base.DEVICE, flag="-d")
