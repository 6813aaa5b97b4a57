"""Videos at night: lamps that stay the same lamps from frame to frame, and do not flicker.

Road, reflectance and random choices are those of the shot. A lamp keeps its number, and so its light, where
the optical flow carries it; it fades in and out over a few frames if labels or detectors miss it for one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from impasto.errors import InputError
from impasto.films.frame_painters import FramePainter, State
from impasto.films.scenes import Shot
from impasto.jobs import PhotorealJob
from impasto.jobs.base import NightName
from impasto.looks.beam import Road
from impasto.looks.clustering import resize_input
from impasto.looks.detectors import detect_lamps
from impasto.looks.grading import mix
from impasto.looks.lamps import Labels, read_lamps
from impasto.looks.lights import Draws, Lamps
from impasto.looks.night import Night, render_night, settings_of
from impasto.looks.planes import Array, Bytes
from impasto.looks.reflectance import Day
from impasto.media import Dis, Link
from impasto.painters.inputs import Inputs

FADE = 0.25  # share by which a lamp nears on or off with every frame
DETECTED = 0.08  # the same of a lamp that a detector misses
GONE = 0.1  # share below which a lamp that was not seen is dropped


class NightFilm(FramePainter):
    """Frame painter that lights the lamps of the frames of a video, which another may have graded."""

    engine, blend = "numpy", 0.0
    flow: Literal["medium", "fast"] = "fast"
    device = "cpu"

    def __init__(
        self,
        job: PhotorealJob,
        shots: list[Shot],
        inputs: Inputs,
        night: NightName,
        inner: FramePainter | None,
    ) -> None:
        self.job, self.shots, self.night, self.inner = job, shots, night, inner
        self.identity = json.dumps([job.settings(), night, inner and inner.identity])
        self.number = 0
        self.labels = labels_of(job, inputs)
        self.shot: ShotLights | None = None
        self.left: State = {}

    def __call__(self, frame: Bytes, warped: Array | None, mask: Array | None) -> Array:
        """Grade a frame, where there are styles, and light its lamps; returns ``(H, W, 3)``, 0..1."""
        shot = next(s for s in self.shots if s.first <= self.number < s.last)
        graded = None if self.inner is None else self.inner(frame, warped, mask)
        if self.shot is None or self.shot.shot is not shot:
            lamps = self.inner is not None or self.labels is not None
            self.shot = ShotLights(self.job, shot, settings_of(self.night, lamps=lamps))
            if self.number > shot.first:
                self.shot.restore(self.left)
        self.number += 1
        return self.shot.next(frame, self.number - 1, graded, self.labels)

    def move(self, link: Link | None) -> None:
        """Do nothing: lamps follow their own flow."""

    def state(self) -> State:
        """Return the state of the grade and, with the prefix ``night.``, that of the lamps."""
        inner = {} if self.inner is None else self.inner.state()
        own = {} if self.shot is None else self.shot.state()
        return {**inner, **{f"night.{name}": value for name, value in own.items()}}

    def restore(self, state: State, frames: int) -> None:
        """Resume grade and lamps; those of the lamps wait for the shot of the next frame."""
        mine = "night."
        self.left = {name.removeprefix(mine): v for name, v in state.items() if name.startswith(mine)}
        self.number = frames
        if self.inner is not None:
            self.inner.restore({n: v for n, v in state.items() if not n.startswith(mine)}, frames)

    def close(self) -> None:
        """Close the files of the grade."""
        if self.inner is not None:
            self.inner.close()


def labels_of(job: PhotorealJob, inputs: Inputs) -> list[Path] | None:
    """Return the labels of a video, one image for each frame, sorted by name; None: lamps are detected.

    Raises:
        InputError: they are not a folder of images.
    """
    if job.lamps is None:
        return None
    folder = Path(str(inputs.source(job.lamps)))
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() == ".png") if folder.is_dir() else []
    if not found:
        raise InputError(f"{job.lamps} is not a folder of .png labels: a video needs one per frame used")
    return found


class ShotLights:
    """Lamps of one shot, in the order of its frames."""

    def __init__(self, job: PhotorealJob, shot: Shot, night: Night) -> None:
        self.job, self.shot, self.night = job, shot, night
        self.draws = Draws.of(shot.keys[0], job.seed)
        roads = [Road.of(key, horizon=job.horizon) for key in shot.keys]
        self.horizon = float(np.median([road.horizon / road.size[0] for road in roads]))
        self.center = float(np.median([road.center / road.size[1] for road in roads]))
        self.day = Day.of_shot(shot.keys, self.horizon)
        self.flow = Dis(quality="fast")
        self.lamps: Lamps | None = None
        self.before: Bytes | None = None

    def next(self, frame: Bytes, number: int, graded: Array | None, labels: list[Path] | None) -> Array:
        """Return the next frame at night; ``(H, W, 3)``, 0..1."""
        rgb = frame.astype(np.float32) / np.float32(255)
        road = Road.of(rgb, horizon=self.horizon, center=self.center)
        tiny = np.rint(resize_input(rgb) * 255).astype(np.uint8)
        carried = None
        if self.before is not None and self.lamps is not None:
            carried = warp_lamps(self.lamps, self.flow(tiny, self.before))
        seen = self._find_lamps(rgb, number, labels, carried)
        # A detector misses a lamp for a while more often than a label does.
        out = DETECTED if labels is None else FADE
        self.lamps, self.before = match_lamps(seen.lamps, carried, out=out), tiny
        found = render_night(
            rgb,
            self.lamps,
            self.night,
            self.draws,
            graded=graded,
            road=road,
            known=seen.sky,
            day=self.day,
            frame=number,
            plates=False,
        ).rgb
        return found if graded is not None else mix(rgb, found, self.job.strength)

    def _find_lamps(
        self, rgb: Array, number: int, labels: list[Path] | None, carried: Lamps | None
    ) -> Labels:
        if labels is None:
            before = carried.kinds if carried is not None else None
            return Labels(Lamps.of(detect_lamps(rgb, horizon=self.horizon, before=before)))
        if number >= len(labels):
            raise InputError(
                f"{self.job.lamps} has {len(labels)} labels, but the video has more frames: give one each"
            )
        return read_lamps(labels[number], rgb, horizon=self.horizon)

    def state(self) -> State:
        """Return the state for the next frame."""
        if self.lamps is None or self.before is None:
            return {}
        lamps = self.lamps
        known = [(number, share, lamps.cars.get(number, 0)) for number, share in sorted(lamps.shares.items())]
        shares = np.array(known, np.float64).reshape(-1, 3)
        return {"kinds": lamps.kinds, "ids": lamps.ids, "shares": shares, "before": self.before}

    def restore(self, state: State) -> None:
        """Resume from a result of :meth:`state`."""
        if state:
            shares = {int(number): float(share) for number, share, _ in state["shares"]}
            cars = {int(number): int(car) for number, _, car in state["shares"] if car}
            kinds, ids = np.asarray(state["kinds"], np.uint8), np.asarray(state["ids"], np.int32)
            self.lamps = Lamps(kinds, ids, shares, cars)
            self.before = np.asarray(state["before"], np.uint8)


def warp_lamps(lamps: Lamps, flow: Array) -> Lamps:
    """Carry lamps along a flow to the frame before, ``(h, w, 2)``, computed at any size."""
    height, width = lamps.kinds.shape
    large = np.asarray(cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    large = large * np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    right, down = np.rint(columns + large[..., 0]), np.rint(rows + large[..., 1])
    inside = (right >= 0) & (right < width) & (down >= 0) & (down < height)
    source = (down.clip(0, height - 1).astype(np.intp), right.clip(0, width - 1).astype(np.intp))
    kinds = np.where(inside, lamps.kinds[source], 0).astype(np.uint8)
    ids = np.where(inside, lamps.ids[source], 0).astype(np.int32)
    return Lamps(kinds, ids, lamps.shares, lamps.cars)


def match_lamps(seen: Lamps, carried: Lamps | None, *, out: float = FADE) -> Lamps:
    """Give the lamps of a frame the numbers of those they were, and keep those that are missed for a while.

    Args:
        seen: lamps of the frame.
        carried: lamps of the frame before, at their places in this one; None: there is none.
        out: by how much a lamp that is missed fades, of 1.
    """
    if carried is None:
        return Lamps(seen.kinds, seen.ids, {number: 1.0 for number, _, _ in seen.parts()}, seen.cars)
    kinds, ids = np.zeros_like(seen.kinds), np.zeros_like(seen.ids)
    shares: dict[int, float] = {}
    names: dict[int, int] = {}
    new = max([0, *carried.shares])
    for number, _, box in seen.parts():
        inside = seen.ids[box] == number
        kind = seen.kinds[box][inside][0]
        same = (carried.kinds[box] == kind) & inside
        before = np.bincount(carried.ids[box][same]) if same.any() else np.zeros(0)
        own = int(before.argmax()) if before.size else 0
        if own == 0 or own in shares:
            new += 1
            own = new
        shares[own] = min(1.0, carried.shares.get(own, 0.0) + FADE)
        kinds[box][inside], ids[box][inside] = kind, own
        names[number] = own
    cars = dict(carried.cars)
    for number, car in seen.cars.items():
        own, first = names[number], names[car]
        cars.setdefault(own, cars.get(first, first))
    for own, _, box in carried.parts():
        left = carried.shares.get(own, 0.0) - out
        if own in shares or left < GONE:
            continue
        inside = (carried.ids[box] == own) & (ids[box] == 0)
        shares[own] = left
        kinds[box][inside], ids[box][inside] = carried.kinds[box][inside], own
    return Lamps(kinds, ids, shares, {own: car for own, car in cars.items() if own in shares})
