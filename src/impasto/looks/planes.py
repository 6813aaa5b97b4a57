"""Types of images and masks, and what their detectors share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Place = tuple[slice, slice]
"""Rows and columns of a part of an image."""
