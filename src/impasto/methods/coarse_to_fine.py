"""Our own optimisation: Gatys' idea with what ten years have taught.

Where it departs from the 2015 paper, and why:

- *Coarse to fine*, by sqrt 2 (K. Crowson, style-transfer-pytorch): large strokes are found where a pixel is
  large, and where an evaluation is cheap; most evaluations are spent there.
- *The photograph's own detail comes back at every size* (the octaves of Deep Dream, carried to style).
- *Relative terms*: every term is divided by its value between photo and painting, so a strength means the
  same for every painting, loss and size.
- *Gram and Wasserstein together*: the Gram matrix is strong on texture, the Wasserstein distance on colour
  and contrast; together they come nearer to the painting, also in layers that neither looks at.
- *Uneven layers*: relu4_1, where strokes are, counts most; relu1_1 and relu5_1 least.
- L-BFGS that never accepts a raised loss, begun at the photograph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
from impasto.optim import Checkpoint, Cut, Optimiser, Outcome, Schedule, minimize
from impasto.parametrizations import Pixels
from impasto.record import Watch

# Weight of the style terms at strength 1, and how fast it grows with strength: chosen so that the style
# distance falls evenly as the slider moves (topic "strength" of benchmarks/optimisation.py).
STYLE_WEIGHT = 4.0
STRENGTH_POWER = 2.0
SMOOTHNESS = 0.3

LAYER_WEIGHTS = {"relu1_1": 0.3, "relu2_1": 1.0, "relu3_1": 1.0, "relu4_1": 4.0, "relu5_1": 0.3}

# What a name of a loss stands for: kinds with their shares.
KINDS: dict[str, tuple[tuple[type[StyleLoss], float], ...]] = {
    "mixed": ((Gram, 0.7), (Wasserstein, 0.3)),
    "gram": ((Gram, 1.0),),
    "wasserstein": ((Wasserstein, 1.0),),
    "meanvar": ((MeanVariance, 1.0),),
}


@dataclass(frozen=True)
class Style:
    """A painting and its part in the picture.

    ``picture`` is ``(1, 3, H, W)``; ``scale`` its size relative to the picture; ``mask (1, 1, H, W)``, 0..1,
    where it goes (everywhere if None).
    """

    picture: Tensor
    weight: float = 1.0
    scale: float = 1.0
    mask: Tensor | None = None


def modern(
    content: Tensor,
    styles: Sequence[Style],
    *,
    schedule: Schedule,
    backbone: Backbone,
    strength: float = 1.0,
    loss: str = "mixed",
    blend: Blend = "moments",
    start: Tensor | None = None,
    optimiser: Optimiser | None = None,
    tiling: Cut | None = None,
    watch: Watch | None = None,
    checkpoint: Checkpoint | None = None,
) -> Outcome:
    """Paints ``content (1, 3, H, W)`` in the given styles.

    Args:
        content: the photograph, at the size of the last stage of the schedule.
        styles: paintings with their shares, scales and masks.
        schedule: see :func:`impasto.optim.scales`.
        backbone: the network whose features are compared.
        strength: 0 returns the photograph; 1 is a painting.
        loss: a key of ``KINDS``.
        blend: how several unmasked styles meet, see :class:`impasto.losses.StyleLoss`.
        start: the picture to begin with; default: the photograph.
        optimiser, tiling, watch, checkpoint: see :func:`impasto.optim.minimize`.
    """
    begin = content if start is None else start
    picture = Pixels(begin, photo=content if start is None else None)
    total = objective(content, styles, strength=strength, loss=loss, blend=blend)
    return minimize(
        total,
        picture.to(next(backbone.buffers()).device),
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
) -> Loss:
    """Content, style and smoothness as one loss; the arguments are those of :func:`modern`."""
    reference = max(styles, key=lambda style: style.weight).picture
    total: Loss = Content(content).relative(reference)
    if strength == 0:
        return total
    weight: float = STYLE_WEIGHT * strength**STRENGTH_POWER
    total = total + style_terms(content, styles, loss=loss, blend=blend) * weight
    return total + TotalVariation() * (weight * SMOOTHNESS)


def style_terms(
    content: Tensor, styles: Sequence[Style], *, loss: str = "mixed", blend: Blend = "moments"
) -> Loss:
    """The style losses alone, each 1 at the photo; the arguments are those of :func:`modern`."""
    total: Loss = Sum(())
    for group, share in _groups(styles):
        for kind, part in KINDS[loss]:
            term = kind(
                [s.picture for s in group],
                LAYER_WEIGHTS,
                weights=[s.weight for s in group],
                scales=[s.scale for s in group],
                blend=blend,
                mask=group[0].mask,
            )
            total = total + term.relative(content) * (share * part)
    return total


def _groups(styles: Sequence[Style]) -> list[tuple[list[Style], float]]:
    """Styles that share the whole picture make one blend; a style with a mask stands alone.

    A region counts by its area: its loss is a mean over the region, so each of its pixels then feels the
    same pull as any other.
    """
    if all(style.mask is None for style in styles):
        return [(list(styles), 1.0)]
    areas = [1.0 if s.mask is None else float(s.mask.mean()) for s in styles]
    parts = shares([area * s.weight for area, s in zip(areas, styles, strict=True)], count=len(styles))
    return [([style], part) for style, part in zip(styles, parts, strict=True) if part > 0]
