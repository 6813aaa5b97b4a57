"""Optical flow between two frames, its reliability, and warping along it.

A flow ``(H, W, 2)``, float32, holds for every pixel of one frame its displacement (right, down) in pixels to
the other frame. To warp the *previous* frame to the current one, call :func:`warp` with the flow from the
current to the previous frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]
FlowMethod = Callable[[Bytes, Bytes], Array]
Quality = Literal["ultrafast", "fast", "medium"]

_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}

# Sundaram, Brox and Keutzer 2010, equations 5 and 6, with the constants of Ruder et al. 2016.
_OCCLUSION = (0.01, 0.5)
_BOUNDARY = (0.01, 0.002)
_BLUR = 0.8  # sigma in pixels of the soft borders of a mask
_NONE: Any = None  # OpenCV's second map, if the first one holds both coordinates
_LEAST = 96  # minimum side in pixels: below, OpenCV's DIS reads memory of earlier frames, or fails
_SLOPES = (np.array([[-0.5, 0, 0.5]], np.float32), np.array([[-0.5], [0], [0.5]], np.float32))


class Dis:
    """Dense inverse search (Kroeger et al. 2016, arXiv 1603.03590) on the luma of two frames.

    Args:
        quality: preset of OpenCV; ``medium`` is the most accurate.
        scale: factor by which frames are resized first; the flow is scaled back.
        finest: number of times that frames are halved for the finest level; default: that of the preset.
    """

    def __init__(self, *, quality: Quality = "medium", scale: float = 1.0, finest: int | None = None) -> None:
        self._dis = cv2.DISOpticalFlow.create(_PRESETS[quality])
        if finest is not None:
            self._dis.setFinestScale(finest)
        self.scale = scale

    def __call__(self, first: Bytes, second: Bytes) -> Array:
        """Return the flow from ``first`` to ``second``, both ``(H, W, 3)``, RGB, or ``(H, W)``."""
        one, other = (self._luma(frame) for frame in (first, second))
        height, width = one.shape
        more = (0, max(0, _LEAST - height), 0, max(0, _LEAST - width))
        first_luma, second_luma = (
            cv2.copyMakeBorder(luma, *more, cv2.BORDER_REFLECT) for luma in (one, other)
        )
        start = np.zeros((*first_luma.shape, 2), np.float32)
        found: Array = np.asarray(self._dis.calc(first_luma, second_luma, start), np.float32)[:height, :width]
        return enlarge_flow(found, first.shape[:2])

    def _luma(self, frame: Bytes) -> Bytes:
        gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) if frame.ndim == 3 else frame
        if self.scale != 1:
            gray = cv2.resize(gray, None, fx=self.scale, fy=self.scale, interpolation=cv2.INTER_AREA)
        return np.asarray(gray, np.uint8)


@dataclass(frozen=True)
class Trust:
    """Masks of unreliable flow, ``(H, W)`` bool each."""

    occluded: NDArray[np.bool_]  # the target is occluded, or outside the frame
    boundary: NDArray[np.bool_]  # motion boundary, where flow is inaccurate
    outside: NDArray[np.bool_]  # the target is outside the frame; a subset of ``occluded``

    @property
    def hard(self) -> Array:
        """1 where the flow is reliable, 0 elsewhere."""
        return (~(self.occluded | self.boundary)).astype(np.float32)

    @property
    def soft(self) -> Array:
        """Reliability 0..1, with soft borders around unreliable areas (Ruder et al. 2016)."""
        # Occlusions are -1, so that blurring spreads them further than motion boundaries and frame borders.
        signed = (~self.boundary).astype(np.float32)
        signed[self.occluded] = -1
        signed[self.outside] = 0
        blurred = cv2.GaussianBlur(signed, (5, 5), _BLUR, borderType=cv2.BORDER_REPLICATE)
        return np.asarray(blurred, np.float32).clip(0, 1)


def trust(flow: Array, back: Array) -> Trust:
    """Check a flow against the backward flow (Sundaram et al. 2010).

    With ``w`` the flow at a pixel and ``v`` the backward flow at the target of ``w``: occluded where
    ``|w + v|^2 >= 0.01 (|w|^2 + |v|^2) + 0.5``, or where ``w`` leaves the frame; a motion boundary where
    ``|grad u|^2 + |grad v|^2 > 0.01 |w|^2 + 0.002``, by central differences.
    """
    height, width = flow.shape[:2]
    outside = cv2.inRange(_places(flow), (0, 0), (width - 1, height - 1)) == 0
    returned = warp(back, flow, cubic=False)
    size = _squares(flow)
    occluded = _squares(flow + returned) >= _OCCLUSION[0] * (size + _squares(returned)) + _OCCLUSION[1]
    across, down = (cv2.filter2D(flow, -1, kernel, borderType=cv2.BORDER_REPLICATE) for kernel in _SLOPES)
    steep = _squares(across) + _squares(down)
    boundary = steep > _BOUNDARY[0] * size + _BOUNDARY[1]
    return Trust(occluded | outside, boundary, outside)


def warp(picture: NDArray[Any], flow: Array, *, cubic: bool = True) -> Array:
    """Sample ``picture (H, W)`` or ``(H, W, C)`` at the targets of a flow; replicate its border.

    Cubic interpolation keeps an image sharp when it is warped repeatedly; use linear interpolation for flows
    and masks, which must not overshoot.
    """
    how = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    floats = picture if picture.dtype == np.float32 else picture.astype(np.float32)
    return np.asarray(_remap(floats, flow, how))


def warp_bytes(frame: Bytes, flow: Array) -> Bytes:
    """Warp a frame linearly, as :func:`warp` does, but keep its type."""
    return np.asarray(_remap(frame, flow, cv2.INTER_LINEAR), np.uint8)


def _remap(picture: NDArray[Any], flow: Array, how: int) -> Any:
    return cv2.remap(picture, _places(flow), _NONE, how, borderMode=cv2.BORDER_REPLICATE)


def compose_flows(first: Array, second: Array) -> Array:
    """Return the composition of two flows: ``first``, then ``second`` from its targets."""
    return first + warp(second, first, cubic=False)


def enlarge_flow(flow: Array, size: tuple[int, ...]) -> Array:
    """Return a flow resized to (height, width), and in pixels of that size."""
    (height, width), own = size, flow.shape[:2]
    if own == size:
        return flow
    large = np.asarray(cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    rows = large.reshape(height, 2 * width)  # in rows, NumPy multiplies five times as fast as by pairs
    rows *= np.tile(np.array([width / own[1], height / own[0]], np.float32), width)
    return large


def shift(flow: Array) -> tuple[float, float]:
    """Return the motion (right, down) of the picture as a whole, in pixels.

    It is the median of the flow, less half its interquartile range: a pan counts in full, and
    nothing if the camera drives forward, or if only some objects move.
    """
    low, middle, high = np.percentile(flow[::8, ::8].reshape(-1, 2), (25, 50, 75), axis=0)
    common = np.sign(middle) * np.maximum(0, np.abs(middle) - (high - low) / 2)
    return float(common[0]), float(common[1])


def _squares(flow: NDArray[Any]) -> Array:
    """Return squared lengths ``(H, W)``."""
    squares: Array = flow * flow
    return squares[..., 0] + squares[..., 1]


def _places(flow: Array) -> Array:
    """Return the target coordinates of a flow, (column, row), ``(H, W, 2)``."""
    return flow + _grid(flow.shape[0], flow.shape[1])


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> Array:
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return np.ascontiguousarray(np.stack([columns, rows], 2))
