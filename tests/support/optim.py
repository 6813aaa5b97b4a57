"""Helpers of the tests of optim."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.backbones import Tiny
from impasto.losses import (
    BindContext,
    Bound,
    Content,
    Features,
    Gram,
    Loss,
    Sums,
)
from impasto.optim import Adam, Lbfgs, OptimizationResult, Schedule, Stage, minimize
from impasto.parametrizations import Pixels

LAYERS = ("relu1_1", "relu2_1")


OPTIMIZERS = {"lbfgs": Lbfgs, "adam": Adam}


TWO = (Stage((16, 20), 12), Stage((23, 28), 12))


def picture(seed: int, height: int = 23, width: int = 28) -> Tensor:
    """Soft shapes with some grain, 0.1..0.9."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 3, 4, 4), generator=generator)
    soft = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    return 0.1 + 0.6 * soft + 0.2 * torch.rand((1, 3, height, width), generator=generator)


class Watched(Loss):
    """A loss that counts its evaluations, and can misbehave in chosen ones."""

    name = "watched"

    def __init__(
        self,
        loss: Loss,
        *,
        factors: dict[int, float] | None = None,
        interrupt: int | None = None,
        binding: int | None = None,
    ) -> None:
        self.loss, self.needs, self.factors = loss, loss.needs, factors or {}
        self.interrupt, self.binding = interrupt, binding
        self.count = self.bound = 0

    def bind(self, scene: BindContext) -> Bound:
        self.bound += 1
        if self.bound == self.binding:
            raise KeyboardInterrupt
        return _Watched(self, self.loss.bind(scene))


class _Watched(Bound):
    name = "watched"

    def __init__(self, owner: Watched, bound: Bound) -> None:
        self.owner, self.inner, self.layers = owner, bound, bound.layers

    def measure(self, features: Features, window: object) -> Sums:
        self.owner.count += 1
        if self.owner.count == self.owner.interrupt:
            raise KeyboardInterrupt
        return self.inner.measure(features, window)  # type: ignore[arg-type]

    def each(self, sums: Sums) -> Tensor:
        return self.inner.value(sums) * self.owner.factors.get(self.owner.count, 1.0)


def objective() -> Loss:
    """Content and style, each 1 between photo and painting."""
    content, style = picture(1), picture(2, 20, 30)
    return Content(content, LAYERS).relative(style) + 4 * Gram(style, LAYERS).relative(content)


def paint(loss: Loss | None = None, *, schedule: Schedule = TWO, **options: Any) -> OptimizationResult:
    return minimize(
        loss or objective(),
        Pixels(picture(1), photo=picture(1)),
        schedule=schedule,
        backbone=Tiny(),
        **options,
    )
