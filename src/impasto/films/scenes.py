"""A shot of a video, as far as its light needs it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Shot:
    """A shot: its first frame, one past its last, and small copies of a few of its frames."""

    first: int
    last: int
    keys: tuple[Array, ...]
