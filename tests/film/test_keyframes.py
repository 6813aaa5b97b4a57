"""Frames interpolated from painted ones on both sides, on scenes with known motion."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from impasto.media import Keyframes, Linker, Steady
from support.video import _exact, scene, texture, true_flow

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]


class Counted:
    """Paints a frame in its own colors, turned round, and counts."""

    def __init__(self) -> None:
        self.frames: list[Bytes] = []

    def __call__(self, frame: Bytes, warped: Array | None, mask: Array | None) -> Array:
        self.frames.append(frame)
        return self.of(frame)

    @staticmethod
    def of(frame: Bytes) -> Array:
        return np.float32(1) - np.asarray(frame / 255, np.float32)


def played(film: list[Bytes], every: int, paint: Counted) -> tuple[list[Array], Keyframes]:
    keyframes = Keyframes(Steady(paint, consistency=0.85), every)
    linker, outputs = Linker(_exact_or_none, both=True), []
    for frame in film:
        outputs += keyframes.next(frame, linker.next(frame))
    return outputs + keyframes.finish(), keyframes


def _exact_or_none(first: Bytes, second: Bytes) -> Array:
    try:
        return _exact(first, second)
    except KeyError:
        return np.zeros((*first.shape[:2], 2), np.float32)


def test_every_nth_frame_is_painted_and_the_others_are_carried() -> None:
    film, paint = [scene(n) for n in range(5)], Counted()
    outputs, keyframes = played(film, 2, paint)
    assert len(outputs) == 5 and keyframes.painted == 3 and keyframes.settled
    assert [frame.tobytes() for frame in paint.frames] == [film[n].tobytes() for n in (0, 2, 4)]
    for number in (1, 3):
        _, hidden = true_flow(number)
        # What is hidden on one side is seen on the other: the carried frame is right there, too.
        inner = np.abs(outputs[number] - Counted.of(film[number])).max(2)
        inner[33:107, 22:102] = 0  # borders of the square, where flow is between two motions
        assert inner[4:-4, 4:-4].max() < 0.02
        place = hidden.copy()
        place[:, 150:] = False
        place[38:48] = place[92:102] = False
        assert np.abs(outputs[number] - Counted.of(film[number]))[place].mean() < 0.1


def test_one_paints_all_and_is_what_steady_does() -> None:
    film = [scene(n) for n in range(4)]
    outputs, keyframes = played(film, 1, Counted())
    steady = Steady(Counted(), consistency=0.85, flow=_exact)
    assert keyframes.painted == 4
    assert all((steady.next(frame) == output).all() for frame, output in zip(film, outputs, strict=True))


def test_a_cut_ends_a_group_and_begins_another() -> None:
    film = [scene(0), scene(1), scene(2), texture(120, 160, 9) // 4, texture(120, 160, 9) // 4]
    paint = Counted()
    outputs, keyframes = played(film, 4, paint)
    assert len(outputs) == 5
    assert [f.tobytes() for f in paint.frames] == [film[n].tobytes() for n in (0, 2, 3, 4)]
    assert (outputs[3] == Counted.of(film[3])).all() and keyframes.steady.shots == 2


@pytest.mark.parametrize("every", [2, 3, 8])
def test_no_frame_is_lost(every: int) -> None:
    film = [scene(n) for n in range(6)]
    assert len(played(film, every, Counted())[0]) == 6
