"""The weights of the method ``modern``: each term counts as much as it says."""

from __future__ import annotations

from typing import Any

import pytest

from impasto.jobs import StylizeJob
from impasto.losses import BindContext, Content, Gram, Loss, TotalVariation
from impasto.methods import Style
from impasto.methods.coarse_to_fine import LAYER_WEIGHTS, SMOOTHNESS, STYLE_WEIGHT, objective
from impasto.painters.optimize import terms_of
from impasto.tiles import Window
from support.backbones import narrow
from support.tiles import picture

PHOTO, STYLE, NOW = (picture(seed, 48, 64) for seed in (1, 2, 3))
NETWORK = narrow()


def at(loss: Loss) -> float:
    """The value of a loss at a picture that is neither of the two."""
    context = BindContext(NETWORK, (48, 64))
    bound = loss.bind(context)
    return float(bound.value(bound.measure(NETWORK.features(NOW, bound.layers), Window.full((48, 64)))))


def value(**weights: Any) -> float:
    return at(objective(PHOTO, [Style(STYLE)], **weights))


def test_the_terms_are_those_of_the_formula() -> None:
    found = value(
        loss="gram", style_weight=3.0, layer_weights={"relu2_1": 1.0, "relu4_1": 5.0}, smoothness=0.2
    )
    style = Gram(STYLE, {"relu2_1": 1.0, "relu4_1": 5.0}).relative(PHOTO)
    wanted = at(Content(PHOTO).relative(STYLE)) + 3 * at(style) + 3 * 0.2 * at(TotalVariation())
    assert found == pytest.approx(wanted, rel=1e-5)
    half = value(loss="gram", strength=0.5, style_weight=3.0, layer_weights={"relu2_1": 1.0}, smoothness=0)
    style = Gram(STYLE, {"relu2_1": 1.0}).relative(PHOTO)
    assert half == pytest.approx(at(Content(PHOTO).relative(STYLE)) + 0.25 * 3 * at(style), rel=1e-5)


def test_the_defaults_of_the_job_are_those_of_the_method() -> None:
    terms = terms_of(StylizeJob("a", ("b",), loss="mixed"))
    assert terms == {
        "strength": 1.0,
        "loss": "mixed",
        "blend": "moments",
        "style_weight": STYLE_WEIGHT,
        "layer_weights": LAYER_WEIGHTS,
        "smoothness": SMOOTHNESS,
    }
    assert value(**terms) == value()
    job = StylizeJob("a", ("b",), loss="gram", style_weight=8, layer_weights=(0, 1, 2, 3, 4), smoothness=0)
    assert terms_of(job)["layer_weights"] == dict(zip(LAYER_WEIGHTS, (0, 1, 2, 3, 4), strict=True))
    assert (terms_of(job)["style_weight"], terms_of(job)["smoothness"]) == (8, 0)
