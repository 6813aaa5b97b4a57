"""How a picture of any size is painted within so much memory, chosen before the start.

What a painting holds is known beforehand: vectors of the picture's size (the optimiser's above all), the
features that content is compared with, and, for one piece at a time, the activations of the network. So
optimiser and tiles can be chosen, and said, before the first pixel moves. A device that computes in bfloat16
does so anyway; one that does not would take hours to pretend.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from impasto.backbones import Backbone, Precision
from impasto.errors import InputError
from impasto.optim.adam import Adam
from impasto.optim.lbfgs import Lbfgs
from impasto.tiles import Size, Tiling

GB = 2**30

# Measured with VGG-19 on a CPU (topic "memory" of benchmarks/scale.py), in bytes: what a process holds
# before it paints, and what a pixel that is looked at costs, forward and backward.
FIXED = 1.0 * GB
ACTIVATIONS: dict[Precision, int] = {"float32": 3900, "bfloat16": 2300}
CONTENT: dict[Precision, int] = {"float32": 32, "bfloat16": 16}  # relu4_2 of a pixel, kept as a target
VECTOR = 12  # bytes of a pixel in one float32 picture

# Pictures held while the network looks (photo, parameters, gradients, direction), beside two a pair of L-BFGS
# and the two moments of Adam; and those that come and go between two looks, when the activations are gone.
LBFGS_VECTORS, ADAM_VECTORS, PASSING = 9, 9, 6

HISTORIES = (20, 10, 5, 3)  # pairs of L-BFGS, from the best to the least that is worth it
WORTHWHILE = 512  # pixels: halos of smaller tiles cost more than a longer history saves
LEAST_SIDE = 96  # pixels of the smallest tile
SHARE = 0.85  # of the free memory that is taken if nobody says how much


@dataclass(frozen=True)
class Plan:
    """What was chosen.

    Args:
        size: (height, width) of the picture, pixels.
        precision: of the network.
        history: pairs of L-BFGS; 0 is Adam.
        tiling: how the picture is cut.
        needs: bytes expected at the most.
        budget: bytes allowed.
        first_choice: whether nothing had to be given up: one piece, and the usual optimiser.
    """

    size: Size
    precision: Precision
    history: int
    tiling: Tiling
    needs: int
    budget: int
    first_choice: bool

    def optimiser(self) -> Lbfgs | Adam:
        """A new optimiser as planned."""
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
    """Tiles that look at no more than ``pixels`` at once; None if not even the smallest does.

    The halo is half of what a feature position sees beyond its own cell: with it the owned features are
    those of the whole picture. Origins lie on multiples of the stride; where convolutions work by blocks, on
    multiples of theirs, so that even their rounding is that of the whole.
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
    precision: Precision,
    adam: bool = False,
    held: int = 0,
) -> Plan:
    """The best way to paint a picture of ``size`` within ``budget`` bytes.

    A tile costs time, a shorter history some quality: so first one piece, then tiles, then a shorter history,
    then Adam.

    Args:
        size: (height, width), pixels.
        backbone: the network, for its strides and fields.
        layers: those that the loss looks at.
        budget: bytes.
        precision: of the network.
        adam: whether Adam is wanted in any case.
        held: bytes of other pictures.

    Raises:
        InputError: it cannot be done within so little; the message says how much it takes.
    """
    layers = list(layers)
    histories = (0,) if adam else (*HISTORIES, 0)
    least = 2**62
    for history in histories:
        kept = int(FIXED) + held + _vectors(size, history) + CONTENT[precision] * size[0] * size[1]
        free = budget - kept
        passing = PASSING * VECTOR * size[0] * size[1]
        found = _fitting(size, backbone, layers, pixels=max(0, free) // ACTIVATIONS[precision])
        smallest = min(size[0] * size[1], (3 * LEAST_SIDE) ** 2) * ACTIVATIONS[precision]
        least = min(least, kept + max(passing, smallest))
        whole = found is not None and len(found(size)) == 1
        if found is None or free < passing or not (whole or history == 0 or found.side >= WORTHWHILE):
            continue
        looked = min(found.pixels, size[0] * size[1]) * ACTIVATIONS[precision]
        first = whole and history == histories[0]
        return Plan(size, precision, history, found, kept + max(passing, looked), budget, first)
    raise InputError(
        f"{size[1]}x{size[0]} pixels cannot be painted within {budget / GB:.2g} GB: allow "
        f"--memory {math.ceil(10 * least / GB) / 10}GB, or choose a smaller --size"
    )


def _fitting(size: Size, backbone: Backbone, layers: list[str], *, pixels: int) -> Tiling | None:
    """Tiles that fit; for a picture smaller than the smallest tile, one that it stays whole in."""
    found = tiling(backbone, layers, pixels=pixels)
    if found is None and size[0] * size[1] <= pixels:
        return tiling(backbone, layers, pixels=(4 * LEAST_SIDE) ** 2)
    return found


def _vectors(size: Size, history: int) -> int:
    count = LBFGS_VECTORS + 2 * history if history else ADAM_VECTORS
    return count * VECTOR * size[0] * size[1]


def free(device: torch.device) -> int:
    """Bytes that may be taken on a device without anyone else going short, in steps of a quarter GB."""
    if device.type == "cuda":
        found = torch.cuda.mem_get_info(device)[0]
    else:
        found = min(psutil.virtual_memory().available, _limit())
    # In steps, so that two runs on one machine plan alike, and a recipe can say it shortly.
    return max(1, int(found * SHARE / (GB / 4))) * (GB // 4)


def _limit() -> int:
    """What a container's limit leaves (control groups, version 2), or more than any machine has."""
    folder = Path("/sys/fs/cgroup")
    most, used = folder / "memory.max", folder / "memory.current"
    try:
        text = most.read_text().strip()
        return max(0, int(text) - int(used.read_text())) if text != "max" else 2**62
    except (OSError, ValueError):
        return 2**62


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be had, on any device."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    words = ("not enough memory", "can't allocate memory", "out of memory", "could not create a memory")
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)
