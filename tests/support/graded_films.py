"""Helpers of the tests of graded films."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from impasto.media import FilmReader, FilmWriter


def write(path: Path, frames: list[np.ndarray]) -> None:
    height, width = frames[0].shape[:2]
    writer = FilmWriter(path, (height, width))
    for number, rgb in enumerate(frames):
        writer.write(rgb, Fraction(number, 10))
    writer.close()


def frames(path: str) -> list[np.ndarray]:
    with FilmReader(path) as reader:
        return [frame.rgb for frame in reader.frames()]
