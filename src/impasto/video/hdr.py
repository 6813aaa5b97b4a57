"""Conversion of HDR and wide-gamut video to sRGB, which all processing expects."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

PQ, HLG = 16, 18  # codes of transfer functions (ITU-T H.273)
SCREEN = (1, 6, 14, 15)  # codes of camera curves that displays show by ITU-R BT.1886
BT2020, DCI_P3, DISPLAY_P3 = 9, 11, 12  # codes of primaries
WHITE = 203.0  # cd/m2, reference white of HDR (ITU-R BT.2408)
PEAK = 1000.0  # cd/m2, nominal peak of an HLG display (ITU-R BT.2100)
KNEE = 0.6  # share of the reference white below which light is unchanged
# Linear light to the primaries of BT.709: from BT.2020 (ITU-R BT.2087) and from P3 with D65.
_FROM_BT2020 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
_FROM_P3 = np.array([[1.2249, -0.2249, 0.0], [-0.0421, 1.0421, 0.0], [-0.0196, -0.0786, 1.0983]], np.float32)
WIDE = {BT2020: _FROM_BT2020, DCI_P3: _FROM_P3, DISPLAY_P3: _FROM_P3}
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)  # luminance of the primaries of BT.2020


def to_sdr(rgb: NDArray[np.uint16], curve: int, *, primaries: int = BT2020) -> NDArray[np.uint8]:
    """Convert a frame ``(H, W, 3)`` with 16 bits per channel to sRGB with 8 bits.

    In HDR, light is unchanged up to a knee below the reference white; brighter light is compressed
    exponentially, by the brightest channel, which preserves hues.

    Args:
        rgb: the stored values.
        curve: code of the transfer function: ``PQ`` (SMPTE ST 2084), ``HLG`` (ARIB STD-B67), or any SDR one.
        primaries: code of the primaries; those that are not in ``WIDE`` are treated as BT.2020 in HDR.
    """
    bright = curve in (PQ, HLG)
    light: Array = _curve(curve)[rgb]
    if curve == HLG:
        # The system gamma applies to luminance (BT.2100, table 5): per channel it would saturate colours.
        light = light * (light @ _LUMINANCE)[..., None] ** np.float32(0.2) * np.float32(PEAK / WHITE)
    light = light @ WIDE.get(primaries, _FROM_BT2020).T
    light = np.maximum(light, 0)
    if bright:
        brightest = light.max(2, keepdims=True)
        above = np.maximum(brightest - KNEE, 0) / (1 - KNEE)
        pressed = np.minimum(brightest, KNEE) + (1 - KNEE) * (1 - np.exp(-above))
        light *= pressed / np.maximum(brightest, 1e-6)
    shown = np.clip(light, 0, 1)
    values = np.where(shown <= 0.0031308, 12.92 * shown, 1.055 * shown ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(values * 255), np.uint8)


@lru_cache(maxsize=4)
def _curve(curve: int) -> Array:
    """Return linear light for all 16-bit values, 1 for the reference white; scene light for HLG."""
    values = np.arange(65536) / 65535
    if curve == PQ:
        power = values ** (1 / 78.84375)
        nits = 10000 * (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (
            1 / 0.1593017578125
        )
        return (nits / WHITE).astype(np.float32)
    if curve == HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(values <= 0.5, values**2 / 3, (np.exp((values - c) / a) + b) / 12)
        return scene.astype(np.float32)
    if curve in SCREEN:
        return (values**2.4).astype(np.float32)
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)
