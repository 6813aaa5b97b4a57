"""Halos: is a result worse explained along the borders of classes than within them?"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto import image
from impasto.errors import InputError
from impasto.image import Source

Labels = NDArray[np.integer[Any]]
BORDER = 3  # pixels to either side of a border between classes


def halo_index(output: Source, content: Source, *, alphas: NDArray[np.float32]) -> float:
    """How much worse class-wise affine maps explain a result along the borders of classes than elsewhere.

    Each class is given the one affine colour map that, joined by the mattes, comes nearest to the result. The
    index is the mean absolute difference left within 3 pixels of borders, divided by that elsewhere: about 1
    for a result without halos.

    Args:
        output: the result, anything :func:`impasto.image.read` takes.
        content: the photo it was made from, of the same size.
        alphas: mattes ``(K, H, W)`` of the photo, 0..1.

    Returns:
        At least 0; 1 where there is no border, or nothing is left to explain.

    Raises:
        InputError: sizes that differ.

    Examples:
        >>> photo, alphas = np.random.default_rng(0).random((16, 16, 3)), np.ones((1, 16, 16), np.float32)
        >>> halo_index(photo / 2, photo, alphas=alphas)
        1.0
    """
    a, b = (image.read(p).flat().astype(np.float64) for p in (output, content))
    if a.shape != b.shape or alphas.shape[1:] != a.shape[:2]:
        raise InputError(f"result {a.shape}, photo {b.shape} and mattes {alphas.shape} need one size")
    homogeneous = np.concatenate([b, np.ones_like(b[..., :1])], -1).reshape(-1, 4)
    design = np.concatenate([plane.reshape(-1, 1) * homogeneous for plane in alphas], 1)
    normal = design.T @ design + 1e-9 * len(design) * np.eye(design.shape[1])
    explained = design @ np.linalg.solve(normal, design.T @ a.reshape(-1, 3))
    left = np.abs(a - explained.reshape(a.shape)).mean(-1)
    border = _borders(alphas.argmax(0))
    if not border.any() or border.all() or left[~border].mean() < 1e-5:
        return 1.0
    return float(left[border].mean() / left[~border].mean())


def _borders(labels: Labels) -> NDArray[np.bool_]:
    """Pixels within ``BORDER`` of another class."""
    plane = labels.astype(np.float32)
    kernel = np.ones((2 * BORDER + 1,) * 2, np.uint8)
    return np.asarray(cv2.dilate(plane, kernel) != cv2.erode(plane, kernel))
