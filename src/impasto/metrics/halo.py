"""Halo index: error of class-wise affine maps along class borders."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto import image
from impasto.errors import InputError
from impasto.image import Source

Labels = NDArray[np.integer[Any]]
BORDER = 3  # half-width of the band along class borders, in pixels


def halo_index(output: Source, content: Source, *, alphas: NDArray[np.float32]) -> float:
    """Compute the error ratio of class-wise affine maps at class borders and elsewhere.

    Fits one affine color map for each class, blended by the mattes, to the result. The index is the mean
    absolute residual within 3 pixels of borders divided by that elsewhere: about 1 for a result without
    halos.

    Args:
        output: the result, anything :func:`impasto.image.read` takes.
        content: content image of the same size.
        alphas: mattes of the content image, ``(K, H, W)``, 0..1.

    Returns:
        At least 0; 1 if there is no border, or no residual.

    Raises:
        InputError: the sizes differ.

    Examples:
        >>> photo, alphas = np.random.default_rng(0).random((16, 16, 3)), np.ones((1, 16, 16), np.float32)
        >>> halo_index(photo / 2, photo, alphas=alphas)
        1.0
    """
    a, b = (image.read(p).flat().astype(np.float64) for p in (output, content))
    if a.shape != b.shape or alphas.shape[1:] != a.shape[:2]:
        raise InputError(f"result {a.shape}, photo {b.shape} and mattes {alphas.shape}: resize to one size")
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
    """Return the pixels within ``BORDER`` of another class."""
    plane = labels.astype(np.float32)
    kernel = np.ones((2 * BORDER + 1,) * 2, np.uint8)
    return np.asarray(cv2.dilate(plane, kernel) != cv2.erode(plane, kernel))
