"""Verification of nights in an augmented data set: no invented light, and signals that keep their colors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from impasto import color, image
from impasto.errors import InputError
from impasto.jobs import PhotorealJob
from impasto.looks.beam import Road
from impasto.looks.lights import HUES
from impasto.looks.night import settings_of
from impasto.looks.proof import Signal, find_excess_light, light_bound, signals_of
from impasto.painters.inputs import Inputs
from impasto.painters.nights import find_lamps, light_lamps
from impasto.painters.photoreal import grade_photo, night_of
from impasto.session import Session

MOST = 0.00005  # share of pixels without an explanation that JPEG blocks may cause
LEAST_SIGNAL = 5  # pixels; hue and contrast of a smaller signal are those of JPEG blocks


@dataclass(frozen=True)
class Lights:
    """What is measured of the lights of a night.

    Args:
        invented: share of pixels that are brighter than the lamps explain, 0..1.
        signals: its signals of at least ``LEAST_SIGNAL`` pixels; none of a gray photo.
    """

    invented: float
    signals: tuple[Signal, ...] = ()

    @property
    def turn(self) -> float | None:
        """Largest change of the hue of a signal, in degrees; None: there is no signal."""
        return max((signal.hue for signal in self.signals), default=None)

    @property
    def faults(self) -> list[str]:
        """What is wrong with it; empty if nothing is."""
        said = []
        if self.invented > MOST:
            said.append(f"{self.invented:.2%} of its pixels are brighter than its lamps explain")
        turned = [signal.hue for signal in self.signals if signal.hue > HUES]
        if turned:
            said.append(f"{len(turned)} of its signals changed hue, by up to {max(turned):.0f} degrees")
        faint = [signal.night for signal in self.signals if not signal.clear]
        if faint:
            said.append(
                f"{len(faint)} of its signals lost contrast with their housing, down to {min(faint):.2f}"
            )
        return said


def lights_of(photo: Path, painted: Path, verb: str, settings: Mapping[str, Any]) -> Lights | None:
    """Measure the lights of an augmented image; None: it is no night.

    The graded image, without lamps and beam, is made again from the settings, by its style if it has one,
    and so is the most light that the lamps may add; what is compared is the file.

    Args:
        photo, painted: the photo, and the image made of it.
        verb, settings: those of its row in the manifest.

    Raises:
        InputError: a file cannot be read.
    """
    if verb != PhotorealJob.verb:
        return None
    known = {name: value for name, value in settings.items() if name in PhotorealJob.__dataclass_fields__}
    job = PhotorealJob.parse({**known, "content": str(photo)})
    _, night = night_of(job, Inputs(job, {}))
    if night is None:
        return None
    result = np.asarray(image.read(painted).flat(), np.float32)
    # With one thread, as the image was made.
    day, by_style = grade_photo(job, Session(threads=1, log=_hush))
    if day.shape != result.shape:
        raise InputError(f"{painted} has another size than its photo")
    inputs, road = Inputs(job, {job.content: day}), Road.of(day, horizon=job.horizon)
    lamps = find_lamps(job, inputs, day, road).lamps
    dark = light_lamps(job, inputs, night, day, by_style, log=_hush).graded
    gray = image.read_layout(photo)[0]
    if gray:
        dark = np.asarray(np.repeat(color.luma(dark)[..., None], 3, 2), np.float32)
    seen = settings_of(night, lamps=by_style is not None or bool(lamps.where("lamp").any()))
    # Blocks of a JPEG ring over eight pixels.
    smooth = [cv2.GaussianBlur(picture, (0, 0), 1.5).astype(np.float32) for picture in (result, dark)]
    most = cv2.dilate(light_bound(lamps, road, seen), np.ones((9, 9), np.uint8))
    share = float(find_excess_light(smooth[0], smooth[1], np.asarray(most, np.float32)).mean())
    sides = {number: min(side.stop - side.start for side in box) for number, _, box in lamps.parts()}
    large = [number for number, side in sides.items() if side >= LEAST_SIGNAL]
    return Lights(share, () if gray else tuple(signals_of(result, day, lamps, only=large)))


def _hush(text: str) -> None:
    """Say nothing: what is made again was told when it was made."""
