"""Nodes of impasto for ComfyUI: learned styles, neural neighbors, steady films, photoreal light, nights.

The contract is that of https://docs.comfy.org/custom-nodes/backend.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, get_args

from torch import Tensor

import impasto
from impasto.jobs.base import NightName, Preset
from impasto.networks import library

from .batches import Array, Watch, arrays, painted, steadied

CATEGORY = "impasto"
NETWORKS = ["any", "quality", "tiny"]
STYLE = "IMPASTO_STYLE"  # type of the wire from the loader: a reference of impasto.networks.library

IMAGE = ("IMAGE", {"tooltip": "A picture or a batch of them."})
MASK = ("MASK", {"tooltip": "White is changed, black stays. One for all pictures, or one for each."})
SEED = ("INT", {"default": 0, "min": 0, "max": 2**31 - 1, "control_after_generate": True})


def number(default: float, most: float, tip: str, *, step: float = 0.05) -> tuple[str, dict[str, Any]]:
    """Return an input for a number from 0 to ``most``."""
    return "FLOAT", {"default": default, "min": 0.0, "max": most, "step": step, "tooltip": tip}


class LoadStyle:
    """Choose a learned style, by its name or as a file."""

    RETURN_TYPES: ClassVar = (STYLE,)
    RETURN_NAMES: ClassVar = ("style",)
    FUNCTION, CATEGORY = "load", CATEGORY
    DESCRIPTION = "A style that a network has learned: one of impasto's, one of yours, or a .style file."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs, with the styles that are installed now."""
        names = sorted({known.name for known in library.list_styles()})
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
        self, *, image: Tensor, style: str, strength: float, seed: int, mask: Tensor | None = None
    ) -> tuple[Tensor]:
        """Paint a batch."""

        def one(photo: Array, watch: Watch, index: int) -> Array:
            return impasto.stylize(
                photo, style, strength=strength, seed=seed, size="original", watch=watch
            ).picture

        return (painted(image, one, mask),)


class PaintNeighbors:
    """Optimize a picture until it is made of a painting's strokes."""

    RETURN_TYPES: ClassVar = ("IMAGE",)
    FUNCTION, CATEGORY = "paint", CATEGORY
    DESCRIPTION = "Paint in the style of any picture by neural neighbors: it takes minutes."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs."""
        size = {
            "default": 768,
            "min": 0,
            "max": 8192,
            "step": 8,
            "tooltip": "Long side; 0: the image's.",
        }
        return {
            "required": {
                "image": IMAGE,
                "style_image": ("IMAGE", {"tooltip": "A painting; a batch is several, mixed."}),
                "strength": number(1.0, 1.0, "0 is the photo, 1 a full transfer."),
                "size": ("INT", size),
                "preset": (list(get_args(Preset)), {"default": "good"}),
                "seed": SEED,
            },
            "optional": {"mask": MASK},
        }

    def paint(
        self,
        *,
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

        def one(photo: Array, watch: Watch, index: int) -> Array:
            return impasto.stylize(
                photo,
                styles,
                strength=strength,
                size=size or "original",
                preset=preset,
                seed=seed,
                watch=watch,
            ).picture

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
                    {"default": 25.0, "min": 1.0, "max": 240.0, "tooltip": "Frames a second."},
                ),
            }
        }

    def hold(self, *, frames: Tensor, painted: Tensor, consistency: float, rate: float) -> tuple[Tensor]:
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
            "tooltip": "Most classes to find; 1 is none.",
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
        *,
        image: Tensor,
        style_image: Tensor,
        strength: float,
        classes: int,
        fast: bool,
        mask: Tensor | None = None,
    ) -> tuple[Tensor]:
        """Grade a batch."""
        styles = arrays(style_image)

        def one(photo: Array, watch: Watch, index: int) -> Array:
            return impasto.photoreal(
                photo, styles, strength=strength, classes=classes, fast=fast, watch=watch
            ).picture

        return (painted(image, one, mask),)


class Night:
    """Turn a street by day into a night."""

    RETURN_TYPES: ClassVar = ("IMAGE",)
    FUNCTION, CATEGORY = "relight", CATEGORY
    DESCRIPTION = "Turn a street by day into a night. Without labels, only lamps that are certain are lit."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs."""
        lamps = {"tooltip": "Lamps in the colors of their kinds, see docs/photoreal.md."}
        return {
            "required": {
                "image": IMAGE,
                "night": (list(get_args(NightName)), {"default": "city"}),
                "strength": number(1.0, 1.0, "0 is the day, 1 the night."),
                "seed": SEED,
            },
            "optional": {"lamps": ("IMAGE", lamps), "mask": MASK},
        }

    def relight(
        self,
        *,
        image: Tensor,
        night: NightName,
        strength: float,
        seed: int,
        lamps: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor]:
        """Relight a batch."""
        labels = [] if lamps is None else arrays(lamps)

        def one(photo: Array, watch: Watch, index: int) -> Array:
            own = labels[min(index, len(labels) - 1)] if labels else None
            return impasto.photoreal(photo, night=night, strength=strength, seed=seed, lamps=own).picture

        return (painted(image, one, mask),)


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
