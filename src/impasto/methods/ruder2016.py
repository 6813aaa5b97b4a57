"""Temporally consistent video frames, after Ruder, Dosovitskiy and Brox 2016 (arXiv 1604.08610).

As in the paper, a frame starts from the previous result warped by the optical flow, and a temporal loss ties
it to that where the flow is reliable. Differences from the paper, and reasons:

- the losses are those of :func:`impasto.methods.neural_neighbors`, with a search from the current image, so
  that strokes persist; or those of :func:`impasto.methods.modern`;
- two sizes, half and full: disoccluded regions are stylized at half size for a quarter of the cost, and the
  change is *added* to the warped frame, which keeps its detail;
- disoccluded regions start from the content image, or from a quick painting of it, in the colors of the
  stylized surroundings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from torch import Tensor

from impasto.backbones import Backbone
from impasto.losses import FeatureCache, Temporal, fill_holes
from impasto.methods.coarse_to_fine import Style, Terms, objective
from impasto.methods.kolkin2022 import objective_of_a_following_frame
from impasto.optim import OptimizationResult, Schedule, minimize
from impasto.parametrizations import Pixels
from impasto.record import Watch

# Weight of the temporal term at consistency 1, at which only disoccluded regions change.
TEMPORAL_WEIGHT = 400.0


def following_frame(
    content: Tensor,
    styles: Sequence[Style],
    *,
    warped: Tensor,
    mask: Tensor,
    fresh: Tensor | None = None,
    schedule: Schedule,
    backbone: Backbone,
    consistency: float = 0.85,
    border: int = 0,
    watch: Watch | None = None,
    seen: FeatureCache | None = None,
    **terms: Unpack[Terms],
) -> OptimizationResult:
    """Stylize a frame consistently with the previous one.

    Args:
        content: the frame, ``(1, 3, H, W)``, 0..1.
        styles: as for :func:`impasto.methods.modern`.
        warped: previous result warped to this frame, ``(1, 3, H, W)``, 0..1.
        mask: confidence of the flow, ``(1, 1, H, W)``, 0..1.
        fresh: the frame painted independently, ``(1, 3, H, W)``, to start from in disoccluded regions;
            default: ``content``.
        schedule: sizes and evaluations.
        backbone: feature extractor.
        consistency: strength of the temporal loss, 0..1.
        border: as for :func:`impasto.methods.neural_neighbors`.
        watch: called after every step.
        seen: cache of the features of the style images.
        **terms: as for :func:`impasto.methods.modern`; ``loss`` is ``neighbors`` by default.
    """
    start = fill_holes(warped, mask, content if fresh is None else fresh)
    if terms.get("loss", "neighbors") == "neighbors":
        strength = terms.get("strength", 1.0)
        total = objective_of_a_following_frame(content, styles, strength=strength, border=border)
    else:
        total = objective(content, styles, **terms)
    total = total + Temporal(warped, mask) * (TEMPORAL_WEIGHT * consistency)
    picture = Pixels(start, photo=start)
    return minimize(total, picture, schedule=schedule, backbone=backbone, watch=watch, seen=seen)
