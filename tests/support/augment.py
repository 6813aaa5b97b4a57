"""Helpers of the tests of augment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto import image, samples
from impasto.networks import library, packs
from support.networks import pack_of

TREES = {
    "coco": (["train2017/000001.jpg", "val2017/000002.jpg"], ["annotations/instances_train2017.json"]),
    "bdd": (["images/100k/train/a-1.jpg"], ["labels/bdd100k_labels.json", "labels/drivable/train/a-1.png"]),
    "cityscapes": (
        ["leftImg8bit/train/aachen/aachen_000000_leftImg8bit.png"],
        ["gtFine/train/aachen/aachen_000000_gtFine_labelIds.png", "license.txt"],
    ),
    "kitti": (
        ["training/image_2/000000.png", "training/image_3/000000.png"],
        ["training/label_2/000000.txt", "training/semantic/000000.png", "training/calib/000000.txt"],
    ),
}


def make_looks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ``looks/mine.safetensors`` in a folder and work there, with no other styles."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv(library.HOME, str(folder / "none"))
    monkeypatch.setattr(library, "SHIPPED", folder / "none")
    monkeypatch.chdir(folder)
    (folder / "looks").mkdir()
    packs.save(pack_of(), folder / "looks" / "mine.safetensors")


def lay_out(name: str) -> Path:
    """A small data set in a layout; label maps are pictures too, and unlike any photo's neighbor."""
    photos, labels = TREES[name]
    for number, path in enumerate(photos):
        Path(name, path).parent.mkdir(parents=True, exist_ok=True)
        image.write(Path(name, path), image.resize(samples.photo("chelsea")[number:], (60, 90)))
    for path in labels:
        Path(name, path).parent.mkdir(parents=True, exist_ok=True)
        if path.endswith(".png"):
            Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)).save(Path(name, path))
        else:
            Path(name, path).write_bytes(b'{"boxes": [1, 2]}\r\n')
    return Path(name)
