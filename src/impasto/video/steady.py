"""Films that hold still: each painted frame blended with the one before, carried along by the flow.

``O_t = a m W(O_t-1) + (1 - a m) S_t``: S is the frame painted by itself, W carries the output before along
the flow of the *film*, m says where that can be trusted, a how much. Nothing is trained. After the per-frame
blending of Ruder et al. 2016 (arXiv 1604.08610), with what keeps it sharp and honest:

- carried by cubic interpolation, in floats, so that blending again and again does not blur;
- trusted less where the film itself, carried along, does not look like the film (light, smoke, glass);
- the *low* frequencies follow the frame's own painting, or still backgrounds drift away;
- a cut begins anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto.errors import InputError
from impasto.video.flow import Dis, FlowMethod, trust, warp

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Paint = Callable[[Bytes, Array | None, Array | None], Array]
"""``paint(frame, warped, mask)``: the frame ``(H, W, 3)`` painted, 0..1; the output before, carried to it,
and where it can be trusted ``(H, W)``, are for painters that begin from them (None in the first frame)."""

RESIDUAL = 0.1  # of the film, carried along: at this difference (0..1) trust has fallen to 1/e
CUT = 0.25  # share of pixels that can be trusted, below which a new shot begins
JUMP = 0.35  # distance of two frames' histograms (0..1) from which it is a new shot
MARGIN = 7  # pixels: the smallest trust around a pixel counts
ANCHOR_SECONDS = 1.5  # in which low frequencies follow the frame's own painting
ANCHOR_PART = 16  # low: slower than the frame's long side divided by this


@dataclass
class Steady:
    """Paints the frames of a film so that they hold still.

    Args:
        paint: paints one frame.
        consistency: 0..1, how much of the frame before is kept where it can be trusted; 0 is each frame by
            itself.
        rate: frames a second.
        flow: from one frame to another, default DIS on luma at no more than 640 pixels across.

    Example:
        >>> steady = Steady(lambda frame, warped, mask: frame.astype(np.float32) / 255)
        >>> steady.next(np.zeros((64, 64, 3), np.uint8)).shape
        (64, 64, 3)
    """

    paint: Paint
    consistency: float = 0.85
    rate: float = 25.0
    flow: FlowMethod | None = None
    shots: int = 0
    _frame: Bytes | None = field(default=None, repr=False)
    _output: Array | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.consistency <= 1:
            raise InputError(f"consistency {self.consistency:g} is not between 0 and 1: 0.85 is usual")

    def next(self, frame: Bytes) -> Array:
        """The next frame ``(H, W, 3)`` of the film, painted; float32, 0..1."""
        carried = self._carried(frame)
        if carried is None:
            self.shots += 1
            output = self.paint(frame, None, None)
        else:
            warped, mask = carried
            own = self.paint(frame, warped, mask)
            share = (self.consistency * mask)[..., None]
            output = own + share * (warped - own)
            output = _anchored(output, own, 1 / (ANCHOR_SECONDS * self.rate))
        self._frame, self._output = frame, output.astype(np.float32)
        return self._output

    def state(self) -> dict[str, NDArray[np.generic]]:
        """What the next frame needs of those before it, to go on later."""
        if self._frame is None or self._output is None:
            return {}
        return {"frame": self._frame, "output": self._output}

    def restore(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Goes on from what :meth:`state` gave."""
        self._frame = np.asarray(state["frame"], np.uint8) if state else None
        self._output = np.asarray(state["output"], np.float32) if state else None

    def _carried(self, frame: Bytes) -> tuple[Array, Array] | None:
        """The output before, carried to this frame, and how far it can be trusted; None in a new shot."""
        before, output = self._frame, self._output
        if before is None or output is None or self.consistency == 0 or before.shape != frame.shape:
            return None
        if _jump(before, frame) > JUMP:
            return None
        flow = self.flow or Dis(scale=min(1.0, 640 / frame.shape[1]))
        to_before = flow(frame, before)
        found = trust(to_before, flow(before, frame))
        if found.hard.mean() < CUT:
            return None
        mask = found.soft * _likeness(frame, warp(before, to_before))
        mask = np.asarray(cv2.erode(mask, np.ones((MARGIN, MARGIN), np.uint8)), np.float32)
        return warp(output, to_before), mask


def _likeness(frame: Bytes, carried: Array) -> Array:
    """1 where the film carried along looks like the film, towards 0 where it does not, ``(H, W)``."""
    residual = np.abs(frame.astype(np.float32) - carried).mean(2) / 255
    likeness: Array = np.exp(-np.square(residual / RESIDUAL)).astype(np.float32)
    return likeness


def _anchored(output: Array, own: Array, share: float) -> Array:
    """The output with a share of the difference in low frequencies given back to the frame's own painting."""
    sigma = max(output.shape[:2]) / ANCHOR_PART
    height, width = output.shape[:2]
    coarse = (max(1, width // 8), max(1, height // 8))
    small = cv2.resize(own - output, coarse, interpolation=cv2.INTER_AREA)
    low = cv2.GaussianBlur(small, (0, 0), max(sigma / 8, 0.5), borderType=cv2.BORDER_REPLICATE)
    back = cv2.resize(low, (width, height), interpolation=cv2.INTER_LINEAR)
    anchored: Array = output + np.float32(share) * np.asarray(back, np.float32)
    return anchored


def _jump(one: Bytes, other: Bytes) -> float:
    """Half the absolute difference of two frames' colour histograms, 0..1."""
    histograms = [
        cv2.calcHist([frame], [0, 1, 2], None, [8, 8, 8], [0, 256] * 3) / frame[..., 0].size
        for frame in (one[::2, ::2], other[::2, ::2])
    ]
    return float(np.abs(histograms[0] - histograms[1]).sum() / 2)
