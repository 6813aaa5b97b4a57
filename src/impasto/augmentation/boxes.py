"""Boxes of labeled objects in a data set: ``(left, top, right, bottom)`` in pixels of the photo.

KITTI has a text file per photo, Cityscapes polygons per photo, COCO one JSON file for all, BDD either. Labels
that cannot be read as boxes are ignored: they are copied, not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from impasto.augmentation.layouts import Contents
from impasto.looks.labeled import Box, bdd, box_of, coco, json_of, kitti, tables, things_of

# Countable classes of Cityscapes: a road has no box.
THINGS = frozenset(
    {"person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle", "caravan", "trailer"}
    | {"traffic light", "traffic sign"}
)


def boxes_of(source: Path, contents: Contents) -> Callable[[str], list[Box]]:
    """Return a function that maps the name of a photo in the data set to its boxes."""
    if contents.layout == "kitti":
        return lambda name: list(_kitti(source / name))
    if contents.layout == "cityscapes":
        return lambda name: list(_cityscapes(source / name))
    found: dict[str, list[Box]] = {}
    read = coco if contents.layout == "coco" else bdd
    for path in contents.others:
        if path.suffix.lower() == ".json":
            for name, thing in read(json_of(source / path)):
                found.setdefault(name, []).append(thing.box)
    return lambda name: found.get(Path(name).name, []) + found.get(Path(name).stem, [])


def _kitti(photo: Path) -> Iterator[Box]:
    """Read ``training/label_2/000001.txt`` beside ``training/image_2``."""
    label = _beside(photo)
    if label is not None and label.is_file():
        for thing in kitti(label.read_text("utf-8", "replace")):
            yield thing.box


def _beside(photo: Path) -> Path | None:
    """Return the path of a label of KITTI."""
    if len(photo.parents) < 2:
        return None
    return photo.parents[1] / photo.parent.name.replace("image", "label") / f"{photo.stem}.txt"


def lamps_of(source: Path, photo: Path, contents: Contents) -> Path | None:
    """Return the file that says where a photo of a data set may have lamps: a map of ids, or boxes."""
    if contents.layout == "cityscapes":
        return ids_of(source / photo, contents.layout)
    if contents.layout == "kitti":
        label = _beside(source / photo)
        return label if label is not None and label.is_file() else None
    labels = [source / path for path in contents.others if path.suffix.lower() == ".json"]
    labels.sort(key=lambda path: path.stem != photo.stem)  # BDD may have one for each photo
    named = (path for path in labels if things_of(path, photo.name) is not None)
    return next(named, None) or ids_of(source / photo, contents.layout)


def ids_of(photo: Path, layout: str) -> Path | None:
    """Return the map of ids of a photo, if its data set has one.

    ``gtFine/.../x_gtFine_labelIds.png`` of Cityscapes, or else ``labelTrainIds``;
    ``labels/sem_seg/masks/train/x.png`` of BDD100K, which has train ids.
    """
    if layout == "cityscapes":
        labels = [_fine(photo, f"{ids}.png") for ids in ("labelIds", "labelTrainIds")]
    elif layout == "bdd" and "images" in photo.parts:
        place = len(photo.parts) - 1 - photo.parts[::-1].index("images")
        masks = Path(*photo.parts[:place], "labels", "sem_seg", "masks")
        labels = [masks / photo.parent.name / f"{photo.stem}.png"]
    else:
        labels = []
    return next((label for label in labels if label is not None and label.is_file()), None)


def _fine(photo: Path, ending: str) -> Path | None:
    """Return the path of a label of Cityscapes; None for a photo outside ``leftImg8bit``."""
    parts = list(photo.parts)
    if "leftImg8bit" not in parts:
        return None
    place = len(parts) - 1 - parts[::-1].index("leftImg8bit")
    stem = photo.stem.removesuffix("_leftImg8bit")
    return Path(*parts[:place], "gtFine", *parts[place + 1 : -1], f"{stem}_gtFine_{ending}")


def _cityscapes(photo: Path) -> Iterator[Box]:
    """Read ``gtFine/train/aachen/x_gtFine_polygons.json`` for ``leftImg8bit/.../x_leftImg8bit.png``."""
    label = _fine(photo, "polygons.json")
    if label is None:
        return
    for thing in tables(json_of(label), "objects"):
        points = thing.get("polygon")
        if thing.get("label") in THINGS and isinstance(points, list) and points:
            try:
                across, down = zip(*((float(p[0]), float(p[1])) for p in points), strict=True)
            except (TypeError, ValueError, IndexError, KeyError):
                continue
            yield from box_of((min(across), min(down), max(across), max(down)))
