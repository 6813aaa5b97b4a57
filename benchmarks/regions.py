"""Distances by class, for results with masks, e.g. between the colors of two skies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto import color, image, tensors
from impasto.backbones import Backbone
from impasto.errors import InputError
from impasto.image import Source
from impasto.metrics.features import features_of, names_of
from impasto.metrics.palette import sliced_wasserstein

Labels = NDArray[np.integer[Any]]
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
LEAST_SHARE = 0.0007  # of the image; smaller classes are not compared

_LEAST = 1e-12


def region_palette_distance(
    output: Source, style: Source, *, output_labels: Labels, style_labels: Labels
) -> float:
    """Return the sliced 1-Wasserstein distance of colors in CIE Lab within classes, averaged by area.

    Args:
        output: anything :func:`impasto.image.read` takes.
        style: the same, of any size.
        output_labels: class of each pixel of the output ``(H, W)``.
        style_labels: class of each pixel of the style.

    Returns:
        At least 0, in units of Lab; the mean over the common classes, weighted by their share of the output.

    Raises:
        InputError: labels and their image differ in size, or the images have no class in common.

    Source: the mask-wise distance of our study of photorealistic transfer; see
    :func:`impasto.metrics.sliced_wasserstein`.

    Examples:
        >>> flat, labels = np.zeros((8, 8)), np.zeros((8, 8), int)
        >>> region_palette_distance(flat, flat, output_labels=labels, style_labels=labels)
        0.0
    """
    a, b = (color.rgb_to_lab(image.read(p).flat()).astype(np.float32) for p in (output, style))
    total, weight = 0.0, 0.0
    for index in _common(output_labels, style_labels, a.shape[:2], b.shape[:2]):
        mine = output_labels == index
        total += sliced_wasserstein(a[mine], b[style_labels == index]) * mine.mean()
        weight += float(mine.mean())
    return total / weight


def region_style_distance(
    output: Source,
    style: Source,
    *,
    output_labels: Labels,
    style_labels: Labels,
    backbone: Backbone,
    layers: str | Sequence[str] = LAYERS,
) -> dict[str, float]:
    """Return the distance of channel means and deviations within classes, averaged by area, by layer.

    ``(|m - n|^2 + |s - t|^2) / (|n|^2 + |t|^2)`` with means m, n and standard deviations s, t of output and
    style (Huang and Belongie 2017), 0 for equal statistics.

    Args:
        output: anything :func:`impasto.image.read` takes.
        style: the same; resized to the output's area, but never enlarged.
        output_labels: class of each pixel of the output ``(H, W)``.
        style_labels: class of each pixel of the style.
        backbone: feature extractor.
        layers: names of its layers.

    Raises:
        InputError: as for :func:`region_palette_distance`, or a layer is unknown.

    Examples:
        >>> picture, labels = np.random.default_rng(0).random((16, 16, 3)), np.zeros((16, 16), int)
        >>> arguments = {"output_labels": labels, "style_labels": labels, "layers": "relu1_1"}
        >>> region_style_distance(picture, picture, backbone=Tiny(), **arguments)
        {'relu1_1': 0.0}
    """
    names = names_of(layers, backbone=backbone)
    a, b = (image.read(p).flat() for p in (output, style))
    common = _common(output_labels, style_labels, a.shape[:2], b.shape[:2])
    size = tensors.same_area((b.shape[0], b.shape[1]), (a.shape[0], a.shape[1]))
    pair = (tensors.from_array(a), tensors.resize(tensors.from_array(b), size).clamp(0, 1))
    seen = [features_of(picture, names, backbone=backbone) for picture in pair]
    result = {}
    for name in names:
        one, two = (f[name][0].flatten(1).double().cpu().numpy() for f in seen)
        shapes = [f[name].shape[-2:] for f in seen]
        total, weight = 0.0, 0.0
        for index in common:
            parts = [
                _inside(labels, index, (int(s[0]), int(s[1])))
                for labels, s in zip((output_labels, style_labels), shapes, strict=True)
            ]
            if min(part.sum() for part in parts) < 1:
                continue  # too small for the grid of this layer
            share = float((output_labels == index).mean())
            total += share * _statistics_distance(one, two, parts[0], parts[1])
            weight += share
        result[name] = total / weight if weight else 0.0
    return result


def _common(a: Labels, b: Labels, one: tuple[int, ...], other: tuple[int, ...]) -> list[int]:
    """Return the classes that both images have."""
    for labels, size in ((a, one), (b, other)):
        if labels.shape != size:
            raise InputError(f"labels of shape {labels.shape} do not fit an image of size {size}")
    counts = [
        np.bincount(labels.ravel(), minlength=int(max(a.max(), b.max())) + 1) / labels.size
        for labels in (a, b)
    ]
    found = [int(i) for i in np.flatnonzero(np.minimum(*counts) >= LEAST_SHARE)]
    if not found:
        raise InputError("the images have no class in common")
    return found


def _inside(labels: Labels, index: int, size: tuple[int, int]) -> NDArray[np.float64]:
    """Return weights ``(h w,)``: the share of each position of a layer that is inside the class."""
    plane = (labels == index).astype(np.float32)
    return np.asarray(cv2.resize(plane, size[::-1], interpolation=cv2.INTER_AREA), np.float64).ravel()


def _statistics_distance(
    one: NDArray[np.float64], two: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]
) -> float:
    def statistics(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        share = weights / weights.sum()
        mean = values @ share
        deviation = np.sqrt(np.maximum(np.square(values) @ share - mean**2, 0))
        return np.concatenate([mean, deviation])

    found, wanted = statistics(one, a), statistics(two, b)
    return float(np.square(found - wanted).sum() / max(float(np.square(wanted).sum()), _LEAST))
