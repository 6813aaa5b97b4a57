"""Painting with learned styles in one pass; on a CPU, this does not import PyTorch."""

from __future__ import annotations

import hashlib
import logging
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from impasto import color, image
from impasto.errors import InputError
from impasto.jobs import Color, Precision, StylizeJob
from impasto.networks import library
from impasto.networks.library import InstalledStyle
from impasto.networks.packs import Pack
from impasto.painters.inputs import Inputs, check_mask, target_size
from impasto.painters.instant import Predicted, predict
from impasto.record import HistoryEntry, Progress, Result, Watch
from impasto.session import Session

if TYPE_CHECKING:
    from torch import Tensor

    from impasto.networks.painter import OnTile, Painter

LONGEST = 1024  # default long side, pixels
STRIP = 256  # image rows that are recolored at a time
DIGEST = "style:"  # prefix of the digest of a learned style, where others are of files

_log = logging.getLogger("impasto")
# Settings of ``stylize`` that apply to optimization only.
_OPTIMIZING = (
    *("method", "loss", "init", "optimizer", "backbone", "pooling", "blend", "memory"),
    *("style_weight", "layer_weights", "smoothness"),
)


def find_all(job: StylizeJob, inputs: Inputs) -> list[InstalledStyle]:
    """Return the learned styles of a job; none if its styles are images.

    Raises:
        InputError: a style is neither an image nor a learned style, or the job mixes both.
    """
    if job.instant:
        return [_instant(name, job, inputs) for name in job.styles]
    found = {}
    for name in job.styles:
        if not isinstance(inputs.source(name), str):
            continue
        known = library.find(name, network=job.network)
        is_pack = name.endswith((library.PACK_SUFFIX, library.STYLE_SUFFIX)) or "#" in name
        if Path(name).is_file() and known is not None and not is_pack:
            _log.warning("%s is both a file and a learned style: the file is used", name)
        elif known is not None:
            found[name] = known
        elif not Path(name).exists() and not Path(name).suffix:
            raise library.unknown_style_error(name, network=job.network)
    if found and len(found) < len(job.styles):
        raise InputError("style images and learned styles cannot be mixed: give one kind")
    return [found[name] for name in job.styles if name in found]


def _instant(name: str, job: StylizeJob, inputs: Inputs) -> Predicted:
    """Predict a style of a job.

    Raises:
        InputError: the job asks for another network, or the style is a learned style.
    """
    source = inputs.source(name)
    if isinstance(source, str) and not Path(source).is_file() and library.find(name) is not None:
        raise InputError(f"{name} is a learned style, which needs no prediction: leave out --instant")
    return predict(name, inputs.read(name).flat(), network=job.network)


def paint(job: StylizeJob, inputs: Inputs, found: list[InstalledStyle], session: Session) -> Result:
    """Paint a job's photo with learned styles; ``watch`` reports the progress of images painted in tiles.

    Raises:
        InputError: a setting applies to optimization only, or the styles have different trunks.
    """
    from impasto.networks.painter import WHOLE

    _check(job, found)
    start = time.monotonic()
    pack, names = join_styles(found)
    content, alpha, bits = _photo(job, inputs, larger=WHOLE)
    own = (content.shape[0], content.shape[1])
    size = target_size(own, job, longest=LONGEST)
    if size != own:
        content = image.resize(content, size)
    device = device_of(job.device)
    threads = session.threads or os.cpu_count() or 1
    # In bfloat16, statistics from tiles and from the whole image differ by whole gray levels.
    precision: Precision = "float32" if job.statistics == "exact" else job.precision
    period = size if job.tileable else None
    painter = _painter(_Order(_digest(pack), pack, device, precision, threads, job.seed, period))
    weights = weights_of(job, inputs, pack, names, size)
    painted: NDArray[Any]
    on_tile = _on_tile(session.watch, start) if session.watch else None
    if period:
        painted = painter.paint_repeating(content, weights, mode=job.statistics, on_tile=on_tile)
    elif size[0] * size[1] <= WHOLE:
        painted = painter.paint(content, weights)
    else:
        painted = painter.paint_large(content, weights, mode=job.statistics, on_tile=on_tile)
    if job.color != "style":
        _recolor(painted, content, job.color, whole=WHOLE)
    for name, known in zip(job.styles, found, strict=True):
        if not isinstance(known, Predicted):  # the recipe identifies a predicted style by its image
            inputs.hand_over(name, digest(known))
    engine = "openvino" if device == "cpu" else "torch"
    seconds = time.monotonic() - start
    recipe = inputs.recipe(device, engine=engine, threads=threads)
    return Result(
        painted if painted.dtype == np.uint8 else painted.clip(0, 1).astype(np.float32),
        replace(recipe, licenses=licenses_of(job.styles, found)),
        (HistoryEntry(seconds, 1, 0.0, {}),),
        alpha=None if alpha is None else image.resize(alpha, size),
        bits=16 if bits == 16 else 8,
    )


def _check(job: StylizeJob, found: list[InstalledStyle]) -> None:
    for name in _OPTIMIZING:
        if getattr(job, name) != getattr(StylizeJob, name):
            flag = name.replace("_", "-")
            raise InputError(
                f"--{flag} does not apply to learned styles and --instant, which need no optimization: leave "
                f"it out"
            )
    if job.tileable and job.mask:
        raise InputError("--mask does not apply to --tileable with learned styles: leave out one of them")
    if job.style_scale is not None and isinstance(found[0], Predicted):
        raise InputError("--style-scale with --instant needs --tune, which learns that size: add --tune 30")
    if job.style_scale is not None and all(len(known.style.scales) == 1 for known in found):
        raise InputError(
            f"--style-scale needs a style learned at several scales, and {found[0].name} has one: "
            f"leave it out"
        )


def _on_tile(watch: Watch, start: float) -> OnTile:
    """Return a callback that forwards the progress of tiles to ``watch``, with a thumbnail on request."""

    def on_tile(step: int, steps: int, picture: NDArray[np.uint8]) -> None:
        def small() -> Tensor:
            from impasto import tensors
            from impasto.networks.painter import thumbnail

            return tensors.from_array(thumbnail(picture))

        size = (picture.shape[0], picture.shape[1])
        seconds = time.monotonic() - start
        watch(Progress(1, 1, size, step, steps, step / steps, seconds, loss=0.0, terms={}, picture=small))

    return on_tile


def _recolor(painted: NDArray[Any], photo: NDArray[Any], how: Color, *, whole: int) -> None:
    """Transfer the photo's colors to a painting, in place and in strips, to save memory.

    Above ``whole`` pixels, the color statistics come from an evenly spaced sample of about that size.
    """
    height, width = painted.shape[:2]
    if how == "content":
        step = math.ceil(math.sqrt(height * width / whole))
        few = (image.floats(p[::step, ::step]).reshape(-1, 3) for p in (painted, photo))
        matrix, offset = color.gaussian_transport(*map(color.gaussian, few))
    for first in range(0, height, STRIP):
        part = slice(first, first + STRIP)
        ours, theirs = image.floats(painted[part]), image.floats(photo[part])
        moved = color.transfer_lightness(ours, theirs) if how == "luminance" else ours @ matrix.T + offset
        moved = moved.clip(0, 1)
        painted[part] = np.rint(moved * 255) if painted.dtype == np.uint8 else moved


@dataclass(frozen=True)
class _Order:
    """Key of a cached painter; the digest stands for the pack."""

    digest: str
    pack: Pack = field(compare=False)
    device: str
    precision: Precision
    threads: int
    seed: int
    period: tuple[int, int] | None


@lru_cache(maxsize=2)
def _painter(order: _Order) -> Painter:
    """Return a painter, cached so that a series of photos loads it once."""
    from impasto.networks.painter import Painter

    return Painter(
        order.pack,
        device=order.device,
        precision=order.precision,
        threads=order.threads,
        seed=order.seed,
        period=order.period,
    )


def _digest(pack: Pack) -> str:
    return hashlib.sha256(pack.hash().encode() + np.ascontiguousarray(pack.rows).tobytes()).hexdigest()


def _photo(
    job: StylizeJob, inputs: Inputs, *, larger: int
) -> tuple[NDArray[Any], NDArray[np.float32] | None, int]:
    """Return photo, alpha and bit depth; a photo that needs no conversion and is over ``larger`` is uint8."""
    plain = inputs.read_bytes(job.content, least=larger)
    if plain is not None:
        return plain, None, 8
    photo = inputs.read(job.content)
    return photo.flat(), photo.alpha, photo.bits


def join_styles(found: list[InstalledStyle]) -> tuple[Pack, list[str]]:
    """Return one pack with all the styles, and their names in it.

    Raises:
        InputError: the styles have different trunks.
    """
    pack = found[0].pack
    for known in found[1:]:
        other = known.pack
        if other.hash() != pack.hash():
            raise InputError(
                f"{found[0].name} and {known.name} were learned with different trunks and cannot be blended: "
                f"choose styles from one pack"
            )
        if known.name not in pack.names:
            style = other.style(known.name)
            pack = pack.add_style(style, other.rows[list(style.rows)])
    return pack, [known.name for known in found]


def licenses_of(names: Sequence[str], found: Sequence[InstalledStyle]) -> dict[str, str]:
    """Return the licenses of learned styles by name, without folders, where they are known."""
    pairs = zip(names, found, strict=True)
    return {Path(name).name: known.style.licence for name, known in pairs if known.style.licence}


def digest(known: InstalledStyle) -> str:
    """Return a digest of a learned style: trunk and rows."""
    pack = known.pack
    rows = np.ascontiguousarray(pack.rows[list(known.style.rows)])
    return DIGEST + hashlib.sha256(pack.hash().encode() + rows.tobytes()).hexdigest()


def device_of(name: str) -> str:
    """Return the device for ``--device``; imports PyTorch only if the machine may have a GPU."""
    if name == "cpu" or (name == "auto" and not _may_have_gpu()):
        return "cpu"
    from impasto.backbones.devices import choose_device

    return str(choose_device(name))


def _may_have_gpu() -> bool:
    """Return whether there may be a GPU, without importing PyTorch, which takes a second."""
    return Path("/dev/nvidiactl").exists() or Path("/proc/driver/nvidia").exists() or os.name == "nt"


def weights_of(
    job: StylizeJob, inputs: Inputs, pack: Pack, names: list[str], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Return weights ``(R,)``, or ``(R, h, w)`` with masks, of the rows for an image of ``size`` (H, W).

    Raises:
        InputError: weights are negative or all zero, or a mask does not match the image.
    """
    shares = job.weights or (1.0,) * len(names)
    scales = job.style_scale or (1.0,) * len(names)
    if min(shares) < 0 or sum(shares) <= 0:
        raise InputError(f"style weights must not be negative or all zero: got {', '.join(map(str, shares))}")
    rows = [
        pack.weights({name: 1.0}, strength=job.strength, scale=scale)
        for name, scale in zip(names, scales, strict=True)
    ]
    if job.mask:
        coarse = (-(-size[0] // pack.plan.multiple), -(-size[1] // pack.plan.multiple))
        return _regions(job, inputs, rows, list(shares), coarse, own=size)
    mixed: NDArray[np.float32] = np.average(rows, axis=0, weights=shares).astype(np.float32)
    return mixed


def _regions(
    job: StylizeJob,
    inputs: Inputs,
    rows: list[NDArray[np.float32]],
    shares: list[float],
    size: tuple[int, int],
    *,
    own: tuple[int, int],
) -> NDArray[np.float32]:
    """Return weights ``(R, h, w)`` of the rows from the masks; where all masks are black, the photo stays."""
    assert job.mask is not None
    masks = []
    for name, share in zip(job.mask, shares, strict=True):
        gray = inputs.gray(name)
        check_mask(name, (gray.shape[0], gray.shape[1]), own)
        masks.append(share / max(shares) * image.resize(gray, size).clip(0, 1))
    total = np.sum(masks, axis=0)
    photo = np.zeros_like(rows[0])
    photo[0] = 1
    result: NDArray[np.float32] = np.einsum("r,hw->rhw", photo, np.maximum(1 - total, 0)).astype(np.float32)
    for row, mask in zip(rows, masks, strict=True):
        result += np.einsum("r,hw->rhw", row, mask / np.maximum(total, 1)).astype(np.float32)
    return result


def check(names: Mapping[str, str], *, network: str | None = None, other: str = "") -> None:
    """Check that the learned styles of a recipe are installed and unchanged.

    Args:
        names: digest of each style, by name.
        network: network that the job names.
        other: another version of impasto that painted the image, if one did.

    Raises:
        InputError: a style is missing or has another digest.
    """
    for name, wanted in names.items():
        known = library.find(name, network=network)
        if known is None:
            raise library.unknown_style_error(name, network=network)
        if digest(known) != wanted:
            mend = f"restore it, or replay with {other}" if other else "restore it"
            raise InputError(f"the learned style '{name}' has changed since the image was painted: {mend}")
