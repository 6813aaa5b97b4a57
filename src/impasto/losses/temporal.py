"""A film's frame should be what the one before became, carried along (Ruder et al. 2016, equation 6)."""

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
from impasto.losses.scene import Scene
from impasto.tiles import Window

NARROW = 6  # pixels from a trusted one, within which a hole is no hole to be filled


class Temporal(Loss):
    """``mean m |x - w|^2`` over pixels and channels, values 0..1.

    Args:
        warped: w, the frame before as it was painted, carried to this one; anything
            :func:`impasto.image.read` takes.
        mask: m, where the flow can be trusted, ``(1, 1, H, W)``, 0..1, of the same size.

    Raises:
        InputError: sizes that differ.

    Source: Ruder, Dosovitskiy and Brox 2016 (arXiv 1604.08610).
    """

    name = "temporal"

    def __init__(self, warped: Source, mask: Tensor) -> None:
        self.warped, self.mask = tensors.from_source(warped), mask
        if self.warped.shape[-2:] != mask.shape[-2:]:
            raise InputError(
                f"the mask is {tuple(mask.shape[-2:])}, the frame it is for {tuple(self.warped.shape[-2:])}"
            )

    @property
    def needs(self) -> frozenset[str]:
        """See :attr:`Loss.needs`."""
        return frozenset({PIXELS})

    def bind(self, scene: Scene) -> Bound:
        """See :meth:`Loss.bind`."""
        device = next(scene.backbone.buffers()).device
        # The least trust of what a coarse pixel covers: no border of a hole is held to what lies in it.
        mask = self.mask.to(device)
        if scene.size != tuple(mask.shape[-2:]):
            mask = 1 - F.adaptive_max_pool2d(1 - mask, scene.size)
        return _BoundTemporal(tensors.resize(self.warped.to(device), scene.size), mask)


class _BoundTemporal(Bound):
    name = "temporal"
    layers = frozenset({PIXELS})

    def __init__(self, warped: Tensor, mask: Tensor) -> None:
        self.warped, self.mask = warped, mask

    def measure(self, features: Features, window: Window) -> Sums:
        own = window.owned(features[PIXELS], 1)
        difference = own - window.part(self.warped, 1)
        return {"squares": (window.part(self.mask, 1) * difference.square()).sum((1, 2, 3))}

    def each(self, sums: Sums) -> Tensor:
        return sums["squares"] / self.warped[0].numel()


def holes_filled(warped: Tensor, mask: Tensor, photo: Tensor) -> Tensor:
    """``warped (1, 3, H, W)``, and in wide holes of the mask the photo in the colours around there.

    The photograph's own detail, on the local mean of what was painted: near to what belongs there, so that
    few steps do. Narrow places that are not trusted, such as borders of things, keep what was carried: to
    begin anew there in every frame would flicker.
    """
    sigma = max(warped.shape[-2:]) / 24
    weight = _blurred(mask, sigma).clamp_min(1e-3)
    painted, seen = _blurred(warped * mask, sigma) / weight, _blurred(photo * mask, sigma) / weight
    near = F.max_pool2d(mask, 2 * NARROW + 1, stride=1, padding=NARROW)
    return torch.lerp((photo + painted - seen).clamp(0, 1), warped, near)


def _blurred(picture: Tensor, sigma: float) -> Tensor:
    """Three box blurs, which are nearly a Gaussian."""
    radius = max(1, round(sigma))
    for _ in range(3):
        padded = F.pad(picture, (radius,) * 4, mode="replicate")
        picture = F.avg_pool2d(padded, 2 * radius + 1, stride=1)
    return picture
