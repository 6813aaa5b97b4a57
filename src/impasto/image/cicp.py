"""Color conversion by ITU-T H.273 code points instead of a profile: wide gamut, PQ and HLG."""

from __future__ import annotations

import functools
import logging
import math
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from impasto import color

_LOG = logging.getLogger(__name__)

PQ, HLG = 16, 18  # HDR transfer characteristics
WHITE = 203.0  # cd/m2; HDR reference white (ITU-R BT.2408)
PEAK = 1000.0  # cd/m2; nominal peak luminance of an HLG display (ITU-R BT.2100)
KNEE = 0.6  # fraction of reference white up to which light is unchanged
STRIP = 256  # rows converted at a time
_STEPS = 65536

_D65 = (0.3127, 0.3290)
# Chromaticities of red, green, blue and white (H.273, table 2).
_PRIMARIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65),
    4: ((0.670, 0.330), (0.210, 0.710), (0.140, 0.080), (0.310, 0.316)),
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060), _D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
# Bradford matrix from XYZ to cone responses, for chromatic adaptation.
_CONES = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
# BT.709 and similar curves describe cameras; displays show such files like sRGB.
_LIKE_SRGB = (1, 2, 6, 7, 11, 12, 13, 14, 15)
_UNTOLD = 2

_BT1886 = 2.4  # exponent of a video display
_CAMERA = (1, 6, 14, 15)  # camera curves, which video displays show by ITU-R BT.1886

_Value = TypeVar("_Value", np.uint8, np.float32)


class Cicp(NamedTuple):
    """Coding-independent code points: color primaries and transfer characteristics."""

    primaries: int
    transfer: int

    @property
    def bright(self) -> bool:
        """Whether the transfer function is HDR."""
        return self.transfer in (PQ, HLG)

    def is_srgb(self) -> bool:
        """Return whether the values need no conversion."""
        return self.primaries in (1, _UNTOLD) and self.transfer in _LIKE_SRGB


def to_srgb(rgb: NDArray[_Value], coding: Cicp, *, name: str) -> NDArray[_Value]:
    """Convert ``(H, W, 3)`` uint8, or floats 0..1, to sRGB of the same type.

    HDR images are tone-mapped: light up to a knee below reference white is unchanged, brighter light is
    compressed exponentially up to the maximum of the image. The compression uses the largest channel, so hues
    are kept. Colors outside sRGB are clipped. With unknown code points the values are assumed to be sRGB,
    with a warning.
    """
    if coding.is_srgb():
        return rgb
    known = coding.transfer in (*_GAMMAS, *_LIKE_SRGB, PQ, HLG)
    if not known or coding.primaries not in (*_PRIMARIES, _UNTOLD):
        _LOG.warning("%s: its color code points %d, %d are unknown: assuming sRGB", name, *coding)
        return rgb
    bend = _bend(rgb, coding) if coding.bright else None
    result = np.empty_like(rgb)
    for first in range(0, len(rgb), STRIP):
        light = linear(_steps_of(rgb[first : first + STRIP]), coding)
        if bend is not None:
            light = tone_map(light, *bend)
        shown = color.to_srgb(np.clip(light, 0, 1))
        result[first : first + STRIP] = np.rint(shown * 255) if rgb.dtype == np.uint8 else shown
    return result


def _steps_of(rgb: NDArray[_Value]) -> NDArray[np.uint16]:
    """Return the values with 16 bits."""
    if rgb.dtype == np.uint8:
        return rgb.astype(np.uint16) * np.uint16(257)
    return np.asarray(np.rint(rgb.clip(0, 1) * (_STEPS - 1)), np.uint16)


def linear(rgb: NDArray[np.uint16], coding: Cicp, *, video: bool = False) -> NDArray[np.float32]:
    """Return linear light in sRGB primaries, at least 0, of stored ``(H, W, 3)``; 1 is reference white.

    With ``video``, camera curves are decoded as a video display does (BT.1886), else as sRGB.
    """
    curve = _curve(coding.transfer, video and coding.transfer in _CAMERA)
    light = curve[rgb]
    primaries = coding.primaries if coding.primaries != _UNTOLD else 9 if coding.bright else 1
    if coding.transfer == HLG:
        # The HLG system gamma applies to the scene luminance; per channel it would change hues.
        weights = _xyz_of(primaries)[1].astype(np.float32)
        light = light * np.maximum(light @ weights, 1e-9)[..., None] ** np.float32(0.2)
        light *= np.float32(PEAK / WHITE)
    return np.asarray(np.maximum(light @ _matrix(primaries).T, 0), np.float32)


def _bend(rgb: NDArray[_Value], coding: Cicp) -> tuple[float, float]:
    """Return rate and reach of the tone mapping above the knee; the brightest light becomes white.

    With this rate the curve has slope 1 at the knee. The rate is 0, without compression, if no light is
    brighter than white.
    """
    step = max(1, round((rgb.shape[0] * rgb.shape[1] / 1e6) ** 0.5))
    brightest = float(np.quantile(linear(_steps_of(rgb[::step, ::step]), coding).max(axis=2), 0.9995))
    reach, rate = (brightest - KNEE) / (1 - KNEE), 1.0
    if reach <= 1:
        return 0.0, 1.0
    for _ in range(200):
        rate = 1 - math.exp(-rate * reach)
    return rate, reach


def tone_map(light: NDArray[np.float32], rate: float = 1.0, reach: float = math.inf) -> NDArray[np.float32]:
    """Tone-map linear light: unchanged below the knee, exponential above, by the largest channel."""
    if rate < 1e-4:
        return light
    brightest = light.max(axis=2, keepdims=True)
    above = np.clip((brightest - KNEE) / (1 - KNEE), 0, reach)
    bent = np.minimum(brightest, KNEE) + (1 - KNEE) / rate * (1 - np.exp(-rate * above))
    return np.asarray(light * (bent / np.maximum(brightest, 1e-6)), np.float32)


@functools.cache
def _curve(transfer: int, video: bool = False) -> NDArray[np.float32]:
    """Return linear light for all 16-bit values; 1 is white, or the scene maximum for HLG."""
    values = np.linspace(0, 1, _STEPS)
    if video:
        light = values**_BT1886
    elif transfer in _GAMMAS:
        light = values ** _GAMMAS[transfer]
    elif transfer == PQ:  # SMPTE ST 2084
        power = values ** (1 / 78.84375)
        light = np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
        light = 10000 / WHITE * light ** (1 / 0.1593017578125)
    elif transfer == HLG:  # ARIB STD-B67
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(values <= 0.5, values**2 / 3, (np.exp((values - c) / a) + b) / 12)
    else:
        return np.asarray(color.to_linear(values), np.float32)
    return np.asarray(light, np.float32)


def _of_point(point: tuple[float, float]) -> list[float]:
    """Return XYZ of a chromaticity with Y = 1."""
    x, y = point
    return [x / y, 1.0, (1 - x - y) / y]


@functools.cache
def _xyz_of(primaries: int) -> NDArray[np.float64]:
    """Return the matrix from linear light in these primaries to XYZ."""
    *colors, white = _PRIMARIES[primaries]
    columns = np.array([_of_point(point) for point in colors]).T
    return np.asarray(columns * np.linalg.solve(columns, _of_point(white)))


@functools.cache
def _matrix(primaries: int) -> NDArray[np.float64]:
    """Return the matrix from linear light in these primaries to sRGB, with white point adaptation."""
    old, new = (_CONES @ _of_point(_PRIMARIES[which][3]) for which in (primaries, 1))
    adapted = np.linalg.inv(_CONES) @ np.diag(new / old) @ _CONES
    return np.asarray(np.linalg.inv(_xyz_of(1)) @ adapted @ _xyz_of(primaries))
