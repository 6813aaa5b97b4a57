"""Films that hold still: each painted frame blended with the one before, carried along by the flow.

``O_t = a m W(O_t-1) + (1 - a m) S_t``: S is the frame painted by itself, W carries the output before along
the flow of the *film*, m says where that can be trusted, a how much. Nothing is trained. After the per-frame
blending of Ruder et al. 2016 (arXiv 1604.08610), with what keeps it sharp and honest:

- carried by cubic interpolation, in floats;
- what blending takes away of fine detail is measured on the film itself, which goes the same way, and is
  given back, so that calm is not bought by blur;
- trusted less where the film itself, carried along, does not look like the film (light, smoke, glass);
- the *low* frequencies follow the frame's own painting, or still backgrounds drift away;
- a cut begins anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto.errors import InputError
from impasto.video.flow import FlowMethod, warp
from impasto.video.linking import Link, Linker

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Paint = Callable[[Bytes, Array | None, Array | None], Array]
"""``paint(frame, warped, mask)``: the frame ``(H, W, 3)`` painted, 0..1; the output before, carried to it,
and where it can be trusted ``(H, W)``, are for painters that begin from them (None in the first frame)."""

ANCHOR_SECONDS = 1.5  # in which low frequencies follow the frame's own painting
ANCHOR_PART = 16  # low: slower than the frame's long side divided by this
COARSE = 8  # low frequencies are looked at in a picture so many times smaller
FINE = 1.0  # pixels: what is given back of detail is finer than a Gaussian of this
GIVEN, MOST = 0.75, 0.5  # share of the detail lost that is given back, and its most at once


@dataclass
class Steady:
    """Paints the frames of a film so that they hold still.

    Args:
        paint: paints one frame.
        consistency: 0..1, how much of the frame before is kept where it can be trusted; 0 is each frame by
            itself.
        rate: frames a second.
        flow: from one frame to another, default DIS on luma at no more than 640 pixels across.
        least: the smallest value there is; -1 for differences of pictures.

    Examples:
        >>> steady = Steady(lambda frame, warped, mask: frame.astype(np.float32) / 255)
        >>> steady.next(np.zeros((64, 64, 3), np.uint8)).shape
        (64, 64, 3)
    """

    paint: Paint
    consistency: float = 0.85
    rate: float = 25.0
    flow: FlowMethod | None = None
    least: float = 0.0
    shots: int = 0
    frame: Bytes | None = field(default=None, repr=False)  # the last one, and what it became
    output: Array | None = field(default=None, repr=False)
    witness: Array | None = field(default=None, repr=False)  # the film in grey, blended as the output is

    def __post_init__(self) -> None:
        if not 0 <= self.consistency <= 1:
            raise InputError(f"consistency {self.consistency:g} is not between 0 and 1: 0.85 is usual")

    def next(self, frame: Bytes) -> Array:
        """The next frame ``(H, W, 3)`` of the film, painted; float32, 0..1."""
        link = Linker(self.flow, self.frame).next(frame) if self.consistency > 0 else None
        return self.follow(frame, link)

    def follow(self, frame: Bytes, link: Link | None) -> Array:
        """The same of a frame whose link to the last one is known; None: a new shot begins with it."""
        if link is None or self.output is None or self.consistency == 0:
            self.shots += int(link is None and (self.consistency > 0 or self.output is None))
            output = self.paint(frame, None, None)
            self.witness = _grey(frame) if self.consistency > 0 else None
        else:
            warped = warp(self.output, link.flow)
            own = self.paint(frame, warped, link.mask)
            output = self._blended(own, warped, link.mask)
            self._sharpen(output, own, _grey(frame), link)
            np.clip(output, self.least, 1, out=output)  # or what overshoots would be carried on and on
        self.frame, self.output = frame, np.asarray(output, np.float32)
        return self.output

    def state(self) -> dict[str, NDArray[np.generic]]:
        """What the next frame needs of those before it, to go on later."""
        if self.frame is None or self.output is None:
            return {}
        known = {} if self.witness is None else {"witness": self.witness}
        return {"frame": self.frame, "output": self.output, **known}

    def restore(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Goes on from what :meth:`state` gave."""
        known = "frame" in state
        self.frame = np.asarray(state["frame"], np.uint8) if known else None
        self.output = np.asarray(state["output"], np.float32) if known else None
        self.witness = np.asarray(state["witness"], np.float32) if "witness" in state else None

    def _blended(self, own: Array, warped: Array, mask: Array) -> Array:
        """What is carried and what is painted; nothing but the latter where the mask is 0."""
        low = _low(own, warped)
        # With the blend, the low frequencies of output and own differ by a of this; a share is given back.
        low *= np.float32(-self.consistency * min(1.0, 1 / (ANCHOR_SECONDS * self.rate)))
        height, width = own.shape[:2]
        change = np.asarray(cv2.resize(low, (width, height), interpolation=cv2.INTER_LINEAR))
        difference = warped - own
        difference *= np.float32(self.consistency)
        difference += change
        difference *= _thrice(mask)
        difference += own
        return difference

    def _sharpen(self, output: Array, own: Array, grey: Array, link: Link) -> None:
        """Gives fine detail back to ``output``.

        As much as the same blending took from the film itself, and no more than the frame's own painting has.
        """
        assert self.witness is not None
        witness = warp(self.witness, link.flow)
        witness -= grey
        witness *= np.float32(self.consistency) * link.mask
        witness += grey
        detail = _detail(witness)
        share = min(GIVEN * _lost(_detail(grey), detail), MOST)
        if share > 0:
            witness += np.float32(share) * link.mask * detail
            # Green stands for all: its detail is most of what an eye sees.
            fine = _detail(output)
            missing = _lost(_detail(_green(own)), _green(fine))
            fine *= _thrice(np.float32(min(share, missing)) * link.mask)
            output += fine
        self.witness = witness


def _lost(before: Array, after: Array) -> float:
    """The share by which detail must grow to be what it was; 0 if it is more than that."""
    one, other = (float(np.vdot(detail, detail)) for detail in (before, after))
    return max(0.0, math.sqrt(one / max(other, 1e-12 * after.size)) - 1)


def _thrice(plane: Array) -> Array:
    """``(H, W)`` as ``(H, W, 3)``: NumPy multiplies by it twice as fast as by what it must repeat."""
    return np.asarray(cv2.merge([plane, plane, plane]))


def _green(picture: Array) -> Array:
    return np.asarray(cv2.extractChannel(picture, 1), np.float32)


def _grey(frame: Bytes) -> Array:
    grey: Array = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.float32)
    grey *= np.float32(1 / 255)
    return grey


def _detail(picture: Array) -> Array:
    """What is finer than a Gaussian of ``FINE``."""
    detail: Array = picture - np.asarray(cv2.GaussianBlur(picture, (5, 5), FINE), np.float32)
    return detail


def _low(own: Array, warped: Array) -> Array:
    """The low frequencies of ``warped - own``, in a smaller picture."""
    sigma = max(own.shape[:2]) / ANCHOR_PART / COARSE
    coarse = (max(1, own.shape[1] // COARSE), max(1, own.shape[0] // COARSE))
    one, other = (cv2.resize(p, coarse, interpolation=cv2.INTER_AREA) for p in (warped, own))
    blurred = cv2.GaussianBlur(one - other, (0, 0), max(sigma, 0.5), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32).reshape(coarse[1], coarse[0], 3)
