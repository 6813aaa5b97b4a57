"""Multi-scale optimization: the method of Gatys et al. 2015 with later improvements.

Differences from the paper, and reasons:

- *Coarse to fine*, by sqrt 2 (K. Crowson, style-transfer-pytorch): large strokes form at small sizes, where
  an evaluation is cheap; most evaluations are spent there.
- *Detail of the content image is restored at every size*, as in the octaves of Deep Dream.
- *Relative terms*: every term is divided by its value between content and style image, so a strength has the
  same effect for every style image, loss and size.
- *Gram and Wasserstein together*: the Gram matrix captures texture, the Wasserstein distance color and
  contrast. The sum is closer to the style image, also in layers that are not optimized.
- *Layer weights*: relu4_1, which carries strokes, has the largest weight; relu1_1 and relu5_1 the smallest.
- Monotone L-BFGS, initialized with the content image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict, Unpack

from torch import Tensor

from impasto.backbones import Backbone
from impasto.losses import (
    Blend,
    Content,
    Gram,
    Loss,
    MeanVariance,
    StyleLoss,
    Sum,
    TotalVariation,
    Wasserstein,
)
from impasto.moments import shares
from impasto.optim import Checkpoint, Cut, OptimizationResult, Optimizer, Schedule, minimize
from impasto.parametrizations import Pixels
from impasto.record import Watch

# Weight of the style terms at strength 1, and its power of the strength: chosen so that the style distance
# falls evenly with the strength (topic "strength" of benchmarks/optimisation.py).
STYLE_WEIGHT = 4.0
STRENGTH_POWER = 2.0
SMOOTHNESS = 0.3

LAYER_WEIGHTS = {"relu1_1": 0.3, "relu2_1": 1.0, "relu3_1": 1.0, "relu4_1": 4.0, "relu5_1": 0.3}

# Loss names, and the style losses they combine, with shares.
KINDS: dict[str, tuple[tuple[type[StyleLoss], float], ...]] = {
    "mixed": ((Gram, 0.7), (Wasserstein, 0.3)),
    "gram": ((Gram, 1.0),),
    "wasserstein": ((Wasserstein, 1.0),),
    "meanvar": ((MeanVariance, 1.0),),
}


@dataclass(frozen=True)
class Style:
    """Style image with its weight, scale and region.

    ``picture`` is ``(1, 3, H, W)``, ``scale`` its area relative to the result, ``mask`` its region,
    ``(1, 1, H, W)``, 0..1 (None: everywhere).
    """

    picture: Tensor
    weight: float = 1.0
    scale: float = 1.0
    mask: Tensor | None = None

    def __repr__(self) -> str:
        height, width = self.picture.shape[-2:]
        region = "" if self.mask is None else ", in a region"
        return f"<Style {width}x{height}, weight {self.weight:g}, scale {self.scale:g}{region}>"


class Terms(TypedDict, total=False):
    """The terms of :func:`objective` and their weights."""

    strength: float
    loss: str
    blend: Blend
    style_weight: float
    layer_weights: Mapping[str, float]
    smoothness: float


def modern(
    content: Tensor,
    styles: Sequence[Style],
    *,
    schedule: Schedule,
    backbone: Backbone,
    start: Tensor | None = None,
    optimiser: Optimizer | None = None,
    tiling: Cut | None = None,
    watch: Watch | None = None,
    checkpoint: Checkpoint | None = None,
    **terms: Unpack[Terms],
) -> OptimizationResult:
    """Stylize ``content (1, 3, H, W)`` in the given styles.

    Args:
        content: content image, at the size of the last stage of the schedule.
        styles: style images with their weights, scales and masks.
        schedule: see :func:`impasto.optim.scales`.
        backbone: feature extractor.
        start: initial image; default: the content image.
        optimiser, tiling, watch, checkpoint: see :func:`impasto.optim.minimize`.
        **terms: ``strength``, ``loss``, ``blend``, ``style_weight``, ``layer_weights`` and ``smoothness``,
            see :func:`objective`.
    """
    begin = content if start is None else start
    picture = Pixels(begin, photo=content if start is None else None, wraps=backbone.wraps)
    return minimize(
        objective(content, styles, **terms),
        picture,
        schedule=schedule,
        backbone=backbone,
        optimiser=optimiser,
        plateau=0.002,
        tiling=tiling,
        watch=watch,
        checkpoint=checkpoint,
    )


def objective(
    content: Tensor,
    styles: Sequence[Style],
    *,
    strength: float = 1.0,
    loss: str = "mixed",
    blend: Blend = "moments",
    style_weight: float = STYLE_WEIGHT,
    layer_weights: Mapping[str, float] = LAYER_WEIGHTS,
    smoothness: float = SMOOTHNESS,
) -> Loss:
    """Return the sum of content, style and smoothness losses.

    Args:
        content, styles: as for :func:`modern`.
        strength: 0 returns the content image; 1 is the usual strength.
        loss: a key of ``KINDS``.
        blend: how to combine several unmasked styles, see :class:`impasto.losses.StyleLoss`.
        style_weight: weight of the style terms at strength 1; the content term has weight 1.
        layer_weights: relative weight of each layer in the style terms, ``{name: weight}``.
        smoothness: weight of total variation, relative to the style terms.
    """
    reference = max(styles, key=lambda style: style.weight).picture
    total: Loss = Content(content).relative(reference)
    if strength == 0:
        return total
    weight: float = style_weight * strength**STRENGTH_POWER
    terms = style_terms(content, styles, loss=loss, blend=blend, layer_weights=layer_weights)
    return total + terms * weight + TotalVariation() * (weight * smoothness)


def style_terms(
    content: Tensor,
    styles: Sequence[Style],
    *,
    loss: str = "mixed",
    blend: Blend = "moments",
    layer_weights: Mapping[str, float] = LAYER_WEIGHTS,
) -> Loss:
    """Return the style losses, each 1 at the content image; arguments as for :func:`objective`."""
    total: Loss = Sum(())
    for group, share in _groups(styles):
        for kind, part in KINDS[loss]:
            term = kind(
                [s.picture for s in group],
                layer_weights,
                weights=[s.weight for s in group],
                scales=[s.scale for s in group],
                blend=blend,
                mask=group[0].mask,
            )
            total = total + term.relative(content) * (share * part)
    return total


def _groups(styles: Sequence[Style]) -> list[tuple[list[Style], float]]:
    """Group styles into one blend without masks, or one group for each style with masks.

    A region is weighted by its area: its loss is a mean over the region, so the gradient per pixel is then
    the same in every region.
    """
    if all(style.mask is None for style in styles):
        return [(list(styles), 1.0)]
    areas = [1.0 if s.mask is None else float(s.mask.mean()) for s in styles]
    parts = shares([area * s.weight for area, s in zip(areas, styles, strict=True)], count=len(styles))
    return [([style], part) for style, part in zip(styles, parts, strict=True) if part > 0]
