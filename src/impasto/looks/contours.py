"""Classes brought to the contours of a picture: what a network says roughly, colours say to the pixel.

A network's deep layers know a tree from a sky, but not where one ends: around the tree, all is "near a tree".
So what they say is a prior only. How likely a colour, and how rough a place, is in each class is counted over
the picture itself, and both are settled in turns, as in GrabCut (Rother, Kolmogorov and Blake 2004), with
histograms in place of mixtures.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto import color

Array = NDArray[np.float32]

SOFTNESS = 0.8  # of the prior: squared distance of features that is worth a factor of e
ROUNDS = 8
CALM = 1.0  # pixels over which neighbours agree
ROUGH = (0.003, 0.2)  # deviation of lightness in 5x5 pixels, from calm to rough
_BINS = (16, 12, 12, 4)  # of OKLab's lightness and two colour axes, and of roughness
_RANGES = ((0.0, 1.0), (-0.25, 0.25), (-0.25, 0.25), (float(np.log(ROUGH[0])), float(np.log(ROUGH[1]))))
_RARE = 1e-7  # likelihood of what a class has never shown


def posterior(rgb: Array, away: Array) -> Array:
    """How likely each pixel belongs to each class ``(H, W, K)``; sums to 1.

    Args:
        rgb: ``(H, W, 3)``, 0..1.
        away: squared distances of features to the centres of the classes, ``(H, W, K)``.
    """
    prior = -away / SOFTNESS
    bins, count = _bins(rgb), int(np.prod(_BINS))
    found = _normalised(prior)
    for _ in range(ROUNDS):
        likely = np.empty_like(prior)
        for index in range(prior.shape[-1]):
            shown = np.bincount(bins.ravel(), weights=found[..., index].ravel(), minlength=count)
            smooth = _smoothed(shown.astype(np.float64).reshape(_BINS)).ravel()
            likely[..., index] = np.log(smooth / max(smooth.sum(), 1e-12) + _RARE)[bins]
        found = _normalised(np.atleast_3d(cv2.GaussianBlur(prior + likely, (0, 0), CALM)))
    return found


def _normalised(logarithms: Array) -> Array:
    shares = np.exp(logarithms - logarithms.max(-1, keepdims=True))
    return np.asarray(shares / shares.sum(-1, keepdims=True), np.float32)


def _bins(rgb: Array) -> NDArray[np.intp]:
    """The bin of each pixel, by colour and by how rough the place is ``(H, W)``."""
    lab = np.asarray(color.rgb_to_oklab(rgb), np.float32)
    light = lab[..., 0]
    mean = cv2.blur(light, (5, 5))
    rough = np.sqrt(np.maximum(cv2.blur(light * light, (5, 5)) - mean * mean, 0)) + ROUGH[0]
    # Beside an edge a place is as calm as its calmer side: the rim of the sky along a tree is sky.
    calm = cv2.erode(rough, np.ones((5, 5), np.uint8))
    values = np.concatenate([lab, np.log(calm)[..., None]], -1)
    low, high = np.array(_RANGES, np.float32).T
    places = ((values - low) / (high - low)).clip(0, 0.9999) * np.array(_BINS, np.float32)
    return np.asarray(np.ravel_multi_index(tuple(np.moveaxis(places.astype(np.intp), -1, 0)), _BINS), np.intp)


def _smoothed(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Counts in which each bin shares with its neighbours, 1-2-1 along each axis."""
    for axis in range(counts.ndim):
        padded = np.pad(counts, [(int(a == axis),) * 2 for a in range(counts.ndim)], mode="edge")
        low, mid, high = (padded.take(range(start, start + counts.shape[axis]), axis) for start in (0, 1, 2))
        counts = 0.25 * low + 0.5 * mid + 0.25 * high
    return counts
