"""The matting Laplacian, against equation 12 of Levin et al. 2008 evaluated window by window."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from impasto.looks.laplacian import laplacian_rows


def dense(rgb: NDArray[np.float64], unknown: NDArray[np.bool_], epsilon: float) -> NDArray[np.float64]:
    """The whole Laplacian ``(H * W, H * W)``, without the windows that have no unknown pixel."""
    height, width = unknown.shape
    found = np.zeros((height * width, height * width))
    for row in range(height - 2):
        for column in range(width - 2):
            members = [(r, c) for r in range(row, row + 3) for c in range(column, column + 3)]
            if not any(unknown[r, c] for r, c in members):
                continue
            colors = np.array([rgb[r, c] for r, c in members])
            mean = colors.mean(0)
            inverse = np.linalg.inv((colors - mean).T @ (colors - mean) / 9 + epsilon / 9 * np.eye(3))
            for i, (r, c) in enumerate(members):
                for j, (s, d) in enumerate(members):
                    product = (colors[i] - mean) @ inverse @ (colors[j] - mean)
                    found[r * width + c, s * width + d] += (i == j) - (1 + product) / 9
    return found


@pytest.mark.parametrize("chunk", [7, 1 << 14])
def test_the_rows_are_those_of_the_equation(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.looks.laplacian.CHUNK", chunk)
    draw = np.random.default_rng(3)
    rgb = draw.random((8, 11, 3)).astype(np.float32)
    for unknown in (draw.random((8, 11)) < 0.15, np.ones((8, 11), bool), np.zeros((8, 11), bool)):
        rows = laplacian_rows(rgb, unknown, epsilon=1e-4)
        assert rows.shape == (unknown.sum(), 88)
        expected = dense(rgb.astype(np.float64), unknown, 1e-4)[unknown.ravel()]
        np.testing.assert_allclose(rows.toarray(), expected, rtol=0, atol=1e-10)


def test_linear_functions_of_the_colors_cost_only_the_regularization() -> None:
    rgb = np.random.default_rng(4).random((9, 9, 3)).astype(np.float32)
    rows = laplacian_rows(rgb, np.ones((9, 9), bool), epsilon=1e-9)
    flat = rgb.reshape(-1, 3).astype(np.float64)
    assert np.abs(rows @ np.ones(81)).max() < 1e-12
    assert np.abs(rows @ (flat @ [0.3, -0.5, 0.7])).max() < 1e-6
    assert np.abs(rows @ np.random.default_rng(5).random(81)).max() > 0.1


def test_images_without_a_window_have_rows_of_zeros() -> None:
    rows = laplacian_rows(np.zeros((2, 5, 3), np.float32), np.ones((2, 5), bool), epsilon=1e-4)
    assert rows.shape == (10, 10) and not rows.toarray().any()
