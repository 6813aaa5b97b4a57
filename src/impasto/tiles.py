"""Geometry of tiles: which part of a picture a tile reads, and which feature positions it owns.

Pure arithmetic, no pictures. Every tile reads its own part and a halo around it; tile borders lie on
multiples of the network's stride, so that the feature grids of all tiles fall onto that of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from impasto.errors import InputError

Size = tuple[int, int]
Map = TypeVar("Map")  # anything that slices like an array whose last two axes are (rows, columns)


@dataclass(frozen=True)
class Span:
    """One axis of a tile: it reads ``[read, read_end)`` of ``whole`` and owns ``[own, own_end)``."""

    whole: int
    read: int
    read_end: int
    own: int
    own_end: int

    def positions(self, stride: int, *, reach: int = 0) -> tuple[int, int]:
        """The owned range on the whole's grid of this stride, longer by ``reach`` where there is more."""
        return self.own // stride, min(self.own_end // stride + reach, self.whole // stride)


@dataclass(frozen=True)
class Window:
    """A tile of a picture, in pixels; ``Window.full(size)`` is the whole picture as one tile."""

    rows: Span
    columns: Span

    @classmethod
    def full(cls, size: Size) -> Window:
        """The window that reads and owns a whole picture of ``size = (height, width)``."""
        height, width = size
        return cls(Span(height, 0, height, 0, height), Span(width, 0, width, 0, width))

    @property
    def is_full(self) -> bool:
        """Whether this window owns the whole picture."""
        return all(s.own == 0 and s.own_end == s.whole for s in (self.rows, self.columns))

    def read(self, whole: Map) -> Map:
        """The pixels that the tile reads, halo included, of a whole ``(..., H, W)``."""
        rows, columns = self.rows, self.columns
        return whole[..., rows.read : rows.read_end, columns.read : columns.read_end]  # type: ignore[index, no-any-return]

    def owned(self, features: Map, stride: int, *, reach: int = 0) -> Map:
        """The positions that the tile owns, of feature maps computed from what it reads.

        ``reach`` adds that many positions below and to the right (for differences between neighbours),
        except at the picture's end, where there are none.
        """
        top, bottom = self.rows.positions(stride, reach=reach)
        left, right = self.columns.positions(stride, reach=reach)
        y, x = self.rows.read // stride, self.columns.read // stride
        return features[..., top - y : bottom - y, left - x : right - x]  # type: ignore[index, no-any-return]

    def part(self, whole: Map, stride: int, *, reach: int = 0) -> Map:
        """The same positions as :meth:`owned`, of a feature map of the whole picture."""
        top, bottom = self.rows.positions(stride, reach=reach)
        left, right = self.columns.positions(stride, reach=reach)
        return whole[..., top:bottom, left:right]  # type: ignore[index, no-any-return]


@dataclass(frozen=True)
class Tiling:
    """How pictures are cut: what is small enough stays whole, the rest falls into tiles of about one size.

    Args:
        side: of the largest tile, pixels, a multiple of ``stride``; what a tile reads, halo included, is what
            has to fit into memory, and what has no more pixels than that stays whole.
        halo: pixels read around a tile, see :func:`split`.
        stride: the coarsest stride of the features in use.

    Examples:
        >>> len(Tiling(64, halo=16, stride=16)((90, 90))), len(Tiling(64, halo=16, stride=16)((128, 192)))
        (1, 6)
    """

    side: int
    halo: int
    stride: int

    def __call__(self, size: Size) -> list[Window]:
        """The windows of a picture of this size; tiles of one picture are as equal as the stride allows."""
        if size[0] * size[1] <= self.pixels:
            return [Window.full(size)]
        # As many tiles as the largest side needs, each no larger than its share: a narrow rest at the end
        # would be read with its halo all the same.
        rows, columns = (
            -(-length // (-(-length // self.side) * self.stride)) * self.stride for length in size
        )
        return split(size, tile=(rows, columns), halo=self.halo, stride=self.stride)

    @property
    def pixels(self) -> int:
        """The most pixels that are looked at in one piece."""
        return (self.side + 2 * self.halo) ** 2

    def smaller(self) -> Tiling:
        """A tiling whose pieces read about a quarter of the pixels, but own at least one stride."""
        side = (self.side // 2 - self.halo) // self.stride * self.stride
        return Tiling(max(self.stride, side), self.halo, self.stride)


def split(size: Size, *, tile: int | Size, halo: int, stride: int) -> list[Window]:
    """Cuts a picture into windows that own ``tile`` x ``tile`` pixels each and read ``halo`` more around.

    Args:
        size: (height, width) of the picture, pixels.
        tile: side, or (height, width), of the part a window owns; a multiple of ``stride``.
        halo: pixels read on every side beyond it, rounded up to a multiple of ``stride`` and never less
            than one, for the terms that compare neighbours; half the receptive field makes the owned
            features equal to those of the whole picture.
        stride: the coarsest stride of the features in use.

    Raises:
        InputError: if ``tile`` is not a positive multiple of ``stride``.

    Examples:
        >>> [w.rows.own for w in split((70, 16), tile=32, halo=8, stride=16)]
        [0, 32]
    """
    tall, wide = (tile, tile) if isinstance(tile, int) else tile
    for side in (tall, wide):
        if side <= 0 or side % stride:
            raise InputError(
                f"tile side {side} is not a positive multiple of the stride {stride}: choose one"
            )
    halo = max(1, -(-halo // stride)) * stride
    height, width = size
    columns = _spans(width, wide, halo, stride)
    return [Window(r, c) for r in _spans(height, tall, halo, stride) for c in columns]


def _spans(whole: int, tile: int, halo: int, stride: int) -> list[Span]:
    starts = list(range(0, whole, tile))
    if len(starts) > 1 and whole - starts[-1] < stride:
        starts.pop()  # a rest below one stride has no features of its own: the last tile takes it along
    ends = [*starts[1:], whole]
    return [
        Span(whole, max(0, start - halo), min(whole, end + halo), start, end)
        for start, end in zip(starts, ends, strict=True)
    ]
