"""Where lamps are: from a labels image, or by detectors that find only what is certain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from impasto import color, image
from impasto.errors import InputError
from impasto.image import Source
from impasto.looks.darkness import largest
from impasto.looks.lights import KINDS, NAMES, KindName, Lamps

Array = NDArray[np.float32]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

NEAR = 70.0  # RGB distance, 0..255, up to which a pixel counts as a noisy version of a color
STRANGE = 0.002  # share of other colors from which a labels image is refused
ASPECT = 0.02  # tolerated relative difference of the aspect ratio
LEAST = 0.4  # confidence below which nothing is lit

# Ids of Cityscapes and ACDC ("labelIds") that say where lamps may be.
SIGNALS, SIGNS, SKY, CARS = (19,), (20,), (23,), (26, 27, 28, 32)
MOST_ID = 33

SMALL, LARGE = 0.000012, 0.0012  # least and largest area of a signal lamp, as a share of the image
DARK = 0.33  # most luma of the case of a signal
GLOWS = 0.42  # least value of its lamp
VIVID = 0.35  # least saturation of its lamp, as the range of its channels


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of an image: its lamps, and its sky, ``(h, w)``, if they say so."""

    lamps: Lamps
    sky: Bools | None = None


def palette() -> dict[KindName, tuple[int, int, int]]:
    """Return the color of each kind of lamp in a labels image, 0..255; black is none."""
    return {name: kind.color for name, kind in KINDS.items()}


def read_lamps(source: Source, photo: Array, *, horizon: float = 0.6) -> Labels:
    """Read a labels image, at the size of the photo.

    A colored one has a color for each kind (see :func:`palette`), black elsewhere. A gray one has the ids
    of Cityscapes or ACDC: signals and pairs of rear lamps are searched within their classes, signs throw
    back light, and the sky is known.

    Args:
        source: anything :func:`impasto.image.read` takes.
        photo: its image by day, ``(H, W, 3)``, 0..1.
        horizon: height of the horizon from the top, relative to the height.

    Raises:
        InputError: it has another aspect ratio, or a color or an id that means nothing here.
    """
    picture = image.over_black(image.read(source))
    name = str(source) if isinstance(source, str) or hasattr(source, "__fspath__") else "in memory"
    height, width = picture.size
    rows, columns = photo.shape[:2]
    if abs((width / height) / (columns / rows) - 1) > ASPECT:
        raise InputError(
            f"labels {name} are {width}x{height}, not in the aspect ratio of the photo ({columns}x{rows}): "
            f"draw them on that photo, at any size"
        )
    rgb = np.rint(picture.rgb * 255).astype(np.int32)
    large = np.asarray(cv2.resize(rgb, (columns, rows), interpolation=cv2.INTER_NEAREST_EXACT), np.int32)
    if picture.gray or not np.ptp(rgb, axis=2).any():
        white = KINDS["headlight"].color[0]
        if rgb.max() <= MOST_ID or set(np.unique(rgb)) - {0, white}:
            return _of_ids(large[..., 0], photo, horizon, name)
    return Labels(Lamps.of(_of_colors(large, name)))


def _of_colors(rgb: NDArray[np.int32], name: str) -> Bytes:
    """Return the kinds ``(H, W)`` of a colored labels image."""
    colors = np.array([(0, 0, 0), *palette().values()], np.int32)
    kinds = np.zeros(rgb.shape[:2], np.uint8)
    # Nearly all of it is black.
    drawn = rgb.max(2) > 0
    away = np.square(rgb[drawn][:, None] - colors).sum(-1)
    kinds[drawn] = away.argmin(1)
    strange = away.min(1) > NEAR**2
    if strange.sum() > STRANGE * drawn.size:
        one = rgb[drawn][strange][0]
        known = ", ".join(f"{kind} #{bytes(c).hex()}" for kind, c in palette().items())
        raise InputError(
            f"labels {name} have the color #{bytes(one.tolist()).hex()}, which is no kind of lamp: "
            f"use {known}, and black elsewhere"
        )
    return kinds


def _of_ids(ids: NDArray[np.int32], photo: Array, horizon: float, name: str) -> Labels:
    """Return the labels of an id map: lamps are searched only where a class may have them."""
    if int(ids.max()) > MOST_ID and int(ids.max()) != 255:
        raise InputError(
            f"labels {name} have the id {int(ids.max())}; ids of Cityscapes end at {MOST_ID}: give such ids, "
            f"or a color for each kind of lamp"
        )
    kinds = np.where(np.isin(ids, SIGNS), 1 + NAMES.index("sign"), 0).astype(np.uint8)
    found = detected(photo, horizon=horizon)
    for kind, classes in (("signal", SIGNALS), ("rear", CARS)):
        own = 1 + NAMES.index(kind)
        near = cv2.dilate(np.isin(ids, classes).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        kinds[(found == own) & near] = own
    sky = np.isin(ids, SKY)
    return Labels(Lamps.of(kinds), sky if sky.any() else None)


def drawn_lamps(kinds: Bytes) -> Bytes:
    """Draw kinds ``(H, W)`` as a labels image ``(H, W, 3)``, readable by :func:`read_lamps`."""
    return np.array([(0, 0, 0), *palette().values()], np.uint8)[kinds]


def detected(photo: Array, *, horizon: float, least: float = LEAST) -> Bytes:
    """Find the lamps that are certain in an image by day: signals, and pairs of rear lamps.

    Windows, headlights and street lamps are not searched: by day they look like other things, and what is
    lit wrongly is invented.

    Args:
        photo: image ``(H, W, 3)``, sRGB, 0..1.
        horizon: height of the horizon from the top, relative to the height.
        least: confidence below which a lamp is left out, 0..1.

    Returns:
        Kinds ``(H, W)`` as in :class:`~impasto.looks.lights.Lamps`.
    """
    kinds = np.zeros(photo.shape[:2], np.uint8)
    for name, parts in (("signal", signals(photo, horizon)), ("rear", rears(photo, horizon))):
        for inside, box, sure in parts:
            if sure >= least:
                kinds[box][inside] = 1 + NAMES.index(name)
    return kinds


Part = tuple[Bools, tuple[slice, slice], float]
"""A lamp: its pixels within a box, the box, and the confidence, 0..1."""


def _vivid(photo: Array, hues: Sequence[tuple[float, float]]) -> Bools:
    """Return the bright saturated pixels with a hue in one of the ranges, in degrees."""
    hsv = cv2.cvtColor(np.ascontiguousarray(photo, np.float32), cv2.COLOR_RGB2HSV)
    hue, value = hsv[..., 0], hsv[..., 2]
    chroma = hsv[..., 1] * value
    fits = np.zeros(hue.shape, np.bool_)
    for low, high in hues:
        fits |= (hue >= low) & (hue <= high)
    return np.asarray(fits & (value > GLOWS) & (chroma > VIVID))


def signals(photo: Array, horizon: float) -> list[Part]:
    """Find the lamps of signals that are on: a small vivid spot of red, amber or green in a dark case.

    The confidence is the share of the case that is dark and gray, times the contrast of the lamp to it. The
    case is what lies beside the lamp within its own width, and above or below it within three heights.

    Args:
        photo: image ``(H, W, 3)``, sRGB, 0..1.
        horizon: height of the horizon from the top, relative to the height.
    """
    height = len(photo)
    gray = np.asarray(color.luma(photo), np.float32)
    dark = (gray < DARK) & (largest(photo) + largest(-photo) < 0.22)
    found: list[Part] = []
    for hues in ([(0, 16), (344, 360)], [(25, 52)], [(135, 195)]):
        marks, _ = ndimage.label(_vivid(photo, hues), np.ones((3, 3)))
        for index, box in enumerate(ndimage.find_objects(marks), 1):
            inside = marks[box] == index
            tall, wide = inside.shape
            area = int(inside.sum())
            if not SMALL * gray.size <= area <= LARGE * gray.size or max(tall, wide) > 2.6 * min(tall, wide):
                continue
            top, left = box[0].start, box[1].start
            # Signals hang above the height of the camera, lamps of cars below it.
            if top > (horizon - 0.005) * height or area < 0.35 * tall * wide:
                continue
            sure = _cased(dark, gray, (top, left, tall, wide))
            found.append((np.asarray(inside), box, sure))
    return found


def _cased(dark: Bools, gray: Array, box: tuple[int, int, int, int]) -> float:
    """Return how surely a spot lies in the case of a signal, 0..1."""
    top, left, tall, wide = box
    side = max(tall, wide)
    beside = max(2, side // 2)

    def share(rows: tuple[int, int], columns: tuple[int, int]) -> float:
        part = dark[max(0, rows[0]) : max(0, rows[1]), max(0, columns[0]) : max(0, columns[1])]
        return float(part.mean()) if part.size else 0.0

    middle = (top, top + tall)
    sides = min(
        share(middle, (left - beside - 1, left - 1)),
        share(middle, (left + wide + 1, left + wide + 1 + beside)),
    )
    across = (left, left + wide)
    ends = [share((top - k * side - 1, top - 1), across) for k in (1, 2)]
    ends += [share((top + tall + 1, top + tall + 1 + k * side), across) for k in (1, 2)]
    # A case of three lamps is dark on at least one side for two lamps, and a little on the other.
    length = max(min(ends[0], ends[1]), min(ends[2], ends[3]))
    around = gray[max(0, top - side) : top + tall + side, max(0, left - beside) : left + wide + beside]
    lamp = float(gray[top : top + tall, left : left + wide].max())
    contrast = min(1.0, max(0.0, lamp - float(np.median(around))) / 0.2)
    return float(min(1.0, sides * 1.15) * min(1.0, length * 1.15) * contrast)


def rears(photo: Array, horizon: float) -> list[Part]:
    """Find pairs of red lamps at the same height, of the same size, with the back of a car between them.

    The confidence falls with the difference in height and size, and if the two lie too near or too far.

    Args:
        photo: image ``(H, W, 3)``, sRGB, 0..1.
        horizon: height of the horizon from the top, relative to the height.
    """
    height = len(photo)
    marks, _ = ndimage.label(_vivid(photo, [(0, 14), (346, 360)]), np.ones((3, 3)))
    parts = []
    for index, box in enumerate(ndimage.find_objects(marks), 1):
        inside = marks[box] == index
        area, (tall, wide) = int(inside.sum()), inside.shape
        fits = SMALL * photo[..., 0].size <= area <= LARGE * photo[..., 0].size and area > 0.4 * tall * wide
        if fits and (horizon - 0.005) * height < box[0].start < 0.9 * height and wide < 2.5 * tall:
            parts.append((np.asarray(inside), box))
    sure = [0.0] * len(parts)
    for i, (one, first) in enumerate(parts):
        for j, (other, second) in enumerate(parts[:i]):
            pair = _paired(one, first, other, second)
            sure[i], sure[j] = max(sure[i], pair), max(sure[j], pair)
    return [(inside, box, s) for (inside, box), s in zip(parts, sure, strict=True)]


def _paired(one: Bools, first: tuple[slice, slice], other: Bools, second: tuple[slice, slice]) -> float:
    """Return how surely two red spots are the rear lamps of one car, 0..1."""
    tall = max(one.shape[0], other.shape[0])
    level = abs(first[0].stop + first[0].start - second[0].stop - second[0].start) / 2 / tall
    size = max(one.sum(), other.sum()) / max(1, min(one.sum(), other.sum()))
    apart = abs(first[1].stop + first[1].start - second[1].stop - second[1].start) / 2 / tall
    near = 1.0 if 1.8 <= apart <= 9 else 0.0
    return float(np.exp(-((level / 0.5) ** 2)) * np.exp(-((np.log(size) / 0.7) ** 2)) * near)
