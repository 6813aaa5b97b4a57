"""Adaptive size of live stylization, which holds a frame rate."""

from __future__ import annotations

from dataclasses import dataclass

STEP = 32  # long sides are multiples of this, so that sizes rarely change
LEAST, MOST = 160, 1280
SHARE = 0.85  # share of a frame's time for processing
SLACK = 0.2  # relative difference of sizes that is ignored
_MEMORY = 0.8


@dataclass
class Pace:
    """Controller of the long side, from measured processing times.

    Args:
        fps: the frame rate to hold.
        side: initial long side in pixels.
        fixed: whether the side is constant.
    """

    fps: float
    side: int = 480
    fixed: bool = False
    _cost: float = 0.0  # seconds per pixel

    def record(self, pixels: int, seconds: float) -> None:
        """Record the processing time of a frame, and update the side."""
        cost = seconds / pixels
        self._cost = cost if self._cost == 0 else _MEMORY * self._cost + (1 - _MEMORY) * cost
        if self.fixed:
            return
        affordable = SHARE / self.fps / self._cost
        side = self.side * (affordable / pixels) ** 0.5
        if abs(side / self.side - 1) > SLACK:
            self.side = int(min(MOST, max(LEAST, side // STEP * STEP)))
