"""A photo ready to be graded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from impasto.looks.look import Look
from impasto.looks.masks import Regions

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Subject:
    """A photo ready to be graded: at full size, small, the classes of the small one, and its look.

    ``styles`` are the classes of the styles, if there were any to look at.
    """

    photo: Array
    small: Array
    regions: Regions
    look: Look
    styles: tuple[Regions, ...] = ()
