"""Base class of the jobs, with type-checked fields, and their value types."""

from __future__ import annotations

import dataclasses
import math
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, ClassVar, Literal, TypeVar

from impasto.errors import InputError

Method = Literal["modern", "paper", "tutorial"]
Preset = Literal["draft", "good", "print"]
StyleLossName = Literal["neighbors", "mixed", "gram", "wasserstein", "meanvar"]
Blend = Literal["moments", "barycenter"]
Color = Literal["style", "content", "luminance"]
OptimizerName = Literal["lbfgs", "adam"]
BackboneName = Literal["vgg19", "vgg19-torchvision", "vgg16-torchvision"]
Pooling = Literal["max", "avg"]
NetworkName = Literal["quality", "tiny", "johnson"]
Statistics = Literal["thumbnail", "exact"]
Precision = Literal["auto", "float32", "bfloat16"]
NightName = Literal["city", "country", "dusk", "wet"]
EngineName = Literal["local", "ray"]
LayoutName = Literal["coco", "bdd", "cityscapes", "kitti"]

J = TypeVar("J", bound="Job")

# Help texts of options that several verbs share.
WEIGHTS = "Weight of each style, e.g. 0.7,0.3. Default: equal."
MASK = "One grayscale mask per style, e.g. a.png,b.png, white where the style applies; may be repeated."
COLOR = "Colors to use: 'style', 'content', or 'luminance' to stylize only the lightness."
REALISM = "Smoothness of the lighting change: 0.1 is loose, 10 is stiff."
SIZE = "Long side in pixels, or 'original'."
STRENGTH = (
    "Amount of style: 0 returns the photo, 1 is normal, 2 is nearly all style (learned styles: at most 1.5)."
)
PRESET = "Quality with style images: draft (320 px), good (512 px) or print (1024 px)."
STYLE_SCALE = "Size of the brush strokes, one value or one per style: below 1 is finer, above 1 coarser."
CONSISTENCY = "Temporal consistency of a video; 0 processes each frame independently."
START = "Start time in a video, in seconds or as 1:02:03."
END = "End time in a video, in seconds or as 1:02:03."
EVERY = "Use only every n-th frame of a video; 6 turns 30 frames/s into 5."
INSTANT = "Use any style image at once, without training; less faithful than a learned style."
TUNE = "With --instant: train once for this many seconds, and keep the style under its image's name."
NETWORK = "Network of a learned style: quality, or tiny (faster). Default: the first that has the style."
BACKBONE = "Feature extractor; vgg19 is bundled."
POOLING = "Pooling of the VGG: max or avg."
PRECISION = "Numeric precision; auto uses bfloat16 where the hardware supports it."
DEVICE = "cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one."
SEED = "Random seed."
STRIP = "Drop the photo's metadata: date, place, author, copyright, resolution."
MAX_PIXELS = "Refuse images with more pixels than this."


def option(
    default: Any = dataclasses.MISSING,
    text: str = "",
    *,
    flag: str | None = None,
    least: float | None = None,
    most: float | None = None,
    sparse: bool = False,
    stored: str | None = None,
) -> Any:
    """Return a dataclass field with a help text, an optional short flag, and the range of a number.

    ``sparse``: :meth:`Job.settings` leaves it out at its default. An option that is added to a verb must be,
    since settings are part of the keys of checkpoints and batches. ``stored`` is its former name, by which
    :meth:`Job.settings` still calls it, and which :meth:`Job.parse` takes as well.
    """
    known = {"help": text, "flag": flag, "least": least, "most": most, "sparse": sparse, "stored": stored}
    return field(default=default, metadata=known)


def key_of(item: dataclasses.Field[Any]) -> str:
    """Return the key of a field in :meth:`Job.settings`."""
    return item.metadata.get("stored") or item.name


def range_of(item: dataclasses.Field[Any]) -> str:
    """Return the range of a field in words, to end its help text; empty if it has none."""
    least, most = item.metadata.get("least"), item.metadata.get("most")
    if least is None:
        return ""
    return f"At least {_plain(least)}." if most is None else f"From {_plain(least)} to {_plain(most)}."


def _check_range(item: dataclasses.Field[Any], value: Any) -> None:
    least, most = item.metadata.get("least"), item.metadata.get("most")
    if least is None or isinstance(value, str) or value is None:
        return
    name = f"--{item.name.replace('_', '-')} {value:g}"
    if most is None and value < least:
        raise InputError(f"{name} is too small: it must be {_plain(least)} or more")
    if most is not None and not least <= value <= most:
        usual = f": {item.default:g} is usual" if isinstance(item.default, (int, float)) else ""
        raise InputError(f"{name} is not between {_plain(least)} and {_plain(most)}{usual}")


def _plain(number: float) -> str:
    """Format a number without an exponent."""
    return f"{number:.0f}" if number == int(number) else f"{number:g}"


@dataclass(frozen=True)
class Job:
    """Base class of the jobs; checks every field against its type.

    ``reads`` maps each field that names input files to those of its values that are not file names.
    """

    verb: ClassVar[str]
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(type(self))
        for item in dataclasses.fields(self):
            value = _convert(item.name, getattr(self, item.name), hints[item.name])
            object.__setattr__(self, item.name, value)
            _check_range(item, value)

    def settings(self) -> dict[str, Any]:
        """Return the fields as JSON-compatible values, without ``sparse`` ones at their default."""
        known = {}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if not (item.metadata.get("sparse") and value == item.default):
                known[key_of(item)] = list(value) if isinstance(value, tuple) else value
        return known

    @classmethod
    def parse(cls: type[J], settings: Mapping[str, Any]) -> J:
        """Return a job built from named settings.

        Raises:
            InputError: a setting is unknown (the message names similar ones), missing or of the wrong type.
        """
        names = {key_of(item): item.name for item in dataclasses.fields(cls)}
        settings = {names.get(key, key): value for key, value in settings.items()}
        check_names(cls.verb, settings, [*names.values()])
        needed = [f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING]
        missing = [name for name in needed if name not in settings]
        if missing:
            raise InputError(f"{cls.verb} needs {' and '.join(missing)}")
        return cls(**settings)

    def inputs(self) -> list[str]:
        """Return the names of the input files, in the order of ``reads``."""
        found = list[str]()

        def note(name: str) -> str:
            found.append(name)
            return name

        for name in self.reads:
            self.rename_files({name: getattr(self, name)}, note)
        return found

    @classmethod
    def rename_files(cls, settings: Mapping[str, Any], rename: Callable[[str], str]) -> dict[str, Any]:
        """Return ``settings`` with ``rename`` applied to every file name; other values are unchanged.

        Args:
            settings: settings of this verb; they need not be valid for :meth:`parse`.
            rename: maps a file name to its replacement.
        """

        def rename_value(value: Any, words: tuple[str, ...]) -> Any:
            if isinstance(value, (list, tuple)):
                return [rename_value(item, words) for item in value]
            return rename(value) if isinstance(value, str) and value not in words else value

        return {k: rename_value(v, cls.reads[k]) if k in cls.reads else v for k, v in settings.items()}


def check_names(verb: str, given: Iterable[str], names: Sequence[str]) -> None:
    """Check that all settings of a verb are known.

    Raises:
        InputError: one is not among ``names``; the message has similar ones.
    """
    for name in given:
        if name not in names:
            near = get_close_matches(name, names, n=1) or names
            raise InputError(f"{verb} has no setting '{name}': did you mean {', '.join(near)}?")


def pluralize(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 style``, ``2 styles``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def parse_size(size: int | str | None) -> int | str | None:
    """Return a long side in pixels, ``"original"`` or None.

    Raises:
        InputError: ``size`` is anything else.
    """
    if isinstance(size, str) and size.isdigit():
        size = int(size)
    if size is None or size == "original" or (isinstance(size, int) and 1 <= size <= 100_000):
        return size
    raise InputError(f"size {size!r} is neither a long side in pixels (1 to 100000) nor 'original'")


def parse_memory(text: str | None) -> int | None:
    """Return the number of bytes in ``8GB``, ``7.5G`` or ``500MB``; None for None.

    Raises:
        InputError: ``text`` is anything else, or less than a megabyte.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?) ?([GM])B?", text.strip(), re.IGNORECASE)
    size = float(found[1]) * (2**30 if found[2].upper() == "G" else 2**20) if found else 0.0
    if size < 2**20:
        raise InputError(f"memory {text!r} is not an amount such as 8GB or 500MB")
    return int(size)


def parse_range(name: str, value: float | str | Sequence[float | str]) -> tuple[float, float]:
    """Return the two numbers of ``0.4,1`` or of a sequence; one number counts as both.

    Raises:
        InputError: ``value`` is anything else.
    """
    several = value.split(",") if isinstance(value, str) else value
    parts = [several] if isinstance(several, (int, float)) else several
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= 2:
        raise InputError(f"{name} {value} is not two numbers: write them as 0.4,1")
    return numbers[0], numbers[-1]


def parse_seconds(name: str, value: float | str | None) -> float | None:
    """Return the time in seconds of a number, ``2s``, ``1:30`` or ``1:02:03.5``; None for None.

    Raises:
        InputError: ``value`` is anything else.
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


class Excerpt:
    """Mixin of jobs on videos: the segment from ``start`` to ``end``, valid after :meth:`_check_part`."""

    start: float | str
    end: float | str | None

    @property
    def begin(self) -> float:
        """``start`` in seconds."""
        return float(self.start)

    @property
    def stop(self) -> float | None:
        """``end`` in seconds."""
        return None if self.end is None else float(self.end)

    def _check_part(self) -> None:
        for name in ("start", "end"):
            object.__setattr__(self, name, parse_seconds(name, getattr(self, name)))
        if self.stop is not None and self.stop <= self.begin:
            raise InputError(f"end {self.stop:g} s is not after start {self.begin:g} s: choose a later end")


def kinds_of(hint: Any) -> tuple[Any, ...]:
    """Return the members of a union type, or the type itself."""
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


def _convert(name: str, value: Any, hint: Any) -> Any:
    """Return ``value`` converted to the type hint, or raise an error that names the valid values."""
    kinds = kinds_of(hint)
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
        return tuple(_convert(name, item, typing.get_args(kind)[0]) for item in value)
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
