"""Export of a style pack as one ONNX file: any image size, any blend of styles, optional statistics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from impasto import files
from impasto.networks import noise
from impasto.networks.packs import Pack
from impasto.networks.plan import EPSILON, FADE, paint, shape

OPSET = 18
IR_VERSION = 9  # lowest for opset 18; runtimes since 2023 read it
NOISE_SIDE = 128  # positions per side of the default noise


def export(pack: Pack, path: str | Path, *, noise_side: int = NOISE_SIDE, overwrite: bool = False) -> Path:
    """Write a pack as an ONNX file.

    The graph has four inputs: ``photo (1, 3, H, W)``, float32, RGB 0..1;
    ``weights (1, R)`` of the rows, the photo's first, sum 1 (for strength s of row r:
    ``[1 - s, 0, ..., s]``); ``statistics (2, channels)``, mean and standard deviation of every normalized
    channel; and ``given``, one number: 0 normalizes by the image's own statistics, 1 by ``statistics``.
    A network with noise has an optional fifth input, ``noise (1, octaves, h, w)`` of any size, which is
    extended by reflection; the default has ``noise_side`` positions per side.
    The outputs are ``painted (1, 3, H, W)`` and ``found (2, channels)``, the statistics of the image, which
    can be passed as ``statistics`` of the next one. The graph pads and crops sides that are not multiples of
    the network's, as :class:`impasto.networks.painter.Painter` does. The metadata holds names and rows of the
    styles.

    Raises:
        OutputError: the file cannot be written, or exists and ``overwrite`` is not set.
    """
    engine = _OnnxEngine(pack)
    size = engine.node("Shape", ["photo"], start=2)
    painted = paint(engine, pack.plan, engine.pad("photo", size))
    starts, axes = (engine.constant(np.array(pair, np.int64)) for pair in ([0, 0], [2, 3]))
    engine.node("Slice", [painted, starts, size, axes], output="painted")
    engine.node("Concat", engine.found, output="found", axis=1)
    model = helper.make_model(
        helper.make_graph(
            engine.nodes,
            pack.plan.name,
            [_input(*i) for i in _inputs(pack)],
            [
                _input("painted", [1, 3, "height", "width"]),
                _input("found", [2, sum(shape(pack.plan).norms)]),
            ],
            engine.constants + _defaults(pack, noise_side),
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="impasto",
    )
    styles = {s.name: {"rows": list(s.rows), "scales": list(s.scales)} for s in pack.styles}
    helper.set_model_props(model, {"styles": json.dumps(styles)})
    onnx.checker.check_model(model)
    with files.atomic(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(model.SerializeToString())
    return Path(path)


Described = tuple[str, list[int | str]]


def _inputs(pack: Pack) -> list[Described]:
    channels = sum(shape(pack.plan).norms)
    noisy: list[Described] = [("noise", [1, pack.plan.noise, "noise_height", "noise_width"])]
    return [
        ("photo", [1, 3, "height", "width"]),
        ("weights", [1, len(pack.rows)]),
        ("statistics", [2, channels]),
        ("given", [1]),
        *(noisy if pack.plan.noise else []),
    ]


def _defaults(pack: Pack, side: int) -> list[Any]:
    """Return the default values of optional inputs: the noise of seed 0."""
    if not pack.plan.noise:
        return []
    field = noise.field(pack.plan, seed=0, size=(side, side))
    return [numpy_helper.from_array(field[None], "noise")]


def _input(name: str, size: list[int | str]) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, size)


class _OnnxEngine:
    """Engine that builds an ONNX graph; a feature map is the name of a node's output."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.found: list[str] = []
        self.start = 0
        self.norms = iter(shape(pack.plan).norms)
        self.octaves: list[str] = []

    def node(self, kind: str, inputs: list[str], *, output: str | None = None, **attributes: Any) -> str:
        """Add a node; return the name of its output."""
        output = output or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, value: NDArray[Any]) -> str:
        """Add a constant array; return its name."""
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def number(self, value: float) -> str:
        """Add a constant number; return its name."""
        return self.constant(np.array(value, np.float32))

    def pad(self, x: str, size: str) -> str:
        """Pad below and to the right to multiples of the network's, as NumPy's mode ``symmetric``."""
        multiple, least = (
            self.constant(np.array(n, np.int64)) for n in (self.pack.plan.multiple, self.pack.plan.least)
        )
        for axis in (2, 3):
            side = self.node("Gather", [size, self.constant(np.array(axis - 2, np.int64))])
            more = self.node("Mod", [self.node("Neg", [side]), multiple])
            grown = self.node("Max", [self.node("Add", [side, more]), least])
            x = self.reflect(x, axis, side, grown)
        return x

    def reflect(self, x: str, axis: int, side: str, wanted: str) -> str:
        """Crop an axis of length ``side`` to ``wanted``, or extend it by reflection."""
        zero, one, two = (self.constant(np.array(n, np.int64)) for n in (0, 1, 2))
        places = self.node("Range", [zero, wanted, one])
        period = self.node("Mul", [side, two])
        there = self.node("Mod", [places, period])
        back = self.node("Sub", [self.node("Sub", [period, one]), there])
        return self.node("Gather", [x, self.node("Min", [there, back])], axis=axis)

    def fold(self, x: str, factor: int, /) -> str:
        """Fold ``(1, 3, H, W)``, with the channels in the order of ``pixel_unshuffle``."""
        folded = self.node("SpaceToDepth", [x], blocksize=factor)
        channels = 3  # only the photo is folded
        order = np.arange(channels * factor**2).reshape(factor**2, channels).T.reshape(-1)
        return self.node("Gather", [folded, self.constant(order.astype(np.int64))], axis=1)

    def convolve(self, x: str, name: str, /, *, channels: int, kernel: int, stride: int = 1) -> str:
        """Convolve with reflection padding; kernel and bias become constants of the model."""
        side = kernel // 2
        pads = self.constant(np.array([0, 0, side, side, 0, 0, side, side], np.int64))
        inputs = [self.node("Pad", [x, pads], mode="reflect"), self.constant(self.pack.trunk[name])]
        if (bias := self.pack.trunk.get(f"{name}_bias")) is not None:
            inputs.append(self.constant(bias))
        return self.node("Conv", inputs, kernel_shape=[kernel, kernel], strides=[stride, stride])

    def normalize(self, x: str, /, *, noisy: bool = False) -> str:
        """Normalize in basic operators: instance normalization, then the scale and shift of the blend."""
        channels = next(self.norms)
        part = slice(self.start, self.start + channels)
        axes = self.constant(np.array([2, 3], np.int64))
        mean = self.node("ReduceMean", [x, axes], keepdims=1)
        rest = self.node("Sub", [x, mean])
        square = self.node("ReduceMean", [self.node("Mul", [rest, rest]), axes], keepdims=1)
        deviation = self.node("Sqrt", [self.node("Add", [square, self.number(EPSILON)])])
        both = self.node("Concat", [mean, deviation], axis=0)
        flat = self.node("Reshape", [both, self.constant(np.array([2, channels], np.int64))])
        self.found.append(flat)
        mean, deviation = (self._plane(self._blend_statistics(flat, part), kind, channels) for kind in (0, 1))
        self.start += channels
        scale, shift, *octaves = (
            self._reshape(self.node("MatMul", ["weights", self.constant(self.pack.rows[:, kind, part])]))
            for kind in range(self.pack.plan.kinds if noisy else 2)
        )
        for weight, octave in zip(octaves, self._noise(x) if noisy else [], strict=True):
            shift = self.node("Add", [shift, self.node("Mul", [weight, octave])])
        white = self.node("Div", [self.node("Sub", [x, mean]), deviation])
        return self.node("Add", [self.node("Mul", [white, scale]), shift])

    def _noise(self, x: str) -> list[str]:
        """Return the octaves at the size of ``x``, each ``(1, 1, h, w)``."""
        if not self.octaves:
            field = "noise"
            for axis in (2, 3):
                own, wanted = (
                    self.node("Gather", [self.node("Shape", [y]), self.constant(np.array(axis, np.int64))])
                    for y in (field, x)
                )
                field = self.reflect(field, axis, own, wanted)
            for octave in range(self.pack.plan.noise):
                place = self.constant(np.array([octave], np.int64))
                self.octaves.append(self.node("Gather", [field, place], axis=1))
        return self.octaves

    def _blend_statistics(self, own: str, part: slice) -> str:
        """Blend the image's own statistics with the input ``statistics`` by the input ``given``."""
        bounds = [self.constant(np.array([edge], np.int64)) for edge in (part.start, part.stop, 1)]
        told = self.node("Slice", ["statistics", bounds[0], bounds[1], bounds[2]])
        return self.node("Add", [own, self.node("Mul", [self.node("Sub", [told, own]), "given"])])

    def _plane(self, both: str, kind: int, channels: int) -> str:
        row = self.node("Gather", [both, self.constant(np.array(kind, np.int64))], axis=0)
        return self._reshape(row)

    def _reshape(self, x: str) -> str:
        return self.node("Reshape", [x, self.constant(np.array([1, -1, 1, 1], np.int64))])

    def relu(self, x: str, /) -> str:
        return self.node("Relu", [x])

    def add(self, x: str, y: str, /) -> str:
        return self.node("Add", [x, y])

    def enlarge(self, x: str, /) -> str:
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        return self.node(
            "Resize",
            [x, "", scales],
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )

    def squash(self, x: str, /) -> str:
        return self.node("Sigmoid", [x])

    def fade(self, photo: str, painted: str, /) -> str:
        """Fade to the photo below the strength ``FADE``, with the input ``weights``."""
        own = self.node("Gather", ["weights", self.constant(np.array(0, np.int64))], axis=1)
        amount = self.node("Div", [self.node("Sub", [self.number(1), own]), self.number(FADE)])
        amount = self.node("Clip", [amount, self.number(0), self.number(1)])
        difference = self.node("Mul", [self.node("Sub", [painted, photo]), amount])
        return self.node("Add", [photo, difference])
