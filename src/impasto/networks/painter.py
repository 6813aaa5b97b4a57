"""Painting with a learned style in one pass: OpenVINO on CPUs, PyTorch on GPUs, images of any size."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto import image
from impasto.jobs.base import Precision, Statistics
from impasto.networks import noise as noises
from impasto.networks.packs import Pack
from impasto.networks.plan import EPSILON, Plan, shape
from impasto.tiles import Window, split

if TYPE_CHECKING:
    from impasto.networks.openvino_engine import OnCpu
    from impasto.networks.torch_engine import OnGpu

Array = NDArray[np.float32]

TILE = 1024  # side of a tile without its halo, pixels
WHOLE = 4_000_000  # pixels up to which an image is painted in one piece
THUMBNAIL = 1024  # long side of the thumbnail that gives the statistics for tiles, pixels

OnTile = Callable[[int, int, NDArray[np.uint8]], None]
"""Progress callback: called with the steps done, their total, and the partly painted image."""


class Painter:
    """A style pack on a device, ready to paint.

    Args:
        pack: trunk and rows.
        device: ``cpu`` (OpenVINO) or the PyTorch name of a GPU.
        precision: ``auto`` is bfloat16 on CPUs that support it, float32 on a GPU.
        threads: number of CPU threads; default: all cores.
        seed: random seed of the noise input, for networks that have one.
        period: height and width of images that continue across their borders, multiples of
            ``plan.multiple``, for :meth:`paint_repeating`; the noise then repeats as well.

    Examples:
        >>> painter = Painter(pack)  # doctest: +SKIP
        >>> painted = painter.paint(photo, pack.weights({"waves": 1.0}))  # doctest: +SKIP
    """

    def __init__(
        self,
        pack: Pack,
        *,
        device: str = "cpu",
        precision: Precision = "auto",
        threads: int | None = None,
        seed: int = 0,
        period: tuple[int, int] | None = None,
    ) -> None:
        self.pack, self.shape, self.seed, self.period = pack, shape(pack.plan), seed, period
        self._repeated: Array | None = None
        self.network: OnCpu | OnGpu
        if device == "cpu":
            from impasto.networks.openvino_engine import OnCpu

            self.network = OnCpu(pack, precision=precision, threads=threads)
        else:
            from impasto.networks.torch_engine import OnGpu

            self.network = OnGpu(pack, device=device, precision=precision)

    def paint(
        self,
        photo: Array,
        weights: Array,
        *,
        statistics: Array | None = None,
        at: tuple[float, float] = (0, 0),
    ) -> Array:
        """Paint an image in one piece.

        Args:
            photo: ``(H, W, 3)``, RGB 0..1, any size.
            weights: weights of the rows ``(R,)``, see :meth:`Pack.weights`, or ``(R, h, w)`` for regions.
            statistics: ``(2, channels)`` instead of the image's own, for videos and tiles.
            at: position of its upper left corner (row, column) in the whole image, pixels; sets the noise.
        """
        height, width = photo.shape[:2]
        grown = pad_reflecting(photo, self.pack.plan)
        painted = self.network.paint(grown, weights, statistics, self._noise(grown, at))
        return painted[:height, :width]

    def _noise(self, grown: Array, at: tuple[float, float] = (0, 0)) -> Array | None:
        plan = self.pack.plan
        if not plan.noise:
            return None
        size = (grown.shape[0] // plan.multiple, grown.shape[1] // plan.multiple)
        if self.period is not None:
            if self._repeated is None:
                own = (self.period[0] // plan.multiple, self.period[1] // plan.multiple)
                self._repeated = noises.periodic_noise(plan, seed=self.seed, size=own)
            rows, columns = (
                (round(start) // plan.multiple + np.arange(count)) % side
                for start, count, side in zip(at, size, self._repeated.shape[1:], strict=True)
            )
            return np.ascontiguousarray(self._repeated[:, rows[:, None], columns])
        return noises.field(plan, seed=self.seed, size=size, at=at)

    def statistics(self, photo: Array, weights: Array) -> Array:
        """Return the statistics ``(2, channels)`` of an image for these weights."""
        grown = pad_reflecting(photo, self.pack.plan)
        return self.network.statistics(grown, weights, self._noise(grown))

    def paint_repeating(
        self,
        photo: NDArray[Any],
        weights: Array,
        *,
        mode: Statistics = "thumbnail",
        on_tile: OnTile | None = None,
    ) -> NDArray[Any]:
        """Paint an image of the painter's ``period`` so that it continues across its borders.

        It is painted with a part of its repetitions around it, as wide as the receptive field. Arguments as
        for :meth:`paint_large`; the result is floats up to ``WHOLE`` pixels, else uint8.
        """
        margin = _up(self.shape.radius, self.pack.plan.multiple)
        grown = np.pad(photo, ((margin, margin), (margin, margin), (0, 0)), mode="wrap")
        painted: NDArray[Any]
        if grown.shape[0] * grown.shape[1] <= WHOLE:
            painted = self.paint(image.floats(grown), weights)
        else:
            painted = self.paint_large(grown, weights, mode=mode, on_tile=on_tile)
        return painted[margin:-margin, margin:-margin]

    def paint_large(
        self,
        photo: NDArray[Any],
        weights: Array,
        *,
        mode: Statistics = "thumbnail",
        tile: int = TILE,
        on_tile: OnTile | None = None,
    ) -> NDArray[np.uint8]:
        """Paint an image of any size in seamless tiles.

        Args:
            photo: ``(H, W, 3)``, uint8, or float RGB 0..1.
            weights: weights of the rows ``(R,)``, or ``(R, h, w)`` for regions.
            mode: statistics of a ``thumbnail``, or ``exact``: of all tiles, layer by layer, as in one piece.
            tile: side of a tile, pixels.
            on_tile: progress callback, called after every tile.

        Returns:
            ``(H, W, 3)``, uint8.
        """
        windows = self._windows((photo.shape[0], photo.shape[1]), tile)
        before = len(windows) * len(self.shape.norms) if mode == "exact" else 0
        result = np.zeros(photo.shape, np.uint8)

        def report(step: int) -> None:
            if on_tile:
                on_tile(step, before + len(windows), result)

        if weights.ndim == 3:
            weights = _resize_weights(weights, self._places(photo))
        if mode == "exact":
            statistics = self._gather_statistics(photo, weights, windows, report)
        else:
            small = thumbnail(photo)
            shrunk = weights if weights.ndim == 1 else _resize_weights(weights, self._places(small))
            statistics = self.statistics(small, shrunk)
        for count, window in enumerate(windows):
            own = self._part(weights, window)
            rows, columns = window.rows, window.columns
            at = (rows.read, columns.read)
            painted = self.paint(self._read(photo, window), own, statistics=statistics, at=at)
            part = painted[
                rows.own - rows.read : rows.own_end - rows.read,
                columns.own - columns.read : columns.own_end - columns.read,
            ]
            part = part[: photo.shape[0] - rows.own, : photo.shape[1] - columns.own]
            result[rows.own : rows.own_end, columns.own : columns.own_end] = np.rint(part.clip(0, 1) * 255)
            report(before + count + 1)
        return result

    def _windows(self, size: tuple[int, int], tile: int) -> list[Window]:
        """Return the tiles of the image padded to the network's multiple."""
        multiple = self.pack.plan.multiple
        height, width = (_network_side(side, self.pack.plan) for side in size)
        # Weights of regions are extrapolated at the border of a tile, which is wrong for half a position.
        halo = self.shape.radius + multiple // 2
        return list(split((height, width), tile=_up(tile, multiple), halo=halo, stride=multiple))

    def _places(self, photo: NDArray[Any]) -> tuple[int, int]:
        """Return rows and columns of the weights of regions: one position per ``plan.multiple`` pixels."""
        plan = self.pack.plan
        return _network_side(photo.shape[0], plan) // plan.multiple, _network_side(
            photo.shape[1], plan
        ) // plan.multiple

    def _part(self, weights: Array, window: Window) -> Array:
        """Return the weights for the part of the image that a tile reads."""
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
        """Return the part that a tile reads, float32, padded at the borders of the image."""
        rows, columns = window.rows, window.columns
        part = photo[rows.read : rows.read_end, columns.read : columns.read_end]
        return pad_reflecting(image.floats(part), self.pack.plan)

    def _gather_statistics(
        self,
        photo: NDArray[Any],
        weights: Array,
        windows: list[Window],
        report: Callable[[int], None],
    ) -> Array:
        """Return the statistics of the whole image, one normalization after the other, from all tiles."""
        statistics = np.empty((2, sum(self.shape.norms)), np.float32)
        start = 0
        for norm, channels in enumerate(self.shape.norms):
            count, first, second = 0, np.zeros(channels), np.zeros(channels)
            for done, window in enumerate(windows):
                part = self._part(weights, window)
                tile = self._read(photo, window)
                noise = self._noise(tile, (window.rows.read, window.columns.read))
                found = self.network.features(tile, part, statistics, norm, noise)
                stride = (window.rows.read_end - window.rows.read) // found.shape[1]
                own = window.trim_halo(found, stride).reshape(channels, -1).astype(np.float64)
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


def pad_reflecting(photo: Array, plan: Plan) -> Array:
    """Pad ``(H, W, 3)`` below and to the right by reflection to a size that the network accepts."""
    below, right = (_network_side(side, plan) - side for side in photo.shape[:2])
    if not below and not right:
        return photo
    return np.pad(photo, ((0, below), (0, right), (0, 0)), mode="symmetric")


def _network_side(side: int, plan: Plan) -> int:
    return max(_up(side, plan.multiple), plan.least)


def _up(side: int, multiple: int) -> int:
    return -(-side // multiple) * multiple


def _resize_weights(weights: Array, size: tuple[int, int]) -> Array:
    """Resize weights of regions ``(R, h, w)``: bilinear, with averaging when they shrink."""
    if weights.shape[1:] == size:
        return weights
    wide = (size[1], size[0])
    planes = [Image.fromarray(np.ascontiguousarray(w)) for w in weights]
    return np.stack([np.asarray(p.resize(wide, Image.Resampling.BILINEAR), np.float32) for p in planes])


def thumbnail(photo: NDArray[Any]) -> Array:
    """Return the image with a long side of at most ``THUMBNAIL`` pixels, float32."""
    step = max(1, max(photo.shape[:2]) // (4 * THUMBNAIL))  # subsample first to save memory
    small = photo[::step, ::step]
    return image.shrink(image.floats(small), THUMBNAIL)
