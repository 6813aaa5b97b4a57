"""Temporal consistency: each stylized frame is blended with what is remembered, warped by the optical flow.

``O_t = a m R_t + (1 - a m) S_t``: S is the frame stylized independently, m the reliability of the flow from
frame to frame, a the consistency. ``R_t = k W(O_key) + (1 - k) W(O_t-1)`` is remembered: the output of the
shot's last key and that of the previous frame, each warped by the flow of the *source*; k is the reliability
of the way to the key. Nothing is trained. It follows the per-frame blending and the long-term consistency of
Ruder et al. 2016 (arXiv 1604.08610), with these additions:

- the flow to the key is composed, and corrected against drift (:mod:`impasto.media.remembering`);
- warping uses cubic interpolation, in floats;
- the loss of fine detail is measured on the source, blended in the same way, and restored, so that low
  flicker is not due to blur;
- the reliability is lower where the warped source differs from the source (light, smoke, glass);
- the *low* frequencies follow the independent frame, which prevents drift of static backgrounds;
- a cut restarts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto.errors import InputError
from impasto.media.flow import FlowMethod, warp
from impasto.media.levels import unit
from impasto.media.links import Link, Linker
from impasto.media.remembering import EVERY, Key

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Paint = Callable[[Bytes, Array | None, Array | None], Array]
"""``paint(frame, warped, mask)`` returns the stylized frame ``(H, W, 3)``, 0..1. What is remembered, warped,
and its reliability ``(H, W)`` are for painters that start from them; None for the first frame of a shot."""

ANCHOR_SECONDS = 1.5  # time constant with which low frequencies follow the independent frame
ANCHOR_PART = 16  # low frequencies: coarser than the frame's long side divided by this
COARSE = 8  # downscaling for low frequencies
KEPT = 0.5  # share of the key in what is remembered, the rest is the previous frame
FINE = 1.0  # sigma in pixels of the Gaussian that separates fine detail
GIVEN, MOST = 0.75, 0.5  # share of the lost detail that is restored, and its maximum per frame
_HELD = 32_000_000  # bytes: the most that glibc accepts in :func:`_hold_memory`


@dataclass
class Steady:
    """Stylization of a video's frames with temporal consistency.

    Args:
        paint: stylizes one frame.
        consistency: 0..1, weight of the previous output where the flow is reliable; 0 processes each frame
            independently.
        rate: frames per second.
        flow: optical flow method, default DIS on luma at a width of at most 640 pixels.
        least: minimum value; -1 for differences of images.

    Examples:
        >>> steady = Steady(lambda frame, warped, mask: frame.astype(np.float32) / 255)
        >>> steady.next(np.zeros((64, 64, 3), np.uint8)).shape
        (64, 64, 3)
    """

    paint: Paint
    consistency: float = 0.9
    rate: float = 25.0
    flow: FlowMethod | None = None
    least: float = 0.0
    shots: int = 0
    frame: Bytes | None = field(default=None, repr=False)  # the last frame; ``output`` is its result
    output: Array | None = field(default=None, repr=False)
    witness: Array | None = field(default=None, repr=False)  # the source in gray, blended like the output
    key: Key | None = field(default=None, repr=False)  # None: the last frame

    def __post_init__(self) -> None:
        if not 0 <= self.consistency <= 1:
            raise InputError(f"consistency {self.consistency:g} is not between 0 and 1: 0.9 is usual")
        _hold_memory()

    def next(self, frame: Bytes) -> Array:
        """Stylize the next frame ``(H, W, 3)``; float32, 0..1."""
        link = Linker(self.flow, self.frame).next(frame) if self.consistency > 0 else None
        return self.follow(frame, link)

    def follow(self, frame: Bytes, link: Link | None) -> Array:
        """Stylize the next frame with a known link to the last one; None: it begins a new shot."""
        if link is None or self.output is None or self.consistency == 0:
            self.shots += int(link is None and (self.consistency > 0 or self.output is None))
            output = self.paint(frame, None, None)
            self.witness = _gray(frame) if self.consistency > 0 else None
            self.key = None
        else:
            warped, witness = self._recall(frame, link)
            own = self.paint(frame, warped, link.mask)
            output = self._blend(own, warped, link.mask)
            self._sharpen(output, own, _gray(frame), witness, link.mask)
            np.clip(output, self.least, 1, out=output)  # otherwise overshoots accumulate
        self.frame, self.output = frame, np.asarray(output, np.float32)
        return self.output

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return the state for the next frame, to resume later; the last frame becomes the key."""
        self.key = None
        if self.frame is None or self.output is None:
            return {}
        known = {} if self.witness is None else {"witness": self.witness}
        return {"frame": self.frame, "output": self.output, **known}

    def restore(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Resume from a result of :meth:`state`."""
        known = "frame" in state
        self.frame = np.asarray(state["frame"]) if known else None
        self.output = np.asarray(state["output"], np.float32) if known else None
        self.witness = np.asarray(state["witness"], np.float32) if "witness" in state else None
        self.key = None

    def _recall(self, frame: Bytes, link: Link) -> tuple[Array, Array]:
        """Return output ``(H, W, 3)`` and witness ``(H, W)`` of key and previous frame, blended."""
        assert self.frame is not None and self.output is not None and self.witness is not None
        if self.key is None or self.key.age >= EVERY:
            self.key = Key(self.frame, (self.output, self.witness))
        first = self.key.age == 0
        flow, sure = self.key.follow(frame, link)
        output, witness = warp(self.output, link.flow), warp(self.witness, link.flow)
        if not first:  # else key and previous frame are the same
            sure *= np.float32(KEPT)
            kept, kept_witness = (warp(plane, flow) for plane in self.key.result)
            output += _repeat_channels(sure) * np.subtract(kept, output, out=kept)
            witness += sure * np.subtract(kept_witness, witness, out=kept_witness)
        return output, witness

    def _blend(self, own: Array, warped: Array, mask: Array) -> Array:
        """Return the blend of the warped output and the independent frame, the latter where mask is 0."""
        difference = warped - own
        # Low frequencies of output and own would differ by these; a share of them is taken away.
        low = _low(difference)
        low *= np.float32(min(1.0, 1 / (ANCHOR_SECONDS * self.rate)))
        height, width = own.shape[:2]
        difference -= np.asarray(cv2.resize(low, (width, height), interpolation=cv2.INTER_LINEAR))
        difference *= _repeat_channels(np.float32(self.consistency) * mask)
        difference += own
        return difference

    def _sharpen(self, output: Array, own: Array, gray: Array, witness: Array, mask: Array) -> None:
        """Restore fine detail of ``output``, in place.

        The amount is what the same blending removes from the source, limited by the detail of the independent
        frame.
        """
        witness -= gray
        witness *= np.float32(self.consistency) * mask
        witness += gray
        detail = _detail(witness)
        share = min(GIVEN * _detail_gain(_detail(gray), detail), MOST)
        if share > 0:
            witness += np.float32(share) * mask * detail
            # Green represents all channels: it has most of the visible detail.
            fine = _detail(output)
            missing = _detail_gain(_detail(_green(own)), _green(fine))
            fine *= _repeat_channels(np.float32(min(share, missing)) * mask)
            output += fine
        self.witness = witness


def _hold_memory() -> None:
    """Let the C library keep the memory of arrays that are freed, for those of the next frame.

    glibc maps large blocks anew each time, and each page of them costs a page fault: a quarter of the time
    of the reliability. Once a mapped block is freed, blocks up to its size are kept.
    """
    np.empty(_HELD, np.uint8)


def _detail_gain(before: Array, after: Array) -> float:
    """Return the relative gain that restores the energy of detail; 0 if it is not lower."""
    one, other = (float(np.vdot(detail, detail)) for detail in (before, after))
    return max(0.0, math.sqrt(one / max(other, 1e-12 * after.size)) - 1)


def _repeat_channels(plane: Array) -> Array:
    """Return ``(H, W)`` as ``(H, W, 3)``, by which NumPy multiplies twice as fast as by broadcasting."""
    return np.asarray(cv2.merge([plane, plane, plane]))


def _green(picture: Array) -> Array:
    return np.asarray(cv2.extractChannel(picture, 1), np.float32)


def _gray(frame: Bytes) -> Array:
    return unit(np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)))


def _detail(picture: Array) -> Array:
    """Return the detail finer than a Gaussian of ``FINE``."""
    detail: Array = picture - np.asarray(cv2.GaussianBlur(picture, (5, 5), FINE), np.float32)
    return detail


def _low(picture: Array) -> Array:
    """Return the low frequencies of a picture, downscaled by ``COARSE``."""
    sigma = max(picture.shape[:2]) / ANCHOR_PART / COARSE
    coarse = (max(1, picture.shape[1] // COARSE), max(1, picture.shape[0] // COARSE))
    small = cv2.resize(picture, coarse, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), max(sigma, 0.5), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32).reshape(coarse[1], coarse[0], 3)
