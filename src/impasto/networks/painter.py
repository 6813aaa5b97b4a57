"""Painting at once with a learned style: OpenVINO on CPUs, PyTorch on GPUs, any size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto import image
from impasto.jobs.base import Precision, Statistics
from impasto.networks.packs import Pack
from impasto.networks.plan import EPSILON, Plan, shape
from impasto.tiles import Window, split

Array = NDArray[np.float32]

TILE = 1024  # pixels a side that a tile owns
WHOLE = 4_000_000  # pixels up to which a picture is painted in one piece
THUMBNAIL = 1024  # long side of the picture from which statistics are taken for tiles

Told = Callable[[int, int, NDArray[np.uint8]], None]
"""Called with the steps done, with all there are, and with the picture as far as it is painted."""


class Network(Protocol):
    """A network on a device; the arguments are those of :class:`Painter`."""

    def paint(self, photo: Array, weights: Array, statistics: Array | None) -> Array:
        """``(H, W, 3)`` to the same; sides are multiples of the plan's."""

    def statistics(self, photo: Array, weights: Array) -> Array:
        """``(2, channels)``."""

    def features(self, photo: Array, weights: Array, statistics: Array, norm: int) -> Array:
        """What the normalisation of that number sees, ``(C, h, w)``."""


class Painter:
    """A style pack ready to paint.

    Args:
        pack: trunk and rows.
        device: ``cpu`` (OpenVINO) or a GPU as PyTorch names it.
        precision: ``auto`` is bfloat16 where a CPU computes in it, float32 on a GPU.
        threads: that a CPU works with; default: all cores.

    Examples:
        >>> painter = Painter(pack)  # doctest: +SKIP
        >>> painted = painter.paint(photo, pack.weights({"waves": 1.0}))  # doctest: +SKIP
    """

    def __init__(
        self, pack: Pack, *, device: str = "cpu", precision: Precision = "auto", threads: int | None = None
    ) -> None:
        self.pack, self.shape = pack, shape(pack.plan)
        self.network: Network
        if device == "cpu":
            from impasto.networks.openvino_engine import OnCpu

            self.network = OnCpu(pack, precision=precision, threads=threads)
        else:
            from impasto.networks.torch_engine import OnGpu

            self.network = OnGpu(pack, device=device, precision=precision)

    def paint(self, photo: Array, weights: Array, *, statistics: Array | None = None) -> Array:
        """Paints a picture in one piece.

        Args:
            photo: ``(H, W, 3)``, RGB 0..1, any size.
            weights: of the rows ``(R,)``, see :meth:`Pack.weights`, or ``(R, h, w)`` for regions.
            statistics: ``(2, channels)`` in place of the picture's own: for films and tiles.
        """
        height, width = photo.shape[:2]
        painted = self.network.paint(padded(photo, self.pack.plan), weights, statistics)
        return painted[:height, :width]

    def statistics(self, photo: Array, weights: Array) -> Array:
        """The statistics ``(2, channels)`` that the picture has with these weights."""
        return self.network.statistics(padded(photo, self.pack.plan), weights)

    def paint_large(
        self,
        photo: NDArray[Any],
        weights: Array,
        *,
        mode: Statistics = "thumbnail",
        tile: int = TILE,
        told: Told | None = None,
    ) -> NDArray[np.uint8]:
        """Paints a picture of any size in tiles that fit each other.

        Args:
            photo: ``(H, W, 3)``, uint8, or float RGB 0..1.
            weights: of the rows ``(R,)``, or ``(R, h, w)`` for regions.
            mode: where the statistics of the whole come from: a ``thumbnail`` of it, or ``exact``, layer by
                layer from all tiles, which gives the picture that one piece would.
            tile: pixels a side.
            told: called after every tile.

        Returns:
            ``(H, W, 3)``, uint8.
        """
        windows = self._windows((photo.shape[0], photo.shape[1]), tile)
        before = len(windows) * len(self.shape.norms) if mode == "exact" else 0
        result = np.zeros(photo.shape, np.uint8)

        def report(step: int) -> None:
            if told:
                told(step, before + len(windows), result)

        if weights.ndim == 3:
            weights = _resized(weights, self._places(photo))
        if mode == "exact":
            statistics = self._gathered(photo, weights, windows, report)
        else:
            small = thumbnail(photo)
            shrunk = weights if weights.ndim == 1 else _resized(weights, self._places(small))
            statistics = self.statistics(small, shrunk)
        for count, window in enumerate(windows):
            own = self._part(weights, window)
            painted = self.paint(self._read(photo, window), own, statistics=statistics)
            rows, columns = window.rows, window.columns
            part = painted[
                rows.own - rows.read : rows.own_end - rows.read,
                columns.own - columns.read : columns.own_end - columns.read,
            ]
            part = part[: photo.shape[0] - rows.own, : photo.shape[1] - columns.own]
            result[rows.own : rows.own_end, columns.own : columns.own_end] = np.rint(part.clip(0, 1) * 255)
            report(before + count + 1)
        return result

    def _windows(self, size: tuple[int, int], tile: int) -> list[Window]:
        """Tiles of the picture as it is padded to the network's multiple."""
        multiple = self.pack.plan.multiple
        height, width = (_grown(side, self.pack.plan) for side in size)
        # Weights of regions are continued beyond what a tile reads, which is wrong for half a place.
        halo = self.shape.radius + multiple // 2
        return list(split((height, width), tile=_up(tile, multiple), halo=halo, stride=multiple))

    def _places(self, photo: NDArray[Any]) -> tuple[int, int]:
        """Rows and columns of the weights of regions: one place for each multiple."""
        plan = self.pack.plan
        return _grown(photo.shape[0], plan) // plan.multiple, _grown(photo.shape[1], plan) // plan.multiple

    def _part(self, weights: Array, window: Window) -> Array:
        """The weights of what a tile reads."""
        if weights.ndim == 1:
            return weights
        multiple = self.pack.plan.multiple
        rows, columns = window.rows, window.columns
        return weights[
            :,
            rows.read // multiple : rows.read_end // multiple,
            columns.read // multiple : columns.read_end // multiple,
        ]

    def _read(self, photo: NDArray[Any], window: Window) -> Array:
        """What a tile reads, float32, padded where the whole would be."""
        rows, columns = window.rows, window.columns
        part = photo[rows.read : rows.read_end, columns.read : columns.read_end]
        return padded(image.floats(part), self.pack.plan)

    def _gathered(
        self,
        photo: NDArray[Any],
        weights: Array,
        windows: list[Window],
        report: Callable[[int], None],
    ) -> Array:
        """Statistics of the whole, normalisation by normalisation, each from all tiles."""
        statistics = np.empty((2, sum(self.shape.norms)), np.float32)
        start = 0
        for norm, channels in enumerate(self.shape.norms):
            count, first, second = 0, np.zeros(channels), np.zeros(channels)
            for done, window in enumerate(windows):
                part = self._part(weights, window)
                found = self.network.features(self._read(photo, window), part, statistics, norm)
                stride = (window.rows.read_end - window.rows.read) // found.shape[1]
                own = window.owned(found, stride).reshape(channels, -1).astype(np.float64)
                count += own.shape[1]
                first += own.sum(1)
                second += np.square(own).sum(1)
                report(norm * len(windows) + done + 1)
            mean = first / count
            own_channels = slice(start, start + channels)
            statistics[0, own_channels] = mean
            statistics[1, own_channels] = np.sqrt(np.maximum(second / count - mean**2, 0) + EPSILON)
            start += channels
        return statistics


def padded(photo: Array, plan: Plan) -> Array:
    """The picture, grown below and to the right to a size that the network takes, by reflection."""
    below, right = (_grown(side, plan) - side for side in photo.shape[:2])
    if not below and not right:
        return photo
    return np.pad(photo, ((0, below), (0, right), (0, 0)), mode="symmetric")


def _grown(side: int, plan: Plan) -> int:
    return max(_up(side, plan.multiple), plan.least)


def _up(side: int, multiple: int) -> int:
    return -(-side // multiple) * multiple


def _resized(weights: Array, size: tuple[int, int]) -> Array:
    """Weights of regions ``(R, h, w)`` at another size: linear, and averaged where they shrink."""
    if weights.shape[1:] == size:
        return weights
    wide = (size[1], size[0])
    planes = [Image.fromarray(np.ascontiguousarray(w)) for w in weights]
    return np.stack([np.asarray(p.resize(wide, Image.Resampling.BILINEAR), np.float32) for p in planes])


def thumbnail(photo: NDArray[Any]) -> Array:
    """The picture at most ``THUMBNAIL`` long, float32."""
    step = max(1, max(photo.shape[:2]) // (4 * THUMBNAIL))  # a first, coarse step saves memory
    small = photo[::step, ::step]
    values = image.floats(small)
    size = (values.shape[0], values.shape[1])
    return image.resize(values, image.fit(size, THUMBNAIL)) if max(size) > THUMBNAIL else values
