"""Class masks: flat colors or integer ids.

An invalid mask raises an error; it is never repaired silently.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from impasto import image
from impasto.errors import InputError
from impasto.image import Picture, Source
from impasto.looks.planes import Bools, Bytes, erode

Labels = NDArray[np.int16]

# The nine colors of the masks of Luan et al. 2017.
COLORS = {
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
NEAR = 90.0  # RGB distance, 0..255, up to which a pixel counts as a noisy version of a color
UNKNOWN = 0.1  # tolerated fraction of pixels without a known color, at blurred borders
FLAT = 0.005  # tolerated fraction of pixels of a single unknown color; more is intentional
ODD = 50.0  # RGB distance from which a flat color is a different color, not a noisy one
PATCH = 9  # least number of centers of THIN x THIN patches of one color for the color to be intentional
SPECKS = 0.001  # fraction of pixels below which a class is border noise
THIN = 5  # width in pixels below which a class is a blurred border
MOST = 64  # most ids in a mask; photographs have more
CODE = (1 << 16, 1 << 8, 1)  # weights that encode a color as one number
ASPECT = 0.02  # tolerated relative difference of the aspect ratio, from rounding


@dataclass(frozen=True, eq=False)
class Regions:
    """Class labels of the pixels of an image.

    ``labels (H, W)`` are indices into ``names``; images to compare have the same names. ``sure (H, W)`` marks
    the certain pixels of an automatic classification; None for classes from masks. ``thin`` holds the shares
    of mask classes that are too thin to distinguish from noise and have no label. ``drawn`` holds the shares
    of the other classes in the original mask, if the labels are a resized copy.
    """

    labels: Labels
    names: tuple[str, ...]
    sure: Bools | None = None
    thin: Mapping[str, float] = field(default_factory=dict)
    drawn: NDArray[np.float64] | None = None

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share of the image covered by each class, ``(K,)``."""
        if self.drawn is not None:
            return self.drawn
        return np.bincount(self.labels.ravel(), minlength=len(self.names)) / self.labels.size

    def resize(self, size: tuple[int, int]) -> Regions:
        """Resize the regions to ``(height, width)`` by nearest neighbor."""
        if self.labels.shape == size:
            return self
        rows, columns = (
            ((np.arange(new) + 0.5) * old / new).astype(np.intp)
            for new, old in zip(size, self.labels.shape, strict=True)
        )
        sure = None if self.sure is None else np.ascontiguousarray(self.sure[rows][:, columns])
        labels = np.ascontiguousarray(self.labels[rows][:, columns])
        return Regions(labels, self.names, sure, self.thin, self.shares)


def read_masks(masks: Sequence[Source], pictures: Sequence[tuple[int, int]]) -> list[Regions]:
    """Read the class masks of a content image and its styles.

    A color mask has the nine colors of ``COLORS``, with some noise at borders. A gray mask (one channel or
    three equal ones) holds integer ids of 8 or 16 bits, as in Cityscapes, BDD or ACDC. A mask with a palette
    of other colors holds its indices. Transparent pixels are black.

    Args:
        masks: one for each image, that of the content image first; anything :func:`impasto.image.read` takes.
        pictures: (height, width) of each image; a mask may have another size, but not another aspect ratio.

    Returns:
        Regions at the size of each mask, all with the same names.

    Raises:
        InputError: a mask has another aspect ratio, an unknown color or too many ids; colors and ids are
            mixed; no class is in common.

    Examples:
        >>> top = np.zeros((8, 8, 3)); top[:4] = 1
        >>> read_masks([top, top], [(8, 8), (8, 8)])[0].names
        ('black', 'white')
    """
    read = [image.over_black(image.read(mask)) for mask in masks]
    drawn = [_Drawn.of(picture) for picture in read]
    labels = [label_of(mask) for mask in masks]
    for own, label, size in zip(drawn, labels, pictures, strict=True):
        height, width = own.rgb.shape[:2]
        if not alike((height, width), size):
            raise InputError(
                f"mask {label} is {width}x{height}, which is not the aspect ratio of its picture "
                f"({size[1]}x{size[0]}): make it from that picture, at any size"
            )
    ids = _ids_of(masks, read, drawn, labels)
    if len({own is None for own in ids}) > 1:
        raise InputError(f"masks {', '.join(labels)}: some are gray (ids) and some colored; give one kind")
    found = [
        _colors(mask, label) if own is None else _ids(own, label)
        for mask, own, label in zip(drawn, ids, labels, strict=True)
    ]
    names = sorted({name for own in found for name in own.names}, key=_order)
    if len(found) > 1 and {name for own in found[1:] for name in own.names}.isdisjoint(found[0].names):
        raise InputError(
            f"mask {labels[0]} has {', '.join(found[0].names)} and {labels[1]} has "
            f"{', '.join(found[1].names)}: no class is in both"
        )
    return [_relabel(own, tuple(names)) for own in found]


def alike(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether two sizes, (height, width), have the same aspect ratio but for rounding."""
    return abs((one[1] / one[0]) / (other[1] / other[0]) - 1) <= ASPECT


def label_of(source: Source) -> str:
    """Return what a message calls an image: its path."""
    return str(source) if isinstance(source, str) or hasattr(source, "__fspath__") else "in memory"


def _order(name: str) -> tuple[int, str]:
    """Return the sort key of a class: ids by number, colors by name."""
    return (int(name.split()[1]) if name.startswith("id ") else 0), name


def _relabel(own: Regions, names: tuple[str, ...]) -> Regions:
    table = np.array([names.index(name) for name in own.names], np.int16)
    return Regions(table[own.labels], names, thin=own.thin)


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Values ``rgb (H, W, 3)`` of a mask, 0..255, its colors as one number each, and its flat colors."""

    rgb: NDArray[np.int32]
    codes: NDArray[np.int32]
    flat: list[tuple[list[int], float]]

    @classmethod
    def of(cls, picture: Picture) -> _Drawn:
        rgb = np.rint(picture.rgb * 255).astype(np.int32)
        codes = _encode_colors(rgb)
        return cls(rgb, codes, _flat(codes))


def _encode_colors(rgb: NDArray[np.int32]) -> NDArray[np.int32]:
    """Encode each color as one number; NumPy's product of integers is slower."""
    return rgb[..., 0] * np.int32(CODE[0]) + rgb[..., 1] * np.int32(CODE[1]) + rgb[..., 2]


def _colors(mask: _Drawn, label: str) -> Regions:
    """Return the regions of a color mask."""
    for color, share in mask.flat:
        if _distances(np.array(color)).min() > ODD**2:
            raise _unknown(label, color, share)
    nearest, best = _nearest(mask)
    far = best > NEAR**2
    odd = mask.rgb[far]
    codes, counts = np.unique(_encode_colors(odd // 8), return_counts=True)
    if far.mean() > UNKNOWN or (len(counts) and counts.max() > FLAT * far.size):
        usual = odd[_encode_colors(odd // 8) == codes[counts.argmax()]][0]
        raise _unknown(label, usual.tolist(), float(far.mean()))
    return _without_specks(nearest, best)


def _nearest(mask: _Drawn) -> tuple[Labels, NDArray[np.int32]]:
    """Return the nearest color of each pixel and the squared distance to it, ``(H, W)``."""
    nearest = np.full(mask.codes.shape, -1, np.int16)
    for index, color in enumerate(COLORS.values()):
        nearest[mask.codes == int(_encode_colors(np.array(color, np.int32)))] = index
    away = np.zeros(nearest.shape, np.int32)
    # Few pixels of most masks are noisy.
    noisy = nearest < 0
    distances = _distances(mask.rgb[noisy])
    nearest[noisy], away[noisy] = distances.argmin(-1), distances.min(-1)
    return nearest, away


def _unknown(label: str, color: Sequence[int], share: float) -> InputError:
    return InputError(
        f"mask {label} has the color #{bytes(color).hex()} ({share:.1%}), which is none of "
        f"{', '.join(COLORS)}: paint it in those, or give ids as a gray picture"
    )


def _distances(rgb: NDArray[np.int32]) -> NDArray[np.int32]:
    """Compute squared distances ``(..., K)`` of colors ``(..., 3)`` to those of ``COLORS``."""
    return np.stack([np.square(rgb - np.array(c, np.int32)).sum(-1) for c in COLORS.values()], -1)


def _flat(encoded: NDArray[np.int32]) -> list[tuple[list[int], float]]:
    """Return the colors that fill a patch exactly (so are not noise or blur), with their shares."""
    codes = encoded.astype(np.float32)  # float32 represents 24 bits exactly
    kernel = np.ones((THIN, THIN), np.uint8)
    inner = codes[cv2.erode(codes, kernel) == cv2.dilate(codes, kernel)]
    found, counts = np.unique(inner, return_counts=True)
    return [
        ([int(code) >> 16, int(code) >> 8 & 255, int(code) & 255], float((codes == code).mean()))
        for code in found[counts >= PATCH]
    ]


def _ids_of(
    masks: Sequence[Source], read: Sequence[Picture], drawn: Sequence[_Drawn], labels: Sequence[str]
) -> list[NDArray[np.int64] | None]:
    """Return the ids of each gray or palette mask; None for a color mask."""
    found: list[NDArray[np.int64] | None] = []
    tables: dict[str, list[int]] = {}
    for source, mask, own, label in zip(masks, read, drawn, labels, strict=True):
        values = np.rint(mask.rgb * 65535).astype(np.int32) if mask.bits == 16 else own.rgb
        gray = mask.gray or all(bool((values[..., 0] == values[..., c]).all()) for c in (1, 2))
        strange = max((_distances(np.array(c)).min() for c, _ in own.flat), default=0)
        if mask.gray or (gray and (mask.bits == 16 or strange > 0)):
            found.append(values[..., 0].astype(np.int64))
        elif strange > ODD**2 and (palette := _palette(source)) is not None:
            indices, tables[label] = palette
            found.append(indices)
        else:
            found.append(None)
    if len({tuple(table) for table in tables.values()}) > 1:
        raise InputError(f"masks {', '.join(tables)} have different palettes: save them with the same one")
    return found


def _palette(source: Source) -> tuple[NDArray[np.int64], list[int]] | None:
    """Return the indices and the palette of a palette image; None for other images."""
    from PIL import Image, ImageOps

    if not isinstance(source, (str, os.PathLike, Image.Image)):
        return None
    with nullcontext(source) if isinstance(source, Image.Image) else Image.open(source) as opened:
        if opened.mode != "P":
            return None
        return np.asarray(ImageOps.exif_transpose(opened), np.int64), list(opened.getpalette() or [])


def _ids(values: NDArray[np.int64], label: str) -> Regions:
    """Return the regions of an id mask, which has no noise: every id is a class."""
    ids, labels = np.unique(values, return_inverse=True)
    if len(ids) > MOST:
        raise InputError(f"mask {label} has {len(ids)} different values, more than {MOST}: give a map of ids")
    return Regions(labels.reshape(values.shape).astype(np.int16), tuple(f"id {number}" for number in ids))


def _without_specks(labels: Labels, away: NDArray[np.int32]) -> Regions:
    """Assign the pixels of negligible classes to the nearest other class."""
    names = list(COLORS)
    shares = np.bincount(labels.ravel(), minlength=len(names)) / labels.size
    # A blurred border between two colors can contain a third one, but it has no interior.
    inner = np.array([erode(labels == i, THIN).sum() for i in range(len(names))])
    kept = (shares >= SPECKS) & (inner >= 0.05 * shares * labels.size)
    kept[shares.argmax()] = True
    # Few noise pixels have an exact color; a class in which most pixels do is intentional.
    exact = np.bincount(labels[away == 0], minlength=len(names)) / labels.size
    thin = {n: float(s) for n, s, e, k in zip(names, shares, exact, kept, strict=True) if not k and e > s / 2}
    if not kept[labels].all():
        nearest = ndimage.distance_transform_edt(~kept[labels], return_distances=False, return_indices=True)
        labels = labels[tuple(nearest)]
    table = np.cumsum(kept) - 1
    left = tuple(name for name, keep in zip(names, kept, strict=True) if keep)
    return Regions(table[labels].astype(np.int16), left, thin=thin)


def draw_classes(regions: Regions) -> Bytes:
    """Draw the classes as an image ``(H, W, 3)`` of flat colors, readable by :func:`read_masks`.

    Raises:
        InputError: there are more classes than colors.
    """
    if len(regions.names) > len(COLORS):
        raise InputError(
            f"{len(regions.names)} classes are too many for the {len(COLORS)} colors of masks: use fewer"
        )
    palette = np.array(list(COLORS.values()), np.uint8)
    return palette[regions.labels]
