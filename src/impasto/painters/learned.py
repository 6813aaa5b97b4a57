"""Painting at once with learned styles; on a CPU nothing here loads PyTorch."""

from __future__ import annotations

import hashlib
import logging
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from impasto import color, image
from impasto.errors import InputError
from impasto.jobs import Color, Precision, StylizeJob
from impasto.networks import library
from impasto.networks.library import Known
from impasto.networks.packs import Pack
from impasto.painters.inputs import Inputs, check_mask, target_size
from impasto.record import Point, Progress, Result, Watch

if TYPE_CHECKING:
    from torch import Tensor

    from impasto.networks.painter import Painter, Told

LONGEST = 1024  # pixels of the long side unless another size is asked for
STRIP = 256  # rows that are recoloured at a time
DIGEST = "style:"  # what marks the digest of a learned style among those of files

_log = logging.getLogger("impasto")
# Settings of ``stylize`` that say how to optimise: a learned style was optimised when it was learned.
_OPTIMISING = ("method", "loss", "init", "optimiser", "backbone", "pooling", "blend", "memory")


def find_all(job: StylizeJob, inputs: Inputs) -> list[Known]:
    """The learned styles of a job; none if its styles are pictures.

    Raises:
        InputError: a style that is neither, or pictures and learned styles at once.
    """
    found = {}
    for name in job.styles:
        if not isinstance(inputs.source(name), str):
            continue
        known = library.find(name, network=job.network)
        if Path(name).is_file() and known is not None and not _is_pack(name):
            _log.warning("%s is a picture here and a learned style: the picture is used", name)
        elif known is not None:
            found[name] = known
        elif not Path(name).exists() and not Path(name).suffix:
            raise library.unknown(name, network=job.network)
    if found and len(found) < len(job.styles):
        raise InputError("pictures and learned styles cannot be mixed: give one kind")
    return [found[name] for name in job.styles if name in found]


def _is_pack(name: str) -> bool:
    return name.endswith((library.PACK_SUFFIX, library.STYLE_SUFFIX)) or "#" in name


def paint(
    job: StylizeJob,
    inputs: Inputs,
    found: list[Known],
    *,
    watch: Watch | None = None,
    threads: int | None = None,
) -> Result:
    """Paints a job's photo with learned styles; ``watch`` hears of one that is painted in tiles.

    Raises:
        InputError: a setting that only optimising has, or styles of different trunks.
    """
    from impasto.networks.painter import WHOLE

    for name in _OPTIMISING:
        if getattr(job, name) != getattr(StylizeJob, name):
            raise InputError(f"--{name} says how to optimise, which a learned style does not: leave it out")
    start = time.monotonic()
    pack, names = joined(found)
    if job.style_scale is not None and all(len(known.style.scales) == 1 for known in found):
        raise InputError(
            f"--style-scale mixes the sizes that a style was learned at, and {found[0].name} has one: "
            f"leave it out"
        )
    content, alpha, bits = _photo(job, inputs, larger=WHOLE)
    own = (content.shape[0], content.shape[1])
    size = target_size(own, job, longest=LONGEST)
    if size != own:
        content = image.resize(content, size)
    device = device_of(job.device)
    threads = threads or os.cpu_count() or 1
    # In bfloat16 the statistics of a layer taken from tiles and from the whole lie levels apart.
    precision: Precision = "float32" if job.statistics == "exact" else job.precision
    painter = _painter(_Order(_digest(pack), pack, device, precision, threads))
    weights = weights_of(job, inputs, pack, names, size)
    painted: NDArray[Any]
    if size[0] * size[1] <= WHOLE:
        painted = painter.paint(content, weights)
    else:
        told = _telling(watch, start) if watch else None
        painted = painter.paint_large(content, weights, mode=job.statistics, told=told)
    if job.color != "style":
        _recolour(painted, content, job.color, whole=WHOLE)
    for name, known in zip(job.styles, found, strict=True):
        inputs.hand_over(name, digest(known))
    engine = "openvino" if device == "cpu" else "torch"
    seconds = time.monotonic() - start
    return Result(
        painted if painted.dtype == np.uint8 else painted.clip(0, 1).astype(np.float32),
        inputs.recipe(device, engine=engine, threads=threads),
        (Point(seconds, 1, 0.0, {}),),
        alpha=None if alpha is None else image.resize(alpha, size),
        bits=16 if bits == 16 else 8,
    )


def _telling(watch: Watch, start: float) -> Told:
    """Hands the progress of tiles on; the picture, if it is asked for, is a small one."""

    def told(step: int, steps: int, picture: NDArray[np.uint8]) -> None:
        def small() -> Tensor:
            from impasto import tensors
            from impasto.networks.painter import thumbnail

            return tensors.from_array(thumbnail(picture))

        size = (picture.shape[0], picture.shape[1])
        seconds = time.monotonic() - start
        watch(Progress(1, 1, size, step, steps, step / steps, seconds, loss=0.0, terms={}, picture=small))

    return told


def _recolour(painted: NDArray[Any], photo: NDArray[Any], how: Color, *, whole: int) -> None:
    """Gives a painting the photo's colours, in place, and in strips: as floats a huge one takes much memory.

    Above ``whole`` pixels the palettes are those of so many, evenly spread.
    """
    height, width = painted.shape[:2]
    if how == "content":
        step = math.ceil(math.sqrt(height * width / whole))
        few = (image.floats(p[::step, ::step]).reshape(-1, 3) for p in (painted, photo))
        matrix, offset = color.linear_map(*map(color.gaussian, few))
    for first in range(0, height, STRIP):
        part = slice(first, first + STRIP)
        ours, theirs = image.floats(painted[part]), image.floats(photo[part])
        moved = color.keep_chroma(ours, theirs) if how == "luminance" else ours @ matrix.T + offset
        moved = moved.clip(0, 1)
        painted[part] = np.rint(moved * 255) if painted.dtype == np.uint8 else moved


@dataclass(frozen=True)
class _Order:
    """What a painter is made for; the pack is known by its digest."""

    digest: str
    pack: Pack = field(compare=False)
    device: str
    precision: Precision
    threads: int


@lru_cache(maxsize=2)
def _painter(order: _Order) -> Painter:
    """A painter, kept: of many photos painted one after the other only the first waits for it."""
    from impasto.networks.painter import Painter

    return Painter(order.pack, device=order.device, precision=order.precision, threads=order.threads)


def _digest(pack: Pack) -> str:
    return hashlib.sha256(pack.hash().encode() + np.ascontiguousarray(pack.rows).tobytes()).hexdigest()


def _photo(
    job: StylizeJob, inputs: Inputs, *, larger: int
) -> tuple[NDArray[Any], NDArray[np.float32] | None, int]:
    """The photo, as bytes if it is plain and has more pixels than ``larger``; its alpha and its depth."""
    plain = inputs.read_bytes(job.content, least=larger)
    if plain is not None:
        return plain, None, 8
    photo = inputs.read(job.content)
    return photo.flat(), photo.alpha, photo.bits


def joined(found: list[Known]) -> tuple[Pack, list[str]]:
    """One pack with all the styles, and their names in it.

    Raises:
        InputError: they were learned on different trunks.
    """
    pack = found[0].pack
    for known in found[1:]:
        other = known.pack
        if other.hash() != pack.hash():
            raise InputError(
                f"{found[0].name} and {known.name} were learned on different trunks and cannot be blended: "
                f"choose styles of one pack"
            )
        if known.name not in pack.names:
            style = other.style(known.name)
            pack = pack.added(style, other.rows[list(style.rows)])
    return pack, [known.name for known in found]


def digest(known: Known) -> str:
    """What makes a learned style this style."""
    pack = known.pack
    rows = np.ascontiguousarray(pack.rows[list(known.style.rows)])
    return DIGEST + hashlib.sha256(pack.hash().encode() + rows.tobytes()).hexdigest()


def device_of(name: str) -> str:
    """``cpu`` without a look at PyTorch, unless a GPU is asked for or, by ``auto``, is there."""
    if name == "cpu" or (name == "auto" and not _may_have_gpu()):
        return "cpu"
    from impasto.backbones.devices import choose_device

    return str(choose_device(name))


def _may_have_gpu() -> bool:
    """Whether a look through PyTorch is worth its second of loading."""
    return Path("/dev/nvidiactl").exists() or Path("/proc/driver/nvidia").exists() or os.name == "nt"


def weights_of(
    job: StylizeJob, inputs: Inputs, pack: Pack, names: list[str], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Weights of the pack's rows, for a picture or a frame of (height, width)."""
    shares = job.weights or (1.0,) * len(names)
    scales = job.style_scale or (1.0,) * len(names)
    if min(shares) < 0 or sum(shares) <= 0:
        raise InputError(
            f"style weights must not be negative, nor all zero: got {', '.join(map(str, shares))}"
        )
    rows = [
        pack.weights({name: 1.0}, strength=job.strength, scale=scale)
        for name, scale in zip(names, scales, strict=True)
    ]
    if job.mask:
        return _regions(job, inputs, rows, list(shares), _coarse(size, pack.plan.multiple), own=size)
    mixed: NDArray[np.float32] = np.average(rows, axis=0, weights=shares).astype(np.float32)
    return mixed


def _coarse(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    return -(-size[0] // multiple), -(-size[1] // multiple)


def _regions(
    job: StylizeJob,
    inputs: Inputs,
    rows: list[NDArray[np.float32]],
    shares: list[float],
    size: tuple[int, int],
    *,
    own: tuple[int, int],
) -> NDArray[np.float32]:
    """Weights of rows for every position ``(R, h, w)``; where no mask is white the photograph stays."""
    assert job.mask is not None
    masks = []
    for name, share in zip(job.mask, shares, strict=True):
        grey = inputs.grey(name)
        check_mask(name, (grey.shape[0], grey.shape[1]), own)
        masks.append(share / max(shares) * image.resize(grey, size).clip(0, 1))
    total = np.sum(masks, axis=0)
    photo = np.zeros_like(rows[0])
    photo[0] = 1
    result: NDArray[np.float32] = np.einsum("r,hw->rhw", photo, np.maximum(1 - total, 0)).astype(np.float32)
    for row, mask in zip(rows, masks, strict=True):
        result += np.einsum("r,hw->rhw", row, mask / np.maximum(total, 1)).astype(np.float32)
    return result


def check(names: Mapping[str, str]) -> None:
    """Makes sure that the learned styles of a recipe are those that are found now.

    Raises:
        InputError: one is not there, or is another by now.
    """
    for name, wanted in names.items():
        known = library.find(name)
        if known is None:
            raise library.unknown(name)
        if digest(known) != wanted:
            raise InputError(f"the learned style '{name}' is not the one that the picture was painted with")
