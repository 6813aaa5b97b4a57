"""Pretrained feature extractors; ``load("vgg19")`` needs no download."""

from __future__ import annotations

from typing import Literal, overload

import torch

from impasto import weights
from impasto.backbones.features import PIXELS as PIXELS
from impasto.backbones.features import Backbone as Backbone
from impasto.backbones.features import FloatFormat as FloatFormat
from impasto.backbones.googlenet import GoogLeNet as GoogLeNet
from impasto.backbones.slim import Slim as Slim
from impasto.backbones.tiny import Tiny as Tiny
from impasto.backbones.vgg import CONVOLUTIONS as CONVOLUTIONS
from impasto.backbones.vgg import Padding as Padding
from impasto.backbones.vgg import Pooling as Pooling
from impasto.backbones.vgg import Vgg as Vgg
from impasto.errors import InputError
from impasto.jobs.base import Precision

VggName = Literal["vgg19", "vgg19-torchvision", "vgg16-torchvision"]


@overload
def load(
    name: VggName = "vgg19",
    *,
    pooling: Pooling = "max",
    padding: Padding = "zeros",
    device: str | torch.device = "cpu",
    precision: Precision = "auto",
) -> Vgg: ...
@overload
def load(
    name: str,
    *,
    pooling: Pooling = "max",
    padding: Padding = "zeros",
    device: str | torch.device = "cpu",
    precision: Precision = "auto",
) -> Backbone: ...
def load(
    name: str = "vgg19",
    *,
    pooling: Pooling = "max",
    padding: Padding = "zeros",
    device: str | torch.device = "cpu",
    precision: Precision = "auto",
) -> Backbone:
    """Load a pretrained network with frozen weights.

    Args:
        name: ``vgg19`` (the original weights, no download), ``vgg19-torchvision``, ``vgg16-torchvision`` or
            ``googlenet-torchvision``.
        pooling: ``max`` or ``avg``; VGG only.
        padding: ``zeros``, ``replicate`` or ``circular``; VGG only.
        device: a PyTorch device.
        precision: precision of the convolutions; ``auto`` uses bfloat16 where the hardware supports it.

    Raises:
        WeightsError: the name is unknown, or the weights file is missing or wrong.
        InputError: pooling or padding was given for GoogLeNet.
    """
    found = weights.entry(name)
    device = torch.device(device)
    if precision == "auto":
        precision = best_precision(device)
    network: Backbone
    if found.network == "googlenet":
        if pooling != "max" or padding != "zeros":
            raise InputError(f"'{name}' has its own pooling and padding: leave out --pooling and --padding")
        network = GoogLeNet(weights.load(name), precision=precision)
    else:
        network = Vgg(
            CONVOLUTIONS[found.network],
            weights.load(name),
            preprocessing=found.preprocessing,
            pooling=pooling,
            padding=padding,
            precision=precision,
        )
    return network.to(device).eval()


def best_precision(device: torch.device) -> FloatFormat:
    """Return bfloat16 if the hardware supports it (GPUs since Ampere, CPUs with AVX-512 BF16 or AMX)."""
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    if device.type == "cpu":
        return "bfloat16" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "float32"
    return "float32"
