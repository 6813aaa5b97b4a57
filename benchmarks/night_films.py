"""Steadiness of lamps and frames in a film at night, for ``night.py``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

# At 1280x720. Kinds whose light has one value, at fixed places; and others, on cars that the flow follows:
# rear lamps and a rear window, as top, left, bottom, right.
SPOTS = ((250, 700, "lamp"), (440, 830, "headlight"), (440, 900, "headlight"))
SIDE = 8  # pixels
CARS = (
    (438, 1086, 453, 1114, "rear"),
    (438, 1166, 451, 1186, "rear"),
    (440, 846, 450, 872, "rear"),
    (440, 918, 450, 938, "rear"),
    (416, 1092, 432, 1150, "window"),
)


def film(path: Path, frames: int) -> dict[str, Any]:
    """Measure the first frames of a film: warp error with lamps against that without, and steadiness.

    Street lamps and headlights are put at fixed places, so that only their light can change. The warp error
    is the mean absolute difference of a frame and the one before, carried by the optical flow of the
    photos, where the flow agrees forward and backward within a pixel.
    """
    from impasto.looks.beam import Road
    from impasto.looks.lights import NAMES, Draws, Lamps
    from impasto.looks.night import NIGHTS, render_night
    from impasto.looks.reflectance import Day
    from impasto.media import Dis, FilmReader, warp

    with FilmReader(path) as reader:
        shots = [frame.rgb for _, frame in zip(range(frames), reader.frames(), strict=False)]
    days = [np.asarray(shot / np.float32(255), np.float32) for shot in shots]
    kinds = np.zeros(shots[0].shape[:2], np.uint8)
    for row, column, name in SPOTS:
        kinds[row : row + SIDE, column : column + SIDE] = 1 + NAMES.index(name)
    first = Road.of(days[0])
    settings: dict[str, Any] = {"road": first, "day": Day.of_shot(days[:1], first.horizon / first.size[0])}
    night, draws, flow = NIGHTS["city"], Draws.of(days[0], 0), Dis(quality="fast")
    dark = replace(night, beam=0.0)
    none = np.zeros_like(kinds)
    errors, lamps = dict[str, list[float]](lit=[], graded=[]), list[list[float]]()
    before: dict[str, Array] = {}
    for number, day in enumerate(days):
        now = {
            "lit": render_night(day, Lamps.of(kinds), night, draws, frame=number, **settings).rgb,
            "graded": render_night(day, Lamps.of(none), dark, draws, frame=number, **settings).rgb,
        }
        lamps.append([float(now["lit"][r + 2 : r + 6, c + 2 : c + 6].mean()) for r, c, _ in SPOTS])
        if before:
            back, forth = flow(shots[number], shots[number - 1]), flow(shots[number - 1], shots[number])
            there = warp(forth, back) + back
            sure = cv2.erode((np.hypot(*np.moveaxis(there, 2, 0)) < 1).astype(np.uint8), np.ones((3, 3))) > 0
            for name, picture in now.items():
                errors[name].append(float(np.abs(warp(before[name], back) - picture)[sure].mean()))
        before = now
    found = np.array(lamps)
    lit_error, graded_error = (float(np.mean(errors[name])) for name in ("lit", "graded"))
    return {
        "frames": len(days),
        "warp error, lit": lit_error,
        "warp error, graded": graded_error,
        "ratio": lit_error / graded_error,
        "largest change of a lamp": float((np.ptp(found, axis=0) / found.mean(0)).max()),
        "largest step of a lamp on a car": step(shots, days, draws),
    }


def step(shots: list[NDArray[np.uint8]], days: list[Array], draws: Any) -> float:
    """Return the largest change of the mean light of a lamp from a frame to the next, relative to it."""
    from impasto.films.nights import match_lamps, warp_lamps
    from impasto.looks.lights import NAMES, Lamps, emission
    from impasto.media import Dis

    kinds = np.zeros(shots[0].shape[:2], np.uint8)
    for top, left, bottom, right, name in CARS:
        kinds[top:bottom, left:right] = 1 + NAMES.index(name)
    lamps, flow, means = match_lamps(Lamps.of(kinds), None), Dis(quality="fast"), dict[int, list[float]]()
    for number, day in enumerate(days):
        if number:
            carried = warp_lamps(lamps, flow(shots[number], shots[number - 1]))
            lamps = match_lamps(Lamps.of(carried.kinds), carried)
        light = emission(day, lamps, draws, kelvin=2300, gains=np.ones(3, np.float32)).light
        for own, _, box in lamps.parts():
            means.setdefault(own, []).append(float(light[box][lamps.ids[box] == own].mean()))
    steps = [np.abs(np.diff(values)) / values[:-1] for values in means.values() if values[0] > 0]
    return float(max(part.max() for part in steps))
