"""Masks in common forms: gray, transparent, with values 0 and 1, cut out, or one color on black."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from impasto.errors import InputError
from impasto.image.picture import Picture

Plane = NDArray[np.float32]

OPAQUE = 0.998  # alpha from which a pixel counts as opaque
DARK = 0.04  # a mask whose maximum is below this counts as black
ALIKE = 0.1  # channel difference up to which a color is gray, or two colors are equal
_FEW = 64  # most colors of a class map; photographs have more
_RARE = 0.002  # fraction of pixels with other colors tolerated as noise and soft borders


def coverage(picture: Picture, *, name: str) -> Plane:
    """Return the coverage of a mask, ``(H, W)``, 0..1: white is 1, black is 0.

    If the visible part has one color or is a cut-out photograph, alpha is the mask; a gray image is
    multiplied by alpha. Integer values 0 and 1 mean black and white. One color on black counts as white.

    Raises:
        InputError: the mask is nearly black or fully transparent, or is a map of several classes.
    """
    alpha = picture.alpha
    if alpha is None or float(alpha.min()) >= OPAQUE:
        plane = _of_colors(picture.rgb, name=name)
    else:
        visible = picture.rgb[alpha > 0.5]
        if not len(visible):
            raise InputError(f"mask {name} is fully transparent: {_MEND}")
        if _is_one(visible) or _is_colored(visible):
            plane = alpha
        else:
            plane = _of_colors(picture.rgb, name=name) * alpha
    step = 1 / (65535 if picture.bits == 16 else 255)
    brightest = float(plane.max())
    if 0 < brightest <= 1.01 * step:
        plane = (plane > 0).astype(np.float32)
    elif brightest < DARK:
        raise InputError(
            f"mask {name} is nearly black (its brightest value is {brightest * 255:.1f} of 255), so it "
            f"selects nothing: {_MEND}"
        )
    return np.asarray(plane, np.float32)


_MEND = "make it white where its style applies, black elsewhere"


def as_mask(picture: Picture, *, name: str) -> Picture:
    """Return the mask as a gray image without transparency; see ``coverage``."""
    plane = coverage(picture, name=name)
    return dataclasses.replace(picture, rgb=np.repeat(plane[..., None], 3, axis=2), alpha=None, gray=True)


def over_black(picture: Picture) -> Picture:
    """Return a class map without transparency: transparent pixels become black.

    If all visible pixels have one color, they become white, so that black on transparent works too.
    """
    if picture.alpha is None or float(picture.alpha.min()) >= OPAQUE:
        return picture
    seen = picture.alpha > 0.5
    one = bool(seen.any()) and _is_one(picture.rgb[seen])
    rgb = np.where(seen[..., None], np.ones_like(picture.rgb) if one else picture.rgb, np.float32(0))
    return dataclasses.replace(picture, rgb=np.asarray(rgb, np.float32), alpha=None)


def _is_one(colors: Plane) -> bool:
    """Return whether colors ``(N, 3)`` are equal up to noise."""
    low, high = np.quantile(colors, (0.02, 0.98), axis=0)
    return bool((high - low).max() < ALIKE)


def _is_colored(colors: Plane) -> bool:
    """Return whether colors ``(..., 3)`` include more than noise that is not gray."""
    return bool((colors.max(-1) - colors.min(-1) > ALIKE).mean() > _RARE)


def _of_colors(rgb: Plane, *, name: str) -> Plane:
    """Return an opaque mask as gray values; one color on black counts as white."""
    if not _is_colored(rgb):
        return np.asarray(rgb.mean(2), np.float32)
    tint = rgb[rgb.max(2) - rgb.min(2) > ALIKE]
    bright = tint.max(1)
    color = np.median(tint[bright >= 0.9 * bright.max()], axis=0)
    plane = np.clip(rgb @ color / (color @ color), 0, 1)
    if (np.abs(rgb - plane[..., None] * color).max(2) > ALIKE).mean() <= _RARE:
        return np.asarray(plane, np.float32)
    if len(np.unique(np.rint(rgb * 255) @ np.array([65536, 256, 1]))) <= _FEW:
        raise InputError(f"mask {name} has several colors, like a map of classes: {_MEND}")
    return np.asarray(rgb.mean(2), np.float32)
