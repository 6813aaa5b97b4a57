"""Style transfer by optimization: run a job with its size, device and method."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from impasto import backbones, color, image, methods, tensors
from impasto.backbones import FloatFormat, Vgg
from impasto.backbones.devices import choose_device, use_threads
from impasto.errors import InputError
from impasto.jobs import StylizeJob, parse_memory
from impasto.losses import LAYERS
from impasto.losses.matching import CELL
from impasto.losses.neighbors import KEYS
from impasto.methods import Style
from impasto.moments import moments, transport
from impasto.optim import Checkpoint, OptimizationResult, Schedule, memory, scales
from impasto.optim.memory import MemoryPlan
from impasto.painters.inputs import BUDGETS, FLAT, Inputs, check_mask, key_of, target_size
from impasto.record import Recipe, Result
from impasto.session import Session

_log = logging.getLogger("impasto")
COARSEST = 112  # least long side of the coarsest stage of neural neighbors, in pixels
LEAST_SIDE = 48  # pixels; smaller images are padded by reflection, and the result is cropped
# Pixels by which neighbors extend an image on each side. Features at the border of an image see zeros beyond
# it, so their nearest neighbors are at the border of the style image, and draw a frame.
BORDER = 8
HYPERCOLUMN = 4 * 2688  # bytes of the features of one place


def optimize(job: StylizeJob, inputs: Inputs, session: Session) -> Result:
    """Run a job by optimization."""
    use_threads(session.threads)
    photo = inputs.read(job.content)
    device = choose_device(job.device)
    size = target_size(photo.size, job)
    resized = tensors.resize(tensors.from_array(photo.flat()), size, wraps=job.tileable).clamp(0, 1)
    content, frame = pad_image(resized, border_of(job))
    noted = Checkpoint.read_note(session.checkpoint) if session.checkpoint and session.resume else {}
    budget = parse_memory(job.memory or noted.get("memory")) or session.memory or memory.free(device)
    # A plan with compromises changes the result, so the recipe records the memory budget.
    backbone, plan = _plan(job, inputs, (content.shape[-2], content.shape[-1]), device, budget)
    if not plan.first_choice:
        inputs.job = job = replace(job, memory=f"{budget // 2**20}MB")
    if job.memory:
        _log.warning("%s", replace(plan, size=size))
    recipe = inputs.recipe(str(device), engine="torch", threads=torch.get_num_threads())
    saved = checkpoint_of(session, recipe, note={"memory": f"{budget // 2**20}MB"})
    run = {"backbone": backbone, "tiling": plan.tiling, "watch": session.watch, "checkpoint": saved}
    outcome = _paint(job, inputs, content, frame, optimiser=plan.optimiser(), **run)
    painted = tensors.to_array(outcome.picture[..., frame[0], frame[1]])
    if job.color == "luminance":
        painted = color.transfer_lightness(
            painted, tensors.to_array(content[..., frame[0], frame[1]])
        ).astype(np.float32)
    alpha = None if photo.alpha is None else image.resize(photo.alpha, size)
    return Result(
        painted,
        recipe,
        outcome.history,
        alpha=alpha,
        bits=16 if photo.bits == 16 else 8,
        stopped=outcome.stopped,
    )


def checkpoint_of(
    session: Session, recipe: Recipe, note: Mapping[str, Any] | None = None
) -> Checkpoint | None:
    """Return the checkpoint of a run with this recipe; None if the session has none."""
    if session.checkpoint is None:
        return None
    key = key_of(recipe)
    return Checkpoint(session.checkpoint, session.save_every, key, resume=session.resume, note=note or {})


Frame = tuple[slice, slice]


def _plan(
    job: StylizeJob, inputs: Inputs, size: tuple[int, int], device: torch.device, budget: int
) -> tuple[Vgg, MemoryPlan]:
    """Return the backbone and the memory plan."""
    pooling = job.pooling or ("avg" if job.method == "paper" else "max")
    backbone = backbones.load(
        job.backbone,
        pooling=pooling,
        padding="circular" if job.tileable else "zeros",
        device=device,
        precision=job.precision,
    )
    first: FloatFormat = "bfloat16" if backbone.dtype == torch.bfloat16 else "float32"
    # Three copies of each: as read, as a tensor, and resized.
    held = sum(3 * memory.VECTOR * math.prod(inputs.read(name).size) for name in inputs.names[1:])
    matching = by_neighbors(job)
    if matching:
        held += len(job.styles) * 2 * min(KEYS, size[0] * size[1] // 4) * HYPERCOLUMN
    plan = memory.plan(
        size,
        backbone=backbone,
        layers=LAYERS,
        budget=budget,
        precision=first,
        adam=job.optimizer == "adam" and job.method == "modern",
        held=held,
        more=2 * HYPERCOLUMN // CELL**2 if matching else 0,
    )
    if job.tileable and len(plan.tiling(size)) > 1:
        raise InputError("--tileable needs memory for the whole image: choose a smaller --size")
    return backbone, plan


def pad_image(content: Tensor, border: int = 0) -> tuple[Tensor, Frame]:
    """Pad an image by reflection, by ``border`` and to at least ``LEAST_SIDE`` a side.

    Returns the image and the part of it that is the original.
    """
    sides, parts = [], []
    for length in content.shape[-2:]:
        more = max(2 * border, LEAST_SIDE - length)
        sides.append((more // 2, more - more // 2))
        parts.append(slice(more // 2, more // 2 + length))
    frame = (parts[0], parts[1])
    if not any(map(any, sides)):
        return content, frame
    return torch.from_numpy(np.pad(content.numpy(), ((0, 0), (0, 0), *sides), mode="symmetric")), frame


def by_neighbors(job: StylizeJob) -> bool:
    """Return whether a job optimizes neural neighbors."""
    return job.method == "modern" and job.loss == "neighbors"


def border_of(job: StylizeJob) -> int:
    """Return the pixels at each side that a job paints and cuts away."""
    return BORDER if by_neighbors(job) and not job.tileable else 0


def _paint(job: StylizeJob, inputs: Inputs, content: Tensor, frame: Frame, **run: Any) -> OptimizationResult:
    """Run the method of a job; ``run`` holds the arguments that the methods have in common."""
    styles = styles_of(job, inputs, content, frame)
    if job.method != "modern":
        if len(styles) > 1 or job.mask or job.init not in ("content", "noise"):
            raise InputError(
                f"--method {job.method} takes one style, no masks and no --init: use --method modern"
            )
        if job.method == "paper":
            return methods.paper(content, styles[0].picture, seed=job.seed, **run)
        return methods.tutorial(content, styles[0].picture, standardized=not run["backbone"].caffe, **run)
    if job.color == "luminance":
        content = grayscale(content)
    plan = schedule(job, (content.shape[-2], content.shape[-1]))
    start = _start(job, inputs, content)
    return modern(job, content, styles, border=border_of(job), schedule=plan, start=start, **run)


def modern(
    job: StylizeJob, content: Tensor, styles: list[Style], *, border: int = 0, **run: Any
) -> OptimizationResult:
    """Run ``--method modern`` with the loss of the job; ``run`` holds the common arguments."""
    if job.loss == "neighbors":
        run |= {"rounds": BUDGETS[job.preset].rounds, "border": border}
        given: dict[str, Any] = {"strength": job.strength, "turned": not job.upright, "seed": job.seed}
        return methods.neural_neighbors(content, styles, **given, **run)
    return methods.modern(content, styles, **terms_of(job), **run)


def terms_of(job: StylizeJob) -> dict[str, Any]:
    """Return the arguments of :func:`impasto.methods.modern` that are its moment loss and its weights."""
    return {
        "strength": job.strength,
        "loss": job.loss,
        "blend": job.blend,
        "style_weight": job.style_weight,
        "layer_weights": dict(zip(LAYERS, job.layer_weights, strict=True)),
        "smoothness": job.smoothness,
    }


def schedule(job: StylizeJob, size: tuple[int, int]) -> Schedule:
    """Return the schedule of the job's preset up to ``size``."""
    budget = BUDGETS[job.preset]
    if job.loss == "neighbors":
        return scales(size, first=COARSEST, steps=budget.neighbors, ratio=2.0)
    return scales(size, first=budget.first, steps=budget.steps_at(max(size)), ratio=budget.ratio)


def _start(job: StylizeJob, inputs: Inputs, content: Tensor) -> Tensor | None:
    if job.init == "content":
        return None
    if job.init == "noise":
        return torch.rand(content.shape, generator=torch.Generator().manual_seed(job.seed))
    start = tensors.from_array(inputs.read(job.init).flat())
    return tensors.resize(start, (content.shape[-2], content.shape[-1])).clamp(0, 1)


def styles_of(job: StylizeJob, inputs: Inputs, content: Tensor, frame: Frame) -> list[Style]:
    """Read the style images of a job, with their weights, scales and masks, in its color mode."""
    count = len(job.styles)
    weights, sizes = job.weights or (1.0,) * count, job.style_scale or (1.0,) * count
    masks = job.mask or (None,) * count
    result = []
    for name, weight, scale, mask in zip(job.styles, weights, sizes, masks, strict=True):
        read = tensors.from_array(inputs.read(name).flat())
        if float((read.amax((2, 3)) - read.amin((2, 3))).max()) < FLAT:
            _log.warning("style %s has only one color, and so will the output", name)
        picture = _palette(job, read, content)
        result.append(
            Style(picture, weight, scale, None if mask is None else _mask(inputs, mask, content, frame))
        )
    return result


def _palette(job: StylizeJob, style: Tensor, content: Tensor) -> Tensor:
    """Convert a style image to the color mode of the job, before optimization (Gatys et al. 2017)."""
    if job.color == "style":
        return style
    if job.color == "luminance":
        style, gray = grayscale(style), grayscale(content)
        # Match mean and deviation of the lightness, so that the style does not change the exposure.
        spread = gray.std() / style.std().clamp_min(1e-4)
        return ((style - style.mean()) * spread + gray.mean()).clamp(0, 1)
    matrix, shift = transport(moments(style.flatten(2)[0]), moments(content.flatten(2)[0]))
    moved = torch.einsum("ij,bjhw->bihw", matrix, style) + shift.view(1, 3, 1, 1)
    return moved.clamp(0, 1)


def grayscale(picture: Tensor) -> Tensor:
    """Return the lightness of an image ``(1, 3, H, W)`` as a gray image of that shape."""
    return tensors.from_array(color.grayscale(tensors.to_array(picture)))


def _mask(inputs: Inputs, name: str, content: Tensor, frame: Frame) -> Tensor:
    """Return a mask at the size of the image, extended over the padding, ``(1, 1, H, W)``."""
    mask = tensors.from_array(inputs.read(name).rgb).mean(1, keepdim=True)
    height, width = frame[0].stop - frame[0].start, frame[1].stop - frame[1].start
    check_mask(name, (mask.shape[-2], mask.shape[-1]), (height, width))
    mask = F.interpolate(mask, (height, width), mode="area")
    if float(mask.max()) < 0.01:
        raise InputError(f"mask {name} is black: make it white where its style applies")
    rows, columns = content.shape[-2:]
    sides = (frame[1].start, columns - frame[1].stop, frame[0].start, rows - frame[0].stop)
    return F.pad(mask, sides, mode="replicate")
