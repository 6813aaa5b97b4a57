"""Gradients of luma: where a picture has edges, and how many."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from impasto import color, image
from impasto.image import Source

Plane = NDArray[np.float64]


def luma_of(source: Source) -> Plane:
    """Luma ``(H, W)``, 0..1, of anything :func:`impasto.image.read` takes."""
    return np.asarray(color.luma(image.read(source).flat().astype(np.float64)))


def gradient(plane: Plane) -> tuple[Plane, Plane]:
    """Slopes down and across ``(H, W)`` each, per pixel, by Sobel's operator; the border pixel is repeated.

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
    """Mean squared slope of luma ("Tenengrad" without its threshold): falls with blur, rises with detail.

    The first derivative rather than the variance of the Laplacian, because the second derivative weighs
    noise and the grain of JPEG more than edges. The number has a meaning only against that of another
    picture of the same size: a film's frame against the frame painted alone, a painting against its photo.

    Args:
        picture: anything :func:`impasto.image.read` takes.

    Returns:
        At least 0 and at most 1/2, in (luma per pixel) squared; 0 for one colour.

    Raises:
        InputError: not a picture.

    Source: Tenenbaum 1970, "Accommodation in computer vision"; compared with others by Pertuz, Puig and
    Garcia 2013, "Analysis of focus measure operators for shape-from-focus".

    Examples:
        >>> sharpness(np.ones((8, 8)))
        0.0
    """
    down, across = gradient(luma_of(picture))
    return float(np.mean(down**2 + across**2))
