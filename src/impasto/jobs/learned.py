"""The settings of ``learn`` and ``live``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from impasto.errors import InputError
from impasto.jobs import base
from impasto.jobs.base import (
    Job,
    NetworkName,
    Precision,
    option,
    parse_size,
)


@dataclass(frozen=True)
class LearnJob(Job):
    """Train a network on a painting, to paint with it at once."""

    verb: ClassVar[str] = "learn"
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "pictures": (),
        "styles": (),
        "photos": (),
        "into": ("quality", "tiny"),
        "begin_from": ("quality", "tiny"),
        "teacher": ("quality", "tiny"),
    }

    pictures: tuple[str, ...] = field(default=(), metadata={"help": "One or several paintings."})
    styles: str | None = option(None, "A folder of paintings, learned together.")
    photos: str = option("photos", "A folder of photographs to train on; a few hundred will do.")
    network: NetworkName = option("quality", "quality, tiny (faster), or johnson (as published, slower).")
    into: str | None = option(
        None,
        "A pack to add the styles to, or quality, which came with impasto: minutes in place of an hour; its "
        "old styles stay as they are.",
    )
    begin_from: str | None = option(
        None,
        "A pack to begin a new one from, in place of chance: its trunk, and its rows of the same names, are "
        "all trained on.",
    )
    teacher: str | None = option(
        None,
        "A pack to learn all its styles from, or quality, in place of paintings: for a tiny one of the same.",
    )
    minutes: float | None = option(None, "Time to train. Default: 60 for a new pack, 8 to add to one.")
    steps: int | None = option(None, "Steps to train, in place of a time.")
    scales: tuple[float, ...] = option((0.5, 1.0), "Sizes of strokes to learn, each its own row.")
    style_weight: float = option(7.0, "Weight of style, content being 1.")
    weights: tuple[float, ...] | None = option(None, base.WEIGHTS)
    batch: int = option(4, "Pictures a step.")
    side: int = option(192, "Side of the crops, pixels.")
    rate: float | None = option(None, "Rate of the optimiser. Default: chosen.")
    processes: int = option(1, "Processes that share each batch: one a GPU, or several on a CPU.")
    seed: int = option(0, base.SEED)
    precision: Precision = option("auto", base.PRECISION)
    device: str = option("auto", base.DEVICE, flag="-d")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.scales or min(self.scales) <= 0 or len(set(self.scales)) < len(self.scales):
            raise InputError(f"scales {self.scales} must be different sizes above 0, such as 0.5,1")
        if self.weights and min(self.weights) <= 0:
            raise InputError(f"weights {self.weights} must be above 0")
        if self.teacher and (self.into or self.pictures or self.styles):
            raise InputError("a teacher has its own styles: give --teacher alone, or paintings")
        if self.begin_from and self.into:
            raise InputError("--begin-from begins a new pack: leave out --into")
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
    source: str = option("0", "A camera's number, a device, the address of a stream, or a film.")
    fps: float = option(25.0, "Frames a second to hold, by painting smaller if need be.")
    size: int | str | None = option(None, base.SIZE + " Default: what holds the rate.", flag="-s")
    strength: float = option(1.0, base.STRENGTH)
    consistency: float = option(0.75, base.CONSISTENCY)
    network: NetworkName | None = option(None, base.NETWORK)
    port: int = option(8765, "Of the page, on this machine only.")
    precision: Precision = option("auto", base.PRECISION)
    device: str = option("auto", base.DEVICE, flag="-d")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "size", parse_size(self.size))
        if not 0 <= self.consistency <= 1:
            raise InputError(f"consistency {self.consistency:g} is not between 0 and 1: 0.75 is usual")
        if not 0.1 <= self.fps <= 240:
            raise InputError(f"fps {self.fps:g} is not between 0.1 and 240: 25 is usual")
        if not 0 <= self.port <= 65535:
            raise InputError(f"port {self.port} is not between 0 and 65535")
