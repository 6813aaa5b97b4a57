"""How a frame of a film follows the one before it: along which flow, and where that can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto.video.flow import NONE, Dis, FlowMethod, places, trust

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]

RESIDUAL = 0.14  # of the film, carried along: at this difference (0..1) trust has fallen to 1/e
BROAD = 9  # pixels over which that difference is taken: leaves that flow misses by half a pixel are alike
CUT = 0.25  # share of pixels that can be trusted, below which a new shot begins
JUMP = 0.35  # distance of two frames' histograms (0..1) from which it is a new shot
MARGIN = 3  # pixels: the smallest trust around a pixel counts
RIM = 24  # pixels from the frame's border, within which a painting still lacks what lies around it
RIM_STEP = 4  # pixels: that is looked at in every so many
WIDE = {"medium": 640, "fast": 448}  # pixels across that frames are looked at in, at most


@dataclass(frozen=True)
class Link:
    """A frame and the one before it, in one shot.

    Args:
        flow: from the frame to the one before, ``(H, W, 2)``.
        mask: where it can be trusted, 0..1, ``(H, W)``.
        back: from the one before to the frame.
        mask_back: where that can be trusted, if it was asked for.
    """

    flow: Array
    mask: Array
    back: Array
    mask_back: Array | None = None


@dataclass
class Linker:
    """Links each frame of a film to the one before.

    Args:
        flow: from one frame to another; default DIS on luma, in 640 pixels across at most.
        before: the frame that the next one follows; None: the next begins a shot.
        wide: pixels across that frames are shrunk to first, and what is found is enlarged; None: never.
        both: whether to find where the way back can be trusted, too.
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
        """The link of the next frame ``(H, W, 3)``; None where a new shot begins."""
        before, self.before = self.before, frame
        there, here = self._small, self._looked_at(frame)
        self._small = here
        if before is None or before.shape != frame.shape:
            return None
        if there is None:
            there = self._looked_at(before)
        assert self.flow is not None
        flow, back = self.flow(here, there), self.flow(there, here)
        if jump(there, here) > JUMP:
            return None
        mask, sure = trusted(flow, back, here=here, there=there)
        if sure < CUT:
            return None
        mask_back = trusted(back, flow, here=there, there=here)[0] if self.both else None
        found = Link(flow, mask, back, mask_back)
        return found if here.shape == frame.shape else _enlarged(found, frame.shape[0], frame.shape[1])

    def _looked_at(self, frame: Bytes) -> Bytes:
        if self.wide is None or frame.shape[1] <= self.wide:
            return frame
        height = max(2, round(frame.shape[0] * self.wide / frame.shape[1]))
        return np.asarray(cv2.resize(frame, (self.wide, height), interpolation=cv2.INTER_AREA), np.uint8)


def _enlarged(link: Link, height: int, width: int) -> Link:
    """A link that was found in smaller frames."""
    own = link.mask.shape
    ratio = np.array([width / own[1], height / own[0]], np.float32)

    def large(plane: Array) -> Array:
        return np.asarray(cv2.resize(plane, (width, height)), np.float32)

    mask_back = None if link.mask_back is None else large(link.mask_back)
    return Link(large(link.flow * ratio), large(link.mask), large(link.back * ratio), mask_back)


def trusted(flow: Array, back: Array, *, here: Bytes, there: Bytes) -> tuple[Array, float]:
    """Where the flow from one frame to another can be trusted, 0..1, and the share where it surely can.

    Besides the way back (see :func:`impasto.video.trust`) the film itself is asked: where it does not look
    alike along the flow (light, smoke, glass), little is trusted; and what has just come into the frame was
    painted with little to see around it, and is painted anew as it moves on.
    """
    found = trust(flow, back)
    soft = found.soft
    soft[found.occluded] = 0
    worst: Array = np.asarray(cv2.erode(soft, np.ones((MARGIN, MARGIN), np.uint8)), np.float32)
    worst *= _likeness(here, there, flow)
    worst *= _seen(flow)
    return worst, float(found.hard.mean())


def _seen(flow: Array) -> Array:
    """How much of what now lies around a pixel was in sight when it was painted, 0..1, ``(H, W)``.

    Its distance to the border before, divided by that of now; so what is left of a painting made at the
    border, once it has moved on by so much, is the same at any speed.
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
    """1 where the film carried along looks like the film, towards 0 where it does not, ``(H, W)``."""
    carried = cv2.remap(there, places(flow), NONE, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    difference = cv2.subtract(here, carried, dtype=cv2.CV_16S)
    broad = cv2.blur(difference, (BROAD, BROAD), borderType=cv2.BORDER_REPLICATE)
    red, green, blue = cv2.split(np.asarray(broad, np.float32))
    squares = (red * red + green * green + blue * blue) * np.float32(-1 / (3 * 255**2 * RESIDUAL**2))
    return np.asarray(cv2.exp(squares), np.float32)


def jump(one: Bytes, other: Bytes) -> float:
    """Half the absolute difference of two frames' colour histograms, 0..1."""
    histograms = [
        cv2.calcHist([frame], [0, 1, 2], None, [8, 8, 8], [0, 256] * 3) / frame[..., 0].size
        for frame in (one[::2, ::2], other[::2, ::2])
    ]
    return float(np.abs(histograms[0] - histograms[1]).sum() / 2)
