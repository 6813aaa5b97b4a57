"""Types of images and masks, and what their detectors share: morphology, connected parts, colors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from impasto import image

Array = NDArray[np.float32]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Place = tuple[slice, slice]
"""Rows and columns of a part of an image."""

SMALL = 480  # long side in pixels at which skies, shadows and horizons are searched

_TOUCHING = {4: None, 8: np.ones((3, 3))}


def small_size(size: tuple[int, ...]) -> tuple[int, int]:
    """Return (width, height) of an image of (height, width), reduced to ``SMALL`` pixels if it is larger."""
    height, width = image.fit((size[0], size[1]), min(SMALL, max(size[:2])))
    return width, height


def shrink(rgb: Array, side: int = SMALL) -> Array:
    """Return an image ``(H, W, 3)``, 0..1, reduced to ``side`` pixels if it is larger."""
    small: Array = image.shrink(rgb, side)
    return small


def largest(rgb: Array) -> Array:
    """Return the largest channel ``(H, W)`` of an image ``(H, W, 3)``; faster than ``max``."""
    return np.asarray(np.maximum(np.maximum(rgb[..., 0], rgb[..., 1]), rgb[..., 2]), np.float32)


def chroma(rgb: Array) -> Array:
    """Return the range of the channels ``(H, W)`` of an image ``(H, W, 3)``."""
    return np.asarray(largest(rgb) + largest(-rgb), np.float32)


def hue_and_chroma(rgb: Array) -> tuple[Array, Array, Array]:
    """Return hue in degrees, chroma, and the largest channel of an image ``(H, W, 3)``; ``(H, W)`` each."""
    hsv = cv2.cvtColor(np.ascontiguousarray(rgb, np.float32), cv2.COLOR_RGB2HSV)
    hue, saturation, value = (np.asarray(plane, np.float32) for plane in np.moveaxis(hsv, -1, 0))
    return hue, np.asarray(saturation * value, np.float32), value


def has_hue(hue: Array, ranges: Sequence[tuple[float, float]]) -> Bools:
    """Return where a hue is in one of the ranges, in degrees."""
    return np.asarray(np.any([(hue >= low) & (hue <= high) for low, high in ranges], 0))


def dilate(mask: Bools, side: int) -> Bools:
    """Return the pixels with a pixel of the mask in the square of ``side`` pixels around them."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0)


def erode(mask: Bools, side: int) -> Bools:
    """Return the pixels whose square of ``side`` pixels is in the mask, as is all outside of the image."""
    return np.asarray(cv2.erode(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0)


def number_parts(mask: Bools, *, neighbors: int = 4) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Return the number of the connected part at each pixel, 0 outside, and the pixels of each number."""
    marks, count = ndimage.label(mask, _TOUCHING[neighbors])
    return marks, np.bincount(marks.ravel(), minlength=count + 1)


def parts_of(mask: Bools, *, neighbors: int = 8) -> Iterator[tuple[Bools, Place]]:
    """Yield the connected parts of a mask: the pixels of each in its box, and the box."""
    marks, _ = ndimage.label(mask, _TOUCHING[neighbors])
    for number, box in enumerate(ndimage.find_objects(marks), 1):
        yield np.asarray(marks[box] == number), box


def parts_at(mask: Bools, place: Bools, *, neighbors: int = 8, most: float = np.inf) -> Bools:
    """Return the connected parts of a mask with a pixel in ``place``, and at most ``most`` pixels."""
    marks, sizes = number_parts(mask, neighbors=neighbors)
    kept = np.zeros(sizes.shape, np.bool_)
    kept[marks[place]] = True
    return np.asarray((kept & (sizes <= most))[marks] & mask)


def middle(box: Place) -> tuple[float, float]:
    """Return the row and the column of the middle of a box."""
    return (box[0].start + box[0].stop) / 2, (box[1].start + box[1].stop) / 2
