"""Geometry of tiles: the part of an image that a tile reads, and the feature positions it owns.

Every tile reads its owned part and a halo around it. Tile borders are multiples of the network's stride, so
that the feature grids of all tiles align with that of the whole image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from impasto.errors import InputError

Size = tuple[int, int]
Map = TypeVar("Map")  # array or tensor with the last two axes (rows, columns)


@dataclass(frozen=True)
class Interval:
    """One axis of a tile: it reads ``[read, read_end)`` of ``whole`` and owns ``[own, own_end)``."""

    whole: int
    read: int
    read_end: int
    own: int
    own_end: int

    def positions(self, stride: int, *, reach: int = 0) -> tuple[int, int]:
        """Return the owned range on the grid of a stride, extended by ``reach`` inside the image."""
        return self.own // stride, min(self.own_end // stride + reach, self.whole // stride)


@dataclass(frozen=True)
class Window:
    """Tile of an image, in pixels; ``Window.full(size)`` is the whole image."""

    rows: Interval
    columns: Interval

    @classmethod
    def full(cls, size: Size) -> Window:
        """Return the window that reads and owns a whole image of ``size = (height, width)``."""
        height, width = size
        return cls(Interval(height, 0, height, 0, height), Interval(width, 0, width, 0, width))

    def read(self, whole: Map) -> Map:
        """Return the pixels of a whole image ``(..., H, W)`` that the tile reads, including the halo."""
        rows, columns = self.rows, self.columns
        return whole[..., rows.read : rows.read_end, columns.read : columns.read_end]  # type: ignore[index, no-any-return]

    def trim_halo(self, features: Map, stride: int, *, reach: int = 0) -> Map:
        """Return the owned positions of feature maps computed from the pixels of :meth:`read`.

        ``reach`` adds this many positions at the bottom and right (for differences between neighbors),
        except at the image border.
        """
        top, bottom = self.rows.positions(stride, reach=reach)
        left, right = self.columns.positions(stride, reach=reach)
        y, x = self.rows.read // stride, self.columns.read // stride
        return features[..., top - y : bottom - y, left - x : right - x]  # type: ignore[index, no-any-return]

    def part(self, whole: Map, stride: int, *, reach: int = 0) -> Map:
        """Return the positions of :meth:`trim_halo` from a feature map of the whole image."""
        top, bottom = self.rows.positions(stride, reach=reach)
        left, right = self.columns.positions(stride, reach=reach)
        return whole[..., top:bottom, left:right]  # type: ignore[index, no-any-return]


@dataclass(frozen=True)
class Tiling:
    """Tiling policy: small images stay whole, larger ones are split into tiles of similar size.

    Args:
        side: largest side of the owned part of a tile, in pixels; a multiple of ``stride``. An image with no
            more pixels than a tile reads, including the halo, stays whole.
        halo: pixels read around a tile, see :func:`split`.
        stride: coarsest stride of the layers in use.

    Examples:
        >>> len(Tiling(64, halo=16, stride=16)((90, 90))), len(Tiling(64, halo=16, stride=16)((128, 192)))
        (1, 6)
    """

    side: int
    halo: int
    stride: int

    def __call__(self, size: Size) -> list[Window]:
        """Return the windows of an image of this size; tiles are as equal as the stride allows."""
        if size[0] * size[1] <= self.pixels:
            return [Window.full(size)]
        # Divide each side evenly into the least number of tiles, as a narrow last tile would still read a
        # full halo.
        rows, columns = (
            -(-length // (-(-length // self.side) * self.stride)) * self.stride for length in size
        )
        return split(size, tile=(rows, columns), halo=self.halo, stride=self.stride)

    @property
    def pixels(self) -> int:
        """Largest number of pixels read at once."""
        return (self.side + 2 * self.halo) ** 2

    def smaller(self) -> Tiling:
        """Return a tiling whose tiles read about a quarter of the pixels, but own at least one stride."""
        side = (self.side // 2 - self.halo) // self.stride * self.stride
        return Tiling(max(self.stride, side), self.halo, self.stride)


def split(size: Size, *, tile: int | Size, halo: int, stride: int) -> list[Window]:
    """Split an image into windows that own ``tile`` x ``tile`` pixels and read a halo around them.

    Args:
        size: (height, width) of the image, in pixels.
        tile: side, or (height, width), of the owned part of a window; a multiple of ``stride``.
        halo: pixels read on every side of it, rounded up to a multiple of ``stride``, at least one stride
            (for terms that compare neighbors). With half the receptive field, the owned features equal those
            of the whole image.
        stride: coarsest stride of the layers in use.

    Raises:
        InputError: ``tile`` is not a positive multiple of ``stride``.

    Examples:
        >>> [w.rows.own for w in split((70, 16), tile=32, halo=8, stride=16)]
        [0, 32]
    """
    tall, wide = (tile, tile) if isinstance(tile, int) else tile
    for side in (tall, wide):
        if side <= 0 or side % stride:
            raise InputError(
                f"tile side {side} is not a positive multiple of the stride {stride}: choose a multiple"
            )
    halo = max(1, -(-halo // stride)) * stride
    height, width = size
    columns = _spans(width, wide, halo, stride)
    return [Window(r, c) for r in _spans(height, tall, halo, stride) for c in columns]


def _spans(whole: int, tile: int, halo: int, stride: int) -> list[Interval]:
    starts = list(range(0, whole, tile))
    if len(starts) > 1 and whole - starts[-1] < stride:
        starts.pop()  # a remainder below one stride has no features; add it to the last tile
    ends = [*starts[1:], whole]
    return [
        Interval(whole, max(0, start - halo), min(whole, end + halo), start, end)
        for start, end in zip(starts, ends, strict=True)
    ]
