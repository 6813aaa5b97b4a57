"""Batches of ComfyUI, painted picture by picture.

An IMAGE is a tensor ``(B, H, W, C)``, float32, 0..1, a MASK is ``(B, H, W)``. After each picture, and after
each step of an optimization, progress is shown, and *Cancel* is heard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto import InputError, Progress, image
from impasto.media import Steady

Array = NDArray[np.float32]
Watch = Callable[[Progress], None]

PARTS = 1000  # of a picture, in the progress bar


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


def painted(
    images: Tensor, paint: Callable[[Array, Watch, int], Array], mask: Tensor | None = None
) -> Tensor:
    """Paint a batch.

    Args:
        images: ``(B, H, W, C)``, 0..1; alpha is dropped.
        paint: returns the painted picture ``(h, w, 3)`` of ``(H, W, 3)``; takes the progress callback of
            :func:`impasto.stylize`, and the number of the picture.
        mask: ``(1 or B, H, W)``: 0 keeps the picture, which is then resized as it was by ``paint``.
    """
    check_mask(mask, len(images))
    bar, results = Bar(len(images)), []
    # ComfyUI runs nodes in inference mode, in which nothing can be optimized.
    with torch.inference_mode(False), torch.enable_grad():
        for index, photo in enumerate(arrays(images)):
            bar.step(index)
            result = paint(photo, lambda progress, index=index: bar.step(index + progress.done), index)
            results.append(kept(photo, result, mask, index))
        bar.step(len(images))
    return torch.from_numpy(np.stack(results))


def arrays(images: Tensor) -> list[Array]:
    """Return the pictures of a batch as arrays ``(H, W, 3)``, float32, 0..1, of their own."""
    if images.shape[-1] not in (1, 3, 4) or not len(images):
        raise InputError(f"an IMAGE has 1, 3 or 4 channels, not the shape {tuple(images.shape)}")
    rgb = images.detach().cpu().float().numpy()[..., :3].clip(0, 1)
    return [np.array(one if one.shape[2] == 3 else one.repeat(3, 2), np.float32) for one in rgb]


def check_mask(mask: Tensor | None, count: int) -> None:
    """Raise InputError if a mask does not fit ``count`` pictures, or would keep all of them.

    The mask of a picture without alpha, as ComfyUI loads it, is black.
    """
    if mask is None:
        return
    planes = mask.reshape(-1, *mask.shape[-2:])
    if len(planes) not in (1, count):
        raise InputError(f"{len(planes)} masks for {count} pictures: give one for all, or one for each")
    if float(planes.max()) <= 0:
        raise InputError("the mask is black, so nothing would change: leave it out, or invert it")


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


def steadied(frames: Sequence[Array], pictures: Tensor, *, consistency: float, rate: float) -> Tensor:
    """Return painted pictures ``(B, H, W, 3)``, held still by the motion of the frames that they were."""
    if len(frames) != len(pictures):
        raise InputError(f"{len(frames)} frames and {len(pictures)} painted ones: give as many of both")
    if rate <= 0:
        raise InputError(f"{rate:g} frames a second: give a rate above 0")
    waiting: list[Array] = []
    steady = Steady(lambda frame, warped, mask: waiting.pop(), consistency=consistency, rate=rate)

    def one(picture: Array, watch: Watch, index: int) -> Array:
        waiting.append(picture)
        size = picture.shape[:2]
        frame = frames[index] if frames[index].shape[:2] == size else image.resize(frames[index], size)
        return steady.next(np.rint(frame.clip(0, 1) * 255).astype(np.uint8))

    return painted(pictures, one)
