"""Quality gate of an augmented data set: rejects clipped light, halos and labeled objects that vanished.

Each image is compared with its photo by three metrics. They do not judge its appearance, but whether its
labels are still true. A rejected image is replaced by its photo, so that the data set stays complete.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto import color, files, image
from impasto.augmentation.lighting import lights_of
from impasto.batching.manifest import Manifest, Row
from impasto.errors import ImpastoError
from impasto.looks.labeled import Box
from impasto.metrics import edge_ssim, halo_index

MOST_CLIPPED = 0.1  # share of pixels that may become black or white where the photo was not
MOST_HALO = 3.0  # remaining difference along the skyline, relative to elsewhere
LEAST_KEPT = 0.25  # correlation of the edges of a labeled object with those of its photo
SMALLEST = 12  # pixels; boxes with a shorter side are not judged
FAINT = 0.015  # mean gradient of a box, luma per pixel, below which the photo itself shows nothing
REJECTED = "rejected"  # folder of rejected images
_SIDE = 350  # long side in pixels for the halo index
_PATCH = 32  # side in pixels to which a box is resized; brush strokes may change finer detail
_ENDS = (2 / 255, 253 / 255)
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Judgment:
    """Metrics of one image.

    Args:
        clipped: share of pixels that are black or white, and were not in the photo, 0..1.
        halo: :func:`impasto.metrics.halo_index` along the border of the photo's dark and bright parts.
        kept: lowest correlation of edges among the labeled boxes; None if there is no box.
        box: the box with this correlation.
    """

    clipped: float
    halo: float
    kept: float | None = None
    box: Box | None = None

    @property
    def faults(self) -> list[str]:
        """Reasons for a rejection; empty if the image is accepted."""
        found = []
        if self.clipped > MOST_CLIPPED:
            found.append(f"{self.clipped:.0%} of its pixels are clipped")
        if self.halo > MOST_HALO:
            found.append(f"halos along the skyline ({self.halo:.1f} times the difference elsewhere)")
        if self.kept is not None and self.kept < LEAST_KEPT and self.box is not None:
            place = ", ".join(f"{value:.0f}" for value in self.box)
            found.append(f"the object labeled at {place} is not visible (edge correlation {self.kept:.2f})")
        return found

    def row(self) -> dict[str, Any]:
        """Return the entry for the manifest."""
        return {
            k: [round(v, 1) for v in found] if isinstance(found, tuple) else found and round(found, 4)
            for k, found in asdict(self).items()
        }


def judge(photo: Path, painted: Path, boxes: Sequence[Box]) -> Judgment:
    """Compare an augmented image with its photo.

    Args:
        photo, painted: image files of the same size.
        boxes: boxes of the objects labeled in the photo.

    Raises:
        InputError: a file cannot be read, or the sizes differ.
    """
    one, other = (np.asarray(image.read(path).flat(), np.float32) for path in (photo, painted))
    gray = [np.asarray(color.luma(rgb), np.float32) for rgb in (one, other)]
    clipped = _find_clipped(gray[1]) & ~_find_clipped(gray[0])
    kept = [(_edge_correlation(gray[0], gray[1], box), box) for box in boxes]
    least = min(((k, box) for k, box in kept if k is not None), default=(None, None))
    return Judgment(float(clipped.mean()), _halo(one, other), *least)


def _find_clipped(gray: Array) -> NDArray[np.bool_]:
    return np.asarray((gray <= _ENDS[0]) | (gray >= _ENDS[1]))


def _halo(photo: Array, painted: Array) -> float:
    """Return the halo index along the border of dark and bright parts of the photo (Otsu 1979)."""
    size = image.fit((photo.shape[0], photo.shape[1]), _SIDE)
    one, other = (image.resize(rgb, size).clip(0, 1) for rgb in (photo, painted))
    gray = (cv2.GaussianBlur(np.asarray(color.luma(one), np.float32), (0, 0), 2) * 255).astype(np.uint8)
    _, bright = cv2.threshold(gray, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    soft = cv2.GaussianBlur(bright.astype(np.float32), (0, 0), 1)
    return halo_index(other, one, alphas=np.stack([soft, 1 - soft]))


def _edge_correlation(photo: Array, painted: Array, box: Box) -> float | None:
    """Return the correlation of edges in a box; None if it is too small, or the photo shows nothing in it."""
    patches = _patches(photo, painted, box)
    if min(patches[0].shape) < SMALLEST:
        return None
    one, other = (_slopes(image.resize(patch[..., None], (_PATCH, _PATCH))[..., 0]) for patch in patches)
    if one.mean() < FAINT:
        return None
    one, other = one - one.mean(), other - other.mean()
    length = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
    return float((one * other).sum()) / length if length > 1e-6 else 0.0


def judge_night(photo: Path, painted: Path, row: Row, boxes: Sequence[Box]) -> dict[str, float | None]:
    """Return what is recorded of a night, beside its judgment; empty for any other image.

    ``invented`` is the share of pixels that its lamps do not explain, ``hue`` the largest change of the hue
    of a signal in degrees, ``edges`` the lowest :func:`impasto.metrics.edge_ssim` of the labeled boxes, at
    32x32 pixels; None if there is no such signal or box. Nothing is rejected for them: ``--verify`` tells.

    Args:
        photo, painted: image files of the same size.
        boxes: boxes of the objects labeled in the photo.

    Raises:
        InputError: a file cannot be read.
    """
    lights = lights_of(photo, painted, row["verb"], row["settings"])
    if lights is None:
        return {}
    one, other = (np.asarray(image.read(path).flat(), np.float32) for path in (photo, painted))
    patches = [pair for box in boxes if min((pair := _patches(one, other, box))[0].shape[:2]) >= SMALLEST]
    small = [[image.resize(patch, (_PATCH, _PATCH)).clip(0, 1) for patch in pair] for pair in patches]
    edges = min((edge_ssim(*pair) for pair in small), default=None)
    found = {"invented": lights.invented, "hue": lights.turn, "edges": edges}
    return {name: value if value is None else round(value, 6) for name, value in found.items()}


def _patches(one: Array, other: Array, box: Box) -> list[Array]:
    left, top, right, bottom = (max(0, round(value)) for value in box)
    return [picture[top:bottom, left:right] for picture in (one, other)]


def _slopes(patch: Array) -> Array:
    """Return the magnitude of the Sobel gradient, in luma per pixel."""
    across, down = (cv2.Sobel(patch, cv2.CV_32F, *order) / 8 for order in ((1, 0), (0, 1)))
    return np.asarray(np.hypot(across, down), np.float32)


def judge_all(source: Path, target: Path, *, boxes: Callable[[str], Sequence[Box]]) -> int:
    """Judge every image of a data set that is not judged yet; return the total number of rejected ones.

    Judgments are recorded before any file is moved, and moves are repeated if needed, so that a killed run
    can be resumed at any point.

    Args:
        boxes: returns the labeled boxes of the photo of this name.

    Raises:
        OutputError: the manifest or an image cannot be written.
    """
    manifest = Manifest(target)
    done = [row for row in manifest.last.values() if row.get("status") == "done"]
    # An image that was replaced by a run with other settings is not part of the data set.
    done = [row for row in done if manifest.owner(row["output"]) == row["key"]]
    fresh = [row for row in done if "gate" not in row]

    def judge_row(row: Row) -> Row:
        name = row["output"]
        try:
            found = judge(source / name, target / name, boxes(name))
            night = judge_night(source / name, target / name, row, boxes(name))
        except ImpastoError as error:
            return {**row, "gate": {}, "rejected": " ".join(str(error).split())}
        return {**row, "gate": {**found.row(), **night}, "rejected": "; ".join(found.faults)}

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for row in pool.map(judge_row, fresh):
            manifest.add(row)
    judgements = [manifest.last[row["key"]] for row in done]
    rejected = [row for row in judgements if row.get("rejected")]
    for row in rejected:
        _put_back(source / row["output"], target, row)
    return len(rejected)


def _put_back(photo: Path, target: Path, row: Row) -> None:
    """Move a rejected image aside, and copy its photo into its place; idempotent."""
    place, aside = target / row["output"], target / REJECTED / row["output"]
    if not place.is_file() or files.sha256(place) != row.get("sha256"):
        return
    for here, there in ((place, aside), (photo, place)):
        if not here.is_file():  # the photo was deleted: an image that cannot be judged is rejected
            there.unlink()
            continue
        files.copy(here, there)
