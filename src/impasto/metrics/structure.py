"""Structural similarity, of the pictures and of their edges: is what the photograph shows still there?"""

from __future__ import annotations

from typing import Any

import numpy as np

from impasto.errors import InputError
from impasto.image import Source
from impasto.metrics.edges import Plane, gradient, luma_of

SIDE, SIGMA = 11, 1.5  # of the Gaussian window, pixels


def ssim(a: Source, b: Source) -> float:
    """Mean structural similarity of luma, 1 for equal pictures.

    The mean is over the windows that lie whole in the picture, and the pictures are compared at the size
    they have: the authors' later program first shrinks large ones, which gives other numbers.

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
    """Structural similarity of edges: of the Sobel magnitudes of luma, each divided by its largest value.

    Blind to how bright and how contrasty a picture is as a whole, so it compares day with night. Figures
    compare only at one size; those of our study of photorealistic transfer are at 350 pixels.

    Args:
        a: anything :func:`impasto.image.read` takes, each side at least 11 pixels.
        b: the same, of the same size.

    Returns:
        -1..1, symmetric in ``a`` and ``b``; 1 for equal edges, and for two pictures that have none.

    Raises:
        InputError: the sizes differ, or a side is below 11 pixels.

    Source: SSIM of edge maps, the usual measure since Yoo et al. 2019 ("Photorealistic Style Transfer via
    Wavelet Transforms"), with Sobel for their learned edge detector, which has weights to download.

    Examples:
        >>> picture = np.random.default_rng(0).random((16, 16))
        >>> round(edge_ssim(picture, picture / 2), 6)
        1.0
    """
    return _mean_ssim(_edges(luma_of(a)), _edges(luma_of(b)))


def _edges(luma: Plane) -> Plane:
    magnitude = np.asarray(np.hypot(*gradient(luma)))
    largest = float(magnitude.max())
    # What rounding leaves in a picture of one colour is no edge.
    return magnitude / largest if largest > 1e-6 else np.zeros_like(magnitude)


def _mean_ssim(a: Plane, b: Plane) -> float:
    if a.shape != b.shape:
        raise InputError(f"pictures to compare need one size, not {a.shape} and {b.shape}: resize one")
    if min(a.shape) < SIDE:
        raise InputError(
            f"SSIM needs pictures of at least {SIDE} x {SIDE} pixels, not {a.shape[0]} x {a.shape[1]}"
        )
    from skimage.metrics import structural_similarity

    # These options are the paper's; the library's own defaults are not.
    similarity: Any = structural_similarity  # it has no types
    found = similarity(a, b, gaussian_weights=True, sigma=SIGMA, use_sample_covariance=False, data_range=1.0)
    return float(found)
