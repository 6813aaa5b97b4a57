"""The key of a shot: a frame whose result is remembered over many frames, and the way back to it.

A chain of blends with the previous output forgets: after ten frames at a weight of 0.85, a fifth of the first
is left, sampled ten times, and displaced by the sum of the errors of ten flows. A key is reached in one step,
by the composition of the flows since. Its errors add up as well, so the key is compared with every frame, and
a share of their remaining displacement is corrected. A small share, because the correction has noise of its
own, by which the picture would tremble.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto.media.flow import Dis, compose_flows, enlarge_flow, warp, warp_bytes
from impasto.media.levels import eight
from impasto.media.links import RESIDUAL, Link

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]

EVERY = 10  # frames after which the next key is set
CORRECTED = 0.5  # share of the remaining displacement to a key that is corrected with each frame
SMALL = 320  # maximum width in pixels for this
BROAD = 5  # pixels of that width over which frame and key are compared
_FLAT = 16  # minimum height in pixels for optical flow


@dataclass
class Key:
    """A frame of a shot, its result, and the way back to it from the newest frame.

    Args:
        frame: the frame ``(H, W, 3)``.
        result: its output ``(H, W, 3)`` and witness ``(H, W)``, float32.
        age: number of frames since.
    """

    frame: Bytes = field(repr=False)
    result: tuple[Array, Array] = field(repr=False)
    age: int = 0
    _flow: Array | None = field(default=None, repr=False)  # to the key, of the small frame, in its pixels
    _sure: Array | None = field(default=None, repr=False)  # its reliability without the likeness
    _dis: Dis = field(default_factory=lambda: Dis(quality="fast", finest=1), repr=False)

    def __post_init__(self) -> None:
        self._small = _small(self.frame)

    def follow(self, frame: Bytes, link: Link) -> tuple[Array, Array]:
        """Follow the next frame, with its link to the previous one.

        Returns:
            The flow from the frame to the key, ``(H, W, 2)``, and its reliability 0..1, ``(H, W)``.
        """
        here, whole = _small(frame), (frame.shape[1], frame.shape[0])
        ratio = np.array([here.shape[1] / whole[0], here.shape[0] / whole[1]], np.float32)
        flow = _resize(link.flow, here.shape[::-1]) * ratio
        sure = _resize(link.mask, here.shape[::-1])
        if self._flow is not None and self._sure is not None:
            sure *= warp(self._sure, flow, cubic=False)
            flow = self._correct_flow(here, compose_flows(flow, self._flow))
        self._flow, self._sure, self.age = flow, sure, self.age + 1
        changed = cv2.subtract(here, warp_bytes(self._small, flow), dtype=cv2.CV_32F)
        broad = np.asarray(cv2.blur(changed, (BROAD, BROAD)), np.float32) * np.float32(1 / (255 * RESIDUAL))
        sure = sure * np.exp(-broad * broad)
        return enlarge_flow(flow, frame.shape[:2]), np.asarray(cv2.resize(sure, whole), np.float32)

    def _correct_flow(self, here: Bytes, flow: Array) -> Array:
        """Return the flow from a small frame to the key, nearer to what their brightness says."""
        if min(here.shape) < _FLAT:
            return flow
        rest = self._dis(here, warp_bytes(self._small, flow))
        rest *= np.float32(CORRECTED)
        return compose_flows(rest, flow)


def _resize(plane: Array, size: tuple[int, ...]) -> Array:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def _small(frame: Bytes) -> Bytes:
    """Return a frame in gray, at most ``SMALL`` pixels wide."""
    gray = cv2.cvtColor(eight(frame), cv2.COLOR_RGB2GRAY)
    times = math.ceil(gray.shape[1] / SMALL)
    size = (max(1, gray.shape[1] // times), max(1, gray.shape[0] // times))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)
