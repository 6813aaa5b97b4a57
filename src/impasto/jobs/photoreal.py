"""Settings of ``photoreal``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from impasto.errors import InputError
from impasto.jobs import base
from impasto.jobs.base import BackboneName, Excerpt, Job, NightName, Precision, option, parse_size, pluralize

LOOK = ".look"  # suffix of a saved look
CLASSES = 4


@dataclass(frozen=True)
class PhotorealJob(Excerpt, Job):
    """Transfer light and colors from one photo to another, class by class; the result stays a photograph."""

    verb: ClassVar[str] = "photoreal"
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"content": (), "styles": (), "masks": (), "lamps": ()}

    content: str = option(text="Photo or video.")
    styles: tuple[str, ...] = option(
        (),
        "One or more photos to take light and colors from, or one saved .look file; none with --night.",
    )
    weights: tuple[float, ...] | None = option(None, base.WEIGHTS)
    masks: tuple[str, ...] | None = option(
        None, "Class masks, for the photo and then each style: flat colors or gray ids. Default: detected."
    )
    night: NightName | None = option(
        None,
        "Turn day into night, lamps lit: city (the default kind), country, dusk or wet; no style needed.",
        sparse=True,
    )
    lamps: str | None = option(
        None,
        "Labels of the lamps: an image with one color per kind, or with Cityscapes or BDD ids; boxes in "
        "COCO or BDD .json or KITTI .txt; for a video, a folder of images. Default: only signals, pairs of "
        "rear lamps and windows are detected.",
        sparse=True,
    )
    horizon: float | None = option(
        None,
        "For --night: position of the horizon from the top, as a fraction of the height. Default: detected.",
        least=0.1,
        most=0.9,
        sparse=True,
    )
    fast: bool = option(False, "Closed-form transfer only; needs no network if --masks is given.")
    strength: float = option(
        1.0, "Amount of change: 0 returns the photo, 1 is the full transfer.", least=0, most=2
    )
    realism: float = option(1.0, base.REALISM, least=0.001, most=1000)
    classes: int = option(
        CLASSES,
        "Maximum number of classes to find without --masks; 1 treats the image as one class.",
        least=1,
        most=12,
    )
    size: int | str | None = option(None, base.SIZE + " Default: the size of the photo.", flag="-s")
    seed: int = option(0, base.SEED)
    start: float | str = option(0.0, base.START)
    end: float | str | None = option(None, base.END)
    every: int = option(1, base.EVERY, least=1)
    backbone: BackboneName = option("vgg19", base.BACKBONE)
    precision: Precision = option("auto", base.PRECISION)
    device: str = option("auto", base.DEVICE, flag="-d")
    max_pixels: int = option(200_000_000, base.MAX_PIXELS)
    strip: bool = option(False, base.STRIP)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "size", parse_size(self.size))
        if not self.styles and self.night is None:
            raise InputError(
                "photoreal needs a style: a photo to take light and colors from, or a .look; or --night"
            )
        self._check_night()
        looks = [name for name in self.styles if name.lower().endswith(LOOK)]
        if looks and len(self.styles) > 1:
            raise InputError(f"{looks[0]} is a saved look: give it as the only style")
        if self.fast and self.realism != 1:
            raise InputError("--realism has no effect with --fast: give one of them")
        if self.classes != CLASSES and (self.masks is not None or looks):
            given = looks[0] if looks else "--masks"
            raise InputError(
                f"--classes cannot be combined with {given}, which defines the classes: leave it out"
            )
        self._check_part()
        if self.weights is not None and len(self.weights) != len(self.styles):
            raise InputError(
                f"--weights has {pluralize(len(self.weights), 'number')} for "
                f"{pluralize(len(self.styles), 'style')}: give one per style"
            )
        needed = 1 if looks else 1 + len(self.styles)
        if self.masks is not None and len(self.masks) != needed:
            raise InputError(
                f"--masks has {pluralize(len(self.masks), 'image')} and needs {needed}: one for the photo"
                + ("" if looks else ", then one for each style")
            )

    def _check_night(self) -> None:
        """Reject settings that have no effect with or without a night."""
        looks = any(name.lower().endswith(LOOK) for name in self.styles)
        for name in ("lamps", "horizon"):
            if self.night is None and getattr(self, name) is not None and not looks:
                raise InputError(f"--{name} is for nights: add --night, or leave it out")
        if self.styles:
            return
        given = {
            "masks": self.masks is not None,
            "weights": self.weights is not None,
            "fast": self.fast,
            "realism": self.realism != 1,
            "classes": self.classes != CLASSES,
        }
        for name in (name for name, is_given in given.items() if is_given):
            raise InputError(f"--{name} needs a style, and --night alone has none: leave it out")

    @property
    def look(self) -> str | None:
        """The saved look given as the style, or None."""
        return next((name for name in self.styles if name.lower().endswith(LOOK)), None)
