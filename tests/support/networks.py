"""Helpers of the tests of networks."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from impasto.networks import LearnedStyle, Pack, Plan, library, packs
from impasto.networks.torch_engine import StyleNetwork

SMALL = Plan("small", fold=2, widths=(6, 8, 10), blocks=(0, 1, 1), ends=3, finish=4, skips=True)


LATE = Plan(
    "late", fold=1, widths=(4, 6, 8), blocks=(0, 0, 2), ends=5, finish=0, skips=False, late=True, noise=2
)


Array = NDArray[np.float32]


def network_of(plan: Plan, *, rows: int = 3) -> StyleNetwork:
    network = StyleNetwork(plan, rows=rows, seed=3)
    with torch.no_grad():
        network.rows.add_(0.3 * torch.randn(network.rows.shape, generator=torch.Generator().manual_seed(1)))
        for name, length in network.shape.biases.items():
            network.trunk[name].copy_(torch.linspace(-0.2, 0.3, length))
        network.trunk["last"].mul_(8)  # so that the picture is not all gray
    return network


def pack_of(plan: Plan = SMALL, *, rows: int = 3) -> Pack:
    network = network_of(plan, rows=rows)
    trunk = {name: p.detach().numpy() for name, p in network.trunk.items()}
    values = network.rows.detach().numpy()
    pack = Pack(plan, trunk, values[:1])
    for row in range(1, rows):
        style = LearnedStyle(f"style{row}", rows=(), scales=(1.0,), title="T", thumbnail=thumbnail())
        pack = pack.add_style(style, values[row : row + 1])
    return pack


def at_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a folder the current one, with an empty cache, one pack of one's own and no shipped styles."""
    monkeypatch.setenv(library.HOME, str(folder / "styles"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setattr(library, "SHIPPED", folder / "none")
    monkeypatch.chdir(folder)
    (folder / "styles").mkdir()
    packs.save(pack_of(), folder / "styles" / "mine.safetensors")


def thumbnail() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((20, 30, 3), 99, np.uint8)).save(stream, "JPEG")
    return stream.getvalue()


def photo_of(height: int, width: int, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width] / 16
    soft = np.stack([np.sin(rows + c) * np.cos(columns - c) for c in range(3)], 2)
    return (0.5 + 0.3 * soft + 0.1 * rng.standard_normal((height, width, 3))).clip(0, 1).astype(np.float32)
