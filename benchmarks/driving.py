"""Protocol of detectors at night on BDD100K, for ``night.py --bdd``.

As in table 1 of "Bridging Day and Night" (AAAI 2026, arXiv 2602.15383): train on the photos by day, and on
those by day with their copies at night; test on the real nights of the validation set. The detector is that
of the user; the table has Faster R-CNN R50-FPN with 40,000 steps, and gives mAP and AP of traffic lights.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SPLITS = {"train": "daytime", "val": "night"}
LABELS = ("det_20/det_{}.json", "det_{}.json", "bdd100k_labels_images_{}.json")


def entries(bdd: Path, split: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the photos of a split at its time of day, with their labels.

    Raises:
        SystemExit: the folder has no labels of that split.
    """
    places = [bdd / "labels" / name.format(split) for name in LABELS]
    labels = next((place for place in places if place.is_file()), None)
    if labels is None:
        raise SystemExit(f"{bdd} has none of {', '.join(str(p.relative_to(bdd)) for p in places)}")
    for entry in json.loads(labels.read_text()):
        found = sorted((bdd / "images").glob(f"**/{split}/{entry['name']}"))
        if found and entry.get("attributes", {}).get("timeofday") == SPLITS[split]:
            yield found[0], entry


def classes_of(photos: list[tuple[Path, dict[str, Any]]]) -> list[str]:
    """Return the classes of all boxes; their numbers are the same in each set of photos."""
    return sorted({thing["category"] for _, entry in photos for thing in entry.get("labels") or []
                   if thing.get("box2d")})  # fmt: skip


def coco(photos: list[tuple[Path, dict[str, Any]]], names: list[str]) -> dict[str, Any]:
    """Return photos with absolute paths and their boxes in the format of COCO."""
    images, boxes = [], list[dict[str, Any]]()
    for number, (path, entry) in enumerate(photos):
        images.append({"id": number, "file_name": str(path.resolve()), "width": 1280, "height": 720})
        for thing in entry.get("labels") or []:
            box = thing.get("box2d")
            if box:
                wide, tall = box["x2"] - box["x1"], box["y2"] - box["y1"]
                boxes.append({"id": len(boxes), "image_id": number, "iscrowd": 0, "area": wide * tall,
                              "category_id": names.index(thing["category"]),
                              "bbox": [box["x1"], box["y1"], wide, tall]})  # fmt: skip
    classes = [{"id": number, "name": name} for number, name in enumerate(names)]
    return {"images": images, "annotations": boxes, "categories": classes}


def protocol(bdd: Path, out: Path, *, detector: str | None, limit: int | None) -> None:
    """Write lists, labels and copies at night, and run a detector on them.

    Args:
        bdd: BDD100K, with ``images`` and ``labels``.
        out: folder for ``day.json``, ``day-and-night.json``, ``test.json`` and the copies.
        detector: command with ``{train}``, ``{test}`` and ``{name}``, run for each training set; None: none.
        limit: most photos of each split; None: all.
    """
    import impasto

    day, night = (list(entries(bdd, split))[:limit] for split in SPLITS)
    copies = list[tuple[Path, dict[str, Any]]]()
    (out / "night").mkdir(parents=True, exist_ok=True)
    for path, entry in day:
        copy, label = out / "night" / path.name, out / "night" / f"{path.stem}.json"
        if not copy.exists():
            label.write_text(json.dumps(entry))
            impasto.photoreal(str(path), night="city", lamps=str(label)).save(copy)
        copies.append((copy, entry))
    sets = {"day": day, "day-and-night": [*day, *copies], "test": night}
    names = classes_of([*day, *night])
    for name, photos in sets.items():
        (out / f"{name}.json").write_text(json.dumps(coco(photos, names)))
        print(f"{out / name}.json: {len(photos)} photos", flush=True)
    for name in ("day", "day-and-night") if detector else ():
        places = {"train": out / f"{name}.json", "test": out / "test.json", "name": name}
        words = [word.format(**places) for word in shlex.split(str(detector))]
        print(f"{name}: {shlex.join(words)}", flush=True)
        subprocess.run(words, check=True)
