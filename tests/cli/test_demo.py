"""The demo and its contact sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from impasto import image, painters, samples
from impasto.media import open_film
from impasto.verbs import demo


def test_the_demo_paints_three_pictures_a_sheet_and_a_film(
    tmp_path: Path, narrow_vgg19: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(painters.BUDGETS, "good", painters.Budget(64, 64, (3,), neighbors=(1,), rounds=(1,)))
    monkeypatch.setattr(demo, "FILM_SECONDS", 1.0)
    style = samples.style
    monkeypatch.setattr(samples, "style", lambda name, size: style(name, min(size, 64)))
    paths = list(demo.demo(tmp_path / "demo", size=96))
    assert [p.name for p in paths] == [
        "coffee-waves.png",
        "chelsea-brushwork.png",
        "rocket-stained_glass-night.png",
        "sheet.png",
        "drive.mp4",
        "drive-waves.mp4",
    ]
    with open_film(paths[4]) as own, open_film(paths[5]) as painted:
        times = [frame.time for frame in own.frames()]
        assert len(times) == 12 and [frame.time for frame in painted.frames()] == times
    assert all(image.read_recipe(path) for path in paths[:3])


def test_a_sheet_keeps_every_picture_in_its_place() -> None:
    red, blue = np.zeros((20, 30, 3), np.float32), np.zeros((20, 10, 3), np.float32)
    red[..., 0], blue[..., 2] = 1, 1
    made = demo.sheet([[red], [blue, red]], height=40)
    assert made.shape == (2 * 52, 20 + 60 + 2 * 12, 3)
    assert tuple(made[26, 36]) == (1, 0, 0)
    assert tuple(made[52 + 26, 16]) == (0, 0, 1)
    assert made[26, -2].min() > 0.9
    named = demo.sheet([[red, red]], height=40, names=[["a", "a long name"]])
    assert named.shape == (52 + demo.LINE, 2 * 72, 3)
    assert tuple(named[26, 36]) == (1, 0, 0)
    below = named[46 : 46 + demo.LINE]
    assert below[:, 6:66].min() < 0.5 and below[:, 78:138].min() < 0.5  # both are there
    assert below[:, 66:78].min() > 0.9  # and end with their image
