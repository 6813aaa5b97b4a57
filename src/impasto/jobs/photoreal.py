"""The settings of ``photoreal``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from impasto.errors import InputError
from impasto.jobs import base
from impasto.jobs.base import BackboneName, Job, Part, Precision, option, parse_size

LOOK = ".look"  # suffix of a saved look
CLASSES = 4


@dataclass(frozen=True)
class PhotorealJob(Part, Job):
    """Give a photo the light and the colours of another, class by class; it stays a photograph."""

    verb: ClassVar[str] = "photoreal"
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"content": (), "styles": (), "masks": ()}

    content: str = field(metadata={"help": "The photo; or a film."})
    styles: tuple[str, ...] = field(
        metadata={"help": "One or several photos whose light it shall have; or one saved .look."}
    )
    weights: tuple[float, ...] | None = option(None, base.WEIGHTS)
    masks: tuple[str, ...] | None = option(
        None, "A mask of the photo and one of each style: flat colours, or ids as grey. Default: found."
    )
    fast: bool = option(False, "Closed form only: with masks, no network at all.")
    strength: float = option(1.0, "0 gives the photo back, 1 is the whole change.")
    realism: float = option(1.0, base.REALISM)
    classes: int = option(
        CLASSES, "Classes to look for, at most, where there are no masks; 1 treats the picture as one."
    )
    size: int | str | None = option(None, base.SIZE + " Default: the photo's own.", flag="-s")
    seed: int = option(0, base.SEED)
    start: float | str = option(0.0, base.START)
    end: float | str | None = option(None, base.END)
    every: int = option(1, base.EVERY)
    backbone: BackboneName = option("vgg19", base.BACKBONE)
    precision: Precision = option("auto", base.PRECISION)
    device: str = option("auto", base.DEVICE, flag="-d")
    max_pixels: int = option(200_000_000, base.MAX_PIXELS)
    strip: bool = option(False, base.STRIP)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "size", parse_size(self.size))
        if not self.styles:
            raise InputError("photoreal needs a style: a photo whose light it shall have, or a .look")
        looks = [name for name in self.styles if name.lower().endswith(LOOK)]
        if looks and len(self.styles) > 1:
            raise InputError(f"{looks[0]} is a look, which stands alone: give it as the only style")
        if not 0 <= self.strength <= 2:
            raise InputError(f"strength {self.strength:g} is not between 0 and 2: 1 is usual")
        base.check_realism(self.realism)
        if self.fast and self.realism != 1:
            raise InputError("--realism shapes the refinement, which --fast leaves out: give one of them")
        if self.classes != CLASSES and (self.masks is not None or looks):
            given = looks[0] if looks else "--masks"
            raise InputError(
                f"--classes is how many to look for, and {given} says them already: leave it out"
            )
        if not 1 <= self.classes <= 12:
            raise InputError(f"classes {self.classes} is not between 1 and 12: 4 is usual")
        if self.every < 1:
            raise InputError(f"every {self.every} must be 1 or more")
        self._check_part()
        if self.weights is not None and len(self.weights) != len(self.styles):
            raise InputError(
                f"--weights has {_counted(len(self.weights), 'number')} for "
                f"{_counted(len(self.styles), 'style')}: give one a style"
            )
        needed = 1 if looks else 1 + len(self.styles)
        if self.masks is not None and len(self.masks) != needed:
            raise InputError(
                f"--masks has {_counted(len(self.masks), 'picture')} and needs {needed}: one of the photo"
                + ("" if looks else ", then one of each style")
            )

    @property
    def look(self) -> str | None:
        """The saved look, if the style is one."""
        return self.styles[0] if self.styles[0].lower().endswith(LOOK) else None


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
