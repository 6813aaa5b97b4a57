"""Take out the shift of a pack's paintings from their photos.

``PYTHONPATH=benchmarks python docs/build/registered.py PACK`` rewrites the first convolution of PACK.
Training does not see a shift of a fraction of a pixel, because the features that it compares are pooled. The
shift that all styles of the pack have in common is measured by benchmarks/proof.py, and the kernels of the
first convolution are moved against it. What one style shifts beyond that belongs to its strokes.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from impasto import color, samples
from impasto.networks import Pack, packs
from impasto.networks.painter import Painter
from proof import registration

PHOTOS = ("coffee", "astronaut", "rocket")
ROUNDS = 2  # measuring and moving
FIRST = "down0"
FREQUENCIES = 64  # of the spectrum, a side
Array = NDArray[np.float64]


def shift(pack: Pack) -> tuple[float, float]:
    """Return the mean shift (down, right) of the styles of a pack, in pixels.

    Each photo also counts turned by half, which cancels what depends on the photo.
    """
    painter, found = Painter(pack, precision="float32"), []
    for name in pack.names:
        pairs = []
        for photo in PHOTOS:
            upright = samples.photo(photo)
            for rgb in (upright, np.ascontiguousarray(upright[::-1, ::-1])):
                painted = painter.paint(rgb, pack.weights({name: 1.0}))
                pairs.append((color.luma(rgb.astype(float)), color.luma(painted.astype(float))))
        told = registration(pairs)
        found.append((told["down"], told["right"]))
    down, right = np.mean(found, 0)
    return float(down), float(right)


def moved(kernels: Array, down: float, right: float) -> Array:
    """Return kernels ``(..., k, k)`` moved by a fraction of a pixel, as near as their side allows.

    Least squares over images with the spectrum of photos, 1 / f^2 (Field 1987).
    """
    side = kernels.shape[-1]
    f = np.fft.fftfreq(FREQUENCIES)
    power = 1 / (f[:, None] ** 2 + f**2 + FREQUENCIES**-2)

    def correlation(dy: Array, dx: Array) -> Array:
        rows = np.cos(2 * np.pi * dy[..., None] * f), np.sin(2 * np.pi * dy[..., None] * f)
        columns = np.cos(2 * np.pi * dx[..., None] * f), np.sin(2 * np.pi * dx[..., None] * f)
        return np.einsum("...i,ij,...j->...", rows[0], power, columns[0]) - np.einsum(
            "...i,ij,...j->...", rows[1], power, columns[1]
        )

    taps = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), -1).reshape(-1, 2) * 1.0
    apart = taps[:, None] - taps
    own = correlation(apart[..., 0], apart[..., 1])
    wanted = correlation(apart[..., 0] - down, apart[..., 1] - right)
    solved = np.linalg.solve(own + 1e-9 * np.trace(own) / len(own) * np.eye(len(own)), wanted)
    return (kernels.reshape(-1, side**2) @ solved.T).reshape(kernels.shape)


def unfolded(kernels: Array, fold: int) -> Array:
    """Return kernels ``(O, C fold^2, k, k)`` of folded pixels as ``(O, C, k fold, k fold)`` of pixels."""
    out, channels, side = kernels.shape[0], kernels.shape[1] // fold**2, kernels.shape[-1]
    parts = kernels.reshape(out, channels, fold, fold, side, side)
    return parts.transpose(0, 1, 4, 2, 5, 3).reshape(out, channels, side * fold, side * fold)


def folded(kernels: Array, fold: int) -> Array:
    """Invert :func:`unfolded`."""
    out, channels, side = kernels.shape[0], kernels.shape[1], kernels.shape[-1] // fold
    parts = kernels.reshape(out, channels, side, fold, side, fold)
    return parts.transpose(0, 1, 3, 5, 2, 4).reshape(out, channels * fold**2, side, side)


def main(path: Path) -> None:
    """Rewrite the pack."""
    pack = packs.load(path)
    first = pack.trunk[FIRST].astype(float)
    down, right = 0.0, 0.0
    for _ in range(ROUNDS):
        more = shift(pack)
        down, right = down + more[0], right + more[1]
        # Paintings move against the kernels.
        kernels = folded(moved(unfolded(first, pack.plan.fold), down, right), pack.plan.fold)
        pack = dataclasses.replace(pack, trunk={**pack.trunk, FIRST: kernels.astype(np.float32)})
    packs.save(pack, path, overwrite=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
