"""Lamps: their kinds, which of them are on, and the light they emit.

Strengths and chances are those of "Sun Off, Lights On" (Tzevelekakis et al., WACV 2025), in units of the
light that a camera shows as white.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from impasto import color
from impasto.looks.darkness import planck
from impasto.looks.planes import Array, Bools, Bytes, Place, chroma, middle
from impasto.looks.windows import window

Ids = NDArray[np.int32]
KindName = Literal["window", "lamp", "headlight", "rear", "signal", "sign", "lit"]

MEANS: Mapping[KindName, float] = {
    "window": 0.45, "lamp": 0.4, "headlight": 0.5, "rear": 0.22, "signal": 0.6, "lit": 0.4,
}  # fmt: skip
MOST = 1.8  # most light of a pixel of a lamp, relative to its strength
KEPT = {"rear": 0.85, "signal": 0.7}  # how far the colors of lamps are kept from turning white
WHITE = {"rear": 1.0, "signal": 0.5}  # how far their middles are not
HUES = 10.0  # degrees by which the hue of a signal may change
LENS = 0.07  # light of the lens of a rear lamp, relative to its bulb
LEVEL = 0.7  # most difference in height of the two lamps of a car, relative to their size
ALIKE = 5.0  # most ratio of their areas


@dataclass(frozen=True)
class Kind:
    """A kind of lamp.

    Args:
        color: its color in a labels image, 0..255.
        chance: chance that one is on.
        strength: range of its light relative to white, drawn evenly in its logarithm.
        kelvin: range of its color temperature; None: its color comes from the photo.
        tint: further factors of its color.
    """

    color: tuple[int, int, int]
    chance: float
    strength: tuple[float, float]
    kelvin: tuple[float, float] | None
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


KINDS: Mapping[KindName, Kind] = {
    "window": Kind((0, 0, 255), 0.45, (0.5, 2.4), (2000, 2900)),
    "lamp": Kind((255, 128, 0), 1.0, (800.0, 1300.0), None),
    "headlight": Kind((255, 255, 255), 1.0, (150.0, 300.0), (3500, 4400)),
    "rear": Kind((255, 0, 255), 1.0, (30.0, 60.0), (2800, 2800), (1.0, 0.02, 0.015)),
    "signal": Kind((0, 255, 0), 1.0, (10.0, 18.0), None),
    "sign": Kind((0, 255, 255), 0.0, (0.0, 0.0), None),
    "lit": Kind((255, 255, 0), 1.0, (1.5, 3.0), None),
}
NAMES: tuple[KindName, ...] = tuple(KINDS)
NUMBERS: Mapping[str, int] = {name: number for number, name in enumerate(NAMES, 1)}


@dataclass(frozen=True, eq=False)
class Lamps:
    """Lamps of an image.

    ``kinds (H, W)`` holds 0 for none, else one of ``NUMBERS``. ``ids (H, W)`` holds 0, or the
    number of the lamp; a lamp keeps its number from frame to frame. ``shares`` dims lamps by number, 0..1.
    ``cars`` holds a number for each pair of lamps that belong to one car, by the number of the lamp.
    """

    kinds: Bytes
    ids: Ids
    shares: Mapping[int, float] = field(default_factory=dict)
    cars: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, kinds: Bytes) -> Lamps:
        """Number the connected parts of each kind from the top left, from 1."""
        ids, count = np.zeros(kinds.shape, np.int32), 0
        for number in NUMBERS.values():
            marks, found = ndimage.label(kinds == number, np.ones((3, 3)))
            ids = np.where(marks > 0, marks + count, ids).astype(np.int32)
            count += found
        lamps = cls(kinds, ids)
        return cls(kinds, ids, cars=_cars(lamps))

    def where(self, *names: KindName) -> Bools:
        """Return the pixels ``(H, W)`` of some kinds."""
        return np.isin(self.kinds, [NUMBERS[name] for name in names])

    def parts(self) -> list[tuple[int, KindName, Place]]:
        """Return number, kind and bounding box of each lamp."""
        found = []
        for number, box in enumerate(ndimage.find_objects(self.ids), 1):
            if box is not None:
                kind = int(self.kinds[box][self.ids[box] == number][0])
                found.append((number, NAMES[kind - 1], box))
        return found


def _cars(lamps: Lamps) -> dict[int, int]:
    """Pair the lamps of cars: those of one kind that are level and alike in size, the nearest first.

    A car is at most 14 times as wide as the larger of its lamps. Its number is that of its first lamp.
    """
    lights = [
        (number, kind, *middle(box), float((lamps.ids[box] == number).sum()))
        for number, kind, box in lamps.parts()
        if kind in ("headlight", "rear")
    ]
    found = []
    for place, (one, kind, row, column, area) in enumerate(lights):
        for other, own, second, across, large in lights[:place]:
            wide, away, drop = max(area, large) ** 0.5, abs(column - across), abs(row - second)
            alike = own == kind and max(area, large) <= ALIKE * min(area, large)
            if alike and drop <= max(2.0, LEVEL * wide) and 1.5 * wide < away < max(14 * wide, 12.0):
                found.append((away + 3 * drop, other, one))
    cars: dict[int, int] = {}
    for _, one, other in sorted(found):
        if one not in cars and other not in cars:
            cars[one] = cars[other] = one
    return cars


@dataclass(frozen=True, eq=False)
class Emission:
    """Light of the lamps that are on.

    ``light (H, W, 3)`` is linear, relative to white. ``on (H, W)`` holds the kinds that are on, as in
    :class:`Lamps`. ``off (H, W)`` is the share of the daylight that lamps that are off keep. ``keeps (H, W)``
    marks colors that must not turn white: signals and rear lamps.
    """

    light: Array
    on: Bytes
    off: Array
    keeps: Array


@dataclass(frozen=True)
class Draws:
    """Seed of the random choices of a picture: the same picture and seed give the same choices.

    Args:
        name: hash of the picture, or of the first frame of a shot.
    """

    seed: int
    name: str

    @classmethod
    def of(cls, rgb: Array, seed: int) -> Draws:
        """Return the draws of an image ``(H, W, 3)``, from a hash of its values in eight bits."""
        return cls(seed, hashlib.sha256(np.rint(rgb * 255).astype(np.uint8).tobytes()).hexdigest())

    def of_part(self, *what: object) -> np.random.Generator:
        """Return the generator of one thing in the picture; independent of all others."""
        digest = hashlib.sha256("\0".join(map(str, (self.seed, self.name, *what))).encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def emission(photo: Array, lamps: Lamps, draws: Draws, *, kelvin: float, gains: Array) -> Emission:
    """Draw which lamps are on, and compute the light they emit.

    Args:
        photo: image by day ``(H, W, 3)``, sRGB, 0..1.
        kelvin: color temperature of the street lamps.
        gains: white balance of the camera, ``(3,)``; colors that come from the photo are not changed by it.
    """
    light, on = np.zeros_like(photo), np.zeros_like(lamps.kinds)
    off = np.ones(on.shape, np.float32)
    keeps, bulbs = np.zeros_like(off), np.zeros_like(off)
    for number, name, box in lamps.parts():
        kind, draw = KINDS[name], draws.of_part("lamp", lamps.cars.get(number, number))
        inside = lamps.ids[box] == number
        if name == "sign":
            continue
        if draw.random() >= kind.chance:
            off[box][inside] = 0.3 if name == "window" else 0.6
            continue
        low, high = np.log(kind.strength)
        strength = float(np.exp(draw.uniform(low, high))) * lamps.shares.get(number, 1.0)
        tint = _tint(kind, draw, kelvin) * gains
        shape = _level(name, _shape(name, photo[box], inside, draw), inside)
        own = color.to_linear(photo[box])
        if name == "lit":
            tint = own / np.maximum(own.max(2, keepdims=True), 1e-4)
        elif name == "signal":
            tint = _hue(own, shape)
        if name in KEPT:
            keeps[box] = np.maximum(keeps[box], np.float32(KEPT[name]) * inside)
            white = np.float32(WHITE[name]) * inside * _bulb(inside)
            bulbs[box] = np.maximum(bulbs[box], white)
        light[box] += (strength * shape)[..., None] * tint.astype(np.float32)
        off[box][inside] = 0.3
        on[box][inside] = lamps.kinds[box][inside]
    # A lens spreads even a point over a pixel or two.
    light = np.asarray(cv2.GaussianBlur(light, (0, 0), max(0.6, max(on.shape) / 1400)), np.float32)
    # A bulb turns white in the camera, what is around it keeps its color.
    return Emission(light, on, off, _soft(keeps) * (1 - bulbs))


def _tint(kind: Kind, draw: np.random.Generator, kelvin: float) -> Array:
    """Return the color of a lamp ``(3,)``, with the largest channel 1."""
    own = draw.uniform(*kind.kelvin) if kind.kelvin is not None else kelvin
    tint = planck(own) * np.array(kind.tint, np.float32)
    return np.asarray(tint / tint.max(), np.float32)


def _hue(own: Array, shape: Array) -> Array:
    """Return the color of a signal ``(3,)`` as the photo shows it, mean over its lens, largest channel 1."""
    weight = shape[..., None] / max(float(shape.sum()), 1e-6)
    mean = (own * weight).sum((0, 1))
    return np.asarray(mean / max(float(mean.max()), 1e-6), np.float32)


def _shape(name: KindName, photo: Array, inside: Bools, draw: np.random.Generator) -> Array:
    """Return the distribution of the light over a lamp, ``(h, w)``, at most about 1."""
    gray = color.luma(photo)
    if name == "window":
        return window(gray, inside, draw)
    if name == "signal":
        # Of a label around the whole lens only what is colored shines, and a lens is round.
        vivid = _relative(chroma(photo), inside)
        return np.asarray(inside * ((vivid - 0.35) / 0.5).clip(0, 1), np.float32)
    if name == "rear":
        red = _relative(photo[..., 0] - photo[..., 1:].max(2), inside)
        lens = np.float32(LENS) * (0.4 + 0.6 * red.clip(0, 1))
        return np.asarray(inside * (lens + _bulb(inside)), np.float32)
    if name in ("headlight", "lamp"):
        return np.asarray(inside * (0.002 + _bulb(inside, even=name == "lamp")), np.float32)
    return np.asarray(inside * _relative(gray, inside).clip(0, 1) ** 2, np.float32)


def _relative(values: Array, inside: Bools) -> Array:
    """Return values relative to the large ones in a lamp."""
    return values / np.float32(max(float(np.percentile(values[inside], 90)), 0.02))


def _bulb(inside: Bools, *, even: bool = False) -> Array:
    """Return the light of a bulb in the middle of a lamp, ``(h, w)``, a quarter as wide as it.

    One that is ``even`` is round in a lamp that is not.
    """
    center = np.argwhere(inside).mean(0)
    sizes = [np.count_nonzero(inside.any(axis)) for axis in (1, 0)]
    wide = [max(0.6, (min(sizes) if even else size) / 4) for size in sizes]
    grid = np.mgrid[: inside.shape[0], : inside.shape[1]]
    away = sum(np.square((axis - m) / w) for axis, m, w in zip(grid, center, wide, strict=True))
    return np.asarray(np.exp(-away / 2), np.float32)


def _level(name: KindName, shape: Array, inside: Bools) -> Array:
    """Give the light of a lamp the mean of its kind, so that it does not follow the noise of a film."""
    mean = float(shape[inside].mean())
    if mean <= 0:
        return shape
    return np.asarray(np.minimum(shape * np.float32(MEANS[name] / mean), np.float32(MOST)), np.float32)


def _soft(plane: Array) -> Array:
    """Widen a mask by a few pixels, as glare does."""
    wide = max(1, round(max(plane.shape) / 240))
    spread = cv2.dilate(plane, np.ones((2 * wide + 1,) * 2, np.uint8))
    return np.asarray(cv2.GaussianBlur(spread, (0, 0), wide), np.float32)
