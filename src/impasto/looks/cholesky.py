"""Cholesky factors of many small matrices at once, entry by entry, so that NumPy works on long vectors."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", np.float32, np.float64)


def factor(matrices: NDArray[Scalar]) -> NDArray[Scalar]:
    """Compute lower triangular factors ``C`` with ``C C' = A`` of positive definite matrices.

    Args:
        matrices: ``A (n, n, ...)``, of which the lower triangle is read.

    Returns:
        ``C (n, n, ...)``; its upper triangle is not set.

    Source: Golub and Van Loan 2013, "Matrix computations", section 4.2.
    """
    found = np.empty_like(matrices)
    for row in range(len(matrices)):
        for column in range(row + 1):
            rest = matrices[row, column].copy()
            for before in range(column):
                rest -= found[row, before] * found[column, before]
            found[row, column] = np.sqrt(rest) if row == column else rest / found[column, column]
    return found


def solve_lower(factors: NDArray[Scalar], right: NDArray[Scalar]) -> NDArray[Scalar]:
    """Solve ``C y = b`` with factors ``(n, n, ...)`` for right sides ``(n, ...)``."""
    found = right.copy()
    for row in range(len(right)):
        for before in range(row):
            found[row] -= factors[row, before] * found[before]
        found[row] /= factors[row, row]
    return found


def solve_upper(factors: NDArray[Scalar], right: NDArray[Scalar]) -> NDArray[Scalar]:
    """Solve ``C' x = y`` with factors ``(n, n, ...)`` for right sides ``(n, ...)``."""
    found = right.copy()
    for row in reversed(range(len(right))):
        for after in range(row + 1, len(right)):
            found[row] -= factors[after, row] * found[after]
        found[row] /= factors[row, row]
    return found
