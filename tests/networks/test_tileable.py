"""Seamless textures: what continues across its borders does so when it is stylized."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import impasto
from impasto import backbones, image, samples, tensors
from impasto.errors import InputError
from impasto.networks import Plan, noise, packs
from impasto.networks import painter as painting
from impasto.networks.painter import Painter
from support.networks import LATE, SMALL, pack_of

Array = NDArray[np.float32]


def texture(height: int, width: int) -> Array:
    """Waves of several lengths that continue across the borders."""
    y, x = np.mgrid[:height, :width] * 2 * np.pi
    y, x = y / height, x / width
    planes = [np.sin(x + np.sin(y) + c) * np.cos(y - c + np.sin(x)) for c in range(3)]
    return (0.5 + 0.4 * np.stack(planes, 2)).astype(np.float32)


def steps(picture: Array) -> tuple[float, float]:
    """The step across the borders, and the largest inside, each as the mean over a row or column."""
    seam, inside = [], []
    for turned in (picture, picture.swapaxes(0, 1)):
        inside.append(np.abs(np.diff(turned, axis=0)).mean((1, 2)).max())
        seam.append(np.abs(turned[0] - turned[-1]).mean())
    return float(max(seam)), float(max(inside))


def rolled(picture: Array, down: int, right: int) -> Array:
    return np.roll(picture, (down, right), (0, 1))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_features_of_a_shifted_texture_are_shifted(precision: backbones.FloatFormat) -> None:
    backbone = backbones.load(padding="circular", precision=precision)
    layers = frozenset({"relu1_2", "relu3_1", "relu5_1"})
    picture = tensors.from_array(texture(64, 96))
    with torch.no_grad():
        one, other = (backbone.features(p, layers) for p in (picture, picture.roll((16, 32), (2, 3))))
        with backbone.disable_wrapping():
            ended = backbone.features(picture, layers)["relu5_1"]
    for layer in layers:
        stride = backbone.stride(layer)
        moved = one[layer].roll((16 // stride, 32 // stride), (2, 3))
        assert (moved - other[layer]).abs().max() <= 2e-5 * one[layer].abs().max()
    assert (ended - one["relu5_1"]).abs().max() > 0.05 * ended.abs().max() and backbone.wraps


def test_resizing_a_texture_keeps_its_borders() -> None:
    picture = tensors.from_array(texture(64, 96))
    one = tensors.resize(picture, (32, 48), wraps=True)
    other = tensors.resize(picture.roll((32, 48), (2, 3)), (32, 48), wraps=True)
    assert (one.roll((16, 24), (2, 3)) - other).abs().max() < 1e-5


@pytest.mark.parametrize("plan", [SMALL, LATE], ids=lambda plan: plan.name)
@pytest.mark.parametrize("large", [False, True])
def test_a_learned_style_has_no_seam(plan: Plan, large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if large:
        monkeypatch.setattr(painting, "WHOLE", 64)
        monkeypatch.setattr(
            Painter.paint_large, "__kwdefaults__", {"mode": "exact", "tile": 32, "told": None}
        )
    painter = Painter(pack_of(plan), precision="float32", threads=1, period=(64, 80))
    weights = painter.pack.weights({"style1": 1.0})
    photo = texture(64, 80)
    made = image.floats(painter.paint_repeating(photo, weights, mode="exact"))
    assert made.shape == photo.shape
    seam, inside = steps(made)
    assert seam <= 1.05 * inside
    # Far from the ends, all repetitions are painted alike, with their noise.
    whole = painter.paint(np.tile(photo, (5, 5, 1)), weights)
    assert np.abs(whole[64:128, 80:160] - whole[128:192, 160:240]).max() < 1e-3


def test_noise_repeats_and_keeps_its_strength() -> None:
    field = noise.periodic_noise(LATE, seed=3, size=(96, 128))
    assert 0.7 < field.var() < 1.3
    for octave in field:
        seam, inside = steps(octave[..., None])
        assert seam <= inside
    plain = noise.field(LATE, seed=3, size=(96, 128))
    assert any(seam > 2 * inside for seam, inside in (steps(octave[..., None]) for octave in plain))


@pytest.mark.parametrize("loss", ["neighbors", "mixed"])
def test_an_optimised_style_has_no_seam(loss: str, brief: None, narrow_vgg19: None) -> None:
    settings: dict[str, Any] = {"preset": "draft", "loss": loss, "precision": "float32", "size": 64}
    style = samples.style("waves", 96)
    seam, inside = steps(impasto.stylize(texture(64, 64), style, tileable=True, **settings).picture)
    assert seam <= inside
    if loss == "neighbors":
        assert seam < 0.7 * steps(impasto.stylize(texture(64, 64), style, **settings).picture)[0]


def test_sides_fit_the_networks_and_what_cannot_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    packs.save(pack_of(), tmp_path / "mine.safetensors")
    style = f"{tmp_path}/mine.safetensors#style1"
    assert impasto.stylize(texture(70, 90), style, tileable=True).picture.shape == (64, 96, 3)
    with pytest.raises(InputError, match="--mask does not apply to --tileable"):
        image.write(tmp_path / "m.png", np.ones((64, 64, 3)))
        impasto.stylize(texture(64, 64), style, tileable=True, mask=(str(tmp_path / "m.png"),))
    with pytest.raises(InputError, match="does nothing with --photoreal"):
        impasto.StylizeJob("a.png", ("b.png",), tileable=True, photoreal=True)
    with pytest.raises(InputError, match="choose a smaller --size"):
        impasto.stylize(texture(512, 512), texture(64, 64), tileable=True, size=1024, memory="1.2GB")
