"""Classes without masks: skies that are detected in every image are one class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from impasto import looks
from impasto.looks import Look
from impasto.looks.clustering import Classifier, cluster
from impasto.looks.look import Statistics
from support.looks import Array

HEIGHT, WIDTH, HORIZON = 96, 160, 48


def _landscape(*, sky: bool) -> Array:
    """Return a blue sky, lighter towards the horizon, or a dark wall, above rough ground."""
    draw = np.random.default_rng(4)
    rgb = draw.uniform(0.1, 0.5, (HEIGHT, WIDTH, 3)).astype(np.float32)
    if sky:
        down = np.linspace(0, 1, HORIZON, dtype=np.float32)[:, None, None]
        rgb[:HORIZON] = (1 - down) * np.array((0.3, 0.5, 0.8), np.float32) + down * np.array(
            (0.7, 0.8, 0.95), np.float32
        )
    return rgb


def _features() -> Array:
    """Return features ``(8, h, w)`` at stride 8 that part the sky into an upper and a lower half."""
    features = np.random.default_rng(5).normal(0, 0.1, (8, HEIGHT // 8, WIDTH // 8)).astype(np.float32)
    features[0, :3] += 3
    features[1, 3:6] += 3
    features[2, 6:, :10] += 3
    features[3, 6:, 10:] += 3
    return features


def test_a_sky_in_every_image_is_one_class() -> None:
    day, features = _landscape(sky=True), _features()
    found = cluster([day, day], [features, features], count=4)
    assert (
        found.skies
        and (found.openness > 0.5).sum() == 1
        and found.openness.max() == pytest.approx(1, abs=0.1)
    )
    labels = found.classify(day, features).labels
    top = labels[0, 0]
    assert (labels[: HORIZON - 4] == top).mean() > 0.99 and (labels[HORIZON + 4 :] == top).mean() < 0.01


def test_a_sky_that_one_image_lacks_is_parted_by_features() -> None:
    day, features = _landscape(sky=True), _features()
    found = cluster([day, _landscape(sky=False)], [features, features], count=4)
    labels = found.classify(day, features).labels
    assert not found.skies and len(found.centers) == 4
    assert max((labels[: HORIZON - 4] == index).mean() for index in range(4)) < 0.8


def test_a_look_remembers_whether_skies_were_detected(tmp_path: Path) -> None:
    one = Statistics(1.0, np.full(3, 0.5, np.float32), np.eye(3, dtype=np.float32))
    centers = np.zeros((2, 514), np.float32)
    centers[:, -1] = 0, 1.5
    for skies, openness in ((True, 1.0), (False, 1.5)):
        look = Look(("class 1", "class 2"), (one, one), one, Classifier(centers, skies), "vgg19")
        again = looks.load(looks.save(look, tmp_path / "own.look", overwrite=True)).classifier
        assert again is not None and again.skies == skies and again.openness[1] == pytest.approx(openness)
