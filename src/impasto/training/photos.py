"""Training photos: crops of random position, scale, lighting and flip, reproducible by seed."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto import image, tensors
from impasto.errors import ImpastoError, InputError
from impasto.jobs.base import pluralize

Bytes = NDArray[np.uint8]

_log = logging.getLogger("impasto")

LONGEST = 720  # long side to which photos are reduced, pixels
CACHE = 600_000_000  # bytes of reduced photos cached in memory
SYNTHETIC = 0.06  # share of crops that are flat or a gradient, as skies are; photos have too few


class Photos:
    """Photos to train on.

    Args:
        paths: image files, or one folder of them.
        log: called with a message for each file that cannot be read. Default: log a warning.

    Raises:
        InputError: there is no such folder, or no readable photo in it.
    """

    def __init__(
        self, paths: str | Path | Sequence[str | Path], *, log: Callable[[str], None] | None = None
    ) -> None:
        self.paths = _find_photos(paths)
        self._report = log or _log.warning
        self._kept: dict[int, Bytes] = {}
        self._bytes = 0
        self._bad: set[int] = set()
        if not any(self._array(index) is not None for index in range(len(self.paths))):
            raise InputError(
                f"of {pluralize(len(self.paths), 'file')} given as photos, none can be read: use others"
            )

    def __len__(self) -> int:
        return len(self.paths)

    def crop(self, side: int, *, generator: torch.Generator) -> Tensor:
        """Return a square crop ``(3, side, side)``, RGB 0..1, determined by ``generator``."""
        if float(torch.rand((), generator=generator)) < SYNTHETIC:
            return _synthetic(side, generator)
        array = self._draw(generator)
        short = min(array.shape[:2])
        # Log-uniform between the short side of the photo and one photo pixel per crop pixel.
        least = min(side, short)
        u = float(torch.rand((), generator=generator))
        taken = max(1, round(least * (short / least) ** u))
        highest = (extent - taken + 1 for extent in array.shape[:2])
        top, left = (int(torch.randint(0, most, (), generator=generator)) for most in highest)
        part = torch.from_numpy(array[top : top + taken, left : left + taken].astype(np.float32) / 255)
        crop = tensors.resize(part.permute(2, 0, 1)[None], (side, side))[0].clamp(0, 1)
        if float(torch.rand((), generator=generator)) < 0.5:
            crop = crop.flip(-1)
        return _jitter_colors(crop, generator)

    def _draw(self, generator: torch.Generator) -> Bytes:
        while True:
            array = self._array(int(torch.randint(0, len(self.paths), (), generator=generator)))
            if array is not None:
                return array

    def _array(self, index: int) -> Bytes | None:
        """Return a photo reduced to ``LONGEST``; None if it cannot be read."""
        if index in self._bad or index in self._kept:
            return self._kept.get(index)
        try:
            rgb = image.shrink(image.read(self.paths[index]).flat(), LONGEST)
        except ImpastoError as error:
            self._bad.add(index)
            self._report(f"skipped: {error}")
            return None
        array = (rgb.clip(0, 1) * 255 + 0.5).astype(np.uint8)
        if self._bytes + array.nbytes <= CACHE:
            self._kept[index] = array
            self._bytes += array.nbytes
        return array


def _find_photos(paths: str | Path | Sequence[str | Path]) -> list[Path]:
    if not isinstance(paths, (str, Path)):
        if not paths:
            raise InputError("no photos were given to train on")
        return [Path(p) for p in paths]
    folder = Path(paths)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: --photos takes a folder of photos to train on")
    found = image.pictures_among(folder.rglob("*")).pictures
    if not found:
        raise InputError(f"there is no photo in {folder}: add images such as .jpg or .png")
    return found


def _jitter_colors(crop: Tensor, generator: torch.Generator) -> Tensor:
    gamma, gain, color = (math.exp(0.2 * float(torch.randn((), generator=generator))) for _ in range(3))
    crop = crop.pow(gamma)
    gray = crop.mean(0, keepdim=True)
    return ((gray + (crop - gray) * min(color, 1.3)) * min(gain, 1.1)).clamp(0, 1)


def _synthetic(side: int, generator: torch.Generator) -> Tensor:
    """Return a flat patch or a gradient between four colors, with a little grain."""
    corners = torch.rand((1, 3, 2, 2), generator=generator)
    if float(torch.rand((), generator=generator)) < 0.4:
        corners = corners[..., :1, :1].expand(1, 3, 2, 2).clone()
    smooth = torch.nn.functional.interpolate(corners, (side, side), mode="bilinear", align_corners=True)[0]
    grain = 0.02 * float(torch.rand((), generator=generator))
    return (smooth + grain * torch.randn(smooth.shape, generator=generator)).clamp(0, 1)
