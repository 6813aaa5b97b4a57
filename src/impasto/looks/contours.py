"""Refine coarse class distances to pixel-accurate class probabilities by color and texture.

Deep layers separate a tree from the sky but locate the border only roughly. Their distances serve as a prior.
The likelihood of color and roughness in each class is estimated by histograms of the image itself, and
labels and histograms are updated in turns, as in GrabCut (Rother, Kolmogorov and Blake 2004), with histograms
instead of mixtures.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto import color
from impasto.looks.planes import Array

SOFTNESS = 0.8  # temperature of the prior: squared feature distance for a factor of e
ROUNDS = 8
CALM = 1.0  # Gaussian smoothing of the log posterior, in pixels
ROUGH = (0.003, 0.2)  # range of the lightness deviation in 5x5 pixels
_BINS = (16, 12, 12, 4)  # bins of OKLab lightness, its two color axes, and roughness
_RANGES = ((0.0, 1.0), (-0.25, 0.25), (-0.25, 0.25), (float(np.log(ROUGH[0])), float(np.log(ROUGH[1]))))
_RARE = 1e-7  # least likelihood


def posterior(rgb: Array, away: Array) -> Array:
    """Compute the class probabilities of each pixel, ``(H, W, K)``, with sum 1.

    Args:
        rgb: image ``(H, W, 3)``, 0..1.
        away: squared feature distances to the class centers, ``(H, W, K)``.
    """
    prior = -away / SOFTNESS
    bins, count = _bins(rgb), int(np.prod(_BINS))
    found = _softmax(prior)
    for _ in range(ROUNDS):
        likely = np.empty_like(prior)
        for index in range(prior.shape[-1]):
            shown = np.bincount(bins.ravel(), weights=found[..., index].ravel(), minlength=count)
            smooth = _smooth(shown.astype(np.float64).reshape(_BINS)).ravel()
            likely[..., index] = np.log(smooth / max(smooth.sum(), 1e-12) + _RARE)[bins]
        found = _softmax(np.atleast_3d(cv2.GaussianBlur(prior + likely, (0, 0), CALM)))
    return found


def _softmax(logarithms: Array) -> Array:
    shares = np.exp(logarithms - logarithms.max(-1, keepdims=True))
    return np.asarray(shares / shares.sum(-1, keepdims=True), np.float32)


def _bins(rgb: Array) -> NDArray[np.intp]:
    """Return the histogram bin of each pixel by color and roughness, ``(H, W)``."""
    lab = np.asarray(color.rgb_to_oklab(rgb), np.float32)
    light = lab[..., 0]
    mean = cv2.blur(light, (5, 5))
    rough = np.sqrt(np.maximum(cv2.blur(light * light, (5, 5)) - mean * mean, 0)) + ROUGH[0]
    # Erode, so that a smooth region stays smooth up to its edge: sky along a tree is sky.
    calm = cv2.erode(rough, np.ones((5, 5), np.uint8))
    values = np.concatenate([lab, np.log(calm)[..., None]], -1)
    low, high = np.array(_RANGES, np.float32).T
    places = ((values - low) / (high - low)).clip(0, 0.9999) * np.array(_BINS, np.float32)
    return np.asarray(np.ravel_multi_index(tuple(np.moveaxis(places.astype(np.intp), -1, 0)), _BINS), np.intp)


def _smooth(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth a histogram with the kernel 1-2-1 along each axis."""
    for axis in range(counts.ndim):
        padded = np.pad(counts, [(int(a == axis),) * 2 for a in range(counts.ndim)], mode="edge")
        low, mid, high = (padded.take(range(start, start + counts.shape[axis]), axis) for start in (0, 1, 2))
        counts = 0.25 * low + 0.5 * mid + 0.25 * high
    return counts
