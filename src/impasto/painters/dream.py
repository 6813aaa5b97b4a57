"""``dream`` and ``visualize``: run a job with its size, device and network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from impasto import backbones, image, methods, tensors
from impasto.backbones import Backbone
from impasto.backbones.devices import choose_device, use_threads
from impasto.errors import InputError
from impasto.image import Source
from impasto.jobs import DreamJob, VisualizeJob
from impasto.losses import Target
from impasto.methods import Style
from impasto.optim import Checkpoint, OptimizationResult, octaves, scales
from impasto.painters.inputs import BUDGETS, Inputs, check_mask, recipe_of
from impasto.painters.optimize import checkpoint_of
from impasto.record import Result, Watch
from impasto.session import Session

LONGEST = 640  # default limit of the long side, in pixels


def run_dream(job: DreamJob, session: Session = Session()) -> Result:
    """Run a job on an image; see :func:`impasto.painters.run`."""
    job.check_kind("photo")
    threads = use_threads(session.threads)
    dreamer = Dreamer(job, session.pictures, session.watch)
    photo = dreamer.inputs.read(job.content)
    alpha, bits = photo.alpha, photo.bits
    content = dreamer.content()
    recipe = dreamer.recipe(str(dreamer.device), engine="torch", threads=threads)
    del photo
    dreamer.inputs.forget(job.content)
    outcome = dreamer.paint(content, checkpoint=checkpoint_of(session, recipe))
    size = (content.shape[-2], content.shape[-1])
    return Result(
        tensors.to_array(outcome.picture),
        recipe,
        outcome.history,
        alpha=None if alpha is None else image.resize(alpha, size),
        bits=16 if bits == 16 else 8,
        stopped=outcome.stopped,
        metadata=None if job.strip else image.read_metadata(dreamer.inputs.source(job.content)),
    )


class Dreamer:
    """A dream job with its input images and its network; ``watch`` is called after every step.

    Raises:
        InputError: an input is missing, or a layer is unknown or invalid.
    """

    def __init__(self, job: DreamJob, pictures: Mapping[str, Source], watch: Watch | None = None) -> None:
        self.job, self.watch, self.inputs = job, watch, Inputs(job, pictures)
        self.recipe = self.inputs.recipe
        for name in self.inputs.names:
            if name not in pictures and not Path(name).exists():
                raise InputError(f"cannot read {name}: there is no such file")
        self.device = choose_device(job.device)
        self.backbone: Backbone = backbones.load(
            job.backbone,
            pooling=job.pooling,
            padding=job.padding,
            device=self.device,
            precision=job.precision,
        )
        targets = [Target.parse(text) for text in job.targets]
        self.backbone.check(target.layer for target in targets)

    def read(self, name: str) -> Tensor:
        """Return an input image, ``(1, 3, H, W)``."""
        return tensors.from_array(self.inputs.read(name).flat())

    def content(self) -> Tensor:
        """Return the content image at the size of the dream, ``(1, 3, H, W)``."""
        photo = self.read(self.job.content)
        return tensors.resize(photo, self.size((photo.shape[-2], photo.shape[-1]))).clamp(0, 1)

    def size(self, own: tuple[int, int]) -> tuple[int, int]:
        """Return (height, width) of the result for a content image of size ``own``."""
        if self.job.size == "original":
            return own
        longest = self.job.size if isinstance(self.job.size, int) else min(LONGEST, max(own))
        return image.fit(own, longest)

    def paint(
        self,
        content: Tensor,
        *,
        start: Tensor | None = None,
        steps: Sequence[int] | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> OptimizationResult:
        """Apply the dream to ``content (1, 3, H, W)``; ``steps`` overrides that of the job."""
        job = self.job
        size = (content.shape[-2], content.shape[-1])
        common: dict[str, Any] = {"backbone": self.backbone, "watch": self.watch, "checkpoint": checkpoint}
        common |= {"guide": None if job.guide is None else self.read(job.guide), "mask": self.mask(size)}
        if job.style:
            return methods.dream_in_style(
                content,
                [Style(self.read(name)) for name in job.style],
                job.targets,
                schedule=scales(size, steps=job.steps or BUDGETS["good"].steps),
                strength=job.strength,
                weight=job.weight,
                **common,
            )
        schedule = octaves(
            size,
            count=job.octaves,
            ratio=job.octave_scale,
            steps=steps or job.octave_steps,
            least=LEAST,
        )
        return methods.dream(
            content,
            job.targets,
            schedule=schedule,
            start=start,
            rate=job.rate / 255,
            jitter=job.jitter,
            smoothing=job.smoothing,
            distance=job.distance,
            seed=job.seed,
            **common,
        )

    @property
    def others(self) -> list[str]:
        """Names of the inputs other than the content image."""
        return self.inputs.names[1:]

    def mask(self, size: tuple[int, int]) -> Tensor | None:
        """Return the mask, ``(1, 1, H, W)``, 0..1; None: everywhere.

        Raises:
            InputError: the mask has another aspect ratio, or is nearly black.
        """
        name = self.job.mask
        if name is None:
            return None
        mask = tensors.from_array(self.inputs.read(name).rgb)[:, :1]
        check_mask(name, (mask.shape[-2], mask.shape[-1]), size)
        return F.interpolate(mask, size, mode="area")


LEAST = 64  # least short side of an octave, in pixels; deep layers need as much


def run_visualize(job: VisualizeJob, session: Session = Session()) -> Result:
    """Run a job."""
    threads = use_threads(session.threads)
    device = choose_device(job.device)
    backbone: Backbone = backbones.load(job.backbone, device=device, precision=job.precision)
    outcome = methods.visualize(
        job.layer,
        size=(job.size, job.size),
        steps=job.steps,
        backbone=backbone,
        rate=job.rate,
        seed=job.seed,
        watch=session.watch,
    )
    recipe = recipe_of(job, str(device), engine="torch", threads=threads)
    return Result(tensors.to_array(outcome.picture), recipe, outcome.history, stopped=outcome.stopped)
