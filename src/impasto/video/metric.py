"""How much a painted film flickers (Lai et al. 2018, arXiv 1808.00449), and if it bought calm by blur."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto.errors import InputError
from impasto.video.flow import Dis, FlowMethod, trust, warp
from impasto.video.linking import CUT, JUMP, jump

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Flicker:
    """What was measured; differences of values 0..1.

    Args:
        error: warp error: mean squared difference of a frame and the one ``lag`` later, carried back to it,
            over the pixels where the film's own flow can be trusted.
        floor: the same of the film itself.
        energy: mean squared gradient of the painted frames: what blur takes away.
        trusted: share of pixels compared.
    """

    error: float
    floor: float
    energy: float
    trusted: float


@dataclass
class Watcher:
    """Measures painted films against the film they were painted from, frame by frame, in constant memory.

    Pairs of frames with a cut between them are left out.

    Args:
        lags: frames between those compared.
        flow: between frames of the film; default DIS, medium, at full size.
    """

    lags: Sequence[int] = (1, 10)
    flow: FlowMethod = field(default_factory=Dis)
    frames: int = 0
    map: Array | None = None  # squared error at the first lag, mean over time, (H, W), of the first film
    ghosts: list[float] = field(default_factory=list)
    _last: deque[tuple[Bytes, tuple[Bytes, ...]]] = field(default_factory=deque, repr=False)
    _errors: dict[tuple[int, int], list[float]] = field(default_factory=dict, repr=False)
    _trusted: dict[int, list[float]] = field(default_factory=dict, repr=False)
    _energies: list[list[float]] = field(default_factory=list, repr=False)

    def next(self, frame: Bytes, painted: Sequence[Bytes]) -> None:
        """The next frame ``(H, W, 3)`` of the film, and of each painted film.

        ``ghosts`` grows by the mean squared difference of the first painted film from the *last*, which is
        taken for the one whose frames were painted alone, where what is seen was hidden before.

        Raises:
            InputError: frames of different sizes.
        """
        for other in painted:
            if other.shape != frame.shape:
                raise InputError(f"the painted film is {other.shape[:2]}, the film {frame.shape[:2]}")
        self._energies.append([energy(other) for other in painted])
        self._last.append((frame, tuple(painted)))
        for lag in self.lags:
            if self.frames >= lag:
                before, paintings = self._last[-1 - lag]
                self._compare(lag, before, paintings, frame, painted)
        if len(self._last) > max(self.lags):
            self._last.popleft()
        self.frames += 1

    def compared(self, lag: int) -> bool:
        """Whether there was a pair of frames to compare at a lag."""
        return (lag, 0) in self._errors

    def found(self, which: int, lag: int) -> Flicker:
        """What was measured of a painted film, by its place, at a lag.

        Raises:
            InputError: there was no pair of frames to compare.
        """
        errors = self._errors.get((lag, which))
        if not errors:
            raise InputError(
                f"{self.frames} frames cannot be compared at {lag} apart: give more, and of one shot"
            )
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
    """Measures a painted film against the film it was painted from.

    Args:
        painted: its frames ``(H, W, 3)``.
        film: as many frames of the same size.
        lag: frames between those compared.
        flow: between frames of the film; default DIS, medium.

    Raises:
        InputError: as many frames, of one size, are needed, and more than ``lag``.
    """
    if len(painted) != len(film) or len(film) <= lag:
        raise InputError(f"{len(painted)} painted frames and {len(film)} of the film cannot be compared")
    watcher = Watcher((lag,), flow or Dis())
    for frame, other in zip(film, painted, strict=True):
        watcher.next(frame, [other])
    return watcher.found(0, lag)


def energy(frame: Bytes) -> float:
    """Mean squared gradient of values 0..1, by central differences."""
    floats = frame.astype(np.float32) / 255
    down, across = np.gradient(floats, axis=(0, 1))
    return float(np.square(down).mean() + np.square(across).mean())


def heat(errors: Array) -> Bytes:
    """Squared errors ``(H, W)`` as a picture ``(H, W, 3)``: black none, bright 0.1 (of 1) and more."""
    levels = np.rint(np.sqrt(errors).clip(0, 0.1) * 2550).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1], np.uint8)


def _squares(first: Bytes, second: Bytes, forward: Array) -> Array:
    """Squared difference of a frame and a later one carried back to it, mean over channels, ``(H, W)``."""
    difference = first.astype(np.float32) - warp(second, forward, cubic=False)
    return np.asarray(np.square(difference / 255).mean(2), np.float32)
