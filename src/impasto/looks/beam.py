"""Light on the ground: the geometry of a road seen by a camera, headlight beams, pools under lamps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from impasto import color
from impasto.errors import InputError
from impasto.looks.planes import Array, Bytes, shrink

CAMERA = 1.4  # height of the camera above the road, in metres
LAMPS = 0.65  # height of headlights, in metres
APART = 0.6  # distance of a headlight from the middle of the car, in metres
WIDE = 70.0  # horizontal angle of view, in degrees
FAR = 150.0  # distance to which the road is followed, in metres
CUT = 0.57  # angle of the cut-off of a low beam below the horizon, in degrees (1 %)
KINK = 15.0  # slope of the cut-off on the near side, in degrees
SPREAD = 22.0  # horizontal deviation of the beam, in degrees
DROP = 4.5  # vertical deviation of the beam below its cut-off, in degrees
POLE = 8.0  # height of street lamps, in metres
ACROSS, ALONG = 1.4, 0.8  # how much faster a pool falls across the road than the inverse square, and along it
LEAST = 8  # shortest side of an image with a street, in pixels
MIDDLE = 0.54  # height of the horizon from the top if no lines show it, relative to the height


@dataclass(frozen=True)
class Road:
    """Pinhole view of a flat road.

    Args:
        size: (height, width) of the image, in pixels.
        horizon: row of the horizon, in pixels.
        center: column of the direction of travel, in pixels.
        focal: focal length, in pixels.
        height: height of the camera, in metres.
    """

    size: tuple[int, int]
    horizon: float
    center: float
    focal: float
    height: float = CAMERA

    @classmethod
    def of(cls, rgb: Array, *, horizon: float | None = None, center: float = 0.5) -> Road:
        """Return the road of an image ``(H, W, 3)``, 0..1.

        Args:
            horizon: height of the horizon from the top, relative to the image height. Default: the point
                where the straight edges of the road meet.
            center: column of the direction of travel, relative to the width, if the horizon is given.

        Raises:
            InputError: the image is too small to show a street.
        """
        height, width = rgb.shape[:2]
        if min(height, width) < LEAST:
            raise InputError(
                f"a night needs a photo of at least {LEAST}x{LEAST} pixels, not {width}x{height}"
            )
        focal = width / 2 / float(np.tan(np.radians(WIDE / 2)))
        column = center * width
        if horizon is None:
            horizon, column = vanishing(rgb)
        return cls((height, width), horizon * height, column, focal)

    def rows(self) -> Array:
        """Distances ``(H, 1)`` of the road in metres, ``z = f H / (y - h)``; infinite above the horizon."""
        below = np.arange(self.size[0], dtype=np.float32)[:, None] + 0.5 - np.float32(self.horizon)
        with np.errstate(divide="ignore"):
            far = np.float32(self.focal * self.height) / np.maximum(below, 1e-6)
        return np.asarray(np.where(far > FAR, np.inf, far), np.float32)

    def place(self, column: float, row: float) -> tuple[float, float] | None:
        """Return (right, ahead) in metres of a street lamp at a pixel; None if that is below the horizon."""
        above = self.horizon - row
        if above < 1:
            return None
        ahead = self.focal * (POLE - self.height) / above
        return (column - self.center) * ahead / self.focal, ahead


def vanishing(rgb: Array) -> tuple[float, float]:
    """Find the point where the straight edges below the middle of an image meet.

    Each pair of long segments, one leaning left and one leaning right, votes for its intersection with the
    product of their lengths; the answer is the weighted median of the votes. Source: the accumulation of
    intersections as in Kong, Audibert and Ponce 2009, reduced to line segments.

    Args:
        rgb: image ``(H, W, 3)``, 0..1.

    Returns:
        The row relative to the height, and the column in pixels. ``MIDDLE`` and the middle if few lines vote.
    """
    width = rgb.shape[1]
    gray = (color.luma(shrink(rgb)) * 255).astype(np.uint8)
    size = gray.shape
    votes = _crossings(_segments(gray, least=size[1] / 24), size)
    if len(votes) < 6:
        return MIDDLE, width / 2
    order = np.argsort(votes[:, 1])
    mass = np.cumsum(votes[order, 2])
    row = votes[order, 1][np.searchsorted(mass, mass[-1] / 2)]
    near = votes[np.abs(votes[:, 1] - row) < 0.05 * size[0]]
    column = float(np.average(near[:, 0], weights=near[:, 2]))
    return float(row / size[0]), column * width / size[1]


def _segments(gray: Bytes, *, least: float) -> Array:
    """Return the straight edges ``(N, 4)`` in the lower part of an image, as ``x1, y1, x2, y2``."""
    edges = cv2.Canny(cv2.GaussianBlur(gray, (0, 0), 1), 40, 100)
    edges[: len(gray) // 2] = 0
    found = cv2.HoughLinesP(edges, 1, np.pi / 360, 24, minLineLength=least, maxLineGap=3)
    return np.zeros((0, 4), np.float32) if found is None else np.asarray(found, np.float32).reshape(-1, 4)


def _crossings(lines: Array, size: tuple[int, ...]) -> Array:
    """Return the crossings ``(N, 3)`` of lines that lean left and right, as column, row and weight."""
    dx, dy = lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1]
    slope = dy / np.where(np.abs(dx) < 1e-3, 1e-3, dx)
    length = np.hypot(dx, dy)
    leans = (np.abs(slope) > 0.12) & (np.abs(slope) < 4)
    base = lines[:, 1] - slope * lines[:, 0]
    one, other = (np.flatnonzero(leans & side) for side in (slope < 0, slope > 0))
    first, second = (part.ravel() for part in np.meshgrid(one, other, indexing="ij"))
    column = (base[second] - base[first]) / (slope[first] - slope[second])
    row = slope[first] * column + base[first]
    inside = (np.abs(column / size[1] - 0.5) < 0.3) & (row > 0.3 * size[0]) & (row < 0.75 * size[0])
    weight = length[first] * length[second]
    return np.stack([column, row, weight], 1)[inside]


def low_beam(across: Array, below: Array) -> Array:
    """Return the intensity of a low beam, 0..1, at angles to the right and below the horizon, in degrees.

    Gaussian over the horizontal angle, and over the angle below the cut-off, ``CUT`` degrees under the
    horizon, with an edge that is soft over half a degree (ECE regulation 112).
    """
    under = below - np.float32(CUT)
    edge = 1 / (1 + np.exp(-(under / np.float32(0.25)).clip(-40, 40)))
    power = edge * np.exp(-np.square(across / np.float32(SPREAD)) / 2)
    return np.asarray(power * np.exp(-np.square(np.maximum(under, 0) / np.float32(DROP)) / 2), np.float32)


def _on_road(road: Road) -> Array:
    """Return the irradiance of the own low beam on the road, ``(H, W)``, for an intensity of 1."""
    right = np.arange(road.size[1], dtype=np.float32)[None] + 0.5 - np.float32(road.center)
    down = np.arange(road.size[0], dtype=np.float32)[:, None] + 0.5 - np.float32(road.horizon)
    across, below = (np.degrees(np.arctan(v / np.float32(road.focal))) for v in (right, down))
    kink = np.tan(np.radians(np.float32(KINK))) * np.clip(across, 0, 8)
    far = np.minimum(road.rows(), np.float32(FAR))
    return np.asarray(low_beam(across, below + kink) * np.float32(LAMPS) / far**3, np.float32)


@lru_cache(maxsize=16)
def brightest(road: Road) -> float:
    """Return the largest irradiance of the own low beam on the road, for an intensity of 1."""
    return max(float(_on_road(road).max()), 1e-12)


def beam(road: Road) -> Array:
    """Compute the irradiance of the own low beam on the road, ``(H, W)``.

    At distance ``z`` it falls as ``I h / z^3`` (inverse square times the cosine of grazing light), with ``I``
    of :func:`low_beam` and the kink of the cut-off, ``KINK`` degrees upward on the right, the near side of
    traffic there. Relative units: the maximum is 1.
    """
    return np.asarray(_on_road(road) / np.float32(brightest(road)), np.float32)


def pools(road: Road, lamps: Sequence[tuple[float, float, float]]) -> Array:
    """Compute the irradiance of street lamps on the road, ``(H, W)``; 1 straight below a lamp of strength 1.

    ``H^3 / (d^2 + H^2)^1.5``, the inverse square times the cosine, for a lamp at height ``H`` = ``POLE`` and
    the distance ``d`` from its foot, by ``ACROSS`` longer across the road and by ``ALONG`` shorter along it:
    luminaires of roads throw their light along them (type II of the IES). Above the horizon the row below the
    horizon is continued, as fronts stand where the road meets them.

    Args:
        lamps: (right, ahead, strength) of each lamp; metres, relative.
    """
    far = road.rows()
    ahead = np.minimum(far, np.float32(FAR))
    right = (np.arange(road.size[1], dtype=np.float32)[None] + 0.5 - np.float32(road.center)) * ahead
    right = right / np.float32(road.focal)
    light = np.zeros(road.size, np.float32)
    for x, z, strength in lamps:
        away = np.square((right - np.float32(x)) * ACROSS) + np.square((ahead - np.float32(z)) * ALONG)
        light += np.float32(strength * POLE**3) / (away + np.float32(POLE**2)) ** 1.5
    return light
