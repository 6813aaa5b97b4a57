"""Content image prepared for grading."""

from __future__ import annotations

from dataclasses import dataclass

from impasto.looks.look import Look
from impasto.looks.masks import Regions
from impasto.looks.planes import Array


@dataclass(frozen=True, eq=False)
class Subject:
    """Content image prepared for grading: full size, small copy with its regions, and the look.

    ``styles`` holds the regions of the style images, if any. ``given`` is the photo as it was given if lamps
    were taken out of ``photo``.
    """

    photo: Array
    small: Array
    regions: Regions
    look: Look
    styles: tuple[Regions, ...] = ()
    given: Array | None = None
