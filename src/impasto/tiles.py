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


def split(size: Size, *, tile: int, halo: int, stride: int) -> list[Window]:
    """Cuts a picture into windows that own ``tile`` x ``tile`` pixels each and read ``halo`` more around.

    Args:
        size: (height, width) of the picture, pixels.
        tile: side of the part a window owns; a multiple of ``stride``.
        halo: pixels read on every side beyond it, rounded up to a multiple of ``stride`` and never less
            than one, for the terms that compare neighbours; half the receptive field makes the owned
            features equal to those of the whole picture.
        stride: the coarsest stride of the features in use.

    Raises:
        InputError: if ``tile`` is not a positive multiple of ``stride``.

    Example:
        >>> [w.rows.own for w in split((70, 16), tile=32, halo=8, stride=16)]
        [0, 32]
    """
    if tile <= 0 or tile % stride:
        raise InputError(f"tile side {tile} is not a positive multiple of the stride {stride}: choose one")
    halo = max(1, -(-halo // stride)) * stride
    height, width = size
    columns = _spans(width, tile, halo, stride)
    return [Window(r, c) for r in _spans(height, tile, halo, stride) for c in columns]


def _spans(whole: int, tile: int, halo: int, stride: int) -> list[Span]:
    starts = list(range(0, whole, tile))
    if len(starts) > 1 and whole - starts[-1] < stride:
        starts.pop()  # a rest below one stride has no features of its own: the last tile takes it along
    ends = [*starts[1:], whole]
    return [
        Span(whole, max(0, start - halo), min(whole, end + halo), start, end)
        for start, end in zip(starts, ends, strict=True)
    ]
