"""Where lamps are: from a labels image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto import image
from impasto.errors import InputError
from impasto.image import Source
from impasto.looks.detectors import detect_lamps
from impasto.looks.lights import KINDS, NUMBERS, KindName, Lamps
from impasto.looks.masks import alike, label_of
from impasto.looks.planes import Array, Bools, Bytes, dilate

NEAR = 70.0  # RGB distance, 0..255, up to which a pixel counts as a noisy version of a color
STRANGE = 0.002  # share of other colors from which a labels image is refused

# Ids of Cityscapes and ACDC ("labelIds") that say where lamps may be.
SIGNS, SKY = (20,), (23,)
MAY_HAVE: dict[KindName, tuple[int, ...]] = {"window": (11,), "signal": (19,), "rear": (26, 27, 28, 32)}
MOST_ID = 33
# The same by train id ("labelTrainIds", and the masks of BDD100K), from 0 to 18; what is not trained has 255.
TRAINED = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
IGNORED = 255


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of an image: its lamps, and its sky, ``(h, w)``, if they say so.

    ``said`` tells how ids were read.
    """

    lamps: Lamps
    sky: Bools | None = None
    said: str = ""


def palette() -> dict[KindName, tuple[int, int, int]]:
    """Return the color of each kind of lamp in a labels image, 0..255; black is none."""
    return {name: kind.color for name, kind in KINDS.items()}


def read_lamps(source: Source, photo: Array, *, horizon: float = 0.6) -> Labels:
    """Read a labels image, at the size of the photo.

    A colored one has a color for each kind (see :func:`palette`), black elsewhere. A gray one has the ids
    of Cityscapes or ACDC, or the train ids of Cityscapes or BDD100K (see :func:`label_ids`): signals and
    pairs of rear lamps are searched within their classes, signs throw back light, and the sky is known.

    Args:
        source: anything :func:`impasto.image.read` takes.
        photo: its image by day, ``(H, W, 3)``, 0..1.
        horizon: height of the horizon from the top, relative to the height.

    Raises:
        InputError: it has another aspect ratio, or a color or an id that means nothing here.
    """
    picture = image.over_black(image.read(source))
    name = label_of(source)
    height, width = picture.size
    rows, columns = photo.shape[:2]
    if not alike((height, width), (rows, columns)):
        raise InputError(
            f"labels {name} are {width}x{height}, which is not the aspect ratio of the photo "
            f"({columns}x{rows}): draw them on that photo, at any size"
        )
    rgb = np.rint(picture.rgb * 255).astype(np.int32)
    large = np.asarray(cv2.resize(rgb, (columns, rows), interpolation=cv2.INTER_NEAREST_EXACT), np.int32)
    if picture.gray or not np.ptp(rgb, axis=2).any():
        white = KINDS["headlight"].color[0]
        if _ids_in_name(name) or rgb.max() <= MOST_ID or set(np.unique(rgb)) - {0, white}:
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
            f"labels {name} have the color #{bytes(one.tolist()).hex()}, which stands for no lamp: "
            f"use {known}, and black elsewhere"
        )
    return kinds


def _of_ids(ids: NDArray[np.int32], photo: Array, horizon: float, name: str) -> Labels:
    """Return the labels of an id map: lamps are searched only where a class may have them."""
    ids, said = label_ids(ids, name)
    kinds = np.where(np.isin(ids, SIGNS), NUMBERS["sign"], 0).astype(np.uint8)
    found = detect_lamps(photo, horizon=horizon)
    for kind, classes in MAY_HAVE.items():
        kinds[(found == NUMBERS[kind]) & dilate(np.isin(ids, classes), 5)] = NUMBERS[kind]
    sky = np.isin(ids, SKY)
    return Labels(Lamps.of(kinds), sky if sky.any() else None, said)


def label_ids(ids: NDArray[np.int32], name: str) -> tuple[NDArray[np.int32], str]:
    """Return the ids of Cityscapes ``(H, W)`` of a map that may have train ids, and what was read, in words.

    The file name decides if it has ``labelIds``, ``labelTrainIds`` or ``train_id`` in it, or a folder
    ``sem_seg``: BDD100K has train ids there. Otherwise ids of 19 to 33 are no train ids, and 255, what is
    not trained, is in no other map. A map with neither is read by the road: the street that it shows has
    more of 0, the road of train ids, or of 7, that of the others.

    Args:
        ids: the map, 0..255.

    Raises:
        InputError: it has ids that mean nothing.
    """
    known = set(np.unique(ids).tolist())
    kind = _ids_in_name(name)
    if not kind:
        over = max(known - {IGNORED}, default=0) >= len(TRAINED)
        roads = [int((ids == road).sum()) for road in (0, TRAINED[0])]
        kind = "labelIds" if over or (IGNORED not in known and roads[0] <= roads[1]) else "trainIds"
    most = len(TRAINED) - 1 if kind == "trainIds" else MOST_ID
    strange = sorted(known - set(range(most + 1)) - {IGNORED})
    if strange:
        raise InputError(
            f"labels {name} have the id {strange[-1]}; {kind} of Cityscapes end at {most}: give such ids, "
            f"or a color for each kind of lamp"
        )
    if kind == "labelIds":
        return ids, f"labels {name}: read as the ids of Cityscapes (labelIds: 7 is road)"
    table = np.zeros(IGNORED + 1, np.int32)
    table[: len(TRAINED)] = TRAINED
    return table[ids], f"labels {name}: read as train ids (labelTrainIds of Cityscapes, BDD100K: 0 is road)"


def _ids_in_name(name: str) -> str:
    """Return ``labelIds`` or ``trainIds`` if the path of a file says so, otherwise an empty string."""
    plain = Path(name).name.lower().replace("_", "")
    if "labelid" in plain:
        return "labelIds"
    return "trainIds" if "trainid" in plain or "sem_seg" in Path(name).parts else ""


def draw_lamps(kinds: Bytes) -> Bytes:
    """Draw kinds ``(H, W)`` as a labels image ``(H, W, 3)``, readable by :func:`read_lamps`."""
    return np.array([(0, 0, 0), *palette().values()], np.uint8)[kinds]
