"""Conversion of HDR and wide-gamut video to sRGB, which all processing expects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from impasto import color
from impasto.image import cicp
from impasto.image.cicp import HLG, PQ, Cicp

BT2020, DCI_P3, DISPLAY_P3 = 9, 11, 12  # codes of primaries (ITU-T H.273)
WIDE = (BT2020, DCI_P3, DISPLAY_P3)

__all__ = ["BT2020", "HLG", "PQ", "WIDE", "to_sdr"]


def to_sdr(rgb: NDArray[np.uint16], curve: int, *, primaries: int = BT2020) -> NDArray[np.uint8]:
    """Convert a frame ``(H, W, 3)`` with 16 bits per channel to sRGB with 8 bits.

    Tone mapping is the same for every frame: light is unchanged up to a knee below the reference white, and
    brighter light approaches white, see :mod:`impasto.image.cicp`.

    Args:
        rgb: the stored values.
        curve: code of the transfer function: ``PQ`` (SMPTE ST 2084), ``HLG`` (ARIB STD-B67), or any SDR one.
        primaries: code of the primaries; those that are not in ``WIDE`` are treated as BT.2020.
    """
    coding = Cicp(primaries if primaries in WIDE else BT2020, curve)
    light = cicp.linear(rgb, coding, video=True)
    if coding.bright:
        light = cicp.tone_map(light)
    return np.asarray(np.rint(color.to_srgb(np.clip(light, 0, 1)) * 255), np.uint8)
