"""Masks as people have them: grey, transparent, of values 0 and 1, cut out, or of one colour on black."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from impasto.errors import InputError
from impasto.image.picture import Picture

Plane = NDArray[np.float32]

OPAQUE = 0.998  # alpha from which a pixel hides all behind it
DARK = 0.04  # the brightest value of a mask that is as good as black
ALIKE = 0.1  # difference of channels up to which a colour is grey, and colours are one
_FEW = 64  # colours of a map of classes; a photograph has more
_RARE = 0.002  # share of pixels that noise and soft borders may have of other colours


def coverage(picture: Picture, *, name: str) -> Plane:
    """How far a mask covers each pixel, `(H, W)`, 0..1: white covers, black does not.

    Transparency counts: where all that can be seen has one colour, or is a cut-out photograph, alpha is the
    mask; of a grey one it is taken times the grey. Values 0 and 1 of 8 or 16 bits are black and white. One
    colour on black, as palettes have it, covers.

    Raises:
        InputError: the mask is as good as black, or is a map of several classes.
    """
    alpha = picture.alpha
    if alpha is None or float(alpha.min()) >= OPAQUE:
        plane = _of_colours(picture.rgb, name=name)
    else:
        visible = picture.rgb[alpha > 0.5]
        if not len(visible):
            raise InputError(f"mask {name} is transparent all over: {_MEND}")
        if _is_one(visible) or _is_coloured(visible):
            plane = alpha
        else:
            plane = _of_colours(picture.rgb, name=name) * alpha
    step = 1 / (65535 if picture.bits == 16 else 255)
    brightest = float(plane.max())
    if 0 < brightest <= 1.01 * step:
        plane = (plane > 0).astype(np.float32)
    elif brightest < DARK:
        raise InputError(
            f"mask {name} is nearly black (its brightest value is {brightest * 255:.1f} of 255), so nothing "
            f"would be painted: {_MEND}"
        )
    return np.asarray(plane, np.float32)


_MEND = "make it white where its style goes, black elsewhere"


def as_mask(picture: Picture, *, name: str) -> Picture:
    """The mask as a grey picture without transparency; see `coverage`."""
    plane = coverage(picture, name=name)
    return dataclasses.replace(picture, rgb=np.repeat(plane[..., None], 3, axis=2), alpha=None, grey=True)


def over_black(picture: Picture) -> Picture:
    """A map of classes without transparency: what cannot be seen is black.

    Where all that can be seen has one colour, it becomes white, so that black on transparent is seen, too.
    """
    if picture.alpha is None or float(picture.alpha.min()) >= OPAQUE:
        return picture
    seen = picture.alpha > 0.5
    one = bool(seen.any()) and _is_one(picture.rgb[seen])
    rgb = np.where(seen[..., None], np.ones_like(picture.rgb) if one else picture.rgb, np.float32(0))
    return dataclasses.replace(picture, rgb=np.asarray(rgb, np.float32), alpha=None)


def _is_one(colours: Plane) -> bool:
    """Whether colours `(N, 3)` are one, but for noise."""
    low, high = np.quantile(colours, (0.02, 0.98), axis=0)
    return bool((high - low).max() < ALIKE)


def _is_coloured(colours: Plane) -> bool:
    """Whether more than noise of the colours `(..., 3)` are no greys."""
    return bool((colours.max(-1) - colours.min(-1) > ALIKE).mean() > _RARE)


def _of_colours(rgb: Plane, *, name: str) -> Plane:
    """The grey of an opaque mask; one colour on black counts as white."""
    if not _is_coloured(rgb):
        return np.asarray(rgb.mean(2), np.float32)
    tint = rgb[rgb.max(2) - rgb.min(2) > ALIKE]
    bright = tint.max(1)
    colour = np.median(tint[bright >= 0.9 * bright.max()], axis=0)
    plane = np.clip(rgb @ colour / (colour @ colour), 0, 1)
    if (np.abs(rgb - plane[..., None] * colour).max(2) > ALIKE).mean() <= _RARE:
        return np.asarray(plane, np.float32)
    if len(np.unique(np.rint(rgb * 255) @ np.array([65536, 256, 1]))) <= _FEW:
        raise InputError(f"mask {name} is in several colours, a map of classes: {_MEND}")
    return np.asarray(rgb.mean(2), np.float32)
