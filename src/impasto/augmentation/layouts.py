"""Layouts of data sets on disk: which files are photographs, and which are labels that must not change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from impasto import image
from impasto.errors import InputError
from impasto.jobs.base import LayoutName


@dataclass(frozen=True)
class Layout:
    """Layout of a data set.

    Args:
        marks: folder names of which a data set of this layout has at least one.
        photos: names of folders with photographs, at any depth; empty: anywhere.
        labels: names of folders without photographs, whatever their suffix: label maps are PNGs, too.
    """

    marks: frozenset[str]
    photos: frozenset[str]
    labels: frozenset[str]


LAYOUTS: dict[LayoutName, Layout] = {
    "cityscapes": Layout(frozenset({"leftImg8bit"}), frozenset({"leftImg8bit"}), frozenset()),
    "kitti": Layout(
        frozenset({"image_2", "image_3"}), frozenset(f"image_{camera}" for camera in range(4)), frozenset()
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
    """Files of a data set, relative to its folder, sorted by name."""

    layout: str
    photos: tuple[Path, ...]
    others: tuple[Path, ...]


def look(folder: Path, layout: LayoutName | None = None) -> Contents:
    """Return the photographs and the other files of a data set.

    Args:
        layout: its layout; default: detected from its folders.

    Raises:
        InputError: the folder does not exist, no layout matches, or there are no photographs.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give the folder of a data set")
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    names = {part for path in files for part in path.parts[:-1]}
    chosen = layout or next((name for name, found in LAYOUTS.items() if found.marks & names), None)
    if chosen is None:
        raise InputError(
            f"{folder} has none of the layouts {', '.join(LAYOUTS)}: give the closest with --layout"
        )
    rule = LAYOUTS[chosen]
    photos = tuple(path for path in files if _is_photo(folder, path, rule))
    if not photos:
        raise InputError(f"{folder} has no photos where the {chosen} layout has them: give another --layout")
    known = set(photos)
    return Contents(chosen, photos, tuple(path for path in files if path not in known))


def _is_photo(folder: Path, path: Path, rule: Layout) -> bool:
    folders = set(path.parts[:-1])
    if folders & rule.labels or (rule.photos and not folders & rule.photos):
        return False
    return image.is_picture(folder / path)
