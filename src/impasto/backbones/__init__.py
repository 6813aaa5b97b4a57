"""Networks that turn pictures into named features; ``load("vgg19")`` is the one that needs no download."""

from __future__ import annotations

from typing import Literal, overload

import torch

from impasto import weights
from impasto.backbones.features import PIXELS, Backbone, Precision
from impasto.backbones.googlenet import GoogLeNet
from impasto.backbones.slim import Slim
from impasto.backbones.tiny import Tiny
from impasto.backbones.vgg import CONVOLUTIONS, Padding, Pooling, Vgg
from impasto.errors import InputError

__all__ = [
    "CONVOLUTIONS",
    "PIXELS",
    "Backbone",
    "GoogLeNet",
    "Padding",
    "Pooling",
    "Precision",
    "Slim",
    "Tiny",
    "Vgg",
    "best_precision",
    "load",
]

VggName = Literal["vgg19", "vgg19-torchvision", "vgg16-torchvision"]


@overload
def load(
    name: VggName = "vgg19",
    *,
    pooling: Pooling = "max",
    padding: Padding = "zeros",
    device: str | torch.device = "cpu",
    precision: Precision | Literal["auto"] = "auto",
) -> Vgg: ...
@overload
def load(
    name: str,
    *,
    pooling: Pooling = "max",
    padding: Padding = "zeros",
    device: str | torch.device = "cpu",
    precision: Precision | Literal["auto"] = "auto",
) -> Backbone: ...
def load(
    name: str = "vgg19",
    *,
    pooling: Pooling = "max",
    padding: Padding = "zeros",
    device: str | torch.device = "cpu",
    precision: Precision | Literal["auto"] = "auto",
) -> Backbone:
    """A frozen, pretrained network on a device.

    Args:
        name: ``vgg19`` (the original, no download), ``vgg19-torchvision``, ``vgg16-torchvision`` or
            ``googlenet-torchvision``.
        pooling: ``max`` or ``avg``, of a VGG.
        padding: ``zeros`` or ``replicate``, of a VGG.
        device: as PyTorch names it.
        precision: of the convolutions; ``auto`` is bfloat16 where the device computes in it.

    Raises:
        WeightsError: unknown name, missing or wrong file.
        InputError: pooling or padding asked of a network that has its own.
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


def best_precision(device: torch.device) -> Precision:
    """bfloat16 where the device multiplies in it (GPUs since Ampere, CPUs with AVX-512 BF16 or AMX)."""
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    if device.type == "cpu":
        return "bfloat16" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "float32"
    return "float32"
