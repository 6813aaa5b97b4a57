"""A frame of a film that follows a painted one, after Ruder, Dosovitskiy and Brox 2016 (arXiv 1604.08610).

As they do: it begins as the painted frame before, carried along by the flow, and is held to it where that
can be trusted. Where it departs from the paper, and why:

- the losses are those of :func:`impasto.methods.neural_neighbors`, searched with the painted frame, so that
  strokes stay what they are; or those of :func:`impasto.methods.modern`;
- two sizes, half and whole: at half size what came into sight is painted at a quarter of the cost; what
  changed there is *added* to the carried frame, which so keeps all of its detail;
- what came into sight begins as the photograph, in the colours that its surroundings were painted in.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from impasto.backbones import Backbone
from impasto.losses import Blend, FeatureCache, Temporal, holes_filled
from impasto.methods.coarse_to_fine import Style, objective
from impasto.methods.neural_neighbors import objective_of_a_following_frame
from impasto.optim import Outcome, Schedule, minimize
from impasto.parametrizations import Pixels
from impasto.record import Watch

# Of the temporal term at consistency 1: at which nothing but what is new is painted again.
TEMPORAL_WEIGHT = 400.0


def following_frame(
    content: Tensor,
    styles: Sequence[Style],
    *,
    warped: Tensor,
    mask: Tensor,
    schedule: Schedule,
    backbone: Backbone,
    strength: float = 1.0,
    loss: str = "neighbors",
    blend: Blend = "moments",
    consistency: float = 0.85,
    watch: Watch | None = None,
    seen: FeatureCache | None = None,
) -> Outcome:
    """Paints a frame that follows a painted one.

    Args:
        content: the frame, ``(1, 3, H, W)``, 0..1.
        styles: as for :func:`impasto.methods.modern`.
        warped: the painted frame before, carried to this one, likewise.
        mask: where that can be trusted, ``(1, 1, H, W)``, 0..1.
        schedule: sizes and evaluations.
        backbone: the network that looks.
        strength, blend: as for :func:`impasto.methods.modern`.
        loss: ``neighbors``, or as for :func:`impasto.methods.modern`.
        consistency: 0..1, how firmly the frame is held to the one before.
        watch: called after every step.
        seen: what was seen of the styles for the frames before this one.
    """
    start = holes_filled(warped, mask, content)
    if loss == "neighbors":
        total = objective_of_a_following_frame(content, styles, strength=strength)
    else:
        total = objective(content, styles, strength=strength, loss=loss, blend=blend)
    total = total + Temporal(warped, mask) * (TEMPORAL_WEIGHT * consistency)
    picture = Pixels(start, photo=start).to(next(backbone.buffers()).device)
    return minimize(total, picture, schedule=schedule, backbone=backbone, watch=watch, seen=seen)
