"""The matting Laplacian: how much an alpha differs from a linear function of the colors around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from impasto.looks import cholesky
from impasto.looks.planes import Array, Bools

Floats = NDArray[np.float64]
Indices = NDArray[np.int32]

SPAN = 3  # side of the windows, in pixels
COUNT = SPAN * SPAN  # pixels of a window
WIDE = 2 * SPAN - 1  # side of the neighborhood that the windows around a pixel cover
CHUNK = 1 << 14  # pixels processed at a time

_WINDOW = [(row, column) for row in range(SPAN) for column in range(SPAN)]


def laplacian_rows(rgb: Array, unknown: Bools, *, epsilon: float) -> sparse.csr_matrix:
    """Compute the rows of the matting Laplacian that belong to the unknown pixels.

    Source: Levin, Lischinski and Weiss 2008, "A closed-form solution to natural image matting", equation 12::

        L_ij = sum over windows k with i and j of
               delta_ij - (1 + (I_i - m_k)' (S_k + epsilon / n E)^-1 (I_j - m_k)) / n

    with the mean ``m_k`` and the covariance ``S_k`` of the ``n`` colors ``I`` of the window, here of
    3x3 pixels. Windows lie inside of the image.

    Args:
        rgb: image ``(H, W, 3)``, 0..1; one below 3x3 has no window, and rows of zeros.
        unknown: the pixels whose rows are wanted, ``(H, W)``, in the order of ``np.flatnonzero``.
        epsilon: regularization of the covariances.

    Returns:
        Sparse matrix ``(N, H * W)`` of float64, with sorted columns.
    """
    height, width = unknown.shape
    planes = np.ascontiguousarray(rgb.reshape(-1, 3).T, np.float64)
    free, corners = np.flatnonzero(unknown).astype(np.int32), _corners(unknown)
    steps = np.array([row * width + column for row, column in _WINDOW], np.int32)
    table = np.empty((len(free), WIDE * WIDE))
    for start in range(0, len(free), CHUNK):
        own = free[start : start + CHUNK]
        # The windows of these pixels; both lists are sorted.
        first, end = np.searchsorted(corners, (own[0] - steps[-1], own[-1] + 1))
        used = corners[first:end]
        terms = _window_terms(planes[:, used + steps[:, None]], epsilon)
        table[start : start + CHUNK] = _sum_terms(terms, used, own - steps[:, None]).T
    down, across = np.mgrid[1 - SPAN : SPAN, 1 - SPAN : SPAN].reshape(2, -1).astype(np.int32)
    rows, columns = free[:, None] // width + down, free[:, None] % width + across
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    ends = np.concatenate([[0], np.cumsum(inside.sum(1))]).astype(np.int32)
    indices = (rows * np.int32(width) + columns)[inside]
    return sparse.csr_matrix((table[inside], indices, ends), shape=(len(free), unknown.size))


def _corners(unknown: Bools) -> Indices:
    """Return the upper left pixels of the windows with an unknown pixel, as flat indices."""
    height, width = unknown.shape
    near = np.zeros((max(0, height - SPAN + 1), max(0, width - SPAN + 1)), bool)
    for row, column in _WINDOW:
        near |= unknown[row : row + near.shape[0], column : column + near.shape[1]]
    rows, columns = np.nonzero(near)
    return np.asarray(rows * width + columns, np.int32)


def _window_terms(colors: Floats, epsilon: float) -> Floats:
    """Compute the terms of equation 12 in windows, ``(9, 9, M + 1)``, of ``colors (3, 9, M)``.

    The last window is none: its terms are 0.
    """
    away = colors - colors.mean(1, keepdims=True)
    spread = np.einsum("cim,dim->cdm", away, away)
    spread += (epsilon * np.eye(3))[..., None]
    # With the Cholesky factor C of S, the product with S^-1 is the dot product of C^-1 (I - m).
    white = cholesky.solve_lower(cholesky.factor(spread / COUNT), away)
    terms = np.zeros((COUNT, COUNT, colors.shape[2] + 1))
    for i in range(COUNT):
        for j in range(i + 1):
            product = np.einsum("cm,cm->m", white[:, i], white[:, j])
            terms[i, j, :-1] = terms[j, i, :-1] = float(i == j) - (1 + product) / COUNT
    return terms


def _sum_terms(terms: Floats, corners: Indices, wanted: Indices) -> Floats:
    """Sum the terms ``(9, 9, M + 1)`` of all windows of each pixel: ``(25, N)``, for its neighbors.

    ``corners (M,)`` are the upper left pixels of the windows, sorted; ``wanted (9, N)`` those of the windows
    in which a pixel is the first, the second and so on.
    """
    total = np.zeros((WIDE, WIDE, wanted.shape[1]))
    known = np.append(corners, np.int32(-1))
    for i, (row, column) in enumerate(_WINDOW):
        places = np.searchsorted(corners, wanted[i])
        places[known[places] != wanted[i]] = len(corners)
        for j, (below, beside) in enumerate(_WINDOW):
            total[below - row + SPAN - 1, beside - column + SPAN - 1] += terms[i, j].take(places)
    return total.reshape(WIDE * WIDE, -1)
