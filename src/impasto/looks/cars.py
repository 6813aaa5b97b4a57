"""Cars at night: which lamps belong to one car, how far it is, and what light falls on and before it.

A label says which way a car faces: a headlight is its front, a rear lamp its back. A lamp that hangs above
the horizon is on no car. Without labels no headlight is known, so none throws light.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from impasto import color
from impasto.looks.beam import FAR, LAMPS, Road, brightest, low_beam
from impasto.looks.lights import KindName, Lamps
from impasto.looks.planes import Array, Bytes, Place, middle

HIGH: dict[KindName, float] = {"headlight": LAMPS, "rear": 0.8}  # height of lamps of cars, in metres
PAIR = 1.35  # distance of the two lamps of a car, in metres
BRAKE = 0.00125  # intensity of a rear lamp relative to a headlight: 10 to 8000 cd
ROUGH = 0.32  # roughness of dry asphalt, the slope of its facets
POLISHED = 0.02  # share of asphalt that is; then it mirrors as much as the r-tables of CIE 144 (2001) say
DIPPED = 0.4  # light of the headlights of others relative to the own: they dip away from whom they meet
LIGHTER = np.float32(1.45)  # reflectance relative to the road above which it is none
GLOSS = 0.015  # share of the own beam that the paint of a car scatters; it mirrors the rest to the ground
SHADED = 5.0  # distance from a car up to which its bumper shades the road from its rear lamps, in metres
REACH = 45.0  # distance to which the light of a car is followed, in metres
SLACK = 0.02  # error of a horizon, relative to the height of the image
# Half the width of a car that shows one lamp, and the height of its lamps and boot, in metres.
BODY = (0.55, 0.95)
BUMPER = 12.0  # distance from which the own beam on a car grows no more, in metres
STEP = 2  # pixels in which the light on a road is computed


@dataclass(frozen=True)
class CarLamp:
    """A lamp of a car.

    Args:
        column, row: its center, in pixels.
        right, ahead: its place on the road, in metres.
        apart: columns from it to its partner; 0: it has none.
        share: how far it is on, 0..1.
    """

    number: int
    kind: KindName
    column: float
    row: float
    right: float
    ahead: float
    apart: float = 0.0
    share: float = 1.0

    def foot(self, road: Road) -> float:
        """Return the row where the road lies below it."""
        return self.row + road.focal * HIGH[self.kind] / self.ahead


def car_lamps(lamps: Lamps, road: Road, on: Bytes) -> list[CarLamp]:
    """Return the lamps of cars that are on, the far ones first.

    The distance of a car is that of its two lamps, ``f PAIR / apart``, or that of a lamp at its height over a
    flat road, ``f (H - h) / (y - horizon)``, whichever is nearer: a car that is turned shows its lamps nearer
    to each other.
    """
    boxes = {number: (kind, box) for number, kind, box in lamps.parts() if kind in HIGH}
    cars = {number: lamps.cars.get(number, number) for number in boxes}
    pairs = {a: b for a in boxes for b in boxes if a != b and cars[a] == cars[b]}
    found = []
    for number, (kind, box) in boxes.items():
        row, column = middle(box)
        below = row - road.horizon
        if below < -0.01 * road.size[0] or not (on[box][lamps.ids[box] == number] > 0).any():
            continue
        drop, slack, apart = road.focal * (road.height - HIGH[kind]), SLACK * road.size[0], 0.0
        ahead = drop / max(below, 1.0)
        if number in pairs:
            away = middle(boxes[pairs[number]][1])[1] - column
            nearer = road.focal * PAIR / abs(away)
            # Two lamps too far from each other for where they are belong to two cars.
            if nearer > drop / (1.5 * below + slack):
                apart, ahead = away, min(ahead, nearer)
        ahead = float(np.clip(ahead, 4.0, FAR))
        right = (column - road.center) * ahead / road.focal
        share = lamps.shares.get(number, 1.0)
        found.append(CarLamp(number, kind, column, row, right, ahead, apart, share))
    return sorted(found, key=lambda lamp: (-lamp.ahead, lamp.number))


def project_headlights(found: Sequence[CarLamp], road: Road) -> tuple[Array, Array]:
    """Compute what the headlights of cars that face the camera throw on the road before them.

    Irradiance, and the light that the road mirrors, see :func:`sheen`; both ``(H, W)``, in units of
    :func:`impasto.looks.beam.beam`. A single headlight throws nothing: where it points to is not known.
    """
    ground, streaks = np.zeros(road.size, np.float32), np.zeros(road.size, np.float32)
    for lamp, where, right, ahead, below in _roads_before(found, road, "headlight"):
        along = np.maximum(np.float32(lamp.ahead) - ahead, np.float32(0.3))
        across = right - np.float32(lamp.right)
        aside, under = (np.degrees(np.arctan(v / along)) for v in (across, np.float32(LAMPS)))
        power = low_beam(aside, under)
        power = power * (1 - along / np.float32(REACH)).clip(0, 1) * np.float32(lamp.share)
        away = along**2 + across**2 + np.float32(LAMPS**2)
        _add(ground, below, where, power * np.float32(LAMPS) / away**1.5)
        _add(streaks, below, where, power * sheen(right, ahead, lamp, road))
    most = np.float32(DIPPED / brightest(road))
    return ground * most, streaks * most


def red_sheen(found: Sequence[CarLamp], road: Road) -> Array:
    """Compute the light of rear lamps in the road behind their cars, ``(H, W)``, in units of the beam.

    A lens shines by the cosine of the angle to its axis, ``BRAKE`` times as strongly as a headlight. The
    light is scattered by asphalt of reflectance 0.1, and mirrored.
    """
    light = np.zeros(road.size, np.float32)
    high = np.float32(HIGH["rear"])
    for lamp, where, right, ahead, below in _roads_before(found, road, "rear"):
        along = np.maximum(np.float32(lamp.ahead) - ahead, 0)
        away = np.sqrt(along**2 + (right - np.float32(lamp.right)) ** 2 + high**2)
        part = np.float32(0.1) * high / away**3 + sheen(right, ahead, lamp, road)
        part = part * along / away * (along / np.float32(SHADED)).clip(0, 1)
        _add(light, below, where, np.float32(BRAKE * lamp.share) * part)
    return light * np.float32(1 / brightest(road))


def sheen(right: Array, ahead: Array, lamp: CarLamp, road: Road) -> Array:
    """Compute what a road mirrors of a lamp at places ``(h, w)``, in metres, relative to a white surface.

    The facets of asphalt as in Walter et al. 2007 (GGX with the shadowing of Smith), their reflection as in
    Schlick 1994 with 4 % at right angles: at grazing light the facets that lie flat mirror a lamp as a long
    streak towards the camera.
    """
    high, eye, square = np.float32(HIGH[lamp.kind]), np.float32(road.height), np.float32(ROUGH**2)
    to_lamp = (np.float32(lamp.right) - right, high, np.float32(lamp.ahead) - ahead)
    to_eye = (-right, eye, -ahead)
    near, far = (np.sqrt(x * x + y * y + z * z) for x, y, z in (to_lamp, to_eye))
    half = [one / near + other / far for one, other in zip(to_lamp, to_eye, strict=True)]
    length = np.maximum(np.sqrt(half[0] ** 2 + half[1] ** 2 + half[2] ** 2), np.float32(1e-4))
    flat = half[1] / length
    facets = square / (np.float32(np.pi) * (flat * flat * (square - 1) + 1) ** 2)
    sines = (high / near, eye / far)
    shadows = [2 / (1 + np.sqrt(1 + square * (1 / (sine * sine) - 1))) for sine in sines]
    grazing = 1 - length / 2  # 1 - cosine of half the angle between the two directions
    share = np.float32(0.04) + np.float32(0.96) * grazing**5
    scale = np.float32(POLISHED * np.pi / 4)
    return np.asarray(scale * facets * share * shadows[0] * shadows[1] / (sines[1] * near * near), np.float32)


def asphalt(surface: Array, road: Road) -> Array:
    """Return the share ``(H, W)`` of each pixel that may be road, by its reflectance ``surface (H, W, 3)``.

    What is much lighter than the road before the camera stands on it: walls, fences, boards.
    """
    luma = color.luma(surface)
    # Stripes and gaps of a wall, and paint on a road, are thinner than the median's window.
    window = max(3, road.size[0] // 36 * 2 + 1)
    light = cv2.medianBlur((luma.clip(0, 1) * 255).astype(np.uint8), window).astype(np.float32) / 255
    top, third = int(0.75 * road.horizon + 0.25 * road.size[0]), road.size[1] // 3
    usual = float(np.median(light[top:, third : 2 * third]))
    share = ((LIGHTER - light / np.float32(max(usual, 1e-3))) / np.float32(0.2)).clip(0, 1)
    return np.asarray(cv2.blur(share, (window // 2, window // 2)), np.float32)


def car_coverage(found: Sequence[CarLamp], road: Road) -> Array:
    """Return the share of each pixel that the bodies of cars cover, from the lamps down; ``(H, W)``.

    What the road mirrors ends where a car stands on it.
    """
    covered = np.zeros(road.size, np.float32)
    for lamp in found:
        if lamp.apart < 0:
            continue  # once for both lamps
        metre = np.float32(road.focal / lamp.ahead)
        foot, side = np.float32(lamp.foot(road)), np.float32(0.3 if lamp.apart else BODY[0]) * metre
        left, right = lamp.column - side, lamp.column + lamp.apart + side
        rows = slice(max(0, int(foot - BODY[1] * metre)), max(0, int(foot) + 1))
        columns = slice(max(0, int(left)), max(0, int(right) + 1))
        high = (foot - np.arange(road.size[0], dtype=np.float32)[rows, None]) / metre
        across = np.arange(road.size[1], dtype=np.float32)[None, columns]
        part = (np.minimum(across - left, right - across) / side).clip(0, 1)
        part = (high / np.float32(0.35)).clip(0, 1) * part
        covered[rows, columns] = np.maximum(covered[rows, columns], part)
    return covered


def bodies(found: Sequence[CarLamp], road: Road) -> Array:
    """Compute the own beam on the cars of which both lamps are seen, ``(H, W)``, in units of the beam.

    A car is upright from one lamp to the other: it gets ``GLOSS I / z^2`` below the cut-off, which is at the
    height of the own lamps less ``CUT`` degrees.
    """
    light = np.zeros(road.size, np.float32)
    for lamp in found:
        if lamp.apart <= 0 or lamp.ahead > REACH:
            continue  # once for both lamps
        metre = np.float32(road.focal / lamp.ahead)
        foot, side = np.float32(lamp.foot(road)), np.float32(0.3) * metre
        left, right = lamp.column - side, lamp.column + lamp.apart + side
        rows = slice(max(0, int(foot - 0.9 * metre)), min(road.size[0], int(foot - 0.2 * metre)))
        columns = slice(max(0, int(left)), min(road.size[1], int(right) + 1))
        if rows.stop <= rows.start or columns.stop <= columns.start:
            continue
        high = (foot - np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]) / metre
        across = np.arange(columns.start, columns.stop, dtype=np.float32)[None]
        angle = np.degrees(np.arctan((np.float32(LAMPS) - high) / np.float32(lamp.ahead)))
        aside = np.degrees(np.arctan((across - np.float32(road.center)) / np.float32(road.focal)))
        soft = ((high - np.float32(0.2)) / np.float32(0.15)).clip(0, 1)
        soft = soft * (np.minimum(across - left, right - across) / (2 * side)).clip(0, 1)
        soft = soft * ((np.float32(0.85) - high) / np.float32(0.4)).clip(0, 1)
        power = low_beam(aside, angle) * soft * np.float32(GLOSS * lamp.share / max(lamp.ahead, BUMPER) ** 2)
        light[rows, columns] = np.maximum(light[rows, columns], power)
    return np.asarray(light * np.float32(1 / brightest(road)), np.float32)


def _roads_before(
    found: Sequence[CarLamp], road: Road, kind: KindName
) -> Iterator[tuple[CarLamp, Place, Array, Array, Array]]:
    """Yield each paired lamp of a kind, and the pixels of the road before it, towards the camera.

    Of these pixels: where they are, their places right and ahead on the road through the foot of the lamp,
    and the rows below that. The horizon that was found may be off by more than the height of a far lamp below
    it, so the plane is that of the lamp.
    """
    drop = np.float32(road.focal * road.height)
    for lamp in found:
        foot, wide = lamp.foot(road), 0.2 * road.size[1] + 2 * road.focal / lamp.ahead
        rows = slice(max(0, int(foot)), road.size[0])
        columns = slice(max(0, int(lamp.column - wide)), min(road.size[1], int(lamp.column + wide)))
        wanted = lamp.kind == kind and lamp.apart != 0
        if not wanted or min(rows.stop - rows.start, columns.stop - columns.start) < 2 * STEP:
            continue
        down, across = (
            np.arange(side.start, side.stop, STEP, dtype=np.float32) + np.float32(STEP / 2)
            for side in (rows, columns)
        )
        below = np.maximum(down[:, None] - np.float32(foot), 0)
        ahead = np.asarray(drop / (below + drop / np.float32(lamp.ahead)), np.float32)
        right = (across - np.float32(road.center)) * ahead / np.float32(road.focal)
        yield lamp, (rows, columns), np.asarray(right, np.float32), ahead, np.asarray(below, np.float32)


def _add(total: Array, below: Array, where: Place, light: Array) -> None:
    """Add the light on a window, which fades in over a few pixels at the foot of its lamp."""
    edge = (below / np.float32(3 * STEP)).clip(0, 1)
    size = (where[1].stop - where[1].start, where[0].stop - where[0].start)
    full = cv2.resize(np.asarray(light * edge, np.float32), size, interpolation=cv2.INTER_LINEAR)
    total[where] += np.asarray(full, np.float32)
