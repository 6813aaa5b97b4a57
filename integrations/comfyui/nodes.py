"""Nodes of impasto for ComfyUI: learned styles, neural neighbors, steady films, photoreal light, nights.

The contract is that of https://docs.comfy.org/custom-nodes/backend: an IMAGE is a tensor ``(B, H, W, C)``,
float32, 0..1, a MASK is ``(B, H, W)``. A batch is painted picture by picture, so its size costs no memory, and
after each of them, and each step of an optimization, progress is shown and *Cancel* is heard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import impasto
from impasto import InputError, Progress, image
from impasto.jobs.base import NightName, Preset
from impasto.networks import library
from impasto.video import Steady

Array = NDArray[np.float32]
Step = Callable[[float], None]

CATEGORY = "impasto"
NETWORKS = ("any", "quality", "tiny")
STYLE = "IMPASTO_STYLE"  # type of the wire from the loader: a reference of impasto.networks.library
PARTS = 1000  # of a picture, in the progress bar

IMAGE = ("IMAGE", {"tooltip": "A picture or a batch of them."})
MASK = ("MASK", {"tooltip": "White is changed, black stays. One for all pictures, or one for each."})
SEED = ("INT", {"default": 0, "min": 0, "max": 2**31 - 1, "control_after_generate": True})


def number(default: float, most: float, tip: str, *, step: float = 0.05) -> tuple[str, dict[str, Any]]:
    """Return an input for a number from 0 to ``most``."""
    return "FLOAT", {"default": default, "min": 0.0, "max": most, "step": step, "tooltip": tip}


class Bar:
    """The progress bar of a node; without ComfyUI, nothing is shown and nothing interrupts."""

    def __init__(self, count: int) -> None:
        self.count, self.bar, self.check = count, None, lambda: None
        try:
            from comfy.model_management import throw_exception_if_processing_interrupted
            from comfy.utils import ProgressBar
        except ImportError:
            return
        self.bar, self.check = ProgressBar(count * PARTS), throw_exception_if_processing_interrupted

    def step(self, done: float) -> None:
        """Show that ``done`` pictures are done; raise the exception of ComfyUI if the user cancelled."""
        self.check()
        if self.bar is not None:
            self.bar.update_absolute(round(done * PARTS), self.count * PARTS)


def painted(images: Tensor, paint: Callable[[Array, Step, int], Array], mask: Tensor | None = None) -> Tensor:
    """Paint a batch.

    Args:
        images: ``(B, H, W, C)``, 0..1; alpha is dropped.
        paint: returns the painted picture ``(h, w, 3)`` of ``(H, W, 3)``; takes a callback for the part of the
            picture that is done, 0..1, and the number of the picture.
        mask: ``(1 or B, H, W)``: 0 keeps the picture, which is then resized as it was by ``paint``.
    """
    bar, results = Bar(len(images)), []
    # ComfyUI runs nodes in inference mode, in which nothing can be optimized.
    with torch.inference_mode(False), torch.enable_grad():
        for index, photo in enumerate(arrays(images)):
            bar.step(index)
            result = paint(photo, lambda part, index=index: bar.step(index + part), index)
            results.append(kept(photo, result, mask, index))
        bar.step(len(images))
    return torch.from_numpy(np.stack(results))


def arrays(images: Tensor) -> list[Array]:
    """Return the pictures of a batch as arrays ``(H, W, 3)``, float32, 0..1, of their own."""
    if images.shape[-1] not in (1, 3, 4) or not len(images):
        raise InputError(f"an IMAGE has 1, 3 or 4 channels, not the shape {tuple(images.shape)}")
    rgb = images.detach().cpu().float().numpy()[..., :3].clip(0, 1)
    return [np.array(one if one.shape[2] == 3 else one.repeat(3, 2), np.float32) for one in rgb]


def kept(photo: Array, result: Array, mask: Tensor | None, index: int) -> Array:
    """Return a painted picture, with the photo where the mask is black."""
    result = np.asarray(result, np.float32).clip(0, 1)
    if mask is None:
        return result
    size = result.shape[:2]
    planes = mask.detach().cpu().float().numpy().reshape(-1, *mask.shape[-2:])
    plane = planes[min(index, len(planes) - 1)][..., None]
    alpha = image.resize(np.ascontiguousarray(plane, np.float32), size).reshape(*size, 1).clip(0, 1)
    own = photo if photo.shape[:2] == size else image.resize(photo, size).clip(0, 1)
    return np.asarray(own + alpha * (result - own), np.float32)


class LoadStyle:
    """Choose a learned style, by its name or as a file."""

    RETURN_TYPES: ClassVar = (STYLE,)
    RETURN_NAMES: ClassVar = ("style",)
    FUNCTION, CATEGORY = "load", CATEGORY
    DESCRIPTION = "A style that a network has learned: one of impasto's, one of yours, or a .style file."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs, with the styles that are installed now."""
        names = sorted({known.name for known in library.installed()})
        file = {"default": "", "tooltip": "Path of a .style file or of a pack with one style; else empty."}
        return {
            "required": {"style": (names,), "network": (NETWORKS, {"default": "any"})},
            "optional": {"file": ("STRING", file)},
        }

    @classmethod
    def IS_CHANGED(cls, style: str, network: str, file: str = "") -> str:  # noqa: N802
        """Return what changes when a file does."""
        path = Path(file)
        return f"{style} {network} {file} {path.stat().st_mtime_ns if file and path.is_file() else 0}"

    def load(self, style: str, network: str, file: str = "") -> tuple[str]:
        """Return a reference of the style."""
        wanted = None if network == "any" else network
        known = library.find(file.strip() or style, network=wanted)
        if known is None:
            raise library.unknown_style_error(file.strip() or style, network=wanted)
        return (known.reference,)


class PaintLearned:
    """Paint in a learned style, in one pass."""

    RETURN_TYPES: ClassVar = ("IMAGE",)
    FUNCTION, CATEGORY = "paint", CATEGORY
    DESCRIPTION = "Paint in a learned style. Any size; large pictures are painted in tiles without seams."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs."""
        strength = number(1.0, 1.5, "0 is the photo, 1 a full transfer.")
        return {
            "required": {"image": IMAGE, "style": (STYLE,), "strength": strength, "seed": SEED},
            "optional": {"mask": MASK},
        }

    def paint(
        self, image: Tensor, style: str, strength: float, seed: int, mask: Tensor | None = None
    ) -> tuple[Tensor]:
        """Paint a batch."""

        def one(photo: Array, step: Step, index: int) -> Array:
            found = impasto.stylize(
                photo, style, strength=strength, seed=seed, size="original", watch=done(step)
            )
            return found.picture

        return (painted(image, one, mask),)


class PaintNeighbors:
    """Optimize a picture until it is made of a painting's strokes."""

    RETURN_TYPES: ClassVar = ("IMAGE",)
    FUNCTION, CATEGORY = "paint", CATEGORY
    DESCRIPTION = (
        "Paint in the style of any picture by neural neighbors: better than a learned style, minutes."
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs."""
        size = {
            "default": 768,
            "min": 0,
            "max": 8192,
            "step": 8,
            "tooltip": "Long side; 0: that of the image.",
        }
        return {
            "required": {
                "image": IMAGE,
                "style_image": ("IMAGE", {"tooltip": "A painting; a batch is several, mixed."}),
                "strength": number(1.0, 1.0, "0 is the photo, 1 a full transfer."),
                "size": ("INT", size),
                "preset": (get_args(Preset), {"default": "good"}),
                "seed": SEED,
            },
            "optional": {"mask": MASK},
        }

    def paint(
        self,
        image: Tensor,
        style_image: Tensor,
        strength: float,
        size: int,
        preset: Preset,
        seed: int,
        mask: Tensor | None = None,
    ) -> tuple[Tensor]:
        """Paint a batch."""
        styles = arrays(style_image)

        def one(photo: Array, step: Step, index: int) -> Array:
            found = impasto.stylize(
                photo,
                styles,
                strength=strength,
                size=size or "original",
                preset=preset,
                seed=seed,
                watch=done(step),
            )
            return found.picture

        return (painted(image, one, mask),)


class HoldStill:
    """Take the flicker out of painted frames."""

    RETURN_TYPES: ClassVar = ("IMAGE",)
    FUNCTION, CATEGORY = "hold", CATEGORY
    DESCRIPTION = (
        "Hold painted frames still, whatever painted them: each is blended with the one before, moved by the "
        "optical flow of the source. A cut starts anew."
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs."""
        return {
            "required": {
                "frames": ("IMAGE", {"tooltip": "The frames of the film before they were painted."}),
                "painted": ("IMAGE", {"tooltip": "The same frames, painted."}),
                "consistency": number(0.9, 1.0, "0 changes nothing, 1 holds most."),
                "rate": (
                    "FLOAT",
                    {"default": 25.0, "min": 1.0, "max": 240.0, "tooltip": "Frames per second."},
                ),
            }
        }

    def hold(self, frames: Tensor, painted: Tensor, consistency: float, rate: float) -> tuple[Tensor]:
        """Steady a batch."""
        return (steadied(arrays(frames), painted, consistency=consistency, rate=rate),)


class Photoreal:
    """Take the light and colors of another photo."""

    RETURN_TYPES: ClassVar = ("IMAGE",)
    FUNCTION, CATEGORY = "grade", CATEGORY
    DESCRIPTION = "Give a photo the light and colors of another one, class by class; edges stay in place."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs."""
        classes = {
            "default": 4,
            "min": 1,
            "max": 12,
            "tooltip": "Most classes to find; 1 takes the whole as one.",
        }
        fast = {"default": True, "tooltip": "In closed form, in a second; else refined, in a minute."}
        return {
            "required": {
                "image": IMAGE,
                "style_image": ("IMAGE", {"tooltip": "A photo; a batch is several, mixed."}),
                "strength": number(1.0, 2.0, "0 is the photo, 1 the full transfer."),
                "classes": ("INT", classes),
                "fast": ("BOOLEAN", fast),
            },
            "optional": {"mask": MASK},
        }

    def grade(
        self,
        image: Tensor,
        style_image: Tensor,
        strength: float,
        classes: int,
        fast: bool,
        mask: Tensor | None = None,
    ) -> tuple[Tensor]:
        """Grade a batch."""
        styles = arrays(style_image)

        def one(photo: Array, step: Step, index: int) -> Array:
            found = impasto.photoreal(
                photo, styles, strength=strength, classes=classes, fast=fast, watch=done(step)
            )
            return found.picture

        return (painted(image, one, mask),)


class Night:
    """Turn a street by day into a night."""

    RETURN_TYPES: ClassVar = ("IMAGE",)
    FUNCTION, CATEGORY = "relight", CATEGORY
    DESCRIPTION = "Turn a street by day into a night. Without labels, only lamps that are certain are lit."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs."""
        lamps = {
            "tooltip": "Lamps in the colors of their kinds, see docs/photoreal.md; one, or one for each."
        }
        return {
            "required": {
                "image": IMAGE,
                "night": (get_args(NightName), {"default": "city"}),
                "strength": number(1.0, 1.0, "0 is the day, 1 the night."),
                "seed": SEED,
            },
            "optional": {"lamps": ("IMAGE", lamps), "mask": MASK},
        }

    def relight(
        self,
        image: Tensor,
        night: NightName,
        strength: float,
        seed: int,
        lamps: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor]:
        """Relight a batch."""
        labels = [] if lamps is None else arrays(lamps)

        def one(photo: Array, step: Step, index: int) -> Array:
            own = labels[min(index, len(labels) - 1)] if labels else None
            return impasto.photoreal(photo, night=night, strength=strength, seed=seed, lamps=own).picture

        return (painted(image, one, mask),)


def done(step: Step) -> Callable[[Progress], None]:
    """Return a callback of impasto that shows progress."""
    return lambda progress: step(progress.done)


def steadied(frames: Sequence[Array], pictures: Tensor, *, consistency: float, rate: float) -> Tensor:
    """Return painted pictures ``(B, H, W, 3)``, held still by the motion of the frames that they were."""
    if len(frames) != len(pictures):
        raise InputError(f"{len(frames)} frames and {len(pictures)} painted ones: give as many of both")
    waiting: list[Array] = []
    steady = Steady(lambda frame, warped, mask: waiting.pop(), consistency=consistency, rate=rate)

    def one(picture: Array, step: Step, index: int) -> Array:
        waiting.append(picture)
        size = picture.shape[:2]
        frame = frames[index] if frames[index].shape[:2] == size else image.resize(frames[index], size)
        return steady.next(np.rint(frame.clip(0, 1) * 255).astype(np.uint8))

    return painted(pictures, one)


NODES = {
    "ImpastoLoadStyle": (LoadStyle, "Load learned style"),
    "ImpastoLearned": (PaintLearned, "Paint (learned style)"),
    "ImpastoNeighbors": (PaintNeighbors, "Paint (neural neighbors)"),
    "ImpastoHoldStill": (HoldStill, "Hold frames still"),
    "ImpastoPhotoreal": (Photoreal, "Photoreal light and color"),
    "ImpastoNight": (Night, "Night"),
}
NODE_CLASS_MAPPINGS = {name: node for name, (node, _) in NODES.items()}
NODE_DISPLAY_NAME_MAPPINGS = {name: f"impasto: {title}" for name, (_, title) in NODES.items()}
