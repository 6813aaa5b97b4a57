"""Boxes of labeled objects in a data set: ``(left, top, right, bottom)`` in pixels of the photo.

KITTI has a text file per photo, Cityscapes polygons per photo, COCO one JSON file for all, BDD either. Labels
that cannot be read as boxes are ignored: they are copied, not judged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from impasto.augment.layouts import Contents

Box = tuple[float, float, float, float]

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
    read = _coco if contents.layout == "coco" else _bdd
    for path in contents.others:
        if path.suffix.lower() == ".json":
            for name, box in read(_json(source / path)):
                found.setdefault(name, []).append(box)
    return lambda name: found.get(Path(name).name, []) + found.get(Path(name).stem, [])


def _kitti(photo: Path) -> Iterator[Box]:
    """Read ``training/label_2/000001.txt`` beside ``training/image_2``: words 5 to 8 of each line."""
    folder = photo.parent.name.replace("image", "label")
    try:
        lines = (photo.parents[1] / folder / f"{photo.stem}.txt").read_text("utf-8", "replace").splitlines()
    except (OSError, IndexError):
        return
    for line in lines:
        words = line.split()
        if words and words[0] != "DontCare":
            yield from _box(words[4:8])


def ids_of(photo: Path, layout: str) -> Path | None:
    """Return the map of ids of a photo, if its data set has one: ``gtFine/.../x_gtFine_labelIds.png``."""
    label = _fine(photo, "labelIds.png") if layout == "cityscapes" else None
    return label if label is not None and label.is_file() else None


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
    for thing in _tables(_json(label), "objects"):
        points = thing.get("polygon")
        if thing.get("label") in THINGS and isinstance(points, list) and points:
            try:
                across, down = zip(*((float(p[0]), float(p[1])) for p in points), strict=True)
            except (TypeError, ValueError, IndexError, KeyError):
                continue
            yield from _box((min(across), min(down), max(across), max(down)))


def _coco(labels: Any) -> Iterator[tuple[str, Box]]:
    """Read ``images`` with names, and ``annotations`` with ``bbox`` (left, top, width, height)."""
    names = {str(entry.get("id")): entry.get("file_name") for entry in _tables(labels, "images")}
    for entry in _tables(labels, "annotations"):
        name, box = names.get(str(entry.get("image_id"))), entry.get("bbox")
        if isinstance(name, str) and isinstance(box, list) and len(box) == 4:
            for left, top, width, height in _box(box, ordered=False):
                yield Path(name).name, (left, top, left + width, top + height)


def _bdd(labels: Any) -> Iterator[tuple[str, Box]]:
    """Read one or a list of photos: ``name``, and ``labels`` or ``frames`` of ``objects``, with ``box2d``."""
    for entry in labels if isinstance(labels, list) else [labels]:
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            continue
        objects = _tables(entry, "labels")
        for frame in _tables(entry, "frames"):
            objects += _tables(frame, "objects")
        for thing in objects:
            box = thing.get("box2d")
            if isinstance(box, Mapping):
                for found in _box([box.get(key) for key in ("x1", "y1", "x2", "y2")]):
                    yield Path(name).name, found


def _box(values: Sequence[Any], *, ordered: bool = True) -> Iterator[Box]:
    """Yield the four numbers as a box if they are valid."""
    try:
        one, two, three, four = (float(value) for value in values)
    except (TypeError, ValueError):
        return
    if not ordered or (one < three and two < four):
        yield one, two, three, four


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8", "replace"))
    except (OSError, ValueError, RecursionError):
        return None


def _tables(value: Any, name: str) -> list[dict[str, Any]]:
    """Return the dictionaries in the list ``value[name]``."""
    found = value.get(name) if isinstance(value, dict) else None
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
