"""From a job to a picture: reads what it names, chooses size, device and method, and paints.

``stylize`` and ``reconstruct`` are the public functions behind it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from impasto import backbones, color, files, image, methods, record, tensors
from impasto.errors import InputError
from impasto.image import Picture, Source
from impasto.jobs import StylizeJob
from impasto.methods import Style
from impasto.moments import moments, transport
from impasto.optim import Adam, Checkpoint, Lbfgs, Outcome, Schedule, scales
from impasto.record import Recipe, Result, Watch

LEAST_SIDE = 48  # pixels; smaller pictures are padded to it by reflection, painted, and cropped back


@dataclass(frozen=True)
class Budget:
    """What a preset spends: the long side, and evaluations from the coarsest stage to the finest."""

    size: int
    first: int
    steps: tuple[int, ...]
    ratio: float = 2**0.5


BUDGETS = {
    "draft": Budget(320, 112, (18, 5, 2), ratio=1.65),
    "good": Budget(512, 128, (66, 42, 25, 13, 7)),
    "print": Budget(1024, 128, (160, 120, 80, 50, 30, 16, 8)),
}


def stylize(
    content: Source,
    styles: Source | Sequence[Source],
    *,
    watch: Watch | None = None,
    checkpoint: Path | None = None,
    save_every: int = 50,
    resume: bool = False,
    **settings: Any,
) -> Result:
    """Paints a photo in the style of one or several pictures.

    Args:
        content: the photo: a path, PIL image, array ``(H, W, 3)`` or tensor ``(1, 3, H, W)``, 0..1.
        styles: one painting or a list of them, likewise.
        watch: called with a :class:`impasto.Progress` after every step; raise KeyboardInterrupt to keep what
            there is.
        checkpoint: a file to save the run in, every ``save_every`` evaluations; with ``resume``, a killed run
            goes on from it.
        **settings: the other fields of :class:`impasto.StylizeJob`: ``weights``, ``strength``, ``size``,
            ``preset``, ``blend``, ``mask``, ``color``, ``method``, ``seed``, ...

    Returns:
        The picture with the recipe and the history of the run; ``.save(path)`` writes it.

    Raises:
        InputError: a picture or a setting that cannot be used.

    Example:
        >>> out = stylize("photo.jpg", ["starry.jpg", "scream.jpg"], weights=[0.7, 0.3])  # doctest: +SKIP
        >>> out.save("out.png")  # doctest: +SKIP
    """
    pictures: dict[str, Source] = {}
    several = tensors.several(styles)
    job = StylizeJob.parse(
        {
            **settings,
            "content": _named(content, "content", pictures),
            "styles": [_named(style, f"style-{i}", pictures) for i, style in enumerate(several, 1)],
        }
    )
    return run(
        job, pictures=pictures, watch=watch, checkpoint=checkpoint, save_every=save_every, resume=resume
    )


def _named(source: Source, name: str, pictures: dict[str, Source]) -> str:
    """The path of a source, or a name under which a picture in memory is handed on."""
    if isinstance(source, (str, Path)):
        return str(source)
    pictures[name] = source
    return name


def run(
    job: StylizeJob,
    *,
    pictures: Mapping[str, Source] | None = None,
    watch: Watch | None = None,
    checkpoint: Path | None = None,
    save_every: int = 50,
    resume: bool = False,
    threads: int | None = None,
) -> Result:
    """Runs a job.

    ``pictures`` hands in what the job's names stand for, where that is not a file of that name; ``threads``
    sets how many PyTorch computes with (sums depend on it in their last bits). The rest is as for
    :func:`stylize`.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    inputs = Inputs(job, pictures or {})
    photo = inputs.read(job.content)
    device = choose_device(job.device)
    size = target_size(photo.size, job)
    content, frame = _padded(tensors.resize(tensors.from_array(photo.flat()), size).clamp(0, 1))
    recipe = inputs.recipe(str(device))
    keeper = None
    if checkpoint is not None:
        keeper = Checkpoint(checkpoint, every=save_every, key=_key(recipe), resume=resume)
    outcome = _paint(job, inputs, content, frame, device=device, watch=watch, checkpoint=keeper)
    painted = tensors.to_array(outcome.picture[..., frame[0], frame[1]])
    if job.color == "luminance":
        painted = color.keep_chroma(painted, tensors.to_array(content[..., frame[0], frame[1]])).astype(
            np.float32
        )
    alpha = None if photo.alpha is None else image.resize(photo.alpha, size)
    return Result(
        painted,
        recipe,
        outcome.history,
        alpha=alpha,
        bits=16 if photo.bits == 16 else 8,
        stopped=outcome.stopped,
    )


Frame = tuple[slice, slice]


def _padded(content: Tensor) -> tuple[Tensor, Frame]:
    """A picture of at least ``LEAST_SIDE`` a side, reflected beyond its borders, and where it lies in it."""
    height, width = content.shape[-2:]
    below, right = max(0, LEAST_SIDE - height), max(0, LEAST_SIDE - width)
    frame = (slice(below // 2, below // 2 + height), slice(right // 2, right // 2 + width))
    if not below and not right:
        return content, frame
    sides = ((0, 0), (0, 0), (below // 2, below - below // 2), (right // 2, right - right // 2))
    return torch.from_numpy(np.pad(content.numpy(), sides, mode="symmetric")), frame


def _paint(
    job: StylizeJob,
    inputs: Inputs,
    content: Tensor,
    frame: Frame,
    *,
    device: torch.device,
    watch: Watch | None,
    checkpoint: Checkpoint | None,
) -> Outcome:
    pooling = job.pooling or ("avg" if job.method == "paper" else "max")
    backbone = backbones.load(job.backbone, pooling=pooling, device=device, precision=job.precision)
    styles = _styles(job, inputs, content, frame)
    if job.method != "modern":
        if len(styles) > 1 or job.mask or job.init not in ("content", "noise"):
            raise InputError(
                f"--method {job.method} takes one style, no masks and no --init: use --method modern"
            )
        if job.method == "paper":
            return methods.paper(
                content,
                styles[0].picture,
                backbone=backbone,
                seed=job.seed,
                watch=watch,
                checkpoint=checkpoint,
            )
        return methods.tutorial(
            content,
            styles[0].picture,
            backbone=backbone,
            standardised=not backbone.caffe,
            watch=watch,
            checkpoint=checkpoint,
        )
    if job.color == "luminance":
        content = content.mean(1, keepdim=True).expand_as(content).clone()
    return methods.modern(
        content,
        styles,
        schedule=schedule(job, (content.shape[-2], content.shape[-1])),
        backbone=backbone,
        strength=job.strength,
        loss=job.loss,
        blend=job.blend,
        start=_start(job, inputs, content),
        optimiser=Lbfgs() if job.optimiser == "lbfgs" else Adam(),
        watch=watch,
        checkpoint=checkpoint,
    )


def schedule(job: StylizeJob, size: tuple[int, int]) -> Schedule:
    """The stages of a job's preset up to ``size``."""
    budget = BUDGETS[job.preset]
    return scales(size, first=budget.first, steps=budget.steps, ratio=budget.ratio)


def target_size(size: tuple[int, int], job: StylizeJob) -> tuple[int, int]:
    """(height, width) of the result; only a size that was asked for enlarges a photo."""
    if job.size == "original":
        return size
    if isinstance(job.size, int):
        return tensors.long_side(size, job.size)
    return tensors.long_side(size, min(BUDGETS[job.preset].size, max(size)))


def _start(job: StylizeJob, inputs: Inputs, content: Tensor) -> Tensor | None:
    if job.init == "content":
        return None
    if job.init == "noise":
        return torch.rand(content.shape, generator=torch.Generator().manual_seed(job.seed))
    start = tensors.from_array(inputs.read(job.init).flat())
    return tensors.resize(start, (content.shape[-2], content.shape[-1])).clamp(0, 1)


def _styles(job: StylizeJob, inputs: Inputs, content: Tensor, frame: Frame) -> list[Style]:
    count = len(job.styles)
    weights, sizes = job.weights or (1.0,) * count, job.style_scale or (1.0,) * count
    masks = job.mask or (None,) * count
    result = []
    for name, weight, scale, mask in zip(job.styles, weights, sizes, masks, strict=True):
        picture = _palette(job, tensors.from_array(inputs.read(name).flat()), content)
        result.append(
            Style(picture, weight, scale, None if mask is None else _mask(inputs, mask, content, frame))
        )
    return result


def _palette(job: StylizeJob, style: Tensor, content: Tensor) -> Tensor:
    """The style in the colours that were asked for, matched before painting (Gatys et al. 2017)."""
    if job.color == "style":
        return style
    if job.color == "luminance":
        style = style.mean(1, keepdim=True)
        grey = content.mean(1, keepdim=True)
        # The style's lightness moved onto the photo's, so that only what is *in* the lightness is painted.
        spread = grey.std() / style.std().clamp_min(1e-4)
        return ((style - style.mean()) * spread + grey.mean()).clamp(0, 1).expand(-1, 3, -1, -1).clone()
    matrix, shift = transport(moments(style.flatten(2)[0]), moments(content.flatten(2)[0]))
    moved = torch.einsum("ij,bjhw->bihw", matrix, style) + shift.view(1, 3, 1, 1)
    return moved.clamp(0, 1)


def _mask(inputs: Inputs, name: str, content: Tensor, frame: Frame) -> Tensor:
    """A mask brought to the picture's size, grown over the padding; ``(1, 1, H, W)``."""
    mask = tensors.from_array(inputs.read(name).rgb).mean(1, keepdim=True)
    height, width = frame[0].stop - frame[0].start, frame[1].stop - frame[1].start
    if abs(mask.shape[-1] / mask.shape[-2] / (width / height) - 1) > 0.05:
        raise InputError(
            f"mask {name} is {mask.shape[-1]}x{mask.shape[-2]}, another shape than the photo's "
            f"{width}x{height}: make it as wide and as high"
        )
    mask = F.interpolate(mask, (height, width), mode="area")
    if float(mask.max()) < 0.01:
        raise InputError(f"mask {name} is black all over: white marks where its style goes")
    rows, columns = content.shape[-2:]
    sides = (frame[1].start, columns - frame[1].stop, frame[0].start, rows - frame[0].stop)
    return F.pad(mask, sides, mode="replicate")


def choose_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is a GPU if there is one.

    Raises:
        InputError: a device PyTorch does not know, or that is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"device '{name}' cannot be used here ({reason}): try --device cpu") from error
    return device


def _key(recipe: Recipe) -> str:
    """What makes a run this run: its job and its inputs, whatever it runs on."""
    text = replace(recipe, device="", threads=0, versions={}).to_json()
    return hashlib.sha256(text.encode()).hexdigest()


class Inputs:
    """The pictures a job names, read once, and remembered by hash for its recipe."""

    def __init__(self, job: StylizeJob, pictures: Mapping[str, Source]) -> None:
        self.job, self.pictures = job, pictures
        self._known: dict[str, Picture] = {}
        self.names = [job.content, *job.styles, *(job.mask or ())]
        if job.init not in ("content", "noise"):
            self.names.append(job.init)

    def source(self, name: str) -> Source:
        """What the name stands for."""
        return self.pictures.get(name, name)

    def read(self, name: str) -> Picture:
        """The picture of that name."""
        if name not in self._known:
            self._known[name] = image.read(self.source(name), max_pixels=self.job.max_pixels)
        return self._known[name]

    def recipe(self, device: str) -> Recipe:
        """The job with file names in place of paths, and the hash of every input."""
        short: dict[str, str] = {}
        for name in dict.fromkeys(self.names):
            label, count = Path(name).name, 2
            while label in short.values():
                label, count = f"{Path(name).stem}-{count}{Path(name).suffix}", count + 1
            short[name] = label
        settings = self.job.settings()
        settings["content"] = short[self.job.content]
        settings["styles"] = [short[name] for name in self.job.styles]
        if self.job.mask:
            settings["mask"] = [short[name] for name in self.job.mask]
        settings["init"] = short.get(self.job.init, self.job.init)
        hashes = {label: self._hash(name) for name, label in short.items()}
        return record.recipe(self.job.verb, settings, hashes=hashes, device=device)

    def _hash(self, name: str) -> str:
        source, picture = self.source(name), self.read(name)
        if isinstance(source, (str, Path)):
            return files.sha256(Path(source))
        return hashlib.sha256(picture.rgb.tobytes()).hexdigest()
