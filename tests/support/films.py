"""Helpers of the tests of films."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from impasto.films import video
from impasto.media import FilmReader
from impasto.networks import library, packs
from support.film_files import FilmWriterWithSound
from support.networks import pack_of
from support.video import scene, texture

TIMES = [Fraction(n, 10) for n in range(11)]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a pack of one's own and a film: five frames of a scene, then six of another."""
    monkeypatch.setenv(library.HOME, str(tmp_path / "styles"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(library, "SHIPPED", tmp_path / "none")
    monkeypatch.setattr(video, "PART_FRAMES", 4)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "styles").mkdir()
    packs.save(pack_of(), tmp_path / "styles" / "mine.safetensors")
    with FilmWriterWithSound(tmp_path / "film.mp4", (120, 160), sound=True) as writer:
        for number, time in enumerate(TIMES):
            rgb = scene(number) if number < 5 else texture(120, 160, seed=7)
            writer.write(rgb, time)
    return tmp_path


def frames(path: str) -> list[np.ndarray]:
    with FilmReader(path) as reader:
        return [frame.rgb for frame in reader.frames()]
