"""What is done to a picture on its way to the network, another way each time.

A transform is called with the picture and the number of the evaluation, and draws from nothing else but its
seed: a run that is taken up again draws the same. It keeps the size. Losses that compare place by place
(:class:`impasto.losses.Content`) do not go with transforms that move the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.parametrizations.fourier import AXES

STRIP = 256  # rows
Transform = Callable[[Tensor, int], Tensor]


class Compose:
    """Apply transforms one after the other."""

    def __init__(self, *transforms: Transform) -> None:
        self.transforms = transforms

    def __call__(self, picture: Tensor, number: int) -> Tensor:
        """``picture (B, 3, H, W)``, transformed."""
        for transform in self.transforms:
            picture = transform(picture, number)
        return picture


class Jitter:
    """Roll the picture around its borders by up to ``reach`` pixels (the jitter of Deep Dream).

    The network's grid then lies elsewhere each time, and leaves no print.
    """

    def __init__(self, reach: int = 32, *, seed: int = 0) -> None:
        self.reach, self.seed = reach, seed

    def __call__(self, picture: Tensor, number: int) -> Tensor:
        """``picture (B, 3, H, W)``, rolled."""
        # A small picture is not rolled around and around: its borders would be everywhere.
        reach = min(self.reach, *(side // 4 for side in picture.shape[-2:]))
        down, across = (round((2 * u - 1) * reach) for u in _uniform(2, self.seed, number))
        return picture.roll((down, across), (-2, -1))


class BlurGradient:
    """Leave the picture as it is, and blur the gradient that comes back by a mean of three Gaussians.

    Large shapes then grow before fine ones (after A. Gordic, pytorch-deepdream).

    Args:
        sigmas: deviations, pixels.
    """

    def __init__(self, sigmas: Sequence[float]) -> None:
        self.sigmas = tuple(sigmas)

    @classmethod
    def around(cls, sigma: float) -> BlurGradient:
        """Half of, once and twice ``sigma`` pixels."""
        return cls((sigma / 2, sigma, 2 * sigma))

    def __call__(self, picture: Tensor, number: int) -> Tensor:
        """``picture (B, 3, H, W)`` itself."""
        result: Tensor = _BlurGradient.apply(picture, self.sigmas)  # type: ignore[no-untyped-call]
        return result


class _BlurGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, picture: Tensor, sigmas: tuple[float, ...]) -> Tensor:
        ctx.sigmas = sigmas
        return picture.view_as(picture)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        total = torch.zeros_like(grads[0])
        # A channel at a time: what is in between is then a third as large.
        for channel in range(grads[0].shape[1]):
            own = grads[0][:, channel : channel + 1]
            for sigma in ctx.sigmas:
                total[:, channel : channel + 1] += blur(own, sigma) / len(ctx.sigmas)
        return total, None


class Decorrelate:
    """Leave the picture as it is, and lead the gradient that comes back along the colours of photographs.

    These vary in lightness far more than in hue: a step of equal length in red, green and blue is neon noise
    (after *Feature Visualization*, Distill 2017, whose decorrelated colours are used here as they are).

    Args:
        share: 0..1, of the gradient that is led so; the rest stays, or nothing would ever change its hue.
    """

    def __init__(self, share: float = 0.8) -> None:
        axes = torch.tensor(AXES)
        varying = axes @ axes.T
        self.matrix = share * 3 * varying / varying.trace() + (1 - share) * torch.eye(3)

    def __call__(self, picture: Tensor, number: int) -> Tensor:
        """``picture (B, 3, H, W)`` itself."""
        result: Tensor = _Decorrelate.apply(picture, self.matrix.to(picture))  # type: ignore[no-untyped-call]
        return result


class _Decorrelate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, picture: Tensor, matrix: Tensor) -> Tensor:
        ctx.matrix = matrix
        return picture.view_as(picture)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        turned = torch.empty_like(grads[0])
        # Some rows at a time: a product of matrices lays out copies.
        for top in range(0, turned.shape[-2], STRIP):
            rows = slice(top, top + STRIP)
            turned[..., rows, :] = torch.einsum("oc,bchw->bohw", ctx.matrix, grads[0][..., rows, :])
        return turned, None


class RandomAffine:
    """Rotate, scale and shift the picture a little: what only one exact view answers to is no shape.

    The robustness transforms of *Feature Visualization* (Distill 2017), in one resampling.

    Args:
        shift: pixels at most, each way.
        scale: at most larger or smaller by this share.
        turn: degrees at most.
    """

    def __init__(self, *, shift: float = 12, scale: float = 0.1, turn: float = 10, seed: int = 0) -> None:
        self.shift, self.scale, self.turn, self.seed = shift, scale, turn, seed

    def __call__(self, picture: Tensor, number: int) -> Tensor:
        """``picture (B, 3, H, W)``, moved; beyond its borders it is reflected."""
        down, across, size, angle = (2 * u - 1 for u in _uniform(4, self.seed, number))
        height, width = picture.shape[-2:]
        zoom, turn = 1 / (1 + self.scale * size), math.radians(self.turn * angle)
        cos, sin = zoom * math.cos(turn), zoom * math.sin(turn)
        matrix = picture.new_tensor(
            [
                [cos, -sin * height / width, 2 * self.shift * across / width],
                [sin * width / height, cos, 2 * self.shift * down / height],
            ]
        )
        grid = F.affine_grid(matrix.expand(picture.shape[0], 2, 3), list(picture.shape), align_corners=False)
        return F.grid_sample(picture, grid, padding_mode="reflection", align_corners=False)


def blur(picture: Tensor, sigma: float) -> Tensor:
    """``picture (B, C, H, W)`` under a Gaussian of ``sigma`` pixels, its borders continued."""
    reach = max(1, math.ceil(3 * sigma))
    kernel = [math.exp(-(offset**2) / (2 * max(sigma, 1e-3) ** 2)) for offset in range(-reach, reach + 1)]
    total = sum(kernel)
    for axis, sides in ((-2, (0, 0, reach, reach)), (-1, (reach, reach, 0, 0))):
        length = picture.shape[axis]
        wide = F.pad(picture, sides, mode="replicate")
        # Shifted and added: a convolution would lay out a copy for every number of the kernel.
        picture = torch.zeros_like(picture)
        for offset, weight in enumerate(kernel):
            picture.add_(wide.narrow(axis, offset, length), alpha=weight / total)
    return picture


def _uniform(count: int, seed: int, number: int) -> list[float]:
    """Numbers 0..1 that depend on the seed and on the evaluation alone."""
    generator = torch.Generator().manual_seed((seed * 1_000_003 + number) % 2**63)
    return torch.rand(count, generator=generator).tolist()
