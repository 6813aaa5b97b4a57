"""Luma gradients and sharpness."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from impasto import color, image
from impasto.image import Source

Plane = NDArray[np.float64]


def luma_of(source: Source) -> Plane:
    """Return the luma ``(H, W)``, 0..1, of anything :func:`impasto.image.read` takes."""
    return np.asarray(color.luma(image.read(source).flat().astype(np.float64)))


def gradient(plane: Plane) -> tuple[Plane, Plane]:
    """Compute vertical and horizontal Sobel gradients, ``(H, W)`` each, with replicated borders.

    Source: Sobel and Feldman 1968, "A 3x3 isotropic gradient operator for image processing", divided by 8.
    """
    padded = np.pad(plane, 1, mode="edge")
    down = padded[2:] - padded[:-2]
    across = padded[:, 2:] - padded[:, :-2]
    return (
        (down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:]) / 8,
        (across[:-2] + 2 * across[1:-1] + across[2:]) / 8,
    )


def sharpness(picture: Source) -> float:
    """Compute the mean squared luma gradient ("Tenengrad" without threshold), a measure of sharpness.

    It uses the first derivative, because second derivatives (variance of the Laplacian) emphasize noise and
    JPEG artifacts. Values are comparable only between images of the same size and subject, such as a result
    and its content image.

    Args:
        picture: anything :func:`impasto.image.read` takes.

    Returns:
        0 to 1/2, in (luma per pixel) squared; 0 for a uniform image.

    Raises:
        InputError: the image cannot be read.

    Source: Tenenbaum 1970, "Accommodation in computer vision"; compared with others by Pertuz, Puig and
    Garcia 2013, "Analysis of focus measure operators for shape-from-focus".

    Examples:
        >>> sharpness(np.ones((8, 8)))
        0.0
    """
    down, across = gradient(luma_of(picture))
    return float(np.mean(down**2 + across**2))
