"""Metrics compared to scikit-image, SciPy and plain loops; their response to blur, noise and color."""

from __future__ import annotations

import doctest
import importlib
import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scipy import linalg, ndimage, stats
from skimage import filters
from skimage.color import rgb2lab
from skimage.metrics import structural_similarity

from impasto import backbones, losses, metrics, tensors
from impasto.backbones import Tiny
from impasto.errors import InputError
from impasto.samples import photo, style
from impasto.tiles import Window

Array = NDArray[np.floating]
TINY = ("relu1_1", "relu2_1", "relu3_1")


@pytest.fixture(scope="module")
def cat() -> Array:
    """A photograph, 64 x 80."""
    return np.ascontiguousarray(photo("chelsea")[40:232:3, 60:300:3])


@pytest.fixture(scope="module")
def wave() -> Array:
    """A painting, 96 x 96."""
    return style("waves", size=96)


@pytest.fixture(scope="module")
def mosaic() -> Array:
    """Another painting, smaller than the photograph."""
    return style("mosaic", size=48)


def blurred(picture: Array, sigma: float) -> Array:
    return ndimage.gaussian_filter(picture, (sigma, sigma, 0)) if sigma else picture


def noisy(picture: Array, sigma: float) -> Array:
    noise = np.random.default_rng(5).standard_normal(picture.shape)
    return np.clip(picture + sigma * noise, 0, 1).astype(np.float32)


def mixed(picture: Array, share: float, other: Array) -> Array:
    return ((1 - share) * picture + share * other).astype(np.float32)


def gray(picture: Array) -> Array:
    return picture.astype(np.float64) @ [0.2126, 0.7152, 0.0722]


def rises(values: list[float]) -> bool:
    return all(a < b for a, b in itertools.pairwise(values))


def test_similarity_of_one_window_is_the_formula_of_the_paper(cat: Array) -> None:
    a, b = (gray(picture)[20:31, 30:41] for picture in (cat, noisy(cat, 0.1)))
    bell = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    weights = np.outer(bell, bell) / bell.sum() ** 2
    mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
    spread = (weights * (a - mean_a) ** 2).sum() + (weights * (b - mean_b) ** 2).sum()
    both = (weights * (a - mean_a) * (b - mean_b)).sum()
    wanted = (2 * mean_a * mean_b + 1e-4) * (2 * both + 9e-4)
    wanted /= (mean_a**2 + mean_b**2 + 1e-4) * (spread + 9e-4)
    planes = [np.repeat(plane[..., None], 3, 2) for plane in (a, b)]
    assert metrics.ssim(*planes) == pytest.approx(wanted, abs=1e-6)


def test_edge_similarity_agrees_with_skimage(cat: Array) -> None:
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    for other in (noisy(cat, 0.1), blurred(cat, 2), 0.8 - 0.5 * cat):
        planes = [sobel / sobel.max() for sobel in map(filters.sobel, [gray(cat), gray(other)])]
        assert metrics.edge_ssim(cat, other) == pytest.approx(
            structural_similarity(*planes, **options), abs=1e-9
        )


def test_edge_ssim_of_a_picture_without_edges(cat: Array) -> None:
    flat = np.full_like(cat, 0.1)
    assert metrics.edge_ssim(flat, noisy(flat, 1e-7)) == 1  # what rounding leaves is not blown up to edges
    assert metrics.edge_ssim(cat, flat) < 0.5


def test_edge_ssim_ignores_contrast_brightness_and_inversion(cat: Array) -> None:
    for other in (0.3 * cat, 0.5 + 0.5 * cat, 1 - cat):
        assert metrics.edge_ssim(cat, other) == pytest.approx(1, abs=1e-5)
    assert metrics.ssim(cat, 0.3 * cat) < 0.8


@pytest.mark.parametrize("measure", [metrics.ssim, metrics.edge_ssim])
def test_similarity_identity_symmetry_and_fall(measure: Callable[[Array, Array], float], cat: Array) -> None:
    assert measure(cat, cat) == 1
    assert measure(cat, noisy(cat, 0.2)) == pytest.approx(measure(noisy(cat, 0.2), cat), abs=1e-12)
    for spoil in (blurred, noisy):
        by = (0, 0.05, 0.2, 0.5) if spoil is noisy else (0, 0.7, 1.5, 3)
        values = [measure(cat, spoil(cat, sigma)) for sigma in by]
        assert rises([-value for value in values])


@pytest.mark.parametrize("measure", [metrics.ssim, metrics.edge_ssim])
def test_similarity_refuses_other_sizes(measure: Callable[[Array, Array], float], cat: Array) -> None:
    with pytest.raises(InputError, match=r"match in size, not \(64, 80\) and \(64, 79\)"):
        measure(cat, cat[:, :-1])
    with pytest.raises(InputError, match="at least 11 x 11 pixels, not 64 x 10"):
        measure(cat[:, :10], cat[:, :10])


def test_sharpness_is_the_mean_square_of_sobel_slopes(cat: Array) -> None:
    luma = gray(cat)
    slopes = [ndimage.sobel(luma, axis=axis, mode="nearest") / 8 for axis in (0, 1)]
    assert metrics.sharpness(cat) == pytest.approx(float((slopes[0] ** 2 + slopes[1] ** 2).mean()), abs=1e-12)


def test_sharpness_falls_with_blur_and_rises_with_noise(cat: Array) -> None:
    assert rises([-metrics.sharpness(blurred(cat, sigma)) for sigma in (0, 0.5, 1, 2, 4)])
    assert rises([metrics.sharpness(noisy(cat, sigma)) for sigma in (0, 0.05, 0.1, 0.2)])
    assert metrics.sharpness(np.full((9, 9, 3), 0.3)) == pytest.approx(0, abs=1e-12)
    assert metrics.sharpness(np.ones((1, 1))) == 0


@pytest.mark.parametrize("sizes", [(40, 40), (40, 27), (1, 13)])
@pytest.mark.parametrize("weighted", [False, True])
def test_sliced_wasserstein_agrees_with_scipy(sizes: tuple[int, int], weighted: bool) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(sizes[0], 3)), rng.normal(1, 2, size=(sizes[1], 3))
    masses = [np.append(rng.random(n - 1), 0.5) if weighted else None for n in sizes]
    if weighted:
        assert masses[1] is not None
        masses[1][3] = 0
    wanted = np.mean([stats.wasserstein_distance(a @ v, b @ v, *masses) for v in metrics.spread_directions()])
    found = metrics.sliced_wasserstein(a, b, a_weights=masses[0], b_weights=masses[1])
    assert found == pytest.approx(wanted, rel=1e-9)


def test_sliced_wasserstein_of_order_two_agrees_with_repeated_points() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(6, 3)), rng.normal(2, 3, size=(4, 3))
    one, two = (np.sort(points @ metrics.spread_directions().T, axis=0) for points in (a, b))
    squares = (one.repeat(2, axis=0) - two.repeat(3, axis=0)) ** 2
    wanted = pytest.approx(math.sqrt(squares.mean()), rel=1e-9)
    assert metrics.sliced_wasserstein(a, b, order=2) == wanted
    weights = np.repeat([0.0, 3.0], [6, 4])  # of a and b together, b alone
    assert metrics.sliced_wasserstein(a, np.concatenate([a, b]), b_weights=weights, order=2) == wanted


def test_directions_favor_no_axis() -> None:
    directions = metrics.spread_directions()
    assert directions.shape == (24, 3)
    assert np.abs(np.linalg.norm(directions, axis=1) - 1).max() < 1e-12
    # Evenly spread over the sphere, the mean of v v^T is a third of the identity and of |v| one half.
    assert np.abs(directions.T @ directions / 24 - np.eye(3) / 3).max() < 0.03
    assert np.abs(np.abs(directions).mean(axis=0) - 0.5).max() < 0.03


def test_palette_distance_agrees_with_skimage_and_scipy(cat: Array, wave: Array) -> None:
    one, two = (rgb2lab(p.astype(np.float64)).reshape(-1, 3) for p in (cat, wave))
    wanted = np.mean([stats.wasserstein_distance(one @ v, two @ v) for v in metrics.spread_directions()])
    # scikit-image rounds the white of D65 to other digits.
    assert metrics.palette_distance(cat, wave) == pytest.approx(wanted, abs=0.02)
    assert metrics.palette_distance(wave, cat) == pytest.approx(wanted, abs=0.02)


def test_points_that_cannot_be_compared_are_refused() -> None:
    a, b = np.zeros((4, 3)), np.ones((5, 3))
    for bad in (np.zeros((4, 2)), np.zeros(3), np.zeros((0, 3))):
        with pytest.raises(InputError, match="number, dimensions"):
            metrics.sliced_wasserstein(a, bad)
    with pytest.raises(InputError, match="order"):
        metrics.sliced_wasserstein(a, b, order=3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"5 points need weights of shape \(5,\)"):
        metrics.sliced_wasserstein(a, b, b_weights=np.ones(4))
    for last in (0, -1.0, np.nan, np.inf):
        with pytest.raises(InputError, match="not all zero"):
            metrics.sliced_wasserstein(a, b, a_weights=np.array([0, 0, 0, last]))
    with pytest.raises(InputError, match="at least one direction"):
        metrics.spread_directions(0)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 10_000))
def test_sliced_wasserstein_is_a_distance(n: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b, c = rng.normal(size=(n, 3)), rng.normal(size=(m, 3)), rng.normal(size=(5, 3))
    for order in (1, 2):
        there = metrics.sliced_wasserstein(a, b, order=order)
        assert there == pytest.approx(metrics.sliced_wasserstein(b, a, order=order), rel=1e-9)
        assert metrics.sliced_wasserstein(a, rng.permutation(a), order=order) == pytest.approx(0, abs=1e-12)
        detour = metrics.sliced_wasserstein(a, c, order=order) + metrics.sliced_wasserstein(c, b, order=order)
        assert there <= detour + 1e-12


def test_palette_distance_knows_colors_but_not_places(cat: Array) -> None:
    shuffled = np.random.default_rng(0).permutation(cat.reshape(-1, 3)).reshape(80, 64, 3)
    assert metrics.palette_distance(cat, cat) == 0
    assert metrics.palette_distance(cat, shuffled) == pytest.approx(0, abs=1e-6)
    assert metrics.palette_distance(cat, np.concatenate([cat, cat])) == pytest.approx(0, abs=1e-4)
    assert rises([metrics.palette_distance(cat, mixed(cat, s, 1 - cat)) for s in (0, 0.1, 0.3, 0.5)])


def test_palette_of_several_styles_is_pooled_by_their_shares(cat: Array, wave: Array, mosaic: Array) -> None:
    # 96 x 96 is four times 48 x 48: laid side by side they have shares of 4 and 1.
    pooled = np.concatenate([wave.reshape(-1, 3), mosaic.reshape(-1, 3)])[None]
    found = metrics.palette_distance(cat, [wave, mosaic], weights=[4, 1])
    assert found == pytest.approx(metrics.palette_distance(cat, pooled), rel=1e-5)
    alone = metrics.palette_distance(cat, [wave, mosaic], weights=[1, 0])
    assert alone == pytest.approx(metrics.palette_distance(cat, wave), rel=1e-5)


def seen(picture: Array, layer: str) -> Array:
    """Features of the tiny network, one row a position, in float64."""
    with torch.no_grad():
        features = Tiny().features(tensors.from_array(picture), [layer])[layer][0]
    return features.flatten(1).T.double().numpy()


def loop_moments(positions: Array) -> tuple[Array, Array]:
    """Mean and raw second moment, position by position."""
    mean, second = np.zeros(positions.shape[1]), np.zeros((positions.shape[1],) * 2)
    for position in positions:
        mean += position / len(positions)
        second += np.outer(position, position) / len(positions)
    return mean, second


@pytest.mark.parametrize("shares", [[1.0, 0.0], [0.75, 0.25]])
def test_style_distance_agrees_with_loops_and_scipy(
    shares: list[float], cat: Array, wave: Array, mosaic: Array
) -> None:
    paintings = [
        np.ascontiguousarray(wave[:64, :80]),
        mosaic,
    ]  # of the photo's area, and smaller: none is resized
    styles, weights = (paintings[0], None) if shares[0] == 1 else (paintings, [3, 1])
    found = metrics.style_distance(cat, styles, backbone=Tiny(), layers=TINY, weights=weights)
    assert list(found) == list(TINY)
    for layer in TINY:
        m, g = loop_moments(seen(cat, layer))
        parts = [loop_moments(seen(painting, layer)) for painting in paintings]
        n, a = (np.tensordot(shares, [part[k] for part in parts], 1) for k in (0, 1))
        ridge = 1e-9 * np.trace(a) * np.eye(len(a))  # SciPy's root wants full rank
        s, t = g - np.outer(m, m) + ridge, a - np.outer(n, n) + ridge
        half = linalg.sqrtm(t).real
        w2 = ((m - n) ** 2).sum() + np.trace(s + t - 2 * linalg.sqrtm(half @ s @ half).real)
        assert found[layer]["gram"] == pytest.approx(((g - a) ** 2).sum() / (a**2).sum(), rel=1e-4)
        assert found[layer]["w2"] == pytest.approx(w2 / np.trace(a), rel=2e-3)


def test_content_distance_agrees_with_a_loop(cat: Array, wave: Array) -> None:
    photo = np.ascontiguousarray(wave[:64, :80])
    found = metrics.content_distance(cat, photo, backbone=Tiny(), layers=TINY[1:])
    assert list(found) == list(TINY[1:])
    for layer in TINY[1:]:
        f, p = seen(cat, layer).ravel(), seen(photo, layer).ravel()
        wanted = sum((x - y) ** 2 for x, y in zip(f, p, strict=True)) / sum(y * y for y in p)
        assert found[layer] == pytest.approx(wanted, rel=1e-4)


def test_metrics_and_losses_agree_on_pictures_of_other_sizes(cat: Array, wave: Array, mosaic: Array) -> None:
    scene = losses.BindContext(Tiny(), cat.shape[:2])
    features = scene.features(tensors.from_array(cat), frozenset(TINY))

    def value(loss: losses.Loss) -> float:
        bound = loss.bind(scene)
        return float(bound.value(bound.measure(features, Window.full(scene.size))))

    both = [wave, mosaic]
    found = metrics.style_distance(cat, both, backbone=Tiny(), layers=TINY, weights=[2, 1])
    gram, w2 = (value(kind(both, TINY, weights=[2, 1])) for kind in (losses.Gram, losses.Wasserstein))
    assert np.mean([found[layer]["gram"] for layer in TINY]) == pytest.approx(gram, rel=5e-3)
    assert np.mean([found[layer]["w2"] for layer in TINY]) == pytest.approx(w2, rel=5e-3)
    distance = metrics.content_distance(cat, wave, backbone=Tiny(), layers="relu2_1")
    assert distance == {"relu2_1": pytest.approx(value(losses.Content(wave, "relu2_1")), rel=1e-5)}


def test_distances_refuse_what_they_cannot_compare(cat: Array, wave: Array) -> None:
    network, both = Tiny(), [wave, cat]
    with pytest.raises(InputError, match="unknown layer 'relu4_2': this network has relu1_1, relu2_1"):
        metrics.content_distance(cat, wave, backbone=network)
    bad: list[tuple[Any, ...]] = [
        (wave, [], None, "no layer"),
        ([], TINY, None, "no style"),
        (both, TINY, [1], "1 weight for 2 styles"),
    ]
    bad += [(both, TINY, [0, w], "must be finite") for w in (0, -1, math.nan, math.inf)]
    bad += [(wave, ["relu9_1"], None, "unknown layer")]
    for styles, layers, weights, message in bad:
        with pytest.raises(InputError, match=message):
            metrics.style_distance(cat, styles, backbone=network, layers=layers, weights=weights)
    with pytest.raises(InputError, match="80x3 pixels is too small for layer"):
        metrics.content_distance(cat[:3], wave, backbone=network, layers=TINY)
    with pytest.raises(InputError, match="not numbers"):
        metrics.ssim(torch.full((1, 3, 16, 16), math.nan), cat[:16, :16])
    with pytest.raises(InputError, match="tensor of a picture is"):
        metrics.style_distance(torch.zeros(2, 3, 16, 16), wave, backbone=network, layers=TINY)


def test_distances_are_zero_at_the_target_and_rise_away_from_it(cat: Array) -> None:
    tiny = Tiny()
    for spoil, by in ((noisy, (0, 0.05, 0.1, 0.3)), (blurred, (0, 0.7, 1.5, 3))):
        pictures = [spoil(cat, sigma) for sigma in by]
        for layer in TINY[:2]:
            found = [metrics.style_distance(p, cat, backbone=tiny, layers=layer)[layer] for p in pictures]
            contents = [
                metrics.content_distance(p, cat, backbone=tiny, layers=layer)[layer] for p in pictures
            ]
            assert found[0]["gram"] == contents[0] == 0
            assert 0 <= found[0]["w2"] < 1e-7
            assert rises([distance["gram"] for distance in found])
            assert rises([distance["w2"] for distance in found])
            assert rises(contents)


def test_a_flat_picture_has_finite_distances(cat: Array) -> None:
    for flat in (np.zeros((64, 80, 3)), np.full((64, 80, 3), 0.5)):  # 0.5 is silence to Tiny
        found = metrics.style_distance(cat, flat, backbone=Tiny(), layers=TINY)
        assert all(math.isfinite(v) and v >= 0 for d in found.values() for v in (d["gram"], d["w2"]))
        distances = metrics.content_distance(cat, flat, backbone=Tiny(), layers=TINY)
        assert all(math.isfinite(v) and v >= 0 for v in distances.values())


def test_measure_is_its_parts(cat: Array, wave: Array, mosaic: Array) -> None:
    painting, styles, weights = mixed(cat, 0.5, wave[:64, :80]), [wave, mosaic], [1, 3]
    options: dict[str, Any] = {
        "layers": TINY[:2],
        "held_out": TINY[2:],
        "content_layers": ["relu2_1"],
        "backbone": Tiny(),
    }
    found = metrics.measure(painting, content=cat, styles=styles, weights=weights, **options)
    every = metrics.style_distance(painting, styles, backbone=Tiny(), layers=TINY, weights=weights)
    assert found.size == (64, 80)
    assert (found.style, found.held_out) == ({k: every[k] for k in TINY[:2]}, {TINY[2]: every[TINY[2]]})
    assert found.content == metrics.content_distance(painting, cat, backbone=Tiny(), layers="relu2_1")
    assert (found.ssim, found.edge_ssim) == (metrics.ssim(painting, cat), metrics.edge_ssim(painting, cat))
    assert found.palette_style == metrics.palette_distance(painting, styles, weights=weights)
    assert found.palette_content == metrics.palette_distance(painting, cat)
    assert found.sharpness == metrics.sharpness(painting)
    assert found.sharpness_ratio == pytest.approx(metrics.sharpness(painting) / metrics.sharpness(cat))
    summary = found.summary()
    assert summary["style_gram"] == pytest.approx(np.mean([every[layer]["gram"] for layer in TINY[:2]]))
    assert summary["held_out_w2"] == every[TINY[2]]["w2"]
    stored = json.loads(found.to_json())
    assert stored["summary"] == summary
    assert stored["style"]["relu1_1"]["gram"] == every["relu1_1"]["gram"]


def test_measure_of_a_painting_alone_and_against_one_color(cat: Array) -> None:
    found = metrics.measure(cat, backbone=Tiny())
    assert found.summary() == {"sharpness": metrics.sharpness(cat)}
    assert json.loads(found.to_json())["ssim"] is None
    flat = np.full_like(cat, 0.4)
    found = metrics.measure(cat, content=flat, backbone=Tiny(), content_layers=TINY)
    assert json.loads(found.to_json())["sharpness_ratio"] is None


def test_measure_brings_the_photo_to_the_size_of_the_painting(cat: Array) -> None:
    large = cat.repeat(2, axis=0).repeat(2, axis=1)
    found = metrics.measure(cat, content=large, backbone=Tiny(), content_layers=["relu2_1"])
    assert found.size == (64, 80)
    assert found.ssim is not None and found.ssim > 0.95
    assert found.content["relu2_1"] < 0.02
    assert found.sharpness_ratio == pytest.approx(1, abs=0.15)


def test_measure_takes_whatever_can_be_read(tmp_path: Path, cat: Array) -> None:
    path = tmp_path / "cat.png"
    eight = Image.fromarray((cat * 255).round().astype(np.uint8))
    eight.save(path)
    options: dict[str, Any] = {"layers": TINY, "held_out": (), "content_layers": TINY, "backbone": Tiny()}
    tensor = torch.from_numpy(np.asarray(eight).copy()).permute(2, 0, 1) / 255
    for source in (path, str(path), eight, np.asarray(eight), tensor, tensor[None]):
        found = metrics.measure(source, content=eight, styles=source, **options)
        assert found.ssim == pytest.approx(1, abs=1e-9)
        assert found.summary()["style_gram"] == pytest.approx(0, abs=1e-9)


def test_measure_with_the_real_network(cat: Array, wave: Array) -> None:
    painting = np.ascontiguousarray(wave[:64, :80])
    vgg = backbones.load("vgg19", precision="float32")
    same = metrics.measure(cat, content=cat, styles=cat, backbone=vgg)
    assert tuple(same.style) == losses.LAYERS == metrics.LAYERS
    assert tuple(same.held_out) == ("relu2_2", "relu3_3", "relu4_3")
    assert tuple(same.content) == ("relu4_2",)
    summary = same.summary()
    for name in ("style_gram", "style_w2", "held_out_gram", "held_out_w2", "content", "palette_style"):
        assert 0 <= summary[name] < 1e-6
    assert summary["ssim"] == summary["edge_ssim"] == summary["sharpness_ratio"] == 1
    near, far = (
        metrics.measure(mixed(cat, share, painting), content=cat, styles=painting, backbone=vgg).summary()
        for share in (0.2, 0.8)
    )
    fall = {"style_gram", "style_w2", "held_out_gram", "held_out_w2", "palette_style", "ssim", "edge_ssim"}
    assert fall <= {name for name in near if near[name] > far[name]}
    assert {"content", "palette_content"} <= {name for name in near if near[name] < far[name]}


def test_examples_run() -> None:
    names = ("content_distances", "edges", "halo", "measurement", "palette", "structure", "style_distances")
    for name in names:
        module = importlib.import_module(f"impasto.metrics.{name}")
        result = doctest.testmod(module, extraglobs={"np": np, "Tiny": Tiny})
        assert result.attempted > 0 == result.failed
