"""Proof that a night shows no light that was not there: bounds on each pixel, and the color of signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from impasto import color
from impasto.looks import beam as roads
from impasto.looks.beam import Road
from impasto.looks.cars import bodies, car_lamps, project_headlights, red_sheen
from impasto.looks.darkness import grain
from impasto.looks.lights import HUES, KINDS, MOST, Lamps
from impasto.looks.night import PAINT, Night, reflect_in_road, scatter_light
from impasto.looks.planes import Array, Bools, chroma
from impasto.looks.plates import SIGN, plate_reflection

BRIGHTER = 1.05  # factor by which a pixel may exceed the graded image without a lamp
STEP = 0.0015  # linear light below which a difference is rounding to eight bits
REFLECTS = 0.9  # largest reflectance of a surface
CLEAR = 0.5  # contrast at which a lamp has three times the luma of its case
CORNERS = 0.02  # reach of motion blur and lens, relative to the long side


@dataclass(frozen=True)
class Signal:
    """A signal by day and at night.

    Args:
        hue: change of its hue, in degrees of OKLab.
        day, night: its contrast to its case: difference of luma over their sum.
    """

    hue: float
    day: float
    night: float

    @property
    def clear(self) -> bool:
        """Whether its contrast is that of the day, or ``CLEAR``."""
        return self.night >= min(self.day - 0.02, CLEAR)

    @property
    def kept(self) -> bool:
        """Whether its hue is within ``HUES`` degrees, and it is clear."""
        return self.hue <= HUES and self.clear


def light_bound(lamps: Lamps, road: Road, night: Night) -> Array:
    """Compute the most light that lamps, beam and their glare may add to each pixel, ``(H, W)``, linear.

    From the labels and the settings alone, not from what was painted: every lamp at its strongest, every
    surface at its lightest, widened by motion blur and by the noise filter of the camera.
    """
    light = np.zeros((*lamps.kinds.shape, 3), np.float32)
    for name, kind in KINDS.items():
        light[lamps.where(name)] = MOST * kind.strength[1]
    most = light + scatter_light(light, road)
    if night.wet:
        # A lens spreads a lamp before it is mirrored.
        soft = np.asarray(cv2.dilate(light, np.ones((5, 5), np.uint8)), np.float32)
        most = most + np.float32(night.wet) * reflect_in_road(soft, road)
    found = car_lamps(lamps, road, lamps.kinds)
    own = roads.beam(road) * np.where(lamps.where("sign"), np.float32(SIGN), np.float32(PAINT))
    ground, streaks = project_headlights(found, road)
    reflected = REFLECTS * (own + bodies(found, road) + plate_reflection(found, road) + ground)
    beam = np.float32(2 * night.beam) * (reflected + streaks + red_sheen(found, road))
    total = np.asarray(most[..., 1] + beam, np.float32)
    reach = max(3, round(night.blur * CORNERS * 50 * max(total.shape))) + 2 * grain(total.shape)
    return np.asarray(cv2.dilate(total, np.ones((reach | 1,) * 2, np.uint8)), np.float32)


def find_excess_light(result: Array, graded: Array, most: Array) -> Bools:
    """Return the pixels ``(H, W)`` whose luminance exceeds the graded one by 5 % and by more than ``most``.

    Args:
        result: image with its lamps lit, ``(H, W, 3)``, sRGB, 0..1.
        graded: the same without lamps and beam.
        most: light that lamps and beam may add, see :func:`light_bound`.
    """
    after, before = (color.luma(color.to_linear(picture)) for picture in (result, graded))
    return np.asarray(after > BRIGHTER * before + most + STEP)


def signals_of(
    result: Array, photo: Array, lamps: Lamps, *, only: Sequence[int] | None = None
) -> list[Signal]:
    """Compare hue and contrast of every signal at night with those by day.

    Args:
        result, photo: images at night and by day, ``(H, W, 3)``, sRGB, 0..1.
        only: numbers of the signals to compare. Default: all.
    """
    found = []
    height, width = photo.shape[:2]
    for number, kind, (rows, columns) in lamps.parts():
        if kind != "signal" or (only is not None and number not in only):
            continue
        wide = max(2, columns.stop - columns.start, rows.stop - rows.start)
        box = (
            slice(max(0, rows.start - wide), min(height, rows.stop + wide)),
            slice(max(0, columns.start - wide // 2), min(width, columns.stop + wide // 2)),
        )
        inside = lamps.ids[box] == number
        day, night = photo[box], result[box]
        vivid = np.where(inside, chroma(day), 0)
        lens = vivid >= 0.6 * max(float(vivid.max()), 1e-6)
        case = lamps.kinds[box] == 0
        if not case.any():
            continue
        hues = [_hue(picture[lens]) for picture in (day, night)]
        turn = abs((hues[1] - hues[0] + 180) % 360 - 180)
        found.append(Signal(turn, _contrast(day, lens, case), _contrast(night, lens, case)))
    return found


def _hue(colors: Array) -> float:
    """Return the hue of the mean of colors ``(N, 3)`` in OKLab, in degrees."""
    _, a, b = color.rgb_to_oklab(colors).mean(0)
    return float(np.degrees(np.arctan2(b, a)))


def _contrast(picture: Array, lens: Bools, case: Bools) -> float:
    gray = color.luma(picture)
    lamp, dark = float(gray[lens].mean()), float(np.median(gray[case]))
    return (lamp - dark) / max(lamp + dark, 1e-6)
