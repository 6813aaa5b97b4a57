"""Structural similarity of images and of their edges."""

from __future__ import annotations

from typing import Any

import numpy as np

from impasto.errors import InputError
from impasto.image import Source
from impasto.metrics.edges import Plane, gradient, luma_of

SIDE, SIGMA = 11, 1.5  # side and standard deviation of the Gaussian window, in pixels


def ssim(a: Source, b: Source) -> float:
    """Compute the mean structural similarity of luma, 1 for equal images.

    The mean is over windows inside the image, at full size. The authors' later implementation first shrinks
    large images, which gives other values.

    Args:
        a: anything :func:`impasto.image.read` takes, each side at least 11 pixels.
        b: the same, of the same size.

    Returns:
        -1..1, symmetric in ``a`` and ``b``.

    Raises:
        InputError: the sizes differ, or a side is below 11 pixels.

    Source: Wang, Bovik, Sheikh and Simoncelli 2004, "Image quality assessment: from error visibility to
    structural similarity", equation 13 with the Gaussian window of section III.C.

    Examples:
        >>> picture = np.random.default_rng(0).random((16, 16))
        >>> ssim(picture, picture)
        1.0
    """
    return _mean_ssim(luma_of(a), luma_of(b))


def edge_ssim(a: Source, b: Source) -> float:
    """Compute the structural similarity of edges: Sobel magnitudes of luma, divided by their maximum.

    It is invariant to overall brightness and contrast, so it can compare day with night. Values are
    comparable only at one image size; those of the photorealistic study are at 350 pixels.

    Args:
        a: anything :func:`impasto.image.read` takes, each side at least 11 pixels.
        b: the same, of the same size.

    Returns:
        -1..1, symmetric in ``a`` and ``b``; 1 for equal edges, and for two images without edges.

    Raises:
        InputError: the sizes differ, or a side is below 11 pixels.

    Source: SSIM of edge maps as in Yoo et al. 2019 ("Photorealistic Style Transfer via Wavelet Transforms"),
    with Sobel instead of their learned edge detector, which needs downloaded weights.

    Examples:
        >>> picture = np.random.default_rng(0).random((16, 16))
        >>> round(edge_ssim(picture, picture / 2), 6)
        1.0
    """
    return _mean_ssim(_edges(luma_of(a)), _edges(luma_of(b)))


def _edges(luma: Plane) -> Plane:
    magnitude = np.asarray(np.hypot(*gradient(luma)))
    largest = float(magnitude.max())
    # In a uniform image the gradients are rounding errors.
    return magnitude / largest if largest > 1e-6 else np.zeros_like(magnitude)


def _mean_ssim(a: Plane, b: Plane) -> float:
    if a.shape != b.shape:
        raise InputError(f"pictures to compare must match in size, not {a.shape} and {b.shape}: resize one")
    if min(a.shape) < SIDE:
        raise InputError(
            f"SSIM needs pictures of at least {SIDE} x {SIDE} pixels, not {a.shape[0]} x {a.shape[1]}"
        )
    from skimage.metrics import structural_similarity

    # The options of the paper; the defaults of the library differ.
    similarity: Any = structural_similarity  # untyped
    found = similarity(a, b, gaussian_weights=True, sigma=SIGMA, use_sample_covariance=False, data_range=1.0)
    return float(found)
