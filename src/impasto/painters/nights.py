"""``photoreal --night``: a picture at night with its lamps lit, with or without a style. Needs no PyTorch."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from impasto.errors import InputError
from impasto.jobs import PhotorealJob
from impasto.jobs.base import NightName
from impasto.looks.beam import Road
from impasto.looks.boxed import lamps_in_boxes
from impasto.looks.detectors import detect_lamps
from impasto.looks.grading import mix
from impasto.looks.labeled import things_of
from impasto.looks.lamps import Labels, read_lamps
from impasto.looks.lights import NAMES, Draws, Lamps
from impasto.looks.night import Lit, render_night, settings_of
from impasto.looks.planes import Array, Bytes
from impasto.painters.inputs import Inputs

Log = Callable[[str], None]

BOXES = (".json", ".txt")  # suffixes of labels with boxes
DARK = 0.2  # median luma below which a photo is a night already

_log = logging.getLogger("impasto")


def light_lamps(
    job: PhotorealJob,
    inputs: Inputs,
    night: NightName,
    photo: Array,
    graded: Array | None = None,
    *,
    log: Log | None = None,
) -> Lit:
    """Light the lamps of a photo.

    Args:
        photo: photo by day, ``(H, W, 3)``, sRGB, 0..1.
        graded: the photo with the light of a style, likewise; None: that of the night.
        log: called with what was lit, and with warnings; default: the log.

    Raises:
        InputError: the labels are not valid.
    """
    road = Road.of(photo, horizon=job.horizon)
    labels = find_lamps(job, inputs, photo, road)
    lamps = graded is not None or bool(labels.lamps.where("lamp").any())
    result = render_night(
        photo,
        labels.lamps,
        settings_of(night, lamps=lamps),
        Draws.of(photo, job.seed),
        graded=graded,
        road=road,
        known=labels.sky,
    )
    if labels.said:
        (log or _log.info)(labels.said)
    _say(labels.lamps, result, photo, log=log, drawn=job.lamps is not None)
    if graded is None and job.strength != 1:
        return Lit(mix(photo, result.rgb, job.strength), result.on, result.develop)
    return result


def find_lamps(job: PhotorealJob, inputs: Inputs, photo: Array, road: Road) -> Labels:
    """Return the lamps of a photo, from its labels or by the detectors."""
    horizon = road.horizon / road.size[0]
    if job.lamps is not None and Path(job.lamps).suffix.lower() in BOXES:
        return Labels(Lamps.of(_read_boxes(job, inputs, photo, horizon)))
    if job.lamps is not None:
        return read_lamps(inputs.source(job.lamps), photo, horizon=horizon)
    return Labels(Lamps.of(detect_lamps(photo, horizon=horizon)))


def _read_boxes(job: PhotorealJob, inputs: Inputs, photo: Array, horizon: float) -> Bytes:
    """Return the lamps within the boxes of a file of labels; of a resized photo, boxes are resized too."""
    name = str(job.lamps)
    things = things_of(Path(str(inputs.source(name))), job.content)
    if things is None:
        raise InputError(
            f"labels {name} have no entry for {Path(job.content).name}: give a .json of COCO or BDD that "
            f"names it, a .txt of KITTI, or an image"
        )
    height, width = inputs.read(job.content).size
    down, right = photo.shape[0] / height, photo.shape[1] / width
    return lamps_in_boxes(photo, [thing.scale(right, down) for thing in things], horizon)


def _say(lamps: Lamps, result: Lit, photo: Array, *, log: Log | None, drawn: bool) -> None:
    """Report how many lamps are on, and warn if the photo is no day."""
    numbers = {kind: [0, 0] for kind in NAMES}
    for number, kind, box in lamps.parts():
        numbers[kind][1] += 1
        numbers[kind][0] += bool(result.on[box][lamps.ids[box] == number].any())
    parts = [f"{on} of {all_} {kind}" for kind, (on, all_) in numbers.items() if all_ and kind != "sign"]
    sure = "" if drawn else " (no labels given: confident detections only)"
    (log or _log.info)(f"lamps lit: {', '.join(parts) or 'none'}{sure}")
    middle = float(np.median(photo.mean(2)))
    if middle < DARK:
        (log or _log.warning)(
            f"warning: the photo is dark already (median {middle:.2f}): --night is meant for daytime photos"
        )
