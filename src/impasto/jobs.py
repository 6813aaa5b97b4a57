"""Every setting of every verb: one frozen dataclass a verb, plain data.

The command line makes its options from these fields, Python takes them as keywords, a picture's metadata
stores them and ``replay`` runs them again. Nothing here loads or paints anything.
"""

from __future__ import annotations

import dataclasses
import math
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, ClassVar, Literal, TypeVar

from impasto.errors import InputError

Method = Literal["modern", "paper", "tutorial"]
Preset = Literal["draft", "good", "print"]
StyleLoss = Literal["mixed", "gram", "wasserstein", "meanvar"]
Blend = Literal["moments", "barycenter"]
Color = Literal["style", "content", "luminance"]
OptimiserName = Literal["lbfgs", "adam"]
BackboneName = Literal["vgg19", "vgg19-torchvision", "vgg16-torchvision"]
Pooling = Literal["max", "avg"]
NetworkName = Literal["quality", "tiny", "johnson"]
Statistics = Literal["thumbnail", "exact"]
Precision = Literal["auto", "float32", "bfloat16"]

J = TypeVar("J", bound="Job")


def _option(default: Any, text: str, *, flag: str | None = None) -> Any:
    """A field with its help text and, if it has one, its short flag."""
    return field(default=default, metadata={"help": text, "flag": flag})


@dataclass(frozen=True)
class Job:
    """Base of all jobs: checks every field against its type."""

    verb: ClassVar[str]

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(type(self))
        for item in dataclasses.fields(self):
            value = _checked(item.name, getattr(self, item.name), hints[item.name])
            object.__setattr__(self, item.name, value)

    def settings(self) -> dict[str, Any]:
        """The fields as JSON knows them."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}

    @classmethod
    def parse(cls: type[J], settings: Mapping[str, Any]) -> J:
        """A job from named settings.

        Raises:
            InputError: a setting the verb does not have (near ones are named), or one of a wrong kind.
        """
        names = [item.name for item in dataclasses.fields(cls)]
        for name in settings:
            if name not in names:
                near = get_close_matches(name, names, n=1) or names
                raise InputError(f"{cls.verb} has no setting '{name}': did you mean {', '.join(near)}?")
        missing = [f.name for f in dataclasses.fields(cls) if _is_required(f) and f.name not in settings]
        if missing:
            raise InputError(f"{cls.verb} needs {' and '.join(missing)}")
        return cls(**settings)


@dataclass(frozen=True)
class StylizeJob(Job):
    """Paint a photo in the style of one or several pictures."""

    verb: ClassVar[str] = "stylize"

    content: str = field(
        metadata={"help": "The photo; also a folder, or a quoted pattern such as 'in/*.jpg'."}
    )
    styles: tuple[str, ...] = field(
        metadata={"help": "One or several paintings; or names of learned styles, which paint at once."}
    )
    weights: tuple[float, ...] | None = _option(None, "Share of each style, as 0.7,0.3. Default: equal.")
    style_scale: tuple[float, ...] | None = _option(
        None, "Size of each style relative to the picture: below 1 finer strokes, above 1 coarser ones."
    )
    strength: float = _option(
        1.0, "How much style: 0 gives the photo back, 1 is a painting, 2 nearly all style."
    )
    blend: Blend = _option(
        "moments", "Several styles: 'moments' sets them side by side, 'barycenter' paints what lies between."
    )
    mask: tuple[str, ...] | None = _option(
        None, "One grey picture a style, as a.png,b.png or repeated: white where that style goes."
    )
    size: int | str | None = _option(
        None, "Long side in pixels, or 'original'. Default: by preset.", flag="-s"
    )
    preset: Preset = _option(
        "good", "Time to spend: draft (320 px), good (512 px) or print (1024 px).", flag="-p"
    )
    method: Method = _option(
        "modern", "'modern' is ours, 'paper' is Gatys et al. 2015 as written, 'tutorial' is PyTorch's."
    )
    loss: StyleLoss = _option(
        "mixed", "Style loss of 'modern': Gram, Wasserstein, both (mixed), or mean and variance."
    )
    color: Color = _option(
        "style",
        "Whose colours: the style's, the content's palette, or only its lightness painted (luminance).",
    )
    photoreal: bool = _option(
        False, "Keep of the painting only what a photograph could show: its light and its colours."
    )
    init: str = _option("content", "Begin with 'content', 'noise' or a picture of your own.")
    seed: int = _option(0, "Seed of the noise.")
    optimiser: OptimiserName = _option("lbfgs", "L-BFGS or Adam.")
    backbone: BackboneName = _option("vgg19", "The network that looks; vgg19 needs no download.")
    pooling: Pooling | None = _option(None, "Pooling of the network. Default: avg for 'paper', else max.")
    network: NetworkName | None = _option(
        None, "Of learned styles: quality, or tiny, which is faster. Default: the first that has the style."
    )
    statistics: Statistics = _option(
        "thumbnail", "Of learned styles on very large photos: from a 'thumbnail', or 'exact' and slower."
    )
    precision: Precision = _option(
        "auto", "Of the convolutions; auto: bfloat16 where the device computes in it."
    )
    device: str = _option("auto", "cpu, cuda, cuda:1, mps; auto: a GPU if there is one.", flag="-d")
    memory: str | None = _option(
        None,
        "The most memory to plan for, as 8GB: tiles and a shorter history in place of more. Default: "
        "what is free.",
    )
    max_pixels: int = _option(200_000_000, "Refuse pictures with more pixels than this.")

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_memory(self.memory)
        if not self.styles:
            raise InputError("stylize needs at least one style: a picture of the painting to paint like")
        if not 0 <= self.strength <= 100:
            raise InputError(f"strength {self.strength:g} is not between 0 and 100: 1 is usual")
        object.__setattr__(self, "size", parse_size(self.size))
        for name in ("weights", "style_scale", "mask"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.styles):
                option = name.replace("_", "-")
                raise InputError(
                    f"--{option} has {len(values)} entries for {len(self.styles)} styles: give one a style, "
                    f"separated by commas"
                )


def parse_size(size: int | str | None) -> int | str | None:
    """A long side in pixels, ``"original"`` or None.

    Raises:
        InputError: anything else.
    """
    if isinstance(size, str) and size.isdigit():
        size = int(size)
    if size is None or size == "original" or (isinstance(size, int) and 1 <= size <= 100_000):
        return size
    raise InputError(f"size {size!r} is not a long side in pixels (1 to 100000), nor 'original'")


def parse_memory(text: str | None) -> int | None:
    """Bytes from ``8GB``, ``7.5G`` or ``500MB``; None for None.

    Raises:
        InputError: anything else, or less than a megabyte.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?) ?([GM])B?", text.strip(), re.IGNORECASE)
    size = float(found[1]) * (2**30 if found[2].upper() == "G" else 2**20) if found else 0.0
    if size < 2**20:
        raise InputError(f"memory {text!r} is not an amount such as 8GB or 500MB")
    return int(size)


@dataclass(frozen=True)
class CompareJob(Job):
    """Paint one photo by every method and set the pictures side by side."""

    verb: ClassVar[str] = "compare"

    content: str = field(metadata={"help": "The photo."})
    style: str = field(metadata={"help": "The painting."})
    size: int = _option(256, "Long side in pixels.", flag="-s")
    methods: tuple[Method, ...] = _option(("paper", "tutorial", "modern"), "Methods, as paper,modern.")
    seed: int = _option(0, "Seed of the noise that 'paper' begins with.")
    device: str = _option("auto", "cpu, cuda, ...; auto: a GPU if there is one.", flag="-d")


@dataclass(frozen=True)
class MeasureJob(Job):
    """Measure a picture against its photo and its style."""

    verb: ClassVar[str] = "measure"

    output: str = field(metadata={"help": "The painted picture; or a painted film, with --original."})
    original: str | None = _option(None, "The film that a film was painted from: measure how it flickers.")
    baseline: str | None = _option(None, "The same film with each frame painted by itself, to compare with.")
    content: str | None = _option(None, "The photo it was painted from.", flag="-c")
    style: tuple[str, ...] | None = _option(
        None, "A painting it was painted like; may be repeated.", flag="-s"
    )
    weights: tuple[float, ...] | None = _option(None, "Share of each style, as 0.7,0.3. Default: equal.")
    backbone: BackboneName = _option("vgg19", "The network that measures.")
    device: str = _option("auto", "cpu, cuda, ...; auto: a GPU if there is one.", flag="-d")


@dataclass(frozen=True)
class LearnJob(Job):
    """Train a network on a painting, to paint with it at once."""

    verb: ClassVar[str] = "learn"

    pictures: tuple[str, ...] = field(default=(), metadata={"help": "One or several paintings."})
    styles: str | None = _option(None, "A folder of paintings, learned together.")
    photos: str = _option("photos", "A folder of photographs to train on; a few hundred will do.")
    network: NetworkName = _option("quality", "quality, tiny (faster), or johnson (as published, slower).")
    into: str | None = _option(
        None, "A pack to add the styles to: minutes in place of an hour, and its old styles stay as they are."
    )
    teacher: str | None = _option(
        None, "A pack to learn all its styles from, in place of paintings: a tiny one from a quality one."
    )
    minutes: float | None = _option(None, "Time to train. Default: 60 for a new pack, 8 to add to one.")
    steps: int | None = _option(None, "Steps to train, in place of a time.")
    scales: tuple[float, ...] = _option((0.5, 1.0), "Sizes of strokes to learn, each its own row.")
    style_weight: float = _option(8.0, "Weight of style, content being 1.")
    batch: int = _option(4, "Pictures a step.")
    side: int = _option(192, "Side of the crops, pixels.")
    rate: float | None = _option(None, "Rate of the optimiser. Default: chosen.")
    processes: int = _option(1, "Processes that share each batch: one a GPU, or several on a CPU.")
    seed: int = _option(0, "Seed of everything drawn.")
    precision: Precision = _option("auto", "Of the loss network; auto: bfloat16 where the device has it.")
    device: str = _option("auto", "cpu, cuda, ...; auto: a GPU if there is one.", flag="-d")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.scales or min(self.scales) <= 0 or len(set(self.scales)) < len(self.scales):
            raise InputError(f"scales {self.scales} must be different sizes above 0, such as 0.5,1")
        if self.teacher and (self.into or self.pictures or self.styles):
            raise InputError("a teacher has its own styles: give --teacher alone, or paintings")
        for name, least in (
            ("batch", 1),
            ("processes", 1),
            ("side", 64),
            ("steps", 1),
            ("minutes", 0.01),
            ("rate", 1e-9),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"{name} {value:g} is too small: it must be at least {least:g}")


@dataclass(frozen=True)
class LiveJob(Job):
    """Paint what a camera, a stream or a film shows, as it comes."""

    verb: ClassVar[str] = "live"

    styles: tuple[str, ...] = field(metadata={"help": "Learned styles; keys or buttons change between them."})
    source: str = _option("0", "A camera's number, a device, the address of a stream, or a film.")
    fps: float = _option(25.0, "Frames a second to hold, by painting smaller if need be.")
    size: int | str | None = _option(None, "Long side in pixels. Default: what holds the rate.", flag="-s")
    strength: float = _option(1.0, "How much style.")
    consistency: float = _option(0.75, "How much of the frame before is kept, 0 to 1.")
    network: NetworkName | None = _option(None, "quality, or tiny, which is faster.")
    port: int = _option(8765, "Of the page, on this machine only.")
    precision: Precision = _option("auto", "auto: bfloat16 where the processor computes in it.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "size", parse_size(self.size))
        if not 0 <= self.consistency <= 1:
            raise InputError(f"consistency {self.consistency:g} is not between 0 and 1: 0.75 is usual")
        if not 0.1 <= self.fps <= 240:
            raise InputError(f"fps {self.fps:g} is not between 0.1 and 240: 25 is usual")
        if not 0 <= self.port <= 65535:
            raise InputError(f"port {self.port} is not between 0 and 65535")


def _is_required(item: dataclasses.Field[Any]) -> bool:
    return item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING


def _checked(name: str, value: Any, hint: Any) -> Any:
    """``value`` as the type hint wants it, or an error that says what it should be."""
    kinds = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    for kind in kinds:
        found = _as_kind(name, value, kind)
        if found is not _NO:
            return found
    raise InputError(f"{name} {value!r} is not valid: it must be {' or '.join(_describe(k) for k in kinds)}")


_NO = object()


def _as_kind(name: str, value: Any, kind: Any) -> Any:
    if kind is type(None):
        return None if value is None else _NO
    if typing.get_origin(kind) is Literal:
        return value if isinstance(value, str) and value in typing.get_args(kind) else _NO
    if typing.get_origin(kind) is tuple:
        if isinstance(value, str) or not isinstance(value, (list, tuple)):
            return _NO
        return tuple(_checked(name, item, typing.get_args(kind)[0]) for item in value)
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else _NO
    return value if type(value) is kind else _NO


def _describe(kind: Any) -> str:
    if kind is type(None):
        return "left out"
    if typing.get_origin(kind) is Literal:
        choices: tuple[str, ...] = typing.get_args(kind)
        return f"one of {', '.join(choices)}"
    if typing.get_origin(kind) is tuple:
        return f"a list, each {_describe(typing.get_args(kind)[0])}"
    names: dict[Any, str] = {
        int: "a whole number",
        float: "a finite number",
        str: "text",
        bool: "true or false",
    }
    return names[kind]
