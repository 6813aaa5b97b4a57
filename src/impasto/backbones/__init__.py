"""Networks that turn pictures into named features; ``load("vgg19")`` is the one that needs no download."""

from __future__ import annotations

from typing import Literal

import torch

from impasto import weights
from impasto.backbones.features import PIXELS, Backbone, Precision
from impasto.backbones.slim import Slim
from impasto.backbones.tiny import Tiny
from impasto.backbones.vgg import CONVOLUTIONS, Pooling, Vgg

__all__ = ["PIXELS", "Backbone", "Pooling", "Precision", "Slim", "Tiny", "Vgg", "best_precision", "load"]


def load(
    name: str = "vgg19",
    *,
    pooling: Pooling = "max",
    device: str | torch.device = "cpu",
    precision: Precision | Literal["auto"] = "auto",
) -> Vgg:
    """A frozen, pretrained network on a device.

    Args:
        name: ``vgg19`` (the original, no download), ``vgg19-torchvision`` or ``vgg16-torchvision``.
        pooling: ``max`` or ``avg``.
        device: as PyTorch names it.
        precision: of the convolutions; ``auto`` is bfloat16 where the device computes in it.

    Raises:
        WeightsError: unknown name, missing or wrong file.
    """
    found = weights.entry(name)
    device = torch.device(device)
    if precision == "auto":
        precision = best_precision(device)
    network = Vgg(
        CONVOLUTIONS[found.network],
        weights.load(name),
        preprocessing=found.preprocessing,
        pooling=pooling,
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
