"""Memory planning: choose tiles and optimizer for an image size and a memory budget, before the run.

The memory of a run is predictable: vectors of the image size (mostly those of the optimizer), the target
features of the content loss, and the activations of the backbone for one tile at a time. The precision is not
a means to save memory: bfloat16 is used anyway where the hardware supports it, and is very slow elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from impasto.backbones import Backbone, FloatFormat
from impasto.errors import InputError
from impasto.optim.adam import Adam
from impasto.optim.lbfgs import Lbfgs
from impasto.tiles import Size, Tiling

GB = 2**30

# Measured with VGG-19 on a CPU (topic "memory" of benchmarks/scale.py), in bytes: the process before the run,
# and the activations of one pixel, forward and backward.
FIXED = 1.0 * GB
ACTIVATIONS: dict[FloatFormat, int] = {"float32": 3900, "bfloat16": 2300}
CONTENT: dict[FloatFormat, int] = {"float32": 32, "bfloat16": 16}  # relu4_2 target per pixel
VECTOR = 12  # bytes per pixel of one float32 image

# Image-sized vectors during an evaluation (content, parameters, gradients, direction), without two for each
# L-BFGS pair; for Adam, with its two moments. PASSING: temporary vectors between evaluations, after the
# activations are freed.
LBFGS_VECTORS, ADAM_VECTORS, PASSING = 9, 9, 6

HISTORIES = (20, 10, 5, 3)  # L-BFGS pairs, from the best to the least useful number
WORTHWHILE = 512  # pixels; the halos of smaller tiles cost more than a longer history saves
LEAST_SIDE = 96  # side of the smallest tile, in pixels
SHARE = 0.85  # default budget, as a fraction of the free memory


@dataclass(frozen=True)
class MemoryPlan:
    """Memory plan of a run.

    Args:
        size: (height, width) of the image, in pixels.
        precision: precision of the backbone.
        history: number of L-BFGS pairs; 0: Adam.
        tiling: the tiles.
        needs: expected peak memory, in bytes.
        budget: memory budget, in bytes.
        first_choice: whether the plan has no compromise: one tile and the default optimizer.
    """

    size: Size
    precision: FloatFormat
    history: int
    tiling: Tiling
    needs: int
    budget: int
    first_choice: bool

    def optimiser(self) -> Lbfgs | Adam:
        """Return a new optimizer for this plan."""
        return Lbfgs(history=self.history) if self.history else Adam()

    def __str__(self) -> str:
        windows = len(self.tiling(self.size))
        pieces = "in one piece" if windows == 1 else f"in {windows} tiles of up to {self.tiling.side} px"
        way = f"L-BFGS with a history of {self.history}" if self.history else "Adam"
        return (
            f"{self.size[1]}x{self.size[0]} within {self.budget / GB:.1f} GB: {pieces}, {way}, "
            f"{self.precision}, about {self.needs / GB:.1f} GB"
        )


def tiling(backbone: Backbone, layers: Iterable[str], *, pixels: int) -> Tiling | None:
    """Return a tiling that reads at most ``pixels`` pixels at once; None if the smallest tile is larger.

    The halo is half the receptive field beyond a feature's own cell, so the owned features equal those of the
    whole image. Tile origins are multiples of the stride; for blockwise convolutions, of the stride times the
    block size, so that even the rounding is the same.
    """
    layers = list(layers)
    stride = max((backbone.stride(layer) for layer in layers), default=1) * backbone.block
    around = max((backbone.field(layer) - backbone.stride(layer) for layer in layers), default=0)
    halo = max(1, -(-around // (2 * stride))) * stride
    side = (int(pixels**0.5) - 2 * halo) // stride * stride
    return Tiling(side, halo, stride) if side >= max(stride, min(LEAST_SIDE, 4 * stride)) else None


def plan(
    size: Size,
    *,
    backbone: Backbone,
    layers: Iterable[str],
    budget: int,
    precision: FloatFormat,
    adam: bool = False,
    held: int = 0,
    more: int = 0,
) -> MemoryPlan:
    """Return the best plan for an image of ``size`` within ``budget`` bytes.

    Tiles cost time, a shorter history some quality. The order of preference is one tile, several tiles, a
    shorter history, Adam.

    Args:
        size: (height, width) in pixels.
        backbone: the backbone, for its strides and receptive fields.
        layers: layers of the loss.
        budget: memory budget, in bytes.
        precision: precision of the backbone.
        adam: use Adam in any case.
        held: bytes of other images and tables in memory.
        more: bytes per pixel of a tile that a loss needs beside the activations.

    Raises:
        InputError: the budget is too small; the message names the required amount.
    """
    layers = list(layers)
    active = ACTIVATIONS[precision] + more
    histories = (0,) if adam else (*HISTORIES, 0)
    least = 2**62
    for history in histories:
        kept = int(FIXED) + held + _vectors(size, history) + CONTENT[precision] * size[0] * size[1]
        free = budget - kept
        passing = PASSING * VECTOR * size[0] * size[1]
        found = _fitting(size, backbone, layers, pixels=max(0, free) // active)
        smallest = min(size[0] * size[1], (3 * LEAST_SIDE) ** 2) * active
        least = min(least, kept + max(passing, smallest))
        whole = found is not None and len(found(size)) == 1
        if found is None or free < passing or not (whole or history == 0 or found.side >= WORTHWHILE):
            continue
        looked = min(found.pixels, size[0] * size[1]) * active
        first = whole and history == histories[0]
        return MemoryPlan(size, precision, history, found, kept + max(passing, looked), budget, first)
    raise InputError(
        f"{size[1]}x{size[0]} pixels cannot be painted within {budget / GB:.2g} GB: allow "
        f"--memory {math.ceil(10 * least / GB) / 10}GB, or choose a smaller --size"
    )


def _fitting(size: Size, backbone: Backbone, layers: list[str], *, pixels: int) -> Tiling | None:
    """Return a tiling that fits; for an image smaller than the smallest tile, one that keeps it whole."""
    found = tiling(backbone, layers, pixels=pixels)
    if found is None and size[0] * size[1] <= pixels:
        return tiling(backbone, layers, pixels=(4 * LEAST_SIDE) ** 2)
    return found


def _vectors(size: Size, history: int) -> int:
    count = LBFGS_VECTORS + 2 * history if history else ADAM_VECTORS
    return count * VECTOR * size[0] * size[1]


def free(device: torch.device) -> int:
    """Return the memory to use on a device by default, in bytes: ``SHARE`` of the free memory."""
    if device.type == "cuda":
        found = torch.cuda.mem_get_info(device)[0]
    else:
        found = min(psutil.virtual_memory().available, _limit())
    # Multiples of 0.25 GB, so that runs on one machine get the same plan and recipes stay short.
    return max(1, int(found * SHARE / (GB / 4))) * (GB // 4)


def _limit() -> int:
    """Return what the container's memory limit (cgroup v2) leaves, or 2**62 without a limit."""
    folder = Path("/sys/fs/cgroup")
    most, used = folder / "memory.max", folder / "memory.current"
    try:
        text = most.read_text().strip()
        return max(0, int(text) - int(used.read_text())) if text != "max" else 2**62
    except (OSError, ValueError):
        return 2**62


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error reports a failed memory allocation, on any device."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    words = ("not enough memory", "can't allocate memory", "out of memory", "could not create a memory")
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)
