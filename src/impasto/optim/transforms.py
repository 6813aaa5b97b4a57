"""Random transforms of the image before the backbone.

A transform is called with the image and the index of the evaluation. Its randomness depends only on these and
its seed, so a resumed run repeats it. It keeps the size. Losses tied to positions
(:class:`impasto.losses.Content`) cannot be combined with transforms that move the image.
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
        """Return the transformed ``picture (B, 3, H, W)``."""
        for transform in self.transforms:
            picture = transform(picture, number)
        return picture


class Jitter:
    """Roll the image by up to ``reach`` pixels (the jitter of Deep Dream).

    This shifts the sampling grid of the network, which would otherwise leave a visible pattern.
    """

    def __init__(self, reach: int = 32, *, seed: int = 0) -> None:
        self.reach, self.seed = reach, seed

    def __call__(self, picture: Tensor, number: int) -> Tensor:
        """Return the rolled ``picture (B, 3, H, W)``."""
        # At most a quarter of a side, otherwise the seam passes through all of a small image.
        reach = min(self.reach, *(side // 4 for side in picture.shape[-2:]))
        down, across = (round((2 * u - 1) * reach) for u in _uniform(2, self.seed, number))
        return picture.roll((down, across), (-2, -1))


class BlurGradient:
    """Pass the image through and blur its gradient with the mean of several Gaussians.

    This favors large shapes over fine ones (after A. Gordic, pytorch-deepdream).

    Args:
        sigmas: standard deviations, in pixels.
    """

    def __init__(self, sigmas: Sequence[float]) -> None:
        self.sigmas = tuple(sigmas)

    @classmethod
    def around(cls, sigma: float) -> BlurGradient:
        """Return a transform with the deviations ``sigma / 2``, ``sigma`` and ``2 * sigma`` pixels."""
        return cls((sigma / 2, sigma, 2 * sigma))

    def __call__(self, picture: Tensor, number: int) -> Tensor:
        """Return ``picture (B, 3, H, W)`` unchanged."""
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
        # One channel at a time, which takes a third of the temporary memory.
        for channel in range(grads[0].shape[1]):
            own = grads[0][:, channel : channel + 1]
            for sigma in ctx.sigmas:
                total[:, channel : channel + 1] += blur(own, sigma) / len(ctx.sigmas)
        return total, None


class Decorrelate:
    """Pass the image through and multiply its gradient by the color covariance of photographs.

    Photographs vary far more in lightness than in hue; equal steps in red, green and blue produce neon noise
    (the decorrelated colors of *Feature Visualization*, Distill 2017).

    Args:
        share: fraction of the gradient to multiply, 0..1; the rest is unchanged, so that hues can change.
    """

    def __init__(self, share: float = 0.8) -> None:
        axes = torch.tensor(AXES)
        varying = axes @ axes.T
        self.matrix = share * 3 * varying / varying.trace() + (1 - share) * torch.eye(3)

    def __call__(self, picture: Tensor, number: int) -> Tensor:
        """Return ``picture (B, 3, H, W)`` unchanged."""
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
        # In strips of rows, because einsum makes copies.
        for top in range(0, turned.shape[-2], STRIP):
            rows = slice(top, top + STRIP)
            turned[..., rows, :] = torch.einsum("oc,bchw->bohw", ctx.matrix, grads[0][..., rows, :])
        return turned, None


class RandomAffine:
    """Rotate, scale and shift the image slightly at random.

    The robustness transforms of *Feature Visualization* (Distill 2017), in one resampling. They suppress
    patterns that activate the network in one exact position only.

    Args:
        shift: largest shift, in pixels.
        scale: largest relative change of scale.
        turn: largest rotation, in degrees.
        seed: random seed.
    """

    def __init__(self, *, shift: float = 12, scale: float = 0.1, turn: float = 10, seed: int = 0) -> None:
        self.shift, self.scale, self.turn, self.seed = shift, scale, turn, seed

    def __call__(self, picture: Tensor, number: int) -> Tensor:
        """Return the moved ``picture (B, 3, H, W)``, with reflection at its borders."""
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
    """Blur ``picture (B, C, H, W)`` with a Gaussian of ``sigma`` pixels, with replicated borders."""
    reach = max(1, math.ceil(3 * sigma))
    kernel = [math.exp(-(offset**2) / (2 * max(sigma, 1e-3) ** 2)) for offset in range(-reach, reach + 1)]
    total = sum(kernel)
    for axis, sides in ((-2, (0, 0, reach, reach)), (-1, (reach, reach, 0, 0))):
        length = picture.shape[axis]
        wide = F.pad(picture, sides, mode="replicate")
        # Shift and add: a convolution would make one copy for each entry of the kernel.
        picture = torch.zeros_like(picture)
        for offset, weight in enumerate(kernel):
            picture.add_(wide.narrow(axis, offset, length), alpha=weight / total)
    return picture


def _uniform(count: int, seed: int, number: int) -> list[float]:
    """Return random numbers 0..1 that depend only on the seed and the evaluation."""
    generator = torch.Generator().manual_seed((seed * 1_000_003 + number) % 2**63)
    return torch.rand(count, generator=generator).tolist()
