"""Nights that become day: the light of lamps is taken out of the sky, and the sky gets its class.

Features say little in the dark, and a lamp ends the sky around it: graded by classes alone, a street lamp
keeps a disk of night in a sky of day, and whatever is as dark as the sky turns as light.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy import ndimage

from impasto import color
from impasto.looks.clustering import resize_input
from impasto.looks.grading import STRIP, Subject
from impasto.looks.look import Look
from impasto.looks.masks import Regions
from impasto.looks.night_skies import DAY, LAMP, NEAR, night_sky
from impasto.looks.planes import Array, Bools, dilate, erode, largest

OPEN = 0.4  # least openness to the top of the sky of a look by day; its luma is at least DAY
HALF_OPEN = 0.15  # least openness of a class of that look that has sky in it
WIDE = 1 / 100  # width of the local mean of glow, relative to the long side
BRIGHT = 0.6  # least linear light of the largest channel of a lamp that makes the sky around it glow
BESIDE = 12  # width in pixels along the sky in which classes are certain, so that the sky does not leak
KEPT = 0.3  # least share of the light that is kept where glow is taken away


@dataclass(frozen=True, eq=False)
class Glow:
    """Light that lamps add to a sky by night.

    ``planes (h, w, 4)``, of any size: glow in linear light, and the share of the pixel that becomes ``tone``.
    ``tone (3,)``: linear light of the sky away from lamps.
    """

    planes: Array
    tone: Array

    def remove_from(self, rgb: Array) -> Array:
        """Return an image ``(H, W, 3)``, sRGB, 0..1, whose sky has one dark tone near lamps."""
        if not self.planes.any():
            return rgb
        height, width = rgb.shape[:2]
        down, across = self.planes.shape[0] / height, self.planes.shape[1] / width
        result = rgb.copy()
        for top in range(0, height, STRIP):
            rows = rgb[top : top + STRIP]
            place = np.array([[across, 0, across / 2 - 0.5], [0, down, (top + 0.5) * down - 0.5]])
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            size = (width, len(rows))
            wide = cv2.warpAffine(self.planes, place, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
            if wide.any():
                light = color.to_linear(rows)
                light = np.maximum(light - wide[..., :3], KEPT * light)
                light += wide[..., 3:] * (self.tone - light)
                result[top : top + STRIP] = color.to_srgb(light)
        return result


def clear_night_sky(subject: Subject) -> Subject:
    """Take lamps and glow out of the sky of a night that becomes day, and give the sky its class.

    Returns the subject itself if its classes are not found by a classifier, the photo shows no sky by night,
    or the look has no sky by day.
    """
    if _day_sky(subject.look) is None or subject.regions.sure is None:
        return subject
    sky = night_sky(subject.photo)
    if not sky.any():
        return subject
    photo = glow(subject.photo, sky).remove_from(subject.photo)
    regions = with_sky(subject.regions, sky, subject.look)
    return replace(subject, photo=photo, small=resize_input(photo), regions=regions, given=subject.photo)


def glow(rgb: Array, sky: Bools) -> Glow:
    """Return the light that lamps add to the sky of an image by night ``(H, W, 3)``, sRGB, 0..1.

    The sky is as :func:`night_sky` finds it, and may be empty.
    """
    none = np.zeros((*sky.shape, 4), np.float32)
    if not sky.any():
        return Glow(none, np.zeros(3, np.float32))
    small = cv2.resize(rgb, sky.shape[::-1], interpolation=cv2.INTER_AREA).clip(0, 1)
    light = color.to_linear(small)
    inner = erode(sky, 3).astype(np.float32)
    tone = np.asarray(np.median(light[inner > 0 if inner.any() else sky], 0), np.float32)
    lamps = cv2.morphologyEx((largest(light) > BRIGHT).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3)))
    lamps[sky & (color.luma(small) > LAMP)] = 1
    if not lamps.any():
        return Glow(none, tone)
    away = cv2.distanceTransform(1 - lamps, cv2.DIST_L2, 3)
    falls = (2 - 2 * away / (NEAR * max(sky.shape))).clip(0, 1)
    sigma = WIDE * max(sky.shape)
    weight = cv2.GaussianBlur(inner, (0, 0), sigma)[..., None]
    over = cv2.GaussianBlur((light - tone) * inner[..., None], (0, 0), sigma) / np.maximum(weight, 1e-3)
    over = (over * np.minimum(1, 3 * weight) * falls[..., None]).clip(0, None)
    share = cv2.GaussianBlur(sky.astype(np.float32), (0, 0), 0.6) * falls
    return Glow(np.asarray(cv2.merge([*cv2.split(over), share]), np.float32), tone)


def _day_sky(look: Look) -> int | None:
    """Return the class of the sky of a look by day: open to the top, and light."""
    if look.classifier is None:
        return None
    tones, openness = _tones(look)
    index = int((tones * openness).argmax())
    return index if tones[index] > DAY and openness[index] > OPEN else None


def _tones(look: Look) -> tuple[Array, Array]:
    """Return luma and openness to the top of each class of a look."""
    assert look.classifier is not None
    tones = np.array([0.0 if c is None else float(color.luma(c.mean)) for c in look.classes], np.float32)
    return tones, look.classifier.openness[: len(tones)]


def with_sky(regions: Regions, sky: Bools, look: Look) -> Regions:
    """Return regions whose sky, as a look by day has one, is where the sky by night is.

    Beside it, and where classes of a sky by day were wrong, each pixel takes the class of the nearest certain
    one. Such a class also is the border of the sky, with roofs and trees in it: half open, and light.
    """
    index = _day_sky(look)
    if index is None or regions.sure is None or not sky.any():
        return regions
    labels = regions.labels.copy()
    own = cv2.resize(sky.astype(np.uint8), labels.shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT) > 0
    beside = dilate(own, 2 * BESIDE + 1)
    tones, openness = _tones(look)
    skies = np.zeros(len(regions.names), np.bool_)
    skies[: len(tones)] = (tones > DAY) & (openness > HALF_OPEN)
    wrong = skies[labels] & ~own
    certain = regions.sure & ~wrong & ~own
    sure = regions.sure | beside
    if certain.any():
        sure |= wrong
        nearest = ndimage.distance_transform_edt(~certain, return_distances=False, return_indices=True)
        doubtful = ~certain & (beside | wrong)
        labels[doubtful] = labels[tuple(nearest)][doubtful]
    labels[own] = index
    return replace(regions, labels=labels, sure=sure & (erode(own, 3) | ~dilate(own, 5)), drawn=None)
