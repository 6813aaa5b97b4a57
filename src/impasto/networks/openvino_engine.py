"""The style network in OpenVINO, for CPUs; the weights of a style are compiled into the model."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from impasto.jobs.base import Precision
from impasto.networks.openvino_runtime import core, ops, ov
from impasto.networks.packs import Pack
from impasto.networks.plan import EPSILON, FADE, Reached, paint

Array = NDArray[np.float32]
Node = Any  # an output of OpenVINO, which ships no types

LEAST_CHANNELS = 8  # below this, OpenVINO normalizes interleaved channels slowly, planar ones fast
_KEPT = 8  # compiled networks in the cache


@dataclass(frozen=True)
class Settings:
    """Settings that are compiled into a model.

    Args:
        weights: weights of the rows ``(R,)``; None: weights per region, an input ``(1, R, h, w)``.
        statistics: ``(2, channels)`` for the normalizations; None: those of the image.
        until: return the input of this normalization, ``(1, C, h, w)``, instead of the image.
        collect: return the statistics ``(2, channels)`` instead of the image.
        even: the input of weights is ``(1, R, 1, 1)``: for the whole image, but not compiled in.
    """

    weights: Array | None
    statistics: Array | None = None
    until: int | None = None
    collect: bool = False
    even: bool = False


def build(pack: Pack, settings: Settings) -> ov.Model:
    """Return the model from ``photo (1, H, W, 3)`` to ``painted`` of that shape, both float32, RGB 0..1.

    Further inputs are the noise, if the plan has any, and the weights of regions, if not compiled in.
    """
    photo = ops.parameter(ov.PartialShape([1, -1, -1, 3]), np.float32, name="photo")
    inputs = [photo]
    noise = regions = None
    if pack.plan.noise:
        noise = ops.parameter(ov.PartialShape([1, pack.plan.noise, -1, -1]), np.float32, name="noise")
        inputs.append(noise)
    if settings.weights is None:
        places = [1, 1] if settings.even else [-1, -1]
        regions = ops.parameter(ov.PartialShape([1, len(pack.rows), *places]), np.float32, name="weights")
        inputs.append(regions)
    engine = _OpenVinoEngine(pack, settings, regions, noise)
    planes = ops.transpose(photo, np.array([0, 3, 1, 2]))
    try:
        result = paint(engine, pack.plan, planes)
        result = ops.transpose(result, np.array([0, 2, 3, 1]))
        if settings.collect:
            result = ops.concat(engine.found, 1)
    except Reached as reached:
        result = reached.features
    return ov.Model([ops.result(result, name="painted")], inputs, pack.plan.name)


class _OpenVinoEngine:
    """Engine (:class:`impasto.networks.plan.Engine`) that builds an OpenVINO graph."""

    def __init__(
        self, pack: Pack, settings: Settings, regions: Node | None, noise: Node | None = None
    ) -> None:
        self.trunk: Mapping[str, Array] = pack.trunk
        self.rows, self.settings, self.regions, self.noise = pack.rows, settings, regions, noise
        self.norms, self.start = 0, 0
        self.found: list[Node] = []

    def fold(self, x: Node, factor: int, /) -> Node:
        """Fold ``(B, C, h, w)`` with the channels in the order of ``pixel_unshuffle``."""
        return ops.space_to_depth(x, "depth_first", factor)

    def convolve(self, x: Node, name: str, /, *, channels: int, kernel: int, stride: int = 1) -> Node:
        """Convolve with reflection padding; kernel and bias become constants of the graph."""
        side = [0, 0, kernel // 2, kernel // 2]
        x = ops.pad(x, side, side, "reflect")
        x = ops.convolution(x, self.trunk[name], [stride, stride], [0, 0], [0, 0], [1, 1])
        bias = self.trunk.get(f"{name}_bias")
        return x if bias is None else ops.add(x, bias.reshape(1, -1, 1, 1))

    def normalize(self, x: Node, /, *, noisy: bool = False) -> Node:
        """Normalize with the rows of the blend; raise :class:`Reached` at ``settings.until``."""
        if self.norms == self.settings.until:
            raise Reached(x)
        channels = x.get_output_partial_shape(0)[1].get_length()
        part = slice(self.start, self.start + channels)
        self.norms, self.start = self.norms + 1, self.start + channels
        normalized = self._normalize_part(x, part)
        return ops.add(normalized, self._strokes(x, part)) if noisy else normalized

    def _normalize_part(self, x: Node, part: slice) -> Node:
        if self.regions is not None:
            scale, shift = self._blend_regions(x, part)
        else:
            scale, shift = (r.reshape(1, -1, 1, 1) for r in self._blend_rows(part)[:2])
        if self.settings.collect:
            self.found.append(_statistics(x))
        if self.settings.statistics is None:
            x = _standardize(x)
            return ops.add(ops.multiply(x, scale), shift)
        mean, deviation = (s.reshape(1, -1, 1, 1) for s in self.settings.statistics[:, part])
        if self.regions is not None:
            x = ops.divide(ops.subtract(x, mean), deviation)
            return ops.add(ops.multiply(x, scale), shift)
        # Constants fold to one factor and one offset, which the compiler fuses into the convolution before.
        factor = (scale / deviation).astype(np.float32)
        return ops.add(ops.multiply(x, factor), (shift - mean * factor).astype(np.float32))

    def _blend_rows(self, part: slice) -> Array:
        """Return the blend of rows ``(kinds, C)`` for the whole image."""
        assert self.settings.weights is not None
        mixed: Array = np.tensordot(self.settings.weights, self.rows[:, :, part], 1).astype(np.float32)
        return mixed

    def _strokes(self, x: Node, part: slice) -> Node:
        """Return the sum of the octaves of noise, each times its weight in the blend of rows."""
        noise, octaves = self.noise, self.rows.shape[1] - 2
        if self.regions is None:
            kernel = self._blend_rows(part)[2:].T
        else:
            # Every octave times the weight of every row, then one convolution that applies the rows.
            weights = ops.unsqueeze(_resize_weights(self.regions, _size(x)), np.array([2]))
            product = ops.multiply(weights, ops.unsqueeze(noise, np.array([1])))
            count = len(self.rows) * octaves
            shape = ops.concat([np.array([1, count], np.int64), _size(x)], 0)
            noise = ops.reshape(product, shape, False)
            kernel = self.rows[:, 2:, part].reshape(count, -1).T
        kernel = np.ascontiguousarray(kernel, np.float32)[:, :, None, None]
        return ops.convolution(noise, kernel, [1, 1], [0, 0], [0, 0], [1, 1])

    def _blend_regions(self, x: Node, part: slice) -> tuple[Node, Node]:
        weights = _resize_weights(self.regions, _size(x))
        kernels = (self.rows[:, kind, part].T[:, :, None, None].copy() for kind in (0, 1))
        scale, shift = (ops.convolution(weights, k, [1, 1], [0, 0], [0, 0], [1, 1]) for k in kernels)
        return scale, shift

    def relu(self, x: Node, /) -> Node:
        return ops.relu(x)

    def add(self, x: Node, y: Node, /) -> Node:
        return ops.add(x, y)

    def enlarge(self, x: Node, /) -> Node:
        return ops.interpolate(
            x,
            np.array([2.0, 2.0], np.float32),
            "linear_onnx",
            "scales",
            axes=np.array([2, 3]),
            coordinate_transformation_mode="half_pixel",
        )

    def squash(self, x: Node, /) -> Node:
        return ops.sigmoid(x)

    def fade(self, photo: Node, painted: Node, /) -> Node:
        """Fade to the photo below the strength ``FADE``, pixel by pixel if the blend has regions."""
        if self.regions is None:
            assert self.settings.weights is not None
            amount = np.array(np.clip((1 - self.settings.weights[0]) / FADE, 0, 1), np.float32)
            if amount == 1:
                return painted
        else:
            own = ops.slice(self.regions, np.array([0]), np.array([1]), np.array([1]), np.array([1]))
            styled = ops.subtract(np.array(1, np.float32), _resize_weights(own, _size(photo)))
            amount = ops.clamp(ops.divide(styled, np.array(FADE, np.float32)), 0, 1)
        return ops.add(photo, ops.multiply(ops.subtract(painted, photo), amount))


def _standardize(x: Node) -> Node:
    """Subtract the mean of each channel of ``(1, C, h, w)``, divide by its standard deviation."""
    few = x.get_output_partial_shape(0)[1].get_length() < LEAST_CHANNELS
    flat = ops.reshape(x, np.array([0, 0, 1, -1]), True) if few else x
    found = ops.mvn(flat, np.array([2, 3]), True, EPSILON, "INSIDE_SQRT")
    return ops.reshape(found, ops.shape_of(x), False) if few else found


def _statistics(x: Node) -> Node:
    """Return mean and standard deviation of each channel, ``(2, C)``."""
    axes = np.array([2, 3])
    mean = ops.reduce_mean(x, axes, keep_dims=True)
    rest = ops.subtract(x, mean)
    deviation = ops.reduce_mean(ops.multiply(rest, rest), axes, keep_dims=True)
    deviation = ops.sqrt(ops.add(deviation, np.array(EPSILON, np.float32)))
    return ops.squeeze(ops.concat([mean, deviation], 0), np.array([2, 3]))


def _size(x: Node) -> Node:
    """Return rows and columns of ``x``."""
    return ops.gather(ops.shape_of(x), np.array([2, 3]), np.array(0))


def _resize_weights(x: Node, size: Node) -> Node:
    if list(x.get_output_partial_shape(0))[2:] == [1, 1]:
        return x  # it broadcasts
    return ops.interpolate(
        x,
        size,
        "linear_onnx",
        "sizes",
        axes=np.array([2, 3]),
        coordinate_transformation_mode="half_pixel",
    )


class OnCpu:
    """The network in OpenVINO, with compiled models cached in memory and on disk."""

    def __init__(self, pack: Pack, *, precision: Precision = "auto", threads: int | None = None) -> None:
        self.pack = pack
        self.core = core()
        self.folder = Path(platformdirs.user_cache_dir("impasto")) / "openvino"
        options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        options["INFERENCE_NUM_THREADS"] = threads or os.cpu_count() or 1
        if precision != "auto":
            options["INFERENCE_PRECISION_HINT"] = "f32" if precision == "float32" else "bf16"
        self.options = options
        self._compiled: OrderedDict[bytes, Any] = OrderedDict()

    def paint(self, photo: Array, weights: Array, statistics: Array | None, noise: Array | None) -> Array:
        """Paint ``(H, W, 3)``, 0..1, with sides that are multiples of ``plan.multiple``.

        The noise is ``(plan.noise, h, w)`` at the photo's position; None if the plan has none.
        """
        painted: Array = self._run(photo, weights, noise, Settings(None, statistics))[0]
        return painted

    def statistics(self, photo: Array, weights: Array, noise: Array | None) -> Array:
        """Return mean and deviation of each normalized channel, ``(2, channels)``."""
        return self._run(photo, weights, noise, Settings(None, collect=True))

    def features(
        self, photo: Array, weights: Array, statistics: Array, norm: int, noise: Array | None
    ) -> Array:
        """Return the input of normalization number ``norm``, ``(C, h, w)``."""
        found: Array = self._run(photo, weights, noise, Settings(None, statistics, until=norm))[0]
        return found

    def _run(self, photo: Array, weights: Array, noise: Array | None, settings: Settings) -> Array:
        """Run the model; weights of the whole image are compiled in, those of regions are an input."""
        more = [] if noise is None else [noise[None]]
        if weights.ndim == 3:
            even = weights.shape[1:] == (1, 1)
            return self._infer(self._get(replace(settings, even=even)), photo, *more, weights[None])
        return self._infer(self._get(replace(settings, weights=weights)), photo, *more)

    def _get(self, settings: Settings) -> Any:
        parts = (settings.weights, settings.statistics)
        key = b"".join(b"-" if p is None else p.tobytes() for p in parts)
        key += f"{settings.until}{settings.collect}{settings.even}".encode()
        if key not in self._compiled:
            # Cache on disk only models that are reused: full strength, without an image's statistics.
            again = settings.statistics is None and (settings.weights is None or settings.weights[0] == 0)
            options = {**self.options, "CACHE_DIR": str(self.folder)} if again else self.options
            model = self.core.compile_model(build(self.pack, settings), "CPU", options)
            self._compiled[key] = model.create_infer_request()
            if len(self._compiled) > _KEPT:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(key)
        return self._compiled[key]

    @staticmethod
    def _infer(request: Any, photo: Array, *more: Array) -> Array:
        inputs = [np.ascontiguousarray(photo[None], np.float32)]
        inputs += [np.ascontiguousarray(m, np.float32) for m in more]
        found = request.infer(inputs, share_inputs=True, share_outputs=True)
        result: Array = found[0].copy()  # the buffer is the request's own: the next image overwrites it
        return result
