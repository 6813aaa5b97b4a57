"""Temporal loss: distance to the previous result, warped by the flow (Ruder et al. 2016, equation 6)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto import tensors
from impasto.backbones import PIXELS
from impasto.errors import InputError
from impasto.image import Source
from impasto.losses.base import Loss
from impasto.losses.bound import Bound, Features, Sums
from impasto.losses.context import BindContext
from impasto.tiles import Window

NARROW = 6  # pixels; holes are filled only further than this from a trusted pixel


class Temporal(Loss):
    """``mean m |x - w|^2`` over pixels and channels, values 0..1.

    Args:
        warped: w, the previous result warped to this frame; anything :func:`impasto.image.read` takes.
        mask: m, confidence of the flow, ``(1, 1, H, W)``, 0..1, of the same size.

    Raises:
        InputError: the sizes differ.

    Source: Ruder, Dosovitskiy and Brox 2016 (arXiv 1604.08610).
    """

    name = "temporal"
    needs = frozenset({PIXELS})

    def __init__(self, warped: Source, mask: Tensor) -> None:
        self.warped, self.mask = tensors.from_source(warped), mask
        if self.warped.shape[-2:] != mask.shape[-2:]:
            raise InputError(
                f"the mask is {tuple(mask.shape[-2:])}, its frame {tuple(self.warped.shape[-2:])}: resize it"
            )

    def bind(self, context: BindContext) -> Bound:
        """See :meth:`Loss.bind`."""
        # Minimum over what a coarse pixel covers, so that the border of a hole does not follow its content.
        mask = self.mask.to(context.device)
        if context.size != tuple(mask.shape[-2:]):
            mask = 1 - F.adaptive_max_pool2d(1 - mask, context.size)
        return _BoundTemporal(tensors.resize(self.warped.to(context.device), context.size), mask)


class _BoundTemporal(Bound):
    name = "temporal"
    layers = frozenset({PIXELS})

    def __init__(self, warped: Tensor, mask: Tensor) -> None:
        self.warped, self.mask = warped, mask

    def measure(self, features: Features, window: Window) -> Sums:
        own = window.trim_halo(features[PIXELS], 1)
        difference = own - window.part(self.warped, 1)
        return {"squares": (window.part(self.mask, 1) * difference.square()).sum((1, 2, 3))}

    def each(self, sums: Sums) -> Tensor:
        return sums["squares"] / self.warped[0].numel()


def fill_holes(warped: Tensor, mask: Tensor, photo: Tensor) -> Tensor:
    """Return ``warped (1, 3, H, W)`` with wide holes of the mask filled from another image of the frame.

    The fill is the detail of ``photo``, the content image or a painting of it, on the local mean of the
    warped result, which takes few steps to converge. Narrow holes, such as object borders, keep the warped
    result: resetting them in every frame would flicker.
    """
    sigma = max(warped.shape[-2:]) / 24
    weight = _blur(mask, sigma).clamp_min(1e-3)
    painted, seen = _blur(warped * mask, sigma) / weight, _blur(photo * mask, sigma) / weight
    near = F.max_pool2d(mask, 2 * NARROW + 1, stride=1, padding=NARROW)
    return torch.lerp((photo + painted - seen).clamp(0, 1), warped, near)


def _blur(picture: Tensor, sigma: float) -> Tensor:
    """Blur with three box filters, which approximate a Gaussian."""
    radius = max(1, round(sigma))
    for _ in range(3):
        padded = F.pad(picture, (radius,) * 4, mode="replicate")
        picture = F.avg_pool2d(padded, 2 * radius + 1, stride=1)
    return picture
