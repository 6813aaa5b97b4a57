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
from impasto.looks.windows import window

Array = NDArray[np.float32]
Ids = NDArray[np.int32]
Bytes = NDArray[np.uint8]
KindName = Literal["window", "lamp", "headlight", "rear", "signal", "sign", "lit"]

MEANS: Mapping[KindName, float] = {"window": 0.45, "rear": 0.35, "signal": 0.6, "lit": 0.4}
MOST = 1.4  # most light of a pixel of a lamp, relative to its strength
HUES = 10.0  # degrees by which the hue of a signal may change


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
    "window": Kind((0, 0, 255), 0.3, (0.25, 2.2), (2000, 2900)),
    "lamp": Kind((255, 128, 0), 1.0, (400.0, 700.0), None),
    "headlight": Kind((255, 255, 255), 0.95, (100.0, 250.0), (3500, 4400)),
    "rear": Kind((255, 0, 255), 0.95, (15.0, 40.0), (2800, 2800), (1.0, 0.02, 0.015)),
    "signal": Kind((0, 255, 0), 1.0, (8.0, 12.0), None),
    "sign": Kind((0, 255, 255), 0.0, (0.0, 0.0), None),
    "lit": Kind((255, 255, 0), 1.0, (1.5, 3.0), None),
}
NAMES: tuple[KindName, ...] = tuple(KINDS)


@dataclass(frozen=True, eq=False)
class Lamps:
    """Lamps of an image.

    ``kinds (H, W)`` holds 0 for none, else 1 + the index into ``NAMES``. ``ids (H, W)`` holds 0, or the
    number of the lamp; a lamp keeps its number from frame to frame. ``shares`` dims lamps by number, 0..1.
    """

    kinds: Bytes
    ids: Ids
    shares: Mapping[int, float] = field(default_factory=dict)

    @classmethod
    def of(cls, kinds: Bytes) -> Lamps:
        """Number the connected parts of each kind from the top left, from 1."""
        ids, count = np.zeros(kinds.shape, np.int32), 0
        for index in range(1, len(NAMES) + 1):
            marks, found = ndimage.label(kinds == index, np.ones((3, 3)))
            ids = np.where(marks > 0, marks + count, ids).astype(np.int32)
            count += found
        return cls(kinds, ids)

    def where(self, *names: KindName) -> NDArray[np.bool_]:
        """Return the pixels ``(H, W)`` of some kinds."""
        return np.isin(self.kinds, [1 + NAMES.index(name) for name in names])

    def parts(self) -> list[tuple[int, KindName, tuple[slice, slice]]]:
        """Return number, kind and bounding box of each lamp."""
        boxes = ndimage.find_objects(self.ids)
        found = []
        for number, box in enumerate(boxes, 1):
            if box is not None:
                kind = int(self.kinds[box][self.ids[box] == number][0])
                found.append((number, NAMES[kind - 1], box))
        return found


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
        seed: random seed.
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
        lamps: the lamps.
        draws: random choices.
        kelvin: color temperature of the street lamps.
        gains: white balance of the camera, ``(3,)``; colors that come from the photo are not changed by it.
    """
    light = np.zeros_like(photo)
    on = np.zeros(lamps.kinds.shape, np.uint8)
    off = np.ones(lamps.kinds.shape, np.float32)
    keeps = np.zeros(lamps.kinds.shape, np.float32)
    for number, name, box in lamps.parts():
        kind, draw = KINDS[name], draws.of_part("lamp", number)
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
        if name in ("signal", "lit"):
            tint = own / np.maximum(own.max(2, keepdims=True), 1e-4)
        if name == "signal":
            tint = _hue(own, shape)
        if name in ("signal", "rear"):
            keeps[box] = np.maximum(keeps[box], inside)
        light[box] += (strength * shape)[..., None] * tint.astype(np.float32)
        off[box][inside] = 0.3
        on[box][inside] = lamps.kinds[box][inside]
    # A lens spreads even a point over a pixel or two.
    light = np.asarray(cv2.GaussianBlur(light, (0, 0), max(0.6, max(on.shape) / 1400)), np.float32)
    return Emission(light, on, off, _soft(keeps))


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


def _shape(name: KindName, photo: Array, inside: NDArray[np.bool_], draw: np.random.Generator) -> Array:
    """Return the distribution of the light over a lamp, ``(h, w)``, at most about 1."""
    gray = np.asarray(color.luma(photo), np.float32)
    if name == "window":
        return window(gray, inside, draw)
    if name == "signal":
        # Of a label around the whole lens only what is colored shines, and a lens is round.
        chroma = photo.max(2) - photo.min(2)
        most = max(float(np.percentile(chroma[inside], 90)), 0.02)
        return np.asarray(inside * ((chroma / most - 0.35) / 0.5).clip(0, 1), np.float32)
    if name == "rear":
        red = photo[..., 0] - photo[..., 1:].max(2)
        most = max(float(np.percentile(red[inside], 90)), 0.02)
        return np.asarray(inside * (0.06 + 0.94 * (red / most).clip(0, 1) ** 2), np.float32)
    if name == "lit":
        bright = max(float(np.percentile(gray[inside], 90)), 0.02)
        return np.asarray(inside * (gray / bright).clip(0, 1) ** 2, np.float32)
    return inside.astype(np.float32)


def _level(name: KindName, shape: Array, inside: NDArray[np.bool_]) -> Array:
    """Give the light of a lamp the mean of its kind, so that it does not follow the noise of a film."""
    mean = float(shape[inside].mean())
    if name not in MEANS or mean <= 0:
        return shape
    return np.asarray(np.minimum(shape * np.float32(MEANS[name] / mean), np.float32(MOST)), np.float32)


def _soft(plane: Array) -> Array:
    """Widen a mask by a few pixels, as glare does."""
    wide = max(1, round(max(plane.shape) / 240))
    spread = cv2.dilate(plane, np.ones((2 * wide + 1,) * 2, np.uint8))
    return np.asarray(cv2.GaussianBlur(spread, (0, 0), wide), np.float32)
