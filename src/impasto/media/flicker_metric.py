"""Flicker of a stylized video (Lai et al. 2018, arXiv 1808.00449), and its sharpness, to detect blur."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto.errors import InputError
from impasto.jobs.base import pluralize
from impasto.media.flow import Dis, FlowMethod, trust, warp
from impasto.media.links import CUT, JUMP, jump

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Flicker:
    """Metrics of a stylized video, for values 0..1.

    Args:
        error: warp error: mean squared difference of a frame and the one ``lag`` later, warped back to it,
            over the pixels with reliable flow of the source.
        floor: warp error of the source.
        energy: mean squared gradient of the stylized frames, which blur lowers.
        trusted: share of compared pixels.
    """

    error: float
    floor: float
    energy: float
    trusted: float


@dataclass
class FlickerMeter:
    """Measurement of stylized videos against their source, frame by frame, in constant memory.

    Pairs of frames with a cut between them are skipped.

    Args:
        lags: distances of compared frames.
        flow: optical flow of the source; default DIS, medium, at full size.
    """

    lags: Sequence[int] = (1, 10)
    flow: FlowMethod = field(default_factory=Dis)
    frames: int = 0
    map: Array | None = None  # squared error of the first video at the first lag, mean over time, (H, W)
    ghosts: list[float] = field(default_factory=list)
    _last: deque[tuple[Bytes, tuple[Bytes, ...]]] = field(default_factory=deque, repr=False)
    _errors: dict[tuple[int, int], list[float]] = field(default_factory=dict, repr=False)
    _trusted: dict[int, list[float]] = field(default_factory=dict, repr=False)
    _energies: list[list[float]] = field(default_factory=list, repr=False)

    def next(self, frame: Bytes, painted: Sequence[Bytes]) -> None:
        """Add the next frame ``(H, W, 3)`` of the source, and of each stylized video.

        The *last* stylized video is taken as the baseline of independent frames. ``ghosts`` gets the mean
        squared difference of the first video from it in disoccluded areas.

        Raises:
            InputError: the frames differ in size.
        """
        for other in painted:
            if other.shape != frame.shape:
                raise InputError(
                    f"the stylized video is {other.shape[:2]}, but its source {frame.shape[:2]}: resize one"
                )
        self._energies.append([energy(other) for other in painted])
        self._last.append((frame, tuple(painted)))
        for lag in self.lags:
            if self.frames >= lag:
                before, paintings = self._last[-1 - lag]
                self._compare(lag, before, paintings, frame, painted)
        if len(self._last) > max(self.lags):
            self._last.popleft()
        self.frames += 1

    def has_pairs(self, lag: int) -> bool:
        """Return whether a pair of frames was compared at a lag."""
        return (lag, 0) in self._errors

    def mean_flicker(self, which: int, lag: int) -> Flicker:
        """Return the metrics of the stylized video with index ``which`` at a lag.

        Raises:
            InputError: no pair of frames was compared.
        """
        errors = self._errors.get((lag, which))
        if not errors:
            given = pluralize(self.frames, "frame")
            raise InputError(f"{given} cannot be compared at a lag of {lag}: give more frames of one shot")
        floor, shares = self._errors[lag, -1], self._trusted[lag]
        energies = [energies[which] for energies in self._energies]
        return Flicker(*(float(np.mean(v)) for v in (errors, floor, energies, shares)))

    def _compare(
        self, lag: int, first: Bytes, paintings: Sequence[Bytes], second: Bytes, painted: Sequence[Bytes]
    ) -> None:
        if jump(first, second) > JUMP:
            return
        forward, back = self.flow(first, second), self.flow(second, first)
        where = trust(forward, back).hard > 0
        if where.mean() < CUT:
            return
        self._trusted.setdefault(lag, []).append(float(where.mean()))
        for which, (one, other) in enumerate([*zip(paintings, painted, strict=True), (first, second)]):
            squares = _squares(one, other, forward)
            place = -1 if which == len(painted) else which
            self._errors.setdefault((lag, place), []).append(float(squares[where].mean()))
            if which == 0 and lag == self.lags[0]:
                shown: Array = np.where(where, squares, 0).astype(np.float32)
                share = np.float32(1 / len(self._errors[lag, 0]))
                self.map = shown if self.map is None else self.map + share * (shown - self.map)
        if lag == self.lags[0] and len(painted) > 1:
            hidden = trust(back, forward).occluded
            if hidden.any():
                difference = (painted[0].astype(np.float32) - painted[-1])[hidden] / 255
                self.ghosts.append(float(np.square(difference).mean()))


def flicker(
    painted: Sequence[Bytes], film: Sequence[Bytes], *, lag: int = 1, flow: FlowMethod | None = None
) -> Flicker:
    """Measure a stylized video against its source.

    Args:
        painted: frames ``(H, W, 3)`` of the stylized video.
        film: frames of the source, equal in number and size.
        lag: distance of compared frames.
        flow: optical flow of the source; default DIS, medium.

    Raises:
        InputError: the numbers or sizes differ, or there are no more than ``lag`` frames.
    """
    if len(painted) != len(film) or len(film) <= lag:
        given = pluralize(len(painted), "stylized frame")
        raise InputError(f"{given} and {len(film)} of the source cannot be compared")
    watcher = FlickerMeter((lag,), flow or Dis())
    for frame, other in zip(film, painted, strict=True):
        watcher.next(frame, [other])
    return watcher.mean_flicker(0, lag)


def energy(frame: Bytes) -> float:
    """Return the mean squared gradient of values 0..1, by central differences."""
    floats = frame.astype(np.float32) / 255
    down, across = np.gradient(floats, axis=(0, 1))
    return float(np.square(down).mean() + np.square(across).mean())


def heat(errors: Array) -> Bytes:
    """Return squared errors ``(H, W)`` as an image ``(H, W, 3)``, from black (0) to bright (0.1 or more)."""
    levels = np.rint(np.sqrt(errors).clip(0, 0.1) * 2550).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1], np.uint8)


def _squares(first: Bytes, second: Bytes, forward: Array) -> Array:
    """Return the squared difference ``(H, W)`` of a frame and a later one warped to it, mean of channels."""
    difference = first.astype(np.float32) - warp(second, forward, cubic=False)
    return np.asarray(np.square(difference / 255).mean(2), np.float32)
