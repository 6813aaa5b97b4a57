"""Films of high dynamic range, brought to what other screens show: painters know nothing else."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

PQ, HLG = 16, 18  # how films name their curves (ITU-T H.273)
WHITE = 203.0  # candela a square metre: white of a page in HDR (ITU-R BT.2408)
KNEE = 0.6  # of that white, up to which light stays as it is
# From the primaries of BT.2020 to those of BT.709, in light (ITU-R BT.2087).
_TO_709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)


def to_sdr(rgb: NDArray[np.uint16], curve: int) -> NDArray[np.uint8]:
    """A frame ``(H, W, 3)`` of 16 bit a channel, BT.2020 primaries, in the values other screens show.

    Light up to a knee below the white of a page stays as it is; what is brighter is pressed together above
    it, exponentially, by the brightest channel, so that hues stay.

    Args:
        rgb: as it is stored.
        curve: ``PQ`` (SMPTE ST 2084) or ``HLG`` (ARIB STD-B67).
    """
    light: Array = _curve(curve)[rgb] @ _TO_709.T
    light = np.maximum(light, 0)
    brightest = light.max(2, keepdims=True)
    above = np.maximum(brightest - KNEE, 0) / (1 - KNEE)
    pressed = np.minimum(brightest, KNEE) + (1 - KNEE) * (1 - np.exp(-above))
    light *= pressed / np.maximum(brightest, 1e-6)
    shown = np.clip(light, 0, 1)
    values = np.where(shown <= 0.0031308, 12.92 * shown, 1.055 * shown ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(values * 255), np.uint8)


@lru_cache(maxsize=2)
def _curve(curve: int) -> Array:
    """Light, 1 being the white of a page, for every value of 16 bit."""
    values = np.arange(65536) / 65535
    if curve == PQ:
        power = values ** (1 / 78.84375)
        nits = 10000 * (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (
            1 / 0.1593017578125
        )
        return (nits / WHITE).astype(np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(values <= 0.5, values**2 / 3, (np.exp((values - c) / a) + b) / 12)
    return (1000 * scene**1.2 / WHITE).astype(np.float32)
