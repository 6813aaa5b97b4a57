"""Labeled objects of data sets: KITTI, COCO and BDD100K, read from their files.

What cannot be read as an object is ignored: data sets have many dialects.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Thing:
    """A labeled object.

    Args:
        name: its class in small letters, such as ``traffic light``; empty if unknown.
        box: left, top, right and bottom, in pixels of the photo.
        color: of a traffic light: red, yellow or green; empty if unknown.
    """

    name: str
    box: Box
    color: str = ""

    def scale(self, right: float, down: float) -> Thing:
        """Return it in an image resized by these factors."""
        left, top, right_end, bottom = self.box
        return replace(self, box=(left * right, top * down, right_end * right, bottom * down))


def kitti(text: str) -> Iterator[Thing]:
    """Read a label file of KITTI: class, and words 5 to 8 of each line."""
    for line in text.splitlines():
        words = line.split()
        if words and words[0] != "DontCare":
            for box in box_of(words[4:8]):
                yield Thing(words[0].lower(), box)


def coco(labels: Any) -> Iterator[tuple[str, Thing]]:
    """Read ``images`` with names, and ``annotations`` with ``bbox`` (left, top, width, height)."""
    names = {str(entry.get("id")): entry.get("file_name") for entry in tables(labels, "images")}
    classes = {str(entry.get("id")): str(entry.get("name")) for entry in tables(labels, "categories")}
    for entry in tables(labels, "annotations"):
        name, box = names.get(str(entry.get("image_id"))), entry.get("bbox")
        if isinstance(name, str) and isinstance(box, list) and len(box) == 4:
            for left, top, width, height in box_of(box, ordered=False):
                kind = classes.get(str(entry.get("category_id")), "").lower()
                yield Path(name).name, Thing(kind, (left, top, left + width, top + height))


def bdd(labels: Any) -> Iterator[tuple[str, Thing]]:
    """Read one or a list of photos: ``name``, and ``labels`` or ``frames`` of ``objects``, with ``box2d``."""
    for entry in labels if isinstance(labels, list) else [labels]:
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            continue
        objects = tables(entry, "labels")
        for frame in tables(entry, "frames"):
            objects += tables(frame, "objects")
        for thing in objects:
            box, more = thing.get("box2d"), thing.get("attributes")
            if isinstance(box, Mapping):
                color = more.get("trafficLightColor") if isinstance(more, Mapping) else None
                for found in box_of([box.get(key) for key in ("x1", "y1", "x2", "y2")]):
                    kind = str(thing.get("category", "")).lower()
                    yield Path(name).name, Thing(kind, found, _COLORS.get(str(color).lower(), ""))


_COLORS = {"red": "red", "r": "red", "yellow": "yellow", "y": "yellow", "green": "green", "g": "green"}


def things_of(path: Path, photo: str) -> list[Thing] | None:
    """Return the objects of a photo in a file of labels; None: the file says nothing of it.

    Args:
        path: ``.txt`` of KITTI, which is of one photo, or ``.json`` of COCO or BDD100K.
        photo: file name of the photo, with or without folders and suffix.
    """
    if path.suffix.lower() == ".txt":
        try:
            return list(kitti(path.read_text("utf-8", "replace")))
        except OSError:
            return None
    try:
        found = _index(path, path.stat().st_mtime_ns)
    except OSError:
        return None
    return found.get(Path(photo).name, found.get(Path(photo).stem))


@lru_cache(maxsize=2)
def _index(path: Path, stamp: int) -> dict[str, list[Thing]]:
    """Return the objects of each photo; ``stamp`` is the time of the file, so that a new one is read."""
    labels = json_of(path)
    found: dict[str, list[Thing]] = {}
    for entry in tables(labels, "images"):
        if isinstance(entry.get("file_name"), str):
            found[Path(entry["file_name"]).name] = []
    for entry in labels if isinstance(labels, list) else [labels]:
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            found[Path(entry["name"]).name] = []
    for name, thing in (*coco(labels), *bdd(labels)):
        found.setdefault(name, []).append(thing)
    return found


def box_of(values: Sequence[Any], *, ordered: bool = True) -> Iterator[Box]:
    """Yield the four numbers as a box if they are valid."""
    try:
        one, two, three, four = (float(value) for value in values)
    except (TypeError, ValueError):
        return
    if not ordered or (one < three and two < four):
        yield one, two, three, four


def json_of(path: Path) -> Any:
    """Return the contents of a JSON file; None if it is none."""
    try:
        return json.loads(path.read_text("utf-8", "replace"))
    except (OSError, ValueError, RecursionError):
        return None


def tables(value: Any, name: str) -> list[dict[str, Any]]:
    """Return the dictionaries in the list ``value[name]``."""
    found = value.get(name) if isinstance(value, dict) else None
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
