"""Cholesky factors of many matrices, against LAPACK."""

from __future__ import annotations

import numpy as np

from impasto.looks import cholesky


def test_factors_and_solutions_are_those_of_lapack() -> None:
    draw = np.random.default_rng(2)
    roots = draw.normal(size=(20, 3, 3))
    matrices = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(3)
    factors = cholesky.factor(np.moveaxis(matrices, 0, -1))
    np.testing.assert_allclose(np.tril(np.moveaxis(factors, -1, 0)), np.linalg.cholesky(matrices), atol=1e-12)
    right = draw.normal(size=(3, 20))
    found = cholesky.solve_upper(factors, cholesky.solve_lower(factors, right))
    np.testing.assert_allclose(found.T, np.linalg.solve(matrices, right.T[..., None])[..., 0], atol=1e-10)


def test_right_sides_may_have_more_axes_than_the_factors() -> None:
    factors = cholesky.factor((np.eye(3, dtype=np.float32) * 4)[..., None].repeat(5, -1))
    right = np.arange(3 * 2 * 5, dtype=np.float32).reshape(3, 2, 5)
    found = cholesky.solve_lower(factors, right)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, right / 2)
