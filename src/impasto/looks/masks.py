"""Masks that say which class each pixel belongs to: flat colours, or whole-number ids.

Every mask that cannot be used is refused in one line; nothing is mended in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from impasto import image
from impasto.errors import InputError
from impasto.image import Picture, Source

Labels = NDArray[np.int16]

# The nine colours of the masks of Luan et al. 2017.
COLOURS = {
    "blue": (0, 0, 255),
    "green": (0, 255, 0),
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "red": (255, 0, 0),
    "yellow": (255, 255, 0),
    "grey": (128, 128, 128),
    "cyan": (0, 255, 255),
    "purple": (255, 0, 255),
}
NEAR = 90.0  # distance in RGB, 0..255, up to which a pixel is taken for a noisy version of a colour
UNKNOWN = 0.1  # share of pixels that may be of no known colour: borders that were blurred
FLAT = 0.005  # share of pixels that may be of one and the same unknown colour: more is meant
SPECKS = 0.001  # share of pixels below which a class is what noise made of a border
THIN = 5  # pixels: what is nowhere as wide as this is what blur made of a border
MOST = 64  # ids in a mask; a photograph taken for a mask has more
ASPECT = 0.02  # relative difference of proportions that rounding may leave


@dataclass(frozen=True, eq=False)
class Regions:
    """Which class each pixel belongs to.

    ``labels (H, W)`` are indices into ``names``; two pictures that are compared share their names. ``sure
    (H, W)`` says where nobody drew the classes but they are plain all the same; None: they were drawn.
    """

    labels: Labels
    names: tuple[str, ...]
    sure: NDArray[np.bool_] | None = None

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share of the picture that each class covers, ``(K,)``."""
        return np.bincount(self.labels.ravel(), minlength=len(self.names)) / self.labels.size

    def resized(self, size: tuple[int, int]) -> Regions:
        """The same regions at ``(height, width)``, each pixel taking the class at its centre."""
        if self.labels.shape == size:
            return self
        rows, columns = (
            ((np.arange(new) + 0.5) * old / new).astype(np.intp)
            for new, old in zip(size, self.labels.shape, strict=True)
        )
        return Regions(np.ascontiguousarray(self.labels[rows][:, columns]), self.names)


def read_masks(masks: Sequence[Source], pictures: Sequence[tuple[int, int]]) -> list[Regions]:
    """Reads the masks of a photo and its styles.

    A colour mask has the nine colours of ``COLOURS``, with some noise at borders; a grey one holds ids, whole
    numbers of 8 or 16 bits, as those of Cityscapes, BDD or ACDC do.

    Args:
        masks: one for each picture, the photo's first, anything :func:`impasto.image.read` takes.
        pictures: (height, width) of each picture; a mask may have another size, but not other proportions.

    Returns:
        Regions at the size of each mask, all with the same names.

    Raises:
        InputError: a mask of other proportions, of an unknown colour, with too many ids; colours and ids
            mixed; no class in common.

    Examples:
        >>> top = np.zeros((8, 8, 3)); top[:4] = 1
        >>> read_masks([top, top], [(8, 8), (8, 8)])[0].names
        ('black', 'white')
    """
    read = [image.read(mask) for mask in masks]
    labels = [_label(mask) for mask in masks]
    for picture, label, size in zip(read, labels, pictures, strict=True):
        height, width = picture.size
        if abs((width / height) / (size[1] / size[0]) - 1) > ASPECT:
            raise InputError(
                f"mask {label} is {width}x{height}, of other proportions than its picture "
                f"({size[1]}x{size[0]}): make it from that picture, at any size"
            )
    kinds = {mask.grey for mask in read}
    if len(kinds) > 1:
        raise InputError(f"masks {', '.join(labels)}: some are grey (ids) and some coloured; give one kind")
    decode = _ids if kinds == {True} else _colours
    found = [decode(mask, label) for mask, label in zip(read, labels, strict=True)]
    names = sorted({name for _, own in found for name in own}, key=_order)
    if len(found) > 1 and not any(
        name in found[0][1] and name in own for _, own in found[1:] for name in names
    ):
        raise InputError(
            f"mask {labels[0]} has {', '.join(found[0][1])} and {labels[1]} has "
            f"{', '.join(found[1][1])}: no class is in both"
        )
    return [_joined(own, mine, tuple(names)) for own, mine in found]


def _label(source: Source) -> str:
    return str(source) if isinstance(source, str) or hasattr(source, "__fspath__") else "in memory"


def _order(name: str) -> tuple[int, str]:
    """Ids by number, colours by name."""
    return (int(name.split()[1]) if name.startswith("id ") else 0), name


def _joined(labels: Labels, own: Sequence[str], names: tuple[str, ...]) -> Regions:
    table = np.array([names.index(name) for name in own], np.int16)
    return Regions(table[labels], names)


def _colours(mask: Picture, label: str) -> tuple[Labels, list[str]]:
    """Labels and names of the colours that a mask has."""
    rgb = np.rint(mask.rgb * 255).astype(np.int32)
    palette = np.array(list(COLOURS.values()), np.int32)
    nearest = np.zeros(rgb.shape[:2], np.int16)
    best = np.full(rgb.shape[:2], np.iinfo(np.int32).max, np.int32)
    for index, colour in enumerate(palette):
        distance = np.square(rgb - colour).sum(2)
        nearest = np.where(distance < best, np.int16(index), nearest)
        best = np.minimum(best, distance)
    far = best > NEAR**2
    codes, counts = np.unique(rgb[far] // 8 @ (1 << 16, 1 << 8, 1), return_counts=True)
    if far.mean() > UNKNOWN or (len(counts) and counts.max() > FLAT * far.size):
        usual = rgb[far][(rgb[far] // 8 @ (1 << 16, 1 << 8, 1)) == codes[counts.argmax()]][0]
        raise InputError(
            f"mask {label} has the colour #{bytes(usual.tolist()).hex()}, and {far.mean():.1%} in all that "
            f"is none of {', '.join(COLOURS)}: paint it in those, or give ids as a grey picture"
        )
    return _without_specks(nearest, list(COLOURS))


def _ids(mask: Picture, label: str) -> tuple[Labels, list[str]]:
    """Labels and names of the ids that a mask has."""
    most = 65535 if mask.bits == 16 else 255
    ids, labels = np.unique(np.rint(mask.rgb[..., 0] * most).astype(np.int64), return_inverse=True)
    if len(ids) > MOST:
        raise InputError(f"mask {label} has {len(ids)} different values, more than {MOST}: it is no id map")
    return _without_specks(labels.reshape(mask.size).astype(np.int16), [f"id {number}" for number in ids])


def _without_specks(labels: Labels, names: list[str]) -> tuple[Labels, list[str]]:
    """Pixels of classes that cover next to nothing go to the nearest class that covers something."""
    shares = np.bincount(labels.ravel(), minlength=len(names)) / labels.size
    # What lies between two colours on a blurred border may be a third one, but never has an inside.
    kernel = np.ones((THIN, THIN), np.uint8)
    inner = [
        cv2.erode((labels == i).astype(np.uint8), kernel, borderValue=1).sum() for i in range(len(names))
    ]
    kept = (shares >= SPECKS) & (np.array(inner) >= 0.05 * shares * labels.size)
    kept[shares.argmax()] = True
    if not kept[labels].all():
        nearest = ndimage.distance_transform_edt(~kept[labels], return_distances=False, return_indices=True)
        labels = labels[tuple(nearest)]
    table = np.cumsum(kept) - 1
    return table[labels].astype(np.int16), [name for name, keep in zip(names, kept, strict=True) if keep]


def drawn(regions: Regions) -> NDArray[np.uint8]:
    """A picture ``(H, W, 3)`` of the classes, one flat colour each: what :func:`read_masks` takes.

    Raises:
        InputError: there are more classes than colours.
    """
    if len(regions.names) > len(COLOURS):
        raise InputError(f"{len(regions.names)} classes are more than the {len(COLOURS)} colours of masks")
    palette = np.array(list(COLOURS.values()), np.uint8)
    return palette[regions.labels]
