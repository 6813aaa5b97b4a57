"""Video frames by optimization; each frame of a shot starts from the previous result."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from impasto import backbones, color, files, methods, tensors
from impasto.backbones.devices import choose_device
from impasto.errors import InputError
from impasto.jobs import StylizeJob
from impasto.losses import FeatureCache
from impasto.media.levels import unit
from impasto.methods import Style
from impasto.networks.painter import Painter
from impasto.optim import Schedule, Stage
from impasto.painters import learned
from impasto.painters.inputs import Inputs
from impasto.painters.optimize import (
    LEAST_SIDE,
    Frame,
    border_of,
    grayscale,
    modern,
    pad_image,
    schedule,
    styles_of,
    terms_of,
)
from impasto.record import Watch

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]

# Evaluations of a following frame, as fractions of those of a first frame: at half size and at full size.
FOLLOWING = (0.19, 0.06)


class MovingPainter:
    """Stylize the frames of a video in order.

    Args:
        job: styles and settings; its ``content`` is ignored.
        consistency: strength of the temporal loss, 0..1.
        watch: called after every step; an exception from it discards the frame.

    Raises:
        InputError: a style image or a mask cannot be read.
    """

    def __init__(self, job: StylizeJob, *, consistency: float, watch: Watch | None = None) -> None:
        self.job, self.consistency, self.watch = job, consistency, watch
        self.inputs = Inputs(job, {})
        for name in (*job.styles, *(job.mask or ())):
            self.inputs.read(name)
        self.device = choose_device(job.device)
        self.backbone = backbones.load(
            job.backbone, pooling=job.pooling or "max", device=self.device, precision=job.precision
        )
        self.evaluations: list[int] = []  # by frame
        self._styles: list[Style] = []
        self._seen = FeatureCache(())
        self._predicted: Painter | None = None
        self._rows: Array = np.empty(0, np.float32)  # weights of the predicted styles

    def digest(self) -> str:
        """Return a hash of styles, masks and settings."""
        hashes = [self.inputs.digest(name) for name in (*self.job.styles, *(self.job.mask or ()))]
        return files.digest([asdict(self.job), hashes])

    def __call__(self, frame: Bytes, warped: Array | None, mask: Array | None) -> Array:
        """Stylize a frame ``(H, W, 3)``; return floats 0..1. See :class:`impasto.media.Steady`."""
        rgb = unit(frame)
        if min(rgb.shape[:2]) < LEAST_SIDE:
            raise InputError(
                f"frames of {frame.shape[1]}x{frame.shape[0]} are too small to paint: choose a larger --size"
            )
        if warped is None or mask is None:
            self.begin(rgb)
        content, inside = self._pad(tensors.from_array(rgb))
        if self.job.color == "luminance":
            content = grayscale(content)
        size = (content.shape[-2], content.shape[-1])
        common: dict[str, Any] = {"backbone": self.backbone, "watch": self.watch}
        common["border"] = border_of(self.job)
        plan = schedule(self.job, size)
        if warped is None or mask is None:
            outcome = modern(self.job, content, self._styles, schedule=plan, **common)
        else:
            fresh = self._paint_at_once(rgb)
            if self.job.color == "luminance":
                warped, fresh = color.grayscale(warped), color.grayscale(fresh)
            outcome = methods.following_frame(
                content,
                self._styles,
                warped=self._pad(tensors.from_array(warped))[0],
                mask=self._pad(tensors.from_array(mask))[0],
                fresh=self._pad(tensors.from_array(fresh))[0],
                schedule=following_schedule(plan),
                **terms_of(self.job),
                consistency=self.consistency,
                seen=self._seen,
                **common,
            )
        self.evaluations.append(outcome.evaluations)
        painted = tensors.to_array(outcome.picture[..., *inside])
        if self.job.color == "luminance":
            painted = color.transfer_lightness(painted, rgb).astype(np.float32)
        return painted

    def begin(self, first: Array) -> None:
        """Prepare palettes and masks of a shot from its first frame ``(H, W, 3)``, to avoid flicker."""
        self._styles = styles_of(self.job, self.inputs, *self._pad(tensors.from_array(first)))
        self._seen = FeatureCache([style.picture for style in self._styles])

    def _paint_at_once(self, rgb: Array) -> Array:
        """Paint a frame ``(H, W, 3)`` in the predicted styles of the style images."""
        if self._predicted is None:
            job = replace(self.job, instant=True, network=None, style_scale=None)
            pack, names = learned.join_styles(learned.find_all(job, self.inputs))
            self._predicted = Painter(pack, device=str(self.device), precision=job.precision)
            self._rows = learned.weights_of(job, self.inputs, pack, names, (rgb.shape[0], rgb.shape[1]))
        return self._predicted.paint(rgb, self._rows)

    def _pad(self, picture: Tensor) -> tuple[Tensor, Frame]:
        return pad_image(picture, border_of(self.job))


def following_schedule(plan: Schedule) -> Schedule:
    """Return the schedule of a following frame, from that of a first frame."""
    height, width = plan[-1].size
    steps = sum(stage.steps for stage in plan)
    if min(height, width) < 96:
        return (Stage((height, width), max(1, int(sum(FOLLOWING) * steps))),)
    half, whole = (max(1, int(share * steps)) for share in FOLLOWING)
    return (Stage((round(height / 2), round(width / 2)), half), Stage((height, width), whole))
