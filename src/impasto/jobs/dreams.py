"""The settings of ``dream``, ``visualize`` and ``layers``; see :mod:`impasto.jobs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import ClassVar, Literal

from impasto.errors import InputError
from impasto.jobs import base
from impasto.jobs.base import Job, Part, Pooling, Precision, option, parse_size

DreamBackboneName = Literal["vgg19", "vgg19-torchvision", "vgg16-torchvision", "googlenet-torchvision"]
Padding = Literal["zeros", "replicate"]
VGG_LAYERS = ("relu5_2",)  # heads and bodies, where relu4_3 grows eyes and fur
GOOGLENET_LAYERS = ("inception4c",)
STEPS = (16, 2)  # of the coarsest octave and of the finest

Kind = Literal["photo", "film", "zoom"]
_DREAM_ALONE = ("octaves", "octave_scale", "rate", "jitter", "smoothing", "distance")
_OF_FILMS = ("start", "end", "consistency", "decay")
_OF_ZOOMS = ("frames", "fps", "speed")


def usual_layers(backbone: str) -> tuple[str, ...]:
    """What a network dreams of unless other layers are asked for."""
    return GOOGLENET_LAYERS if backbone.startswith("googlenet") else VGG_LAYERS


@dataclass(frozen=True)
class DreamJob(Part, Job):
    """Paint over a photo what a network sees in it; also a film, or an endless zoom into a photo."""

    verb: ClassVar[str] = "dream"
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"content": (), "guide": (), "style": (), "mask": ()}

    content: str = field(metadata={"help": "The photo, or a film."})
    layers: tuple[str, ...] | None = option(
        None,
        "What to raise: relu4_3,relu5_2:0.5 or a channel, relu5_2[113]. Default: what suits the network.",
    )
    guide: str | None = option(None, "A picture whose shapes the dream takes.")
    style: tuple[str, ...] = option(
        (),
        "Paintings to paint like while dreaming; may be repeated. Not with --octaves, --octave-scale, "
        "--rate, --jitter, --smoothing, --distance.",
    )
    strength: float = option(1.0, "How much of --style: 0 none, 1 a painting.")
    weight: float = option(1.0, "How much dream beside --style.")
    mask: str | None = option(None, "A grey picture: white where to dream, black where the photo stays.")
    octaves: int = option(5, "Sizes to dream at, the finest included: more make larger shapes.")
    octave_scale: float = option(1.4, "From one octave to the next.")
    steps: tuple[int, ...] | None = option(
        None,
        "Steps of each octave, spread from the coarsest to the finest. Default: 16,2; with --style that of a "
        "painting, 60,36,20,10,5.",
    )
    rate: float = option(1.5, "Mean change of a pixel a step, in grey levels of 255.")
    jitter: int = option(32, "Pixels by which the picture is rolled at most.")
    smoothing: float = option(1.0, "Blur of the gradient, pixels: more for large calm shapes.")
    distance: float = option(150.0, "How much the photo's colours hold on: more for a calmer dream.")
    size: int | str | None = option(None, base.SIZE + " Default: the photo's, at most 640.", flag="-s")
    seed: int = option(0, base.SEED)
    zoom: bool = option(False, "Make a film that falls into the photo without end.")
    frames: int = option(300, "Frames of --zoom.")
    fps: float = option(25.0, "Frames a second of --zoom.")
    speed: float = option(1.02, "How much larger each frame of --zoom is than the one before.")
    consistency: float = option(0.85, base.CONSISTENCY)
    decay: float = option(0.95, "Of a film: how much of the dream before a new one begins with, 0 to 1.")
    start: float | str = option(0.0, base.START)
    end: float | str | None = option(None, base.END)
    backbone: DreamBackboneName = option("vgg19", base.BACKBONE)
    pooling: Pooling = option("max", base.POOLING)
    padding: Padding = option("zeros", "Of a VGG: zeros around each layer, or its own border (replicate).")
    precision: Precision = option("auto", base.PRECISION)
    device: str = option("auto", base.DEVICE, flag="-d")
    max_pixels: int = option(200_000_000, base.MAX_PIXELS)
    strip: bool = option(False, base.STRIP)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "size", parse_size(self.size))
        for name, least, most in (
            ("octaves", 1, 20),
            ("octave_scale", 1.05, 4),
            ("rate", 0.001, 255),
            ("jitter", 0, 1000),
            ("smoothing", 0, 50),
            ("distance", 0, 10_000),
            ("strength", 0, 100),
            ("weight", 0, 100),
            ("frames", 1, 1_000_000),
            ("fps", 1, 240),
            ("speed", 1.0001, 1.5),
            ("consistency", 0, 1),
            ("decay", 0, 1),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise InputError(
                    f"--{name.replace('_', '-')} {value:g} is not between {least:g} and {most:g}"
                )
        if self.steps is not None and not all(1 <= steps <= 100_000 for steps in self.steps or (0,)):
            raise InputError(f"--steps {','.join(map(str, self.steps))} must be numbers of 1 or more")
        self._check_part()
        if self.style and (given := self._changed(_DREAM_ALONE)):
            raise InputError(
                f"{given} is of a dream alone: with --style leave it out; --steps sets how long it is painted"
            )

    @property
    def targets(self) -> tuple[str, ...]:
        """The layers asked for, or what suits the network."""
        return self.layers or usual_layers(self.backbone)

    @property
    def octave_steps(self) -> tuple[int, ...]:
        """The steps asked for, or what suits octaves."""
        return self.steps or STEPS

    def check_kind(self, kind: Kind) -> None:
        """Refuses a setting that says nothing of what is made.

        Raises:
            InputError: one that only another kind has.
        """
        for of, names in (("film", _OF_FILMS), ("zoom", _OF_ZOOMS)):
            if of != kind and (given := self._changed(names)):
                what = "a film, which has another suffix" if of == "film" else "--zoom"
                raise InputError(f"{given} is for {what}: leave it out, or see impasto dream --help")

    def _changed(self, names: Sequence[str]) -> str | None:
        """The first of these options that is not as it usually is."""
        usual = {item.name: item.default for item in fields(self)}
        changed = (name for name in names if getattr(self, name) != usual[name])
        return next((f"--{name.replace('_', '-')}" for name in changed), None)


@dataclass(frozen=True)
class VisualizeJob(Job):
    """Make the picture that a layer or a channel of a network answers to most."""

    verb: ClassVar[str] = "visualize"

    layer: str = field(metadata={"help": "A layer, relu4_3, or one of its channels, relu4_3[12]."})
    size: int = option(224, "Side in pixels.", flag="-s")
    steps: int = option(160, "Steps.")
    rate: float = option(0.05, "Rate of the optimiser.")
    seed: int = option(0, base.SEED)
    backbone: DreamBackboneName = option("vgg19", base.BACKBONE)
    precision: Precision = option("auto", base.PRECISION)
    device: str = option("auto", base.DEVICE, flag="-d")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least, most in (("size", 32, 4096), ("steps", 1, 100_000), ("rate", 1e-6, 10)):
            value = getattr(self, name)
            if not least <= value <= most:
                raise InputError(f"--{name} {value:g} is not between {least:g} and {most:g}")


@dataclass(frozen=True)
class LayersJob(Job):
    """Draw an atlas of a network: what each layer, and its strongest channels, answer to most."""

    verb: ClassVar[str] = "layers"

    backbone: DreamBackboneName = option("vgg19", base.BACKBONE)
    layers: tuple[str, ...] | None = option(
        None, "Only these layers, each with its strongest channels, or channels: relu4_3,relu5_2[113]."
    )
    channels: int = option(4, "Channels to show of each layer.")
    size: int = option(128, "Side of a thumbnail, pixels.", flag="-s")
    steps: int = option(64, "Steps for each thumbnail.")
    seed: int = option(0, base.SEED)
    precision: Precision = option("auto", base.PRECISION)
    device: str = option("auto", base.DEVICE, flag="-d")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least, most in (("channels", 0, 64), ("size", 32, 1024), ("steps", 1, 100_000)):
            value = getattr(self, name)
            if not least <= value <= most:
                raise InputError(f"--{name} {value} is not between {least} and {most}")
