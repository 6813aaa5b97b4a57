"""Data sets as they lie on disk: which files are photographs, and which are labels that must not change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from impasto import image
from impasto.errors import InputError

LayoutName = Literal["coco", "bdd", "cityscapes", "kitti"]


@dataclass(frozen=True)
class Layout:
    """A layout.

    Args:
        marks: names of folders one of which must lie somewhere in a data set of this layout.
        photos: names of folders in which, at any depth, photographs lie; empty: anywhere.
        labels: names of folders in which no photographs lie, whatever their suffix: label maps are PNGs too.
    """

    marks: frozenset[str]
    photos: frozenset[str]
    labels: frozenset[str]


LAYOUTS: dict[LayoutName, Layout] = {
    "cityscapes": Layout(frozenset({"leftImg8bit"}), frozenset({"leftImg8bit"}), frozenset()),
    "kitti": Layout(
        frozenset({"image_2", "image_3"}),
        frozenset({"image_0", "image_1", "image_2", "image_3"}),
        frozenset(),
    ),
    "bdd": Layout(frozenset({"images"}), frozenset({"images"}), frozenset({"labels"})),
    "coco": Layout(
        frozenset({"annotations"}),
        frozenset(),
        frozenset({"annotations", "stuffthingmaps", "panoptic_train2017", "panoptic_val2017", "labels"}),
    ),
}


@dataclass(frozen=True)
class Contents:
    """The files of a data set, relative to its folder, in the order of their names."""

    layout: str
    photos: tuple[Path, ...]
    others: tuple[Path, ...]


def look(folder: Path, layout: LayoutName | None = None) -> Contents:
    """The photographs and the other files of a data set.

    Args:
        folder: the data set.
        layout: as which it is read; default: by its folders.

    Raises:
        InputError: no such folder, no layout that fits, or no photographs.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give the folder of a data set")
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    names = {part for path in files for part in path.parts[:-1]}
    chosen: LayoutName | None = layout
    if chosen is None:
        chosen = next((name for name, found in LAYOUTS.items() if found.marks & names), None)
    if chosen is None:
        raise InputError(
            f"{folder} is laid out as none of {', '.join(LAYOUTS)}: say the nearest with --layout"
        )
    rule = LAYOUTS[chosen]
    photos = tuple(path for path in files if _is_photo(folder, path, rule))
    if not photos:
        raise InputError(f"{folder}: no photographs where {chosen} has them")
    known = set(photos)
    return Contents(chosen, photos, tuple(path for path in files if path not in known))


def _is_photo(folder: Path, path: Path, rule: Layout) -> bool:
    folders = set(path.parts[:-1])
    if folders & rule.labels or (rule.photos and not folders & rule.photos):
        return False
    return image.is_picture(folder / path)
