"""Links from each frame of a video to the previous one: optical flow and its reliability."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto.media.flow import Dis, FlowMethod, enlarge_flow, trust, warp_bytes
from impasto.media.levels import eight

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]

RESIDUAL = 0.14  # difference (0..1) of the warped source at which the reliability falls to 1/e
BROAD = 9  # pixels over which this difference is averaged, to tolerate flow errors in fine texture
CUT = 0.25  # share of reliable pixels below which a new shot begins
JUMP = 0.35  # distance of two frames' histograms (0..1) at which a new shot begins
MARGIN = 3  # side in pixels of the minimum filter on the reliability
RIM = 24  # distance from the frame border in pixels within which context is missing
RIM_STEP = 4  # step in pixels at which this distance is computed
WIDE = {"medium": 640, "fast": 448}  # maximum width in pixels for optical flow


@dataclass(frozen=True)
class Link:
    """Flow between a frame and the previous one in the same shot.

    Args:
        flow: flow from the frame to the previous one, ``(H, W, 2)``.
        mask: its reliability, 0..1, ``(H, W)``.
        back: flow from the previous frame to this one, and its reliability, if requested.
    """

    flow: Array
    mask: Array
    back: tuple[Array, Array] | None = None


@dataclass
class Linker:
    """Linker of each frame of a video to the previous one.

    Args:
        flow: optical flow method; default DIS on luma at a width of at most 640 pixels.
        before: the previous frame; None: the next frame begins a shot.
        wide: maximum width in pixels for the flow, which is scaled back; None: no limit.
        both: whether links have their way ``back``, too.
    """

    flow: FlowMethod | None = None
    before: Bytes | None = field(default=None, repr=False)
    wide: int | None = None
    both: bool = False
    _small: Bytes | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.flow is None:
            self.flow, self.wide = Dis(), self.wide or WIDE["medium"]

    def next(self, frame: Bytes) -> Link | None:
        """Return the link of the next frame ``(H, W, 3)``; None if it begins a new shot."""
        before, self.before = self.before, frame
        there, here = self._small, self._shrink_frame(frame)
        self._small = here
        if before is None or before.shape != frame.shape:
            return None
        if there is None:
            there = self._shrink_frame(before)
        assert self.flow is not None
        flow, back = self.flow(here, there), self.flow(there, here)
        if jump(there, here) > JUMP:
            return None
        mask, sure = reliability(flow, back, here=here, there=there)
        if sure < CUT:
            return None
        size = frame.shape[:2]
        found = _enlarge(flow, mask, size)
        if not self.both:
            return Link(*found)
        return Link(*found, _enlarge(back, reliability(back, flow, here=there, there=here)[0], size))

    def _shrink_frame(self, frame: Bytes) -> Bytes:
        frame = eight(frame)
        if self.wide is None or frame.shape[1] <= self.wide:
            return frame
        height = max(2, round(frame.shape[0] * self.wide / frame.shape[1]))
        return np.asarray(cv2.resize(frame, (self.wide, height), interpolation=cv2.INTER_AREA), np.uint8)


def _enlarge(flow: Array, mask: Array, size: tuple[int, ...]) -> tuple[Array, Array]:
    """Return a flow and its reliability at (height, width)."""
    if mask.shape == size:
        return flow, mask
    return enlarge_flow(flow, size), np.asarray(cv2.resize(mask, size[::-1]), np.float32)


def reliability(flow: Array, back: Array, *, here: Bytes, there: Bytes) -> tuple[Array, float]:
    """Return the reliability of a flow, 0..1, and the share of pixels that pass the consistency check.

    In addition to the backward flow (see :func:`impasto.media.trust`), the source itself is compared along
    the flow: differences (light, smoke, glass) lower the reliability. It is also lower for areas that have
    just entered the frame: they were stylized with little context, and are stylized again as they move on.
    """
    found = trust(flow, back)
    soft = found.soft
    soft[found.occluded] = 0
    worst: Array = np.asarray(cv2.erode(soft, np.ones((MARGIN, MARGIN), np.uint8)), np.float32)
    worst *= _likeness(here, there, flow)
    worst *= _visibility(flow)
    return worst, float(found.hard.mean())


def _visibility(flow: Array) -> Array:
    """Return how much of a pixel's context was visible in the previous frame, 0..1, ``(H, W)``.

    It is the distance to the frame border in the previous frame, divided by the distance now. The product
    over several frames does not depend on the speed of the motion.
    """
    height, width = flow.shape[:2]
    after = np.stack(np.meshgrid(np.arange(0, width, RIM_STEP), np.arange(0, height, RIM_STEP)), 2)
    before = after + flow[::RIM_STEP, ::RIM_STEP]
    far = np.array([width - 1, height - 1], np.float32)

    def inside(place: NDArray[Any]) -> Array:
        return np.asarray(np.minimum(place, far - place).clip(0, RIM), np.float32)

    known = ((inside(before) + 1) / (inside(after) + 1)).clip(0, 1).prod(2)
    return np.asarray(cv2.resize(known, (width, height), interpolation=cv2.INTER_LINEAR))


def _likeness(here: Bytes, there: Bytes, flow: Array) -> Array:
    """Return the similarity of the warped previous frame to this one, 0..1, ``(H, W)``."""
    difference = cv2.subtract(here, warp_bytes(there, flow), dtype=cv2.CV_16S)
    broad = cv2.blur(difference, (BROAD, BROAD), borderType=cv2.BORDER_REPLICATE)
    red, green, blue = cv2.split(np.asarray(broad, np.float32))
    squares = (red * red + green * green + blue * blue) * np.float32(-1 / (3 * 255**2 * RESIDUAL**2))
    return np.asarray(cv2.exp(squares), np.float32)


def jump(one: Bytes, other: Bytes) -> float:
    """Return half the absolute difference of the color histograms of two frames, 0..1."""
    histograms = [
        cv2.calcHist([frame], [0, 1, 2], None, [8, 8, 8], [0, 256] * 3) / frame[..., 0].size
        for frame in (one[::2, ::2], other[::2, ::2])
    ]
    return float(np.abs(histograms[0] - histograms[1]).sum() / 2)
