"""What keeps a bad picture out of a data set: clipped light, halos, and labelled things that nobody can see.

Each picture is judged beside its photo, by three figures. None of them asks how it looks; they ask whether
what the labels say is still there. The photograph itself takes the place of a picture that is rejected, so
that the data set stays whole.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from impasto import color, files, image
from impasto.batch.boxes import Box
from impasto.batch.manifest import Manifest, Row
from impasto.errors import ImpastoError
from impasto.metrics import halo_index

MOST_CLIPPED = 0.1  # share of the picture that may become black or white where the photo was not
MOST_HALO = 3.0  # difference left along the skyline, against that elsewhere
LEAST_KEPT = 0.25  # correlation of a labelled thing's edges with those of its photo
SMALLEST = 12  # pixels: boxes with a shorter side hold too little to be judged by
FAINT = 0.015  # mean slope of a box, luma a pixel, below which the photo shows nothing there either
REJECTED = "rejected"  # the folder of what did not get in
_SIDE = 350  # pixels at which halos are looked for
_PATCH = 32  # pixels at which a box is looked at: what is finer than that, strokes may change
_ENDS = (2 / 255, 253 / 255)
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Judgement:
    """What the gate saw.

    Args:
        clipped: share of pixels that are black or white now, and were not in the photo, 0..1.
        halo: :func:`impasto.metrics.halo_index` along the border of the photo's dark and bright parts.
        kept: correlation of edges in the labelled box that kept least of them; None if there is no box.
        box: that box.
    """

    clipped: float
    halo: float
    kept: float | None = None
    box: Box | None = None

    @property
    def faults(self) -> list[str]:
        """Why the picture is rejected; empty if it is not."""
        found = []
        if self.clipped > MOST_CLIPPED:
            found.append(f"{self.clipped:.0%} of it is clipped")
        if self.halo > MOST_HALO:
            found.append(f"halos along the skyline ({self.halo:.1f} times what is elsewhere)")
        if self.kept is not None and self.kept < LEAST_KEPT and self.box is not None:
            place = ", ".join(f"{value:.0f}" for value in self.box)
            found.append(f"what is labelled at {place} cannot be seen ({self.kept:.2f} of its edges)")
        return found

    def row(self) -> dict[str, Any]:
        """As the manifest holds it."""
        return {
            k: [round(v, 1) for v in found] if isinstance(found, tuple) else found and round(found, 4)
            for k, found in asdict(self).items()
        }


def judge(photo: Path, painted: Path, boxes: Sequence[Box]) -> Judgement:
    """Looks at a painted picture beside its photo.

    Args:
        photo, painted: files of one size.
        boxes: what is labelled in the photo.

    Raises:
        InputError: a file that cannot be read, or sizes that differ.
    """
    one, other = (np.asarray(image.read(path).flat(), np.float32) for path in (photo, painted))
    grey = [np.asarray(color.luma(rgb), np.float32) for rgb in (one, other)]
    clipped = _ended(grey[1]) & ~_ended(grey[0])
    kept = [(_kept(grey[0], grey[1], box), box) for box in boxes]
    least = min(((k, box) for k, box in kept if k is not None), default=(None, None))
    return Judgement(float(clipped.mean()), _halo(one, other), *least)


def _ended(grey: Array) -> NDArray[np.bool_]:
    return np.asarray((grey <= _ENDS[0]) | (grey >= _ENDS[1]))


def _halo(photo: Array, painted: Array) -> float:
    """The halo index between the photo's dark and its bright part (Otsu 1979), where skylines lie."""
    size = image.fit((photo.shape[0], photo.shape[1]), _SIDE)
    one, other = (image.resize(rgb, size).clip(0, 1) for rgb in (photo, painted))
    grey = (cv2.GaussianBlur(np.asarray(color.luma(one), np.float32), (0, 0), 2) * 255).astype(np.uint8)
    _, bright = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    soft = cv2.GaussianBlur(bright.astype(np.float32), (0, 0), 1)
    return halo_index(other, one, alphas=np.stack([soft, 1 - soft]))


def _kept(photo: Array, painted: Array, box: Box) -> float | None:
    """Correlation of the edges in a box; None if it is too small, or the photo shows nothing in it."""
    left, top, right, bottom = (max(0, round(value)) for value in box)
    patches = [grey[top:bottom, left:right] for grey in (photo, painted)]
    if min(patches[0].shape) < SMALLEST:
        return None
    one, other = (_slopes(image.resize(patch[..., None], (_PATCH, _PATCH))[..., 0]) for patch in patches)
    if one.mean() < FAINT:
        return None
    one, other = one - one.mean(), other - other.mean()
    length = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
    return float((one * other).sum()) / length if length > 1e-6 else 0.0


def _slopes(patch: Array) -> Array:
    """Sobel's magnitude, luma a pixel."""
    across, down = (cv2.Sobel(patch, cv2.CV_32F, *order) / 8 for order in ((1, 0), (0, 1)))
    return np.asarray(np.hypot(across, down), np.float32)


def judge_all(source: Path, target: Path, *, boxes: Callable[[str], Sequence[Box]]) -> int:
    """Judges every picture of a data set that was not judged yet; how many of all are rejected.

    The judgement is written down before anything is moved, and what is written down is carried out again if
    need be: killed at any moment, it goes on.

    Args:
        source: the data set; ``target``: the painted one, with its manifest.
        boxes: what is labelled in the photo of this name.

    Raises:
        OutputError: the manifest or a picture cannot be written.
    """
    manifest = Manifest(target)
    # What other settings have painted over since is none of this data set's pictures.
    done = [
        row
        for row in manifest.last.values()
        if row.get("status") == "done" and manifest.owner(row["output"]) == row["key"]
    ]
    fresh = [row for row in done if "gate" not in row]

    def judged(row: Row) -> Row:
        name = row["output"]
        try:
            found = judge(source / name, target / name, boxes(name))
        except ImpastoError as error:
            return {**row, "gate": {}, "rejected": " ".join(str(error).split())}
        return {**row, "gate": found.row(), "rejected": "; ".join(found.faults)}

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for row in pool.map(judged, fresh):
            manifest.add(row)
    judgements = [manifest.last[row["key"]] for row in done]
    rejected = [row for row in judgements if row.get("rejected")]
    for row in rejected:
        _put_back(source / row["output"], target, row)
    return len(rejected)


def _put_back(photo: Path, target: Path, row: Row) -> None:
    """Moves a rejected painting aside, and its photo into its place; does nothing the second time."""
    place, aside = target / row["output"], target / REJECTED / row["output"]
    if not place.is_file() or files.sha256(place) != row.get("sha256"):
        return
    for here, there in ((place, aside), (photo, place)):
        if not here.is_file():  # a photo that is gone since the start: what cannot be judged does not get in
            there.unlink()
            continue
        files.check_output(there, overwrite=True)
        with files.atomic(there) as temporary:
            shutil.copyfile(here, temporary)
