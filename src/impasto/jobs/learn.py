"""Settings of ``learn``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from impasto.errors import InputError
from impasto.jobs import base
from impasto.jobs.base import Job, NetworkName, Precision, option


@dataclass(frozen=True)
class LearnJob(Job):
    """Train a network on style images, for painting with them in one pass."""

    verb: ClassVar[str] = "learn"
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "pictures": (),
        "styles": (),
        "rehearse": (),
        "photos": (),
        "into": ("quality", "tiny"),
        "begin_from": ("quality", "tiny"),
        "teacher": ("quality", "tiny"),
    }

    pictures: tuple[str, ...] = option((), "One or several style images.")
    styles: str | None = option(None, "A folder of style images, learned together.")
    photos: str = option("photos", "A folder of photos to train on; a few hundred are enough.")
    network: NetworkName = option("quality", "quality, tiny (faster), or johnson (as published, slower).")
    into: str | None = option(
        None,
        "Pack to add the styles to, or 'quality', the shipped one, which takes a minute per style. Other "
        "styles do not change.",
    )
    begin_from: str | None = option(
        None,
        "Pack with the initial weights of a new one. Default: the shipped pack for the network 'quality', "
        "random weights for others.",
    )
    rehearse: str | None = option(
        None,
        "A folder of style images to rehearse, so that --instant still works with a new pack: the network "
        "also trains on their predicted rows.",
    )
    teacher: str | None = option(
        None,
        "Pack to distill, or 'quality', instead of style images: the new network learns all its styles.",
    )
    minutes: float | None = option(
        None,
        "Training time in minutes. Default: 60 for a new pack; 1 for each style with --into quality; 8 with "
        "--into another pack.",
        least=0.01,
    )
    steps: int | None = option(None, "Training steps, instead of a time.", least=1)
    scales: tuple[float, ...] = option((0.5, 1.0), "Stroke sizes to learn, one row each.")
    style_weight: float = option(7.0, "Weight of the style loss; the content loss has weight 1.")
    weights: tuple[float, ...] | None = option(None, base.WEIGHTS)
    batch: int = option(4, "Images per step.", least=1)
    side: int = option(192, "Side of the training crops, in pixels.", least=64)
    rate: float | None = option(None, "Learning rate. Default: depends on what is trained.", least=1e-09)
    processes: int = option(1, "Processes that share each batch: one per GPU, or several on a CPU.", least=1)
    seed: int = option(0, base.SEED)
    precision: Precision = option("auto", base.PRECISION)
    device: str = option("auto", base.DEVICE, flag="-d")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.scales or min(self.scales) <= 0 or len(set(self.scales)) < len(self.scales):
            raise InputError(f"scales {self.scales} must be different numbers above 0, such as 0.5,1")
        if self.weights and min(self.weights) <= 0:
            raise InputError(f"weights {self.weights} must be above 0")
        if self.teacher and (self.into or self.pictures or self.styles):
            raise InputError("--teacher cannot be combined with style images or --into: give one of them")
        if self.rehearse and (self.into or self.teacher or self.network != "quality"):
            raise InputError("--rehearse applies only to a new pack of the network 'quality': leave it out")
        if self.begin_from and self.into:
            raise InputError("--begin-from applies only to a new pack: leave out --begin-from or --into")
