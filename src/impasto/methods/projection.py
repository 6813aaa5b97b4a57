"""Photoreal projection of a stylized image: keep its light and color, remove its strokes.

A least-squares fit of a bilateral grid of affine maps from the content image to the stylized image (Chen,
Adams, Wadhwa and Hasinoff 2016, "Bilateral guided upsampling"), fitted on a small copy and sliced at any
size. Difference from the paper: the prior is the squared differences in space and luma, and the system is
solved by conjugate gradients.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from impasto import image, tensors
from impasto.errors import InputError
from impasto.parametrizations import BilateralGrid
from impasto.parametrizations.bilateral_grid import hats, luma_hats

Array = NDArray[np.float32]
Cells = tuple[int, int, int]

MOST_CELLS, BINS = 16, 8  # most cells along a side; luma bins
CELL = 20  # least side of a cell, in pixels of the small copy
SIDE = 320  # long side of the small copy, in pixels
SMOOTH, CURVED = 0.03, 0.003  # weight of spatial differences, and of second differences in luma
RIDGE = 1e-6  # towards the identity, where there is no data
STEPS, TOLERANCE = 600, 1e-5  # of conjugate gradients


def project(content: Array, painted: Array, *, realism: float = 1.0) -> Array:
    """Transfer light and color of a stylized image to the content image it was made from.

    Args:
        content: content image, ``(H, W, 3)``, 0..1.
        painted: stylized image, ``(H, W, 3)``, of the same size.
        realism: smoothness of the maps; smaller values keep more of the stylized image.

    Returns:
        ``(H, W, 3)``, float32, 0..1: at every pixel an affine function of the content color.

    Raises:
        InputError: the sizes differ.
    """
    if content.shape != painted.shape:
        raise InputError(
            f"the photo is {content.shape[:2]} and its painting {painted.shape[:2]}: resize one to the other"
        )
    size = image.fit((content.shape[0], content.shape[1]), min(SIDE, max(content.shape[:2])))
    small, wanted = (image.resize(p, size).astype(np.float64) for p in (content, painted))
    cells = (_cells(size[0]), _cells(size[1]), BINS)
    design = _design(_weights(small, cells), small)
    prior = _prior(cells, realism)
    identity = np.tile(np.eye(3, 4).T, (math.prod(cells), 1))
    count = size[0] * size[1]
    normal = (design.T @ design) / count + prior
    normal = normal + RIDGE * sparse.identity(normal.shape[0])
    right = design.T @ wanted.reshape(-1, 3) / count + RIDGE * identity
    preconditioner = sparse.diags(1 / normal.diagonal())
    maps = np.stack(
        [
            sparse.linalg.cg(
                normal, right[:, c], x0=identity[:, c], rtol=TOLERANCE, maxiter=STEPS, M=preconditioner
            )[0]
            for c in range(3)
        ],
        axis=1,
    )
    return _apply_maps(maps, cells, content)


def _cells(side: int) -> int:
    """Return the number of cells along a side; too small cells would follow the strokes."""
    return min(MOST_CELLS, max(2, round(side / CELL)))


def _weights(small: NDArray[np.float64], cells: Cells) -> sparse.csr_matrix:
    """Return the weight of each grid point at each pixel, ``(H W, points)``; each row sums to 1."""
    photo = torch.from_numpy(small)
    down = hats(cells[0], small.shape[0], photo).numpy()
    across = hats(cells[1], small.shape[1], photo).numpy()
    bins = luma_hats(photo, cells[2]).numpy()
    place = sparse.csr_matrix(sparse.kron(down, across))  # (H W, gy gx)
    columns = [place.multiply(bins.reshape(-1, cells[2])[:, z : z + 1]) for z in range(cells[2])]
    stacked = sparse.hstack(columns).tocsr()
    # From (z, place) to (place, z).
    order = np.arange(np.prod(cells)).reshape(cells[2], -1).T.ravel()
    return sparse.csr_matrix(stacked[:, order])


def _design(weights: sparse.csr_matrix, small: NDArray[np.float64]) -> sparse.csr_matrix:
    """Return the matrix from the entries of all maps to one channel of all pixels, ``(H W, points * 4)``."""
    colors = np.concatenate([small.reshape(-1, 3), np.ones((len(small.reshape(-1, 3)), 1))], 1)
    parts = sparse.hstack([weights.multiply(colors[:, j : j + 1]) for j in range(4)]).tocsr()
    order = np.arange(4 * weights.shape[1]).reshape(4, -1).T.ravel()
    return sparse.csr_matrix(parts[:, order])


def _prior(cells: Cells, realism: float) -> sparse.csr_matrix:
    """Return the quadratic form of squared spatial differences and squared second luma differences."""
    rows, columns, bins = cells
    steps = [_difference(rows, 1), _difference(columns, 1), _difference(bins, 2)]
    eyes = [sparse.identity(n) for n in cells]
    total = sparse.csr_matrix((int(np.prod(cells)),) * 2)
    for axis, weight in enumerate((SMOOTH * realism, SMOOTH * realism, CURVED * realism)):
        factors = [steps[i] if i == axis else eyes[i] for i in range(3)]
        matrix = sparse.kron(sparse.kron(factors[0], factors[1]), factors[2])
        total = total + weight / matrix.shape[0] * (matrix.T @ matrix)
    return sparse.csr_matrix(sparse.kron(total, sparse.identity(4)))


def _difference(count: int, order: int) -> sparse.csr_matrix:
    return sparse.csr_matrix(np.diff(np.eye(count), n=order, axis=0))


def _apply_maps(maps: NDArray[np.float64], cells: Cells, content: Array) -> Array:
    photo = tensors.from_array(content)
    alphas = torch.ones((1, *content.shape[:2]))
    size = image.fit((content.shape[0], content.shape[1]), 16)
    grid = BilateralGrid(
        tensors.resize(photo, size).clamp(0, 1), torch.ones((1, *size)), torch.eye(3, 4)[None], cells=cells
    )
    values = torch.from_numpy(maps.reshape(*cells, 4, 3)).transpose(-1, -2).flatten(-2).float()
    grid.assign(values.flatten())
    return tensors.to_array(grid.slice(photo, alphas))
