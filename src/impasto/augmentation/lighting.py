"""Verification of nights in an augmented data set: no invented light, and signals that keep their colors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from impasto import image, looks
from impasto.errors import InputError
from impasto.jobs import PhotorealJob
from impasto.jobs.base import NightName
from impasto.looks.beam import Road
from impasto.looks.lights import HUES
from impasto.looks.night import settings_of
from impasto.looks.proof import bound, invented, signals_of
from impasto.painters.inputs import Inputs
from impasto.painters.nights import found, lighted

MOST = 0.00005  # share of pixels without an explanation that JPEG blocks may cause
LEAST_SIGNAL = 5  # pixels; hue and contrast of a smaller signal are those of JPEG blocks


def night_of(job: PhotorealJob) -> NightName | None:
    """Return the kind of night of a job or of its look; None: no night."""
    if job.night is not None or job.look is None:
        return job.night
    return looks.load(job.look).night


def faults(photo: Path, painted: Path, verb: str, settings: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the lights of an augmented image; empty if nothing is, or it is no night.

    The graded image, without lamps and beam, is made again from the settings, and so is the most light that
    the lamps may add; what is compared is the file.

    Args:
        photo, painted: the photo, and the image made of it.
        verb, settings: those of its row in the manifest.

    Raises:
        InputError: a file cannot be read.
    """
    if verb != PhotorealJob.verb:
        return []
    known = {name: value for name, value in settings.items() if name in PhotorealJob.__dataclass_fields__}
    job = PhotorealJob.parse(known)
    night = night_of(job)
    if night is None:
        return []
    if any(not name.lower().endswith(".look") or looks.load(name).has_colors for name in job.styles):
        return []  # its grade comes from styles, whose own lights are not judged
    day, result = (np.asarray(image.read(path).flat(), np.float32) for path in (photo, painted))
    if day.shape != result.shape:
        raise InputError(f"{painted} has another size than its photo")
    inputs = Inputs(job, {job.content: day})
    road = Road.of(day, horizon=job.horizon)
    lamps = found(job, inputs, day, road).lamps
    graded = lighted(job, inputs, night, day, log=lambda _: None).graded
    seen = settings_of(night, lamps=bool(lamps.where("lamp").any()))
    # Blocks of a JPEG ring over eight pixels.
    smooth = [cv2.GaussianBlur(picture, (0, 0), 1.5).astype(np.float32) for picture in (result, graded)]
    most = cv2.dilate(bound(lamps, road, seen), np.ones((9, 9), np.uint8))
    share = float(invented(smooth[0], smooth[1], np.asarray(most, np.float32)).mean())
    said = [f"{share:.2%} of its pixels are brighter than its lamps explain"] if share > MOST else []
    large = [number for number, kind, box in lamps.parts() if kind == "signal" and _is_large(box)]
    turned = [s.hue for s in signals_of(result, day, lamps, only=large) if s.hue > HUES]
    if turned:
        said.append(f"{len(turned)} of its signals changed hue, by up to {max(turned):.0f} degrees")
    return said


def _is_large(box: tuple[slice, slice]) -> bool:
    return bool(min(side.stop - side.start for side in box) >= LEAST_SIGNAL)
