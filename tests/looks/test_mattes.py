"""Mattes: the equations that are solved, the moments around borders, and the models that enlarge them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from impasto import looks
from impasto.looks import Mattes, mattes
from impasto.looks.laplacian import laplacian_rows
from impasto.looks.masks import COLORS
from support.looks import Array, towers


def test_alphas_solve_the_equation_with_the_known_pixels_fixed() -> None:
    rgb, labels = towers()
    sure = np.ones(labels.shape, bool)
    sure[30:60] = False
    hard = np.stack([labels == 0, labels == 1])
    found = mattes._unknown(rgb, hard, sure, epsilon=mattes.FOUND)
    whole = hard.astype(np.float64)
    whole[:, ~sure] = found
    rows = laplacian_rows(rgb, ~sure, epsilon=mattes.FOUND)
    assert np.abs(rows @ whole.reshape(2, -1).T).max() < 1e-6
    alphas = Mattes.of(rgb, labels, 2, sure=sure).alphas
    assert (alphas[:, sure] == hard[:, sure]).all()
    np.testing.assert_allclose(alphas[:, ~sure], found.clip(0, 1) / found.clip(0, 1).sum(0), atol=1e-6)


def test_a_region_behind_sharp_edges_takes_the_class_around_it() -> None:
    rgb = np.full((60, 80, 3), 0.2, np.float32)
    rgb[20:40, 20:50] = 0.9
    rgb += np.random.default_rng(0).normal(0, 0.001, rgb.shape).astype(np.float32)
    labels = (np.arange(80)[None] >= 60).repeat(60, 0).astype(np.int16)
    sure = np.ones((60, 80), bool)
    sure[15:45, 15:55] = False
    assert Mattes.of(rgb, labels, 2, sure=sure).alphas[0, 20:40, 20:50].min() > 0.99


def test_without_a_known_pixel_the_labels_stay() -> None:
    labels = np.zeros((20, 30), np.int16)
    found = Mattes.of(np.zeros((20, 30, 3), np.float32), labels, 2, sure=np.zeros((20, 30), bool))
    assert (found.alphas[0] == 1).all() and not found.alphas[1].any()


@pytest.mark.parametrize("deviation", [4.0, 28.5])
def test_local_moments_are_those_of_the_whole_gaussian(deviation: float) -> None:
    draw = np.random.default_rng(6)
    rgb = np.asarray(cv2.GaussianBlur(draw.random((180, 320, 3), np.float32), (0, 0), 3), np.float32)
    inside = np.zeros((180, 320), np.float32)
    inside[60:, 40:200] = 1
    where = np.zeros(inside.shape, bool)
    where[40:120, 20:260] = True

    def blurred(plane: Array) -> Array:
        return np.asarray(cv2.GaussianBlur(plane, (0, 0), deviation))[where]

    share = blurred(inside)
    near, mean, square = mattes._local_moments(rgb, inside, deviation, where)
    np.testing.assert_allclose(near, share, atol=0.01)
    used = share > 0.01
    expected = blurred(inside[..., None] * rgb)[used] / share[used, None]
    np.testing.assert_allclose(mean[used], expected, atol=0.01)
    expected = blurred(inside[..., None] * rgb * rgb)[used] / share[used, None]
    np.testing.assert_allclose(square[used], expected, atol=0.01)


def test_models_are_the_least_squares_fit_in_each_window() -> None:
    draw = np.random.default_rng(7)
    rgb, alpha = draw.random((15, 15, 3), np.float32), draw.random((1, 15, 15), np.float32)
    models = mattes._linear_models(rgb, alpha)
    fits = np.zeros((15, 15, 4))
    for row in range(3, 12):
        for column in range(3, 12):
            window = np.s_[row - 3 : row + 4, column - 3 : column + 4]
            colors, wanted = rgb[window].reshape(-1, 3).astype(np.float64), alpha[0][window].ravel()
            away = colors - colors.mean(0)
            slope = np.linalg.solve(away.T @ away / 49 + mattes.FLATNESS * np.eye(3), away.T @ wanted / 49)
            fits[row, column] = [*slope, wanted.mean() - slope @ colors.mean(0)]
    # The model of a pixel is the mean of those around it; only the middle sees complete windows alone.
    expected = fits[4:11, 4:11].mean((0, 1))
    np.testing.assert_allclose(models[0, 7, 7], expected, atol=1e-4)


def test_noisy_pixels_of_a_mask_take_the_nearest_color() -> None:
    draw = np.random.default_rng(9)
    palette = np.array(list(COLORS.values()))
    labels = np.zeros((60, 80), int)
    labels[:, 40:] = 7
    mask = palette[labels]
    noisy = draw.random(labels.shape) < 0.3
    mask[noisy] = (mask[noisy] + draw.integers(-40, 41, (noisy.sum(), 3))).clip(0, 255)
    found = looks.read_masks([mask.astype(np.uint8)], [labels.shape])[0]
    nearest = np.square(mask[:, :, None] - palette).sum(-1).argmin(-1)
    assert found.names == ("blue", "cyan")
    kept = np.isin(nearest, (0, 7))
    assert (found.labels[kept] == (nearest[kept] == 7)).all()
