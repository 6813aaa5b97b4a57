"""A photograph seen through grids of affine colour maps: what an optimiser moves can only be light.

One small grid a class (Chen, Paris and Durand 2007; affine maps after Gharbi et al. 2017, "Deep bilateral
learning"): its axes are place and luma, each of its points an affine map of colours. A pixel takes the map
between the points around it, and mattes join the classes. So every pixel's colour is an affine function of
its own, that changes smoothly with place and brightness: no edge can move, no stroke can appear.

Slicing is by hat weights, as matrix products: the same numbers at every run, and at every size.
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
# Weights of the penalties, of mean squares of entries of the maps; the first is multiplied by the realism.
SMOOTH, CURVED, STRAY, FALLING, OUTSIDE = 10.0, 1.0, 0.05, 1.0, 10.0
RISE = 0.02  # least slope of the tone curve, so that no light is turned into dark
LUMA = (0.2126, 0.7152, 0.0722)
FEW = 512  # cells of a grid, up to which all weights are kept while it is optimised
STRIP = 1 << 19  # pixels sliced at a time: some 200 MB of coefficients


class BilateralGrid(Parametrization):
    """A photograph under grids of affine maps, one a class.

    Args:
        photo: ``(1, 3, H, W)``, 0..1, at the largest size it will be shown at.
        alphas: ``(K, H, W)``, mattes of the classes, that sum to 1.
        start: ``(K, 3, 4)``, the map of each class to begin with, everywhere.
        ends: ``(K, 2)``, the darkest and the lightest value of each class, bent into 0..1; default: none.
        cells: of each grid, down, across, and in luma; each at least 2.
        realism: how smooth the grids are in place; 1 is usual.
        frames: how many pictures of one size, one below the other, ``photo`` and ``alphas`` are: they share
            the grids.
        steep: weight of a penalty on tone that rises more steeply than at the start; none by default. In a
            film, contrast is flicker.
        size: (height, width) to begin at; default: that of the photo.
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
        """The picture ``(1, 3, H, W)`` at the present size."""
        if self._basis is None:
            return self._shown(self._small, self._mattes)
        points = self.grid.movedim(0, 3).flatten(0, 2).flatten(1)  # (cells, K * 12)
        maps = (self._basis @ points).view(*self._mattes.shape[1:], len(self.grid), 12)
        return self._joined(lambda index: maps[:, :, index], self._small[0].movedim(0, -1), self._mattes)

    @torch.no_grad()
    def resize(self, size: Size) -> None:
        """See :meth:`Parametrization.resize`: the grid stays, the photograph behind it changes its size."""
        self._small = tensors.resize(self.photo, size).clamp(0, 1)
        self._mattes = _resized(self.alphas, size)
        self._colour, self._filled = self._cells_of(self._small, self._mattes)
        self._basis = self._weights_of(self._small) if math.prod(self.cells) <= FEW else None

    def resize_state(self, state: Tensor, size: Size) -> Tensor:
        """See :meth:`Parametrization.resize_state`: a grid has no size."""
        return state.clone()

    def penalty(self) -> Tensor:
        """Rough in place, curved or falling in luma, far from the start, or out of range: each costs."""
        grid = self.grid
        rough = grid.diff(dim=1).square().mean() + grid.diff(dim=2).square().mean()
        bent = grid.diff(n=2, dim=3).square().mean() if self.cells[2] > 2 else grid.new_zeros(())
        stray = (grid - self.start).square().mean()
        maps = grid.view(*grid.shape[:-1], 3, 4)
        slope = _slope(maps)
        falling = torch.relu(RISE - slope).square().mean()
        colours = (maps[..., :3] @ self._colour[..., None])[..., 0] + maps[..., 3]
        low, high = (self.ends[:, i].view(-1, 1, 1, 1, 1) for i in (0, 1))
        beyond = torch.relu(low - colours) + torch.relu(colours - high)
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
        """The grids on a photograph of any size, ``(1, 3, H, W)``, clipped to 0..1, by strips of rows.

        Args:
            photo: ``(1, 3, H, W)``, 0..1.
            alphas: ``(K, H, W)``, mattes at the same size.
        """
        height, width = photo.shape[-2:]
        result = torch.empty_like(photo)
        rows = max(1, STRIP // (width * max(1, self.cells[2] // 2)))
        for top in range(0, height, rows):
            strip = slice(top, min(height, top + rows))
            part = self._shown(photo[..., strip, :], alphas[:, strip], rows=(strip.start, strip.stop, height))
            result[..., strip, :] = part.clamp(0, 1)
        return result

    def _shown(self, photo: Tensor, alphas: Tensor, *, rows: tuple[int, int, int] | None = None) -> Tensor:
        """Rows ``first`` to ``last`` of ``whole`` of one picture; default: all frames there are."""
        if rows is None:
            down = self._down(photo.shape[-2])
        else:
            down = hats(self.cells[0], rows[2], self.grid)[rows[0] : rows[1]]
        across = hats(self.cells[1], photo.shape[-1], self.grid)
        pixels = photo[0].movedim(0, -1)
        bins = luma_hats(pixels, self.cells[2])
        return self._joined(lambda index: sliced(self.grid[index], down, across, bins), pixels, alphas)

    def _joined(self, maps: Callable[[int], Tensor], pixels: Tensor, alphas: Tensor) -> Tensor:
        """What each class makes of ``pixels (H, W, 3)``, joined by the mattes: ``(1, 3, H, W)``."""
        total = torch.zeros_like(pixels)
        for index in range(len(self.grid)):
            if not bool(alphas[index].any()):
                continue
            moved = apply(maps(index), pixels)
            total = total + alphas[index][..., None] * bend(moved, self.ends[index])
        weight = alphas.sum(0).clamp_min(1e-6)[..., None]
        return (total / weight).movedim(-1, 0)[None]

    def _down(self, height: int) -> Tensor:
        """Weights ``(height, cells)`` of the cells for each row of all frames."""
        return hats(self.cells[0], height // self.frames, self.grid).repeat(self.frames, 1)

    def _weights_of(self, photo: Tensor) -> Tensor:
        """Weight of each cell at each pixel ``(H W, cells)``: small grids are sliced by one product."""
        down = self._down(photo.shape[-2])[:, None, :, None, None]
        across = hats(self.cells[1], photo.shape[-1], self.grid)[None, :, None, :, None]
        bins = luma_hats(photo[0].movedim(0, -1), self.cells[2])[:, :, None, None, :]
        return (down * across * bins).flatten(0, 1).flatten(1)

    def _cells_of(self, photo: Tensor, alphas: Tensor) -> tuple[Tensor, Tensor]:
        """Mean colour ``(K, gy, gx, gz, 3)`` of what each cell holds, and its share of the picture."""
        down = self._down(photo.shape[-2])
        across = hats(self.cells[1], photo.shape[-1], self.grid)
        pixels = photo[0].movedim(0, -1)
        bins = luma_hats(pixels, self.cells[2])
        colours, shares = [], []
        for alpha in alphas:
            own = torch.cat([pixels, torch.ones_like(pixels[..., :1])], -1) * alpha[..., None]
            values = (bins[..., None] * own[..., None, :]).flatten(2)  # (h, w, gz * 4)
            sums = torch.einsum("hy,wx,hwc->yxc", down, across, values)
            sums = sums.view(*sums.shape[:2], -1, 4)
            colours.append(sums[..., :3] / sums[..., 3:].clamp_min(1e-6))
            shares.append(sums[..., 3] / pixels[..., 0].numel())
        return torch.stack(colours), torch.stack(shares)


def hats(cells: int, length: int, like: Tensor) -> Tensor:
    """Weights ``(length, cells)`` of the cells for each pixel's centre; each row sums to 1."""
    place = (torch.arange(length, device=like.device, dtype=like.dtype) + 0.5) * (cells / length) - 0.5
    away = place.clamp(0, cells - 1)[:, None] - torch.arange(cells, device=like.device, dtype=like.dtype)
    return (1 - away.abs()).clamp_min(0)


def luma_hats(pixels: Tensor, cells: int) -> Tensor:
    """Weights ``(H, W, cells)`` of the bins of luma for ``pixels (H, W, 3)``."""
    place = (pixels @ pixels.new_tensor(LUMA)).clamp(0, 1) * (cells - 1)
    away = place[..., None] - torch.arange(cells, device=pixels.device, dtype=pixels.dtype)
    return (1 - away.abs()).clamp_min(0)


def sliced(grid: Tensor, down: Tensor, across: Tensor, bins: Tensor) -> Tensor:
    """The maps ``(H, W, 12)`` of a grid ``(gy, gx, gz, 12)`` at every pixel."""
    cells = grid.shape
    rows = (down @ grid.flatten(1)).view(-1, cells[1], cells[2] * cells[3])
    placed = (across @ rows).view(-1, len(across), cells[2], cells[3])
    # Products and sums: PyTorch's own product of many tiny matrices takes ten times as long on a CPU.
    return (bins[..., None] * placed).sum(-2)


def apply(maps: Tensor, pixels: Tensor) -> Tensor:
    """Affine maps ``(H, W, 12)`` of ``pixels (H, W, 3)``."""
    full = maps.view(*maps.shape[:-1], 3, 4)
    return (full[..., :3] * pixels[..., None, :]).sum(-1) + full[..., 3]


def bend(values: Tensor, ends: Tensor) -> Tensor:
    """As ``impasto.looks.grading.bend``, with a gradient."""
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
    """Slopes ``(..., gz - 1)`` of the tone curves of maps ``(..., gz, 3, 4)``: the luma that greys take."""
    greys = torch.linspace(0, 1, maps.shape[-3], device=maps.device)
    of_grey = maps[..., :3].sum(-1) * greys[:, None] + maps[..., 3]
    return (of_grey @ maps.new_tensor(LUMA)).diff(dim=-1) * (len(greys) - 1)


def _resized(alphas: Tensor, size: Size) -> Tensor:
    if tuple(alphas.shape[-2:]) == size:
        return alphas
    return F.interpolate(alphas[None], size, mode="bilinear", antialias=True, align_corners=False)[0]
