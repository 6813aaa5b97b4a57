"""A style pack as one ONNX file, for other programs: any size, any mixture of styles, given statistics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from impasto import files
from impasto.networks.packs import Pack
from impasto.networks.plan import EPSILON, FADE, LAST, paint, shape

OPSET = 18
IR_VERSION = 9  # of opset 18: runtimes of 2023 read it


def export(pack: Pack, path: str | Path, *, overwrite: bool = False) -> Path:
    """Writes a pack as ONNX.

    The graph has four inputs: ``photo (1, 3, H, W)``, float32, RGB 0..1;
    ``weights (1, R)`` of the rows, the photograph's first, sum 1 (so a strength s of row r is
    ``[1 - s, 0, ..., s]``); ``statistics (2, channels)``, mean and standard deviation of every normalised
    channel; and ``given``, one number: 0 normalises by the picture's own statistics, 1 by the given ones.
    Outputs: ``painted (1, 3, H, W)``, and ``found (2, channels)``, the statistics of the picture, to be given
    to the next one. Sides that are no multiples of the network's are padded and cropped inside, as by
    :class:`impasto.networks.painter.Painter`. Names and rows of the styles are in the metadata.

    Raises:
        OutputError: the place cannot be written, or exists and ``overwrite`` is not set.
    """
    engine = OnnxEngine(pack)
    size = engine.node("Shape", ["photo"], start=2)
    painted = paint(engine, pack.plan, engine.padded("photo", size))
    starts, axes = (engine.constant(np.array(pair, np.int64)) for pair in ([0, 0], [2, 3]))
    engine.node("Slice", [painted, starts, size, axes], output="painted")
    engine.node("Concat", engine.found, output="found", axis=1)
    model = helper.make_model(
        helper.make_graph(
            engine.nodes,
            pack.plan.name,
            [_input(*i) for i in _inputs(pack)],
            [_input(*o) for o in _outputs(pack)],
            engine.constants,
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
    return [
        ("photo", [1, 3, "height", "width"]),
        ("weights", [1, len(pack.rows)]),
        ("statistics", [2, channels]),
        ("given", [1]),
    ]


def _outputs(pack: Pack) -> list[Described]:
    return [("painted", [1, 3, "height", "width"]), ("found", [2, sum(shape(pack.plan).norms)])]


def _input(name: str, size: list[int | str]) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, size)


class OnnxEngine:
    """Carries out a plan by writing nodes; a feature map is the name of one."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.found: list[str] = []
        self.start = 0
        self.norms = iter(shape(pack.plan).norms)

    def node(self, kind: str, inputs: list[str], *, output: str | None = None, **attributes: Any) -> str:
        """Adds a node; the name of what comes out."""
        output = output or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, value: NDArray[Any]) -> str:
        """Adds an array; its name."""
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def number(self, value: float) -> str:
        """Adds a number; its name."""
        return self.constant(np.array(value, np.float32))

    def padded(self, x: str, size: str) -> str:
        """Grown below and to the right to multiples, reflected as by NumPy's ``symmetric``."""
        zero, one, two = (self.constant(np.array(n, np.int64)) for n in (0, 1, 2))
        multiple, least = (
            self.constant(np.array(n, np.int64)) for n in (self.pack.plan.multiple, self.pack.plan.least)
        )
        for axis in (2, 3):
            side = self.node("Gather", [size, self.constant(np.array(axis - 2, np.int64))])
            more = self.node("Mod", [self.node("Neg", [side]), multiple])
            grown = self.node("Max", [self.node("Add", [side, more]), least])
            places = self.node("Range", [zero, grown, one])
            period = self.node("Mul", [side, two])
            there = self.node("Mod", [places, period])
            back = self.node("Sub", [self.node("Sub", [period, one]), there])
            x = self.node("Gather", [x, self.node("Min", [there, back])], axis=axis)
        return x

    def fold(self, x: str, factor: int, /) -> str:
        """See :class:`impasto.networks.plan.Engine`: ONNX folds place by place, so channels are reordered."""
        folded = self.node("SpaceToDepth", [x], blocksize=factor)
        channels = 3  # only the photo is folded
        order = np.arange(channels * factor**2).reshape(factor**2, channels).T.reshape(-1)
        return self.node("Gather", [folded, self.constant(order.astype(np.int64))], axis=1)

    def convolve(self, x: str, name: str, /, *, channels: int, kernel: int, stride: int = 1) -> str:
        """See :class:`impasto.networks.plan.Engine`."""
        side = kernel // 2
        pads = self.constant(np.array([0, 0, side, side, 0, 0, side, side], np.int64))
        inputs = [self.node("Pad", [x, pads], mode="reflect"), self.constant(self.pack.trunk[name])]
        if name == LAST:
            inputs.append(self.constant(self.pack.trunk[f"{name}_bias"]))
        return self.node("Conv", inputs, kernel_shape=[kernel, kernel], strides=[stride, stride])

    def normalise(self, x: str, /) -> str:
        """See :class:`impasto.networks.plan.Engine`."""
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
        mean, deviation = (self._plane(self._chosen(flat, part), kind, channels) for kind in (0, 1))
        self.start += channels
        scale, shift = (
            self._shaped(self.node("MatMul", ["weights", self.constant(self.pack.rows[:, kind, part])]))
            for kind in (0, 1)
        )
        white = self.node("Div", [self.node("Sub", [x, mean]), deviation])
        return self.node("Add", [self.node("Mul", [white, scale]), shift])

    def _chosen(self, own: str, part: slice) -> str:
        """The picture's own statistics, or as far as they are given, those."""
        bounds = [self.constant(np.array([edge], np.int64)) for edge in (part.start, part.stop, 1)]
        told = self.node("Slice", ["statistics", bounds[0], bounds[1], bounds[2]])
        return self.node("Add", [own, self.node("Mul", [self.node("Sub", [told, own]), "given"])])

    def _plane(self, both: str, kind: int, channels: int) -> str:
        row = self.node("Gather", [both, self.constant(np.array(kind, np.int64))], axis=0)
        return self._shaped(row)

    def _shaped(self, x: str) -> str:
        return self.node("Reshape", [x, self.constant(np.array([1, -1, 1, 1], np.int64))])

    def relu(self, x: str, /) -> str:
        """See :class:`impasto.networks.plan.Engine`."""
        return self.node("Relu", [x])

    def add(self, x: str, y: str, /) -> str:
        """See :class:`impasto.networks.plan.Engine`."""
        return self.node("Add", [x, y])

    def enlarge(self, x: str, /) -> str:
        """See :class:`impasto.networks.plan.Engine`."""
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        return self.node(
            "Resize",
            [x, "", scales],
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )

    def squash(self, x: str, /) -> str:
        """See :class:`impasto.networks.plan.Engine`."""
        return self.node("Sigmoid", [x])

    def fade(self, photo: str, painted: str, /) -> str:
        """See :class:`impasto.networks.plan.Engine`."""
        own = self.node("Gather", ["weights", self.constant(np.array(0, np.int64))], axis=1)
        amount = self.node("Div", [self.node("Sub", [self.number(1), own]), self.number(FADE)])
        amount = self.node("Clip", [amount, self.number(0), self.number(1)])
        difference = self.node("Mul", [self.node("Sub", [painted, photo]), amount])
        return self.node("Add", [photo, difference])
