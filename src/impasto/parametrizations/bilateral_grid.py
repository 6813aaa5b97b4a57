"""Bilateral grids of affine color maps, applied to a photograph.

One small grid for each class (Chen, Paris and Durand 2007; affine maps after Gharbi et al. 2017, "Deep
bilateral learning"). Its axes are position and luma, and each grid point holds an affine color map. A pixel
uses the map interpolated between its grid points; mattes blend the classes. The result is an affine function
of the color that varies smoothly with position and brightness, so it cannot move edges or add strokes.

Slicing uses hat weights in matrix products, so it is deterministic and works at every size.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto import tensors
from impasto.looks.grading import DARK, LIGHT
from impasto.parametrizations.base import Parametrization
from impasto.tiles import Size

CELLS = (4, 4, 8)  # down, across, luma
# Weights of the penalties, which are mean squares of map entries; the first is multiplied by the realism.
SMOOTH, CURVED, STRAY, FALLING, OUTSIDE = 50.0, 1.0, 0.05, 1.0, 10.0
RISE = 0.02  # least slope of the tone curve, so that tones are not inverted
LUMA = (0.2126, 0.7152, 0.0722)
FEW = 512  # cells of a grid up to which the slicing weights are cached
STRIP = 1 << 19  # pixels sliced at a time: about 200 MB of coefficients


class BilateralGrid(Parametrization):
    """A photograph under grids of affine maps, one grid for each class.

    Args:
        photo: content image, ``(1, 3, H, W)``, 0..1, at the largest size it is needed at.
        alphas: mattes of the classes, ``(K, H, W)``, with sum 1.
        start: initial map of each class, ``(K, 3, 4)``, used at all grid points.
        ends: darkest and lightest value of each class, ``(K, 2)``, compressed into 0..1; default: no
            compression.
        cells: cells of each grid along height, width and luma; each at least 2.
        realism: spatial smoothness of the grids; the default is 1.
        frames: number of images of equal size stacked vertically in ``photo`` and ``alphas``, which share the
            grids.
        steep: weight of a penalty on tone curves steeper than the initial ones; default: 0. In a video,
            higher contrast amplifies flicker.
        size: initial (height, width); default: that of the content image.
    """

    def __init__(
        self,
        photo: Tensor,
        alphas: Tensor,
        start: Tensor,
        *,
        ends: Tensor | None = None,
        cells: tuple[int, int, int] = CELLS,
        realism: float = 1.0,
        frames: int = 1,
        steep: float = 0.0,
        size: Size | None = None,
    ) -> None:
        super().__init__()
        count = len(alphas)
        self.cells, self.realism, self.frames, self.steep = cells, realism, frames, steep
        self.grid = nn.Parameter(start.reshape(count, 1, 1, 1, 12).expand(count, *cells, 12).clone())
        none = torch.tensor([[0.0, 1.0]]).expand(count, 2)
        self.start: Tensor
        self.photo: Tensor
        self.alphas: Tensor
        self.ends: Tensor
        self.register_buffer("start", self.grid.detach().clone())
        for name, value in (("photo", photo), ("alphas", alphas), ("ends", none if ends is None else ends)):
            self.register_buffer(name, value.clone())
        self.resize(size or (photo.shape[-2], photo.shape[-1]))

    def forward(self) -> Tensor:
        """Return the image ``(1, 3, H, W)`` at the current size."""
        if self._basis is None:
            return self._apply_grids(self._small, self._mattes)
        points = self.grid.movedim(0, 3).flatten(0, 2).flatten(1)  # (cells, K * 12)
        maps = (self._basis @ points).view(*self._mattes.shape[1:], len(self.grid), 12)
        return self._blend_classes(
            lambda index: maps[:, :, index], self._small[0].movedim(0, -1), self._mattes
        )

    @torch.no_grad()
    def resize(self, size: Size) -> None:
        """See :meth:`Parametrization.resize`; the grid is unchanged, the content image is resized."""
        self._small = tensors.resize(self.photo, size).clamp(0, 1)
        self._mattes = _resize(self.alphas, size)
        self._color, self._filled = self._cells_of(self._small, self._mattes)
        self._basis = self._weights_of(self._small) if math.prod(self.cells) <= FEW else None

    def resize_state(self, state: Tensor, size: Size) -> Tensor:
        """See :meth:`Parametrization.resize_state`; a grid does not depend on the image size."""
        return state.clone()

    def penalty(self) -> Tensor:
        """Penalize roughness, curved or falling tone curves, distance from the start, and overflow."""
        grid = self.grid
        rough = grid.diff(dim=1).square().mean() + grid.diff(dim=2).square().mean()
        bent = grid.diff(n=2, dim=3).square().mean() if self.cells[2] > 2 else grid.new_zeros(())
        stray = (grid - self.start).square().mean()
        maps = grid.view(*grid.shape[:-1], 3, 4)
        slope = _slope(maps)
        falling = torch.relu(RISE - slope).square().mean()
        colors = (maps[..., :3] @ self._color[..., None])[..., 0] + maps[..., 3]
        low, high = (self.ends[:, i].view(-1, 1, 1, 1, 1) for i in (0, 1))
        beyond = torch.relu(low - colors) + torch.relu(colors - high)
        outside = (beyond.square().sum(-1) * self._filled).sum()
        rising = torch.relu(slope - _slope(self.start.view_as(maps))).square().mean()
        return (
            SMOOTH * self.realism * rough
            + CURVED * bent
            + STRAY * stray
            + FALLING * falling
            + self.steep * rising
            + OUTSIDE * outside
        )

    @torch.no_grad()
    def slice(self, photo: Tensor, alphas: Tensor) -> Tensor:
        """Apply the grids to an image of any size, in strips of rows: ``(1, 3, H, W)``, 0..1.

        Args:
            photo: content image, ``(1, 3, H, W)``, 0..1.
            alphas: mattes at the same size, ``(K, H, W)``.
        """
        height, width = photo.shape[-2:]
        result = torch.empty_like(photo)
        rows = max(1, STRIP // (width * max(1, self.cells[2] // 2)))
        for top in range(0, height, rows):
            strip = slice(top, min(height, top + rows))
            part = self._apply_grids(
                photo[..., strip, :], alphas[:, strip], rows=(strip.start, strip.stop, height)
            )
            result[..., strip, :] = part.clamp(0, 1)
        return result

    def _apply_grids(
        self, photo: Tensor, alphas: Tensor, *, rows: tuple[int, int, int] | None = None
    ) -> Tensor:
        """Apply the grids to rows ``(first, last, whole height)`` of one image; default: all frames."""
        if rows is None:
            down = self._down(photo.shape[-2])
        else:
            down = hats(self.cells[0], rows[2], self.grid)[rows[0] : rows[1]]
        across = hats(self.cells[1], photo.shape[-1], self.grid)
        pixels = photo[0].movedim(0, -1)
        bins = luma_hats(pixels, self.cells[2])
        return self._blend_classes(
            lambda index: slice_grid(self.grid[index], down, across, bins), pixels, alphas
        )

    def _blend_classes(self, maps: Callable[[int], Tensor], pixels: Tensor, alphas: Tensor) -> Tensor:
        """Blend the results of all classes for ``pixels (H, W, 3)`` by the mattes: ``(1, 3, H, W)``."""
        total = torch.zeros_like(pixels)
        for index in range(len(self.grid)):
            if not bool(alphas[index].any()):
                continue
            moved = apply(maps(index), pixels)
            total = total + alphas[index][..., None] * bend(moved, self.ends[index])
        weight = alphas.sum(0).clamp_min(1e-6)[..., None]
        return (total / weight).movedim(-1, 0)[None]

    def _down(self, height: int) -> Tensor:
        """Return the weights ``(height, cells)`` of the cells for each row of all frames."""
        return hats(self.cells[0], height // self.frames, self.grid).repeat(self.frames, 1)

    def _weights_of(self, photo: Tensor) -> Tensor:
        """Return the weight of each cell at each pixel, ``(H W, cells)``, to slice by one matrix product."""
        down = self._down(photo.shape[-2])[:, None, :, None, None]
        across = hats(self.cells[1], photo.shape[-1], self.grid)[None, :, None, :, None]
        bins = luma_hats(photo[0].movedim(0, -1), self.cells[2])[:, :, None, None, :]
        return (down * across * bins).flatten(0, 1).flatten(1)

    def _cells_of(self, photo: Tensor, alphas: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the mean color ``(K, gy, gx, gz, 3)`` of the pixels in each cell, and their share."""
        down = self._down(photo.shape[-2])
        across = hats(self.cells[1], photo.shape[-1], self.grid)
        pixels = photo[0].movedim(0, -1)
        bins = luma_hats(pixels, self.cells[2])
        colors, shares = [], []
        for alpha in alphas:
            own = torch.cat([pixels, torch.ones_like(pixels[..., :1])], -1) * alpha[..., None]
            values = (bins[..., None] * own[..., None, :]).flatten(2)  # (h, w, gz * 4)
            sums = torch.einsum("hy,wx,hwc->yxc", down, across, values)
            sums = sums.view(*sums.shape[:2], -1, 4)
            colors.append(sums[..., :3] / sums[..., 3:].clamp_min(1e-6))
            shares.append(sums[..., 3] / pixels[..., 0].numel())
        return torch.stack(colors), torch.stack(shares)


def hats(cells: int, length: int, like: Tensor) -> Tensor:
    """Return the weights ``(length, cells)`` of the cells at each pixel center; each row sums to 1."""
    place = (torch.arange(length, device=like.device, dtype=like.dtype) + 0.5) * (cells / length) - 0.5
    away = place.clamp(0, cells - 1)[:, None] - torch.arange(cells, device=like.device, dtype=like.dtype)
    return (1 - away.abs()).clamp_min(0)


def luma_hats(pixels: Tensor, cells: int) -> Tensor:
    """Return the weights ``(H, W, cells)`` of the luma bins for ``pixels (H, W, 3)``."""
    place = (pixels @ pixels.new_tensor(LUMA)).clamp(0, 1) * (cells - 1)
    away = place[..., None] - torch.arange(cells, device=pixels.device, dtype=pixels.dtype)
    return (1 - away.abs()).clamp_min(0)


def slice_grid(grid: Tensor, down: Tensor, across: Tensor, bins: Tensor) -> Tensor:
    """Slice a grid ``(gy, gx, gz, 12)``: return the maps ``(H, W, 12)`` at every pixel."""
    cells = grid.shape
    rows = (down @ grid.flatten(1)).view(-1, cells[1], cells[2] * cells[3])
    placed = (across @ rows).view(-1, len(across), cells[2], cells[3])
    # Multiply and sum: a batched matmul of many tiny matrices takes ten times as long on a CPU.
    return (bins[..., None] * placed).sum(-2)


def apply(maps: Tensor, pixels: Tensor) -> Tensor:
    """Apply affine maps ``(H, W, 12)`` to ``pixels (H, W, 3)``."""
    full = maps.view(*maps.shape[:-1], 3, 4)
    return (full[..., :3] * pixels[..., None, :]).sum(-1) + full[..., 3]


def bend(values: Tensor, ends: Tensor) -> Tensor:
    """Compress values into 0..1 as ``impasto.looks.grading.bend`` does, with a gradient."""
    low, high = float(ends[0]), float(ends[1])
    if low < 0:
        depth = (DARK - values).clamp_min(0)
        values = torch.where(
            values < DARK, DARK - depth / (1 + depth * (1 / DARK - 1 / (DARK - low))), values
        )
    if high > 1:
        height = (values - LIGHT).clamp_min(0)
        values = torch.where(
            values > LIGHT, LIGHT + height / (1 + height * (1 / (1 - LIGHT) - 1 / (high - LIGHT))), values
        )
    return values


def _slope(maps: Tensor) -> Tensor:
    """Compute the slopes ``(..., gz - 1)`` of the gray tone curves of maps ``(..., gz, 3, 4)``."""
    grays = torch.linspace(0, 1, maps.shape[-3], device=maps.device)
    of_gray = maps[..., :3].sum(-1) * grays[:, None] + maps[..., 3]
    return (of_gray @ maps.new_tensor(LUMA)).diff(dim=-1) * (len(grays) - 1)


def _resize(alphas: Tensor, size: Size) -> Tensor:
    if tuple(alphas.shape[-2:]) == size:
        return alphas
    return F.interpolate(alphas[None], size, mode="bilinear", antialias=True, align_corners=False)[0]
