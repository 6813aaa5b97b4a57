"""Classes without masks: joint clustering of the features of content and style images.

Features are standardized by channel *in each image*, so that day and night images, which differ in every
channel, become comparable; what remains is the contrast between regions of one image. Two features are added:
the vertical position, and a feature of skies. The latter is the connection to the top of the image without
edges and, if a sky is detected in every image, that sky, which then is one class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto.looks.contours import posterior
from impasto.looks.masks import Regions
from impasto.looks.night_skies import night_sky
from impasto.looks.planes import Array, shrink
from impasto.looks.skies import openness, region

LAYER = "relu4_1"  # layer to cluster: semantic enough, with stride 8
SIDE = 384  # long side of the images for the network, in pixels
CLASSES = 4
HEIGHT = 1.0  # weight of the vertical position beside unit features
OPEN, SKY = 1.0, 1.5  # weights of the openness to the top alone, and with a detected sky
IS_SKY = 0.5  # sky feature from which a class is a sky, as a share of its weight
HORIZON = 0.75  # height below which no sky is detected, relative to the height
CALM = 1.5  # Gaussian smoothing of the distances, in positions
DOUBTFUL = 0.4  # fraction of pixels, the least certain ones, left to the matting
LEAST = 0.03  # least share of a class in each image
_NEVER = 1e-12
NOWHERE = 9.0  # value of each channel of an unused center, far from all data
ROUNDS = 30  # most iterations of k-means


@dataclass(frozen=True, eq=False)
class Classifier:
    """Nearest-center classifier with centers ``(K, C + 2)`` in the feature space of a network.

    ``skies`` says whether the last feature includes detected skies, or is the openness to the top alone.
    """

    centers: Array
    skies: bool = False

    @property
    def openness(self) -> Array:
        """Sky feature of each class, ``(K,)``, 0..1."""
        return np.asarray(self.centers[:, -1] / (SKY if self.skies else OPEN), np.float32)

    def classify(self, rgb: Array, features: Array) -> Regions:
        """Classify an image.

        Args:
            rgb: image ``(H, W, 3)``, at the size of the network input.
            features: features ``(C, h, w)`` of ``LAYER``.
        """
        found = feature_vectors(features, _sky_feature(rgb, _detect_sky(rgb) if self.skies else None))
        away = np.stack([np.square(found - center).sum(-1) for center in self.centers], -1)
        away = np.atleast_3d(cv2.GaussianBlur(away, (0, 0), CALM, borderType=cv2.BORDER_REFLECT))
        large = np.atleast_3d(cv2.resize(away, rgb.shape[1::-1], interpolation=cv2.INTER_CUBIC))
        if len(self.centers) == 1:
            return Regions(np.zeros(rgb.shape[:2], np.int16), names_of(1), np.ones(rgb.shape[:2], bool))
        likely = np.log(posterior(rgb, np.asarray(large, np.float32)) + _NEVER)
        first, second = -np.partition(-likely, 1, axis=-1)[..., :2].transpose(2, 0, 1)
        margin = first - second
        labels = likely.argmax(-1).astype(np.int16)
        return Regions(labels, names_of(len(self.centers)), margin > np.quantile(margin, DOUBTFUL))


def of_regions(
    pictures: Sequence[Array], features: Sequence[Array], regions: Sequence[Regions]
) -> Classifier:
    """Build a classifier from given regions: each center is the mean over the images with that class.

    The regions are at the sizes of the images, with the same names. The other arguments are those of
    :func:`cluster`.
    """
    found = [feature_vectors(f, _sky_feature(rgb)) for rgb, f in zip(pictures, features, strict=True)]
    centers = np.full((len(regions[0].names), found[0].shape[-1]), NOWHERE, np.float32)
    for index in range(len(centers)):
        planes = [
            cv2.resize((r.labels == index).astype(np.float32), f.shape[1::-1], interpolation=cv2.INTER_AREA)
            for r, f in zip(regions, found, strict=True)
        ]
        means = [np.tensordot(p, f) / p.sum() for f, p in zip(found, planes, strict=True) if p.any()]
        if means:
            centers[index] = np.mean(means, 0)
    return Classifier(centers)


def names_of(count: int) -> tuple[str, ...]:
    """Return default class names."""
    return tuple(f"class {index}" for index in range(1, count + 1))


def feature_vectors(features: Array, sky: Array) -> Array:
    """Compute the vectors to cluster, ``(h, w, C + 2)``, of features and the sky feature ``(H, W)``."""
    channels, height, width = features.shape
    flat = features.reshape(channels, -1).astype(np.float32)
    flat = (flat - flat.mean(1, keepdims=True)) / (flat.std(1, keepdims=True) + 1e-3 * flat.std() + 1e-6)
    flat = flat / np.linalg.norm(flat, axis=0).clip(1e-6)
    rows = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None].repeat(width, 1)
    small = cv2.resize(sky, (width, height), interpolation=cv2.INTER_AREA)
    found = flat.reshape(channels, height, width).transpose(1, 2, 0)
    return np.concatenate([found, HEIGHT * rows[..., None], small[..., None]], -1)


def _sky_feature(rgb: Array, sky: Array | None = None) -> Array:
    """Return the weighted sky feature ``(H, W)``, of the openness to the top and a detected sky."""
    free = openness(rgb)
    return np.float32(OPEN) * free if sky is None else np.float32(SKY) * np.maximum(free, sky)


def _detect_sky(rgb: Array) -> Array:
    """Return where the sky is, by night or by day, ``(H, W)``, 0 or 1."""
    found = night_sky(rgb)
    return (found if found.any() else region(rgb, HORIZON)).astype(np.float32)


def cluster(
    pictures: Sequence[Array],
    features: Sequence[Array],
    *,
    count: int = CLASSES,
    seed: int = 0,
) -> Classifier:
    """Find classes that are present in all images.

    Args:
        pictures: images ``(H, W, 3)``, at the size of the network input.
        features: features ``(C, h, w)`` of each image.
        count: initial number of classes; a class with too small a share in any image is removed.
        seed: random seed of the initial centers.
    """
    skies = [_detect_sky(rgb) for rgb in pictures]
    everywhere = min(float(sky.mean()) for sky in skies) >= LEAST
    found = [
        feature_vectors(f, _sky_feature(rgb, sky if everywhere else None)).reshape(-1, f.shape[0] + 2)
        for rgb, f, sky in zip(pictures, features, skies, strict=True)
    ]
    # Equal weight for each image, independent of its size.
    weights = np.concatenate([np.full(len(f), 1 / len(f)) for f in found])
    points = np.concatenate(found).astype(np.float64)
    centers = _settle(points, weights, _first(points, weights, count, seed))
    if everywhere:
        centers = _merge_skies(points, weights, centers)
    while len(centers) > 1:
        shares = np.array(
            [np.bincount(_nearest(f, centers), minlength=len(centers)) / len(f) for f in found]
        ).min(0)
        if shares.min() >= LEAST:
            break
        centers = _settle(points, weights, np.delete(centers, shares.argmin(), axis=0))
    order = np.argsort(centers[:, -2])  # from top to bottom
    return Classifier(centers[order].astype(np.float32), everywhere)


def _merge_skies(
    points: NDArray[np.float64], weights: NDArray[np.float64], centers: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Merge the classes of the sky: the maps of two of them would part where the photo has no edge."""
    skies = centers[:, -1] > IS_SKY * SKY
    if skies.sum() < 2:
        return centers
    inside = skies[_nearest(points, centers)]
    middle = np.average(points[inside], axis=0, weights=weights[inside])
    return _settle(points, weights, np.concatenate([centers[~skies], middle[None]]))


def _first(
    points: NDArray[np.float64], weights: NDArray[np.float64], count: int, seed: int
) -> NDArray[np.float64]:
    """Choose initial centers by k-means++ (Arthur and Vassilvitskii 2007)."""
    draw = np.random.default_rng(seed)
    centers = [points[draw.choice(len(points), p=weights / weights.sum())]]
    while len(centers) < count:
        away = np.min([np.square(points - center).sum(1) for center in centers], axis=0) * weights
        if away.sum() <= 0:
            break
        centers.append(points[draw.choice(len(points), p=away / away.sum())])
    return np.stack(centers)


def _settle(
    points: NDArray[np.float64], weights: NDArray[np.float64], centers: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Run k-means (Lloyd 1982) and return the centers."""
    before = None
    for _ in range(ROUNDS):
        own = _nearest(points, centers)
        if before is not None and (own == before).all():
            break
        before = own
        for index in range(len(centers)):
            mine = own == index
            if mine.any():
                centers[index] = np.average(points[mine], axis=0, weights=weights[mine])
    return centers


def _nearest(points: NDArray[np.floating], centers: NDArray[np.float64]) -> NDArray[np.intp]:
    away = np.square(centers).sum(1) - 2 * points @ centers.T
    return np.asarray(away.argmin(1))


def resize_input(rgb: Array) -> Array:
    """Resize an image to the size of the network input; smaller images are unchanged."""
    return shrink(rgb, SIDE)
