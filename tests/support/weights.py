"""Helpers of the tests of weights."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest
import torch
from torch import Tensor

from impasto import weights

# torchvision's own notation: channels of the convolutions, and M for a pooling layer.
PLANS: dict[str, list[int | str]] = {
    "vgg16-torchvision": [
        64,
        64,
        "M",
        128,
        128,
        "M",
        256,
        256,
        256,
        "M",
        512,
        512,
        512,
        "M",
        512,
        512,
        512,
        "M",
    ],
    "vgg19-torchvision": [
        *(64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M"),
        *(512, 512, 512, 512, "M", 512, 512, 512, 512, "M"),
    ],
}


def fake(name: str) -> tuple[dict[str, Tensor], list[str]]:
    """A state dict as torchvision builds it, a 64th as wide, and the names its convolutions should get."""
    generator = torch.Generator().manual_seed(0)
    state, names, index, channels, block, conv = {}, [], 0, 3, 1, 0
    for step in PLANS[name]:
        if step == "M":
            index, block, conv = index + 1, block + 1, 0
            continue
        conv += 1
        width = int(step) // 32
        state[f"features.{index}.weight"] = torch.randn((width, channels, 3, 3), generator=generator)
        state[f"features.{index}.bias"] = torch.randn((width,), generator=generator)
        names.append(f"conv{block}_{conv}")
        index, channels = index + 2, width
    state["classifier.0.weight"] = torch.zeros(2, 2)
    return state, names


def publish(
    name: str,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    digest: str | None = None,
    url: str | None = None,
) -> weights.WeightsFile:
    """Lets an entry point at a local file, or another address, instead of its publisher."""
    entry = dataclasses.replace(
        weights.ENTRIES[name],
        url=url or file.as_uri(),
        sha256=digest or hashlib.sha256(file.read_bytes()).hexdigest()[:8],
    )
    monkeypatch.setitem(weights.ENTRIES, name, entry)
    return entry
