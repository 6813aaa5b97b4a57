"""How large to paint so that a rate is held."""

from __future__ import annotations

from dataclasses import dataclass

STEP = 32  # long sides are multiples of this, so that sizes change seldom
LEAST, MOST = 160, 1280
SHARE = 0.85  # of a frame's time that painting may take
SLACK = 0.2  # sizes that differ by less than this share stay
_MEMORY = 0.8


@dataclass
class Pace:
    """Chooses the long side from the time that painting took.

    Args:
        fps: the rate to hold.
        side: the long side to begin with.
        fixed: whether it stays.
    """

    fps: float
    side: int = 480
    fixed: bool = False
    _cost: float = 0.0  # seconds a pixel

    def told(self, pixels: int, seconds: float) -> None:
        """Takes note of a frame of so many pixels."""
        cost = seconds / pixels
        self._cost = cost if self._cost == 0 else _MEMORY * self._cost + (1 - _MEMORY) * cost
        if self.fixed:
            return
        affordable = SHARE / self.fps / self._cost
        side = self.side * (affordable / pixels) ** 0.5
        if abs(side / self.side - 1) > SLACK:
            self.side = int(min(MOST, max(LEAST, side // STEP * STEP)))
