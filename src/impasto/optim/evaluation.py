"""Loss and gradient of an image, whole or in tiles, with the same result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from impasto import tensors
from impasto.backbones import Backbone
from impasto.losses import Bound, Level, Sums
from impasto.losses.context import check_additive, measure_windows
from impasto.tiles import Window


@dataclass(frozen=True)
class Evaluation:
    """Loss value, gradient with respect to the image ``(1, 3, H, W)``, and terms of the value by name."""

    value: float
    gradient: Tensor
    terms: dict[str, float]


def evaluate(bound: Bound, picture: Tensor, *, backbone: Backbone, windows: Sequence[Window]) -> Evaluation:
    """Compute the loss of an image and its gradient.

    With one window: forward and backward. With several: first the sums of all windows without gradient, then
    the gradient of the sums in each window, weighted by the derivative of the value with respect to the sums.
    Losses of reduced images follow one by one.

    Raises:
        TilingError: there are several windows and a term is not a function of additive sums.
    """
    if bound.layers:
        found = _at_own_size(bound, picture, backbone, windows)
    else:
        found = Evaluation(0.0, torch.zeros_like(picture), {})
    for level in bound.levels:
        part = _evaluate_small(level, picture, backbone)
        terms = {name: found.terms.get(name, 0.0) + level.weight * term for name, term in part.terms.items()}
        gradient = found.gradient.add_(part.gradient, alpha=level.weight)
        found = Evaluation(found.value + level.weight * part.value, gradient, found.terms | terms)
    return found


def propagate(picture: Tensor, sources: Sequence[Tensor], gradient: Tensor) -> tuple[Tensor, ...]:
    """Return the gradient with respect to each source of a picture, given that of the picture.

    The result is that of ``torch.autograd.grad(picture, sources, gradient)``, which imports SymPy when it is
    first called with a gradient: 0.3 s.
    """
    return torch.autograd.grad(torch.dot(picture.flatten(), gradient.flatten()), sources)


def _evaluate_small(level: Level, picture: Tensor, backbone: Backbone) -> Evaluation:
    """Evaluate the loss of a reduced image; the gradient is with respect to the image itself."""
    leaf = picture.detach().requires_grad_()
    small = tensors.resize(leaf, level.size, wraps=backbone.wraps)
    found = evaluate(level.bound, small.detach(), backbone=backbone, windows=level.windows)
    return replace(found, gradient=propagate(small, [leaf], found.gradient)[0])


def _at_own_size(bound: Bound, picture: Tensor, backbone: Backbone, windows: Sequence[Window]) -> Evaluation:
    if len(windows) == 1:
        return _whole(bound, picture, backbone, windows[0])
    check_additive(bound)
    with torch.no_grad():
        total = measure_windows(bound, picture, backbone=backbone, windows=windows)
    leaves = {key: value.detach().requires_grad_() for key, value in total.items()}
    terms = bound.terms(leaves)
    value = _total(terms)
    found = torch.autograd.grad(value, list(leaves.values()), allow_unused=True)
    slopes = dict(zip(leaves, found, strict=True))
    gradient = torch.zeros_like(picture)
    for window in windows:
        tile = window.read(picture).detach().requires_grad_()
        sums = _sums(bound, tile, backbone, window)
        used = [key for key in sums if slopes[key] is not None and sums[key].requires_grad]
        # Tiles overlap in their halos but own different features, so their gradients add up.
        window.read(gradient).add_(
            torch.autograd.grad([sums[key] for key in used], tile, [slopes[key] for key in used])[0]
        )
    return Evaluation(float(value.detach()), gradient, _numbers(terms))


def _whole(bound: Bound, picture: Tensor, backbone: Backbone, window: Window) -> Evaluation:
    leaf = picture.detach().requires_grad_()
    sums = _sums(bound, leaf, backbone, window)
    terms = bound.terms(sums)
    value = _total(terms)
    gradient = torch.autograd.grad(value, leaf)[0]
    return Evaluation(float(value.detach()), gradient, _numbers(terms))


def _sums(bound: Bound, picture: Tensor, backbone: Backbone, window: Window) -> Sums:
    return bound.measure(backbone.features(picture, bound.layers), window)


def _total(terms: dict[str, Tensor]) -> Tensor:
    """Return the value as the sum of its terms, which avoids computing them twice."""
    return torch.stack(list(terms.values())).sum()


def _numbers(terms: dict[str, Tensor]) -> dict[str, float]:
    return {name: float(value.detach()) for name, value in terms.items()}
