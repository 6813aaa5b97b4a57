"""Means and covariances, and optimal transport between Gaussians.

Shapes: a mean is ``(..., C)``, a covariance ``(..., C, C)``; leading axes are batches. Roots of symmetric
positive semi-definite matrices use an eigendecomposition, which needs no ridge, unlike iterative methods.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from impasto.errors import InputError
from impasto.jobs.base import pluralize

FLOOR = 1e-7  # least eigenvalue in a negative power, relative to the largest


@dataclass(frozen=True)
class Moments:
    """Mean ``(..., C)`` and covariance ``(..., C, C)`` of a set of feature vectors."""

    mean: Tensor
    cov: Tensor

    @property
    def second(self) -> Tensor:
        """Second raw moment ``E[f f^T]``: the Gram matrix divided by the number of positions."""
        return self.cov + self.mean.unsqueeze(-1) * self.mean.unsqueeze(-2)

    @classmethod
    def from_sums(cls, count: Tensor, first: Tensor, second: Tensor) -> Moments:
        """Compute from sums of weights ``(...)``, features ``(..., C)`` and products ``(..., C, C)``."""
        mean = first / count.unsqueeze(-1)
        raw = second / count[..., None, None]
        return cls(mean, raw - mean.unsqueeze(-1) * mean.unsqueeze(-2))


def moments(features: Tensor) -> Moments:
    """Compute moments of ``features (..., C, N)``."""
    center = features.mean(-1, keepdim=True)
    rest = features - center
    return Moments(center.squeeze(-1), rest @ rest.mT / features.shape[-1])


def root(matrix: Tensor, *, power: float = 0.5) -> Tensor:
    """Compute ``matrix ** power`` of a symmetric positive semi-definite matrix ``(..., C, C)``.

    Negative eigenvalues are clamped to zero; with a negative power, all are clamped to at least ``FLOOR``
    times the largest one.
    """
    values, vectors = _eigen(matrix)
    least = (FLOOR * values[..., -1:]).clamp_min(torch.finfo(matrix.dtype).tiny)
    values = values.clamp_min(0) if power > 0 else torch.maximum(values, least)
    result: Tensor = (vectors * values.pow(power).unsqueeze(-2)) @ vectors.mT
    return result


def _eigen(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Compute ascending eigenvalues and eigenvectors of a symmetric matrix.

    Divide and conquer can fail in float32 for matrices with hundreds of zero eigenvalues, such as the
    covariance of a few positions; then retry in float64.
    """
    try:
        values, vectors = torch.linalg.eigh(matrix)
    except RuntimeError:  # LinAlgError is one
        if not bool(torch.isfinite(matrix).all()):
            return torch.full_like(matrix[..., 0], torch.nan), torch.full_like(matrix, torch.nan)
        values, vectors = (part.to(matrix.dtype) for part in torch.linalg.eigh(matrix.double()))
    return values, vectors


def transport(source: Moments, target: Moments) -> tuple[Tensor, Tensor]:
    """Compute the linear optimal transport ``x -> A x + b`` between two Gaussians.

    ``A = S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2`` (Olkin and Pukelsheim 1982; the Monge-Kantorovitch linear color
    mapping of Pitie and Kokaram 2007).

    Returns:
        ``A (..., C, C)``, symmetric, and ``b (..., C)``.
    """
    half, back = root(source.cov), root(source.cov, power=-0.5)
    matrix = back @ root(half @ target.cov @ half) @ back
    return matrix, target.mean - (matrix @ source.mean.unsqueeze(-1)).squeeze(-1)


def wasserstein2(one: Moments, other_half: Tensor, other: Moments) -> Tensor:
    """Compute the squared 2-Wasserstein distance ``(...)`` of Gaussians, differentiable in ``one``.

    ``|m1 - m2|^2 + tr(S1 + S2 - 2 (S2^1/2 S1 S2^1/2)^1/2)`` (Dowson and Landau 1982). ``other_half`` is
    ``root(other.cov)``, precomputed by the caller.
    """
    means = (one.mean - other.mean).square().sum(-1)
    traces = _trace(one.cov) + _trace(other.cov)
    return means + traces - 2 * trace_root(one.cov, other_half)


def _trace(matrix: Tensor) -> Tensor:
    return matrix.diagonal(dim1=-2, dim2=-1).sum(-1)


def trace_root(cov: Tensor, half: Tensor) -> Tensor:
    """Compute ``tr (R X R)^1/2`` for ``X = cov`` and ``R = half``, with a closed-form gradient.

    With ``M = R X R``, the gradient with respect to X is ``1/2 R M^-1/2 R``, so no backward pass through the
    root is needed.
    """
    result: Tensor = _TraceRoot.apply(cov, half)  # type: ignore[no-untyped-call]
    return result


class _TraceRoot(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, cov: Tensor, half: Tensor) -> Tensor:
        product = half @ cov @ half
        values, vectors = _eigen((product + product.mT) / 2)
        # The gradient is infinite in directions that the image does not span, so eigenvalues are clamped at
        # rounding level. In float32 that is a variance below a thousandth of the largest and changes the
        # gradient by 1 to 4 %; float64 avoids this, but its eigendecomposition takes twice as long. At the
        # optimum the product is the square of the target covariance, whose largest entry sets the scale for
        # an image without variance (such as a plain sky).
        precision = torch.finfo(cov.dtype)
        goal = half.square().sum(-1).amax(-1, keepdim=True).square()
        least = (8 * precision.eps * torch.maximum(values[..., -1:], goal)).clamp_min(precision.tiny)
        ctx.save_for_backward(torch.maximum(values, least), vectors, half)
        total: Tensor = values.clamp_min(0).sqrt().sum(-1)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        values, vectors, half = ctx.saved_tensors
        inner = (vectors * values.rsqrt().unsqueeze(-2)) @ vectors.mT
        return grads[0][..., None, None] * 0.5 * (half @ inner @ half), None


def mixture(parts: Sequence[Moments], weights: Sequence[float]) -> Moments:
    """Compute the moments of the mixture, as if the images lay side by side with these shares (sum 1)."""
    only = _only_part(parts, weights)
    if only is not None:
        return only
    mean = _weighted_sum([p.mean for p in parts], weights)
    second = _weighted_sum([p.second for p in parts], weights)
    return Moments(mean, second - mean.unsqueeze(-1) * mean.unsqueeze(-2))


def barycenter(parts: Sequence[Moments], weights: Sequence[float], *, steps: int = 12) -> Moments:
    """Compute the Wasserstein barycenter of Gaussians; unlike a mixture, the means add no variance.

    Fixed-point iteration of Alvarez-Esteban et al. 2016,
    ``S <- S^-1/2 (sum w_i (S^1/2 S_i S^1/2)^1/2)^2 S^-1/2``, from the mean covariance, which spans all
    directions of the parts.
    """
    only = _only_part(parts, weights)
    if only is not None:
        return only
    mean = _weighted_sum([p.mean for p in parts], weights)
    used = [(p, w) for p, w in zip(parts, weights, strict=True) if w > 0]
    cov = _weighted_sum([p.cov for p, _ in used], [w for _, w in used])
    for _ in range(steps):
        half, back = root(cov), root(cov, power=-0.5)
        inner = _weighted_sum([root(half @ p.cov @ half) for p, _ in used], [w for _, w in used])
        cov = back @ inner @ inner @ back
        cov = (cov + cov.mT) / 2
    return Moments(mean, cov)


def _only_part(parts: Sequence[Moments], weights: Sequence[float]) -> Moments | None:
    """Return the only part with a positive weight, if there is one, to avoid rounding."""
    used = [part for part, weight in zip(parts, weights, strict=True) if weight > 0]
    return used[0] if len(used) == 1 else None


def _weighted_sum(tensors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    total = torch.zeros_like(tensors[0])
    for tensor, weight in zip(tensors, weights, strict=True):
        total = total + weight * tensor
    return total


def shares(weights: Sequence[float] | None, *, count: int) -> list[float]:
    """Normalize the weights of ``count`` styles to sum 1; None means equal.

    Raises:
        InputError: there are no styles, the number of weights is wrong, or weights are negative, infinite or
            all zero.
    """
    if count == 0:
        raise InputError("no style was given: give at least one")
    if weights is None:
        return [1 / count] * count
    if len(weights) != count:
        given, needed = pluralize(len(weights), "weight"), pluralize(count, "style")
        raise InputError(f"{given} for {needed}: give one for each style, in order")
    if min(weights) < 0 or not 0 < sum(weights) < math.inf:
        raise InputError(
            f"style weights must be finite, not negative and not all zero: got {', '.join(map(str, weights))}"
        )
    return [w / sum(weights) for w in weights]
