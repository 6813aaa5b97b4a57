"""Stylization of keyframes only; the frames between are warped from both sides."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from impasto.media.flow import compose_flows, warp
from impasto.media.links import Link
from impasto.media.steady import Steady

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Way = tuple[Array, Array]
"""A flow ``(H, W, 2)`` and its reliability ``(H, W)``."""

LEAST = 0.5  # mean reliability of the flow, below which a frame becomes a keyframe early
_EVER = 1e-3  # minimum reliability, to avoid a division by zero


@dataclass
class Keyframes:
    """Processor that stylizes every n-th frame, and warps the others from the keyframes on both sides.

    The first and last frame of a shot, and frames with unreliable flow, are keyframes, too.

    Args:
        steady: stylizes the keyframes with temporal consistency.
        every: n; 1 stylizes all frames.
    """

    steady: Steady
    every: int = 1
    painted: int = 0
    _waiting: list[tuple[Bytes, Link]] = field(default_factory=list, repr=False)
    _chains: list[Way] = field(default_factory=list, repr=False)

    @property
    def settled(self) -> bool:
        """Whether no frame is waiting for the next keyframe."""
        return not self._waiting

    def next(self, frame: Bytes, link: Link | None) -> list[Array]:
        """Add a frame; return the frames that are now finished, in order; float32, 0..1."""
        if link is None:
            return [*self.finish(), self._paint(frame, None)]
        self._waiting.append((frame, link))
        chain = _prepend((link.flow, link.mask), self._chains[-1] if self._chains else None)
        self._chains.append(chain)
        if len(self._waiting) >= self.every or float(chain[1].mean()) < LEAST:
            return self.finish()
        return []

    def finish(self) -> list[Array]:
        """Return the waiting frames; the last of them becomes a keyframe."""
        if not self._waiting:
            return []
        left = self.steady.output
        frame, _ = self._waiting[-1]
        flow, mask = self._chains[-1]
        try:
            right = self._paint(frame, Link(flow, mask))
            return [*([] if left is None else self._between(left, right)), right]
        finally:  # a frame that failed is not tried again
            self._waiting.clear()
            self._chains.clear()

    def _paint(self, frame: Bytes, link: Link | None) -> Array:
        self.painted += 1
        return self.steady.follow(frame, link)

    def _between(self, left: Array, right: Array) -> list[Array]:
        """Return the frames between two keyframes, blended from both by distance and reliability."""
        outputs: list[Array] = []
        count = len(self._waiting)
        after: Way | None = None
        for index in range(count - 2, -1, -1):
            back = self._waiting[index + 1][1].back
            assert back is not None, "keyframes need links with their way back"
            before, after = self._chains[index], _prepend(back, after)
            place = (index + 1) / count
            one, other = (1 - place) * (before[1] + _EVER), place * (after[1] + _EVER)
            share = (other / (one + other))[..., None]
            carried = warp(left, before[0])
            outputs.append(carried + share * (warp(right, after[0]) - carried))
        return outputs[::-1]


def _prepend(step: Way, way: Way | None) -> Way:
    """Return the way that begins with a step and goes on with another way, if there is one."""
    if way is None:
        return step
    flow, mask = step
    return compose_flows(flow, way[0]), mask * warp(way[1], flow, cubic=False)
