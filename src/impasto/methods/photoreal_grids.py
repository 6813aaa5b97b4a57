"""Photorealistic transfer of light and color by semantic class, with bilateral grids of affine maps.

After Luan et al. 2017 ("Deep Photo Style Transfer": masked statistics, locally affine in color) and Xia et
al. 2020 ("Joint Bilateral Learning": a bilateral grid). Differences, and reasons:

- the result is locally affine in color by construction, so no matting term is needed;
- the grid is optimized for each image pair from a closed-form start: no decoder, no training;
- one grid for each class, blended by mattes: a single grid indexed by luma has halos where a white tower
  meets a white sky;
- means and deviations of shallow layers, not Gram matrices: a grid cannot produce texture, and would match
  its statistics by contrast and noise;
- deviations stay near those of the start: a grid would match a style without texture (fog, a lake) by
  flattening the photo, and a style with texture by blotches in a clear sky.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto import tensors
from impasto.backbones import Backbone
from impasto.losses import Content, RegionMoments
from impasto.optim import Checkpoint, Lbfgs, OptimizationResult, Stage, minimize
from impasto.parametrizations import BilateralGrid
from impasto.record import Watch

LAYERS = {"relu1_1": 1.0, "relu2_1": 1.0, "relu3_1": 1.0}
CONTENT_LAYER, CONTENT_WEIGHT = "relu3_1", 0.3
STYLE_WEIGHT = 2.0
TEXTURE = (0.7, 1.5)  # limits of the deviations to match, relative to those of the start
STEPS = 40
FIRST_STEP, LONGEST_STEP = 0.002, 0.02  # RMS step of the map entries


def photoreal(
    grid: BilateralGrid,
    targets: Sequence[Mapping[str, Tensor] | None],
    *,
    backbone: Backbone,
    steps: int = STEPS,
    watch: Watch | None = None,
    checkpoint: Checkpoint | None = None,
) -> OptimizationResult:
    """Optimize the grids to match the target statistics of each class.

    Args:
        grid: content image with its grids, at the closed-form start; holds the result on return.
        targets: for each class the means and deviations of ``LAYERS``, ``(2, C)`` each; None: no style term.
            Deviations are clamped to ``TEXTURE`` times those of the start.
        backbone: feature extractor.
        steps: evaluations of loss and gradient.
        watch, checkpoint: see :func:`impasto.optim.minimize`.
    """
    size = (grid.photo.shape[-2], grid.photo.shape[-1])
    style = RegionMoments(_limit_texture(targets, grid, backbone), grid.alphas, LAYERS)
    loss = Content(grid.photo, CONTENT_LAYER) * CONTENT_WEIGHT + style * STYLE_WEIGHT
    return minimize(
        loss,
        grid,
        schedule=(Stage(size, steps),),
        backbone=backbone,
        # Monotone: an image that is its own style stays unchanged, bit for bit.
        optimiser=Lbfgs(first_step=FIRST_STEP, longest_step=LONGEST_STEP),
        watch=watch,
        checkpoint=checkpoint,
    )


def _limit_texture(
    targets: Sequence[Mapping[str, Tensor] | None], grid: BilateralGrid, backbone: Backbone
) -> list[Mapping[str, Tensor] | None]:
    """Clamp the deviations of each class to ``TEXTURE`` times those of the image of the grid."""
    with torch.no_grad():
        start = grid()
    limited: list[Mapping[str, Tensor] | None] = []
    for target, own in zip(targets, region_statistics(start, grid.alphas, backbone=backbone), strict=True):
        if target is None:
            limited.append(None)
            continue
        one: dict[str, Tensor] = {}
        for layer in LAYERS:
            mean, deviation = target[layer]
            least, most = (limit * own[layer][1].to(deviation) for limit in TEXTURE)
            one[layer] = torch.stack([mean, deviation.clamp(least, most)])
        limited.append(one)
    return limited


def region_statistics(
    picture: Tensor, alphas: Tensor, *, backbone: Backbone, layers: Sequence[str] = tuple(LAYERS)
) -> list[dict[str, Tensor]]:
    """Compute channel means and deviations, ``(2, C)``, of each layer in each region.

    Args:
        picture: RGB image, ``(1, 3, H, W)``, 0..1.
        alphas: masks of the regions, ``(K, H, W)``, 0..1.
        backbone: feature extractor.
        layers: layer names.

    Returns:
        One mapping for each region.
    """
    with torch.no_grad():
        features = backbone.features(picture.to(backbone.device), layers)
    found: list[dict[str, Tensor]] = [{} for _ in alphas]
    for layer in layers:
        values = tensors.precise(features[layer])[0].flatten(1).double().cpu()
        masks = F.adaptive_avg_pool2d(
            alphas[None].double().cpu(), (int(features[layer].shape[-2]), int(features[layer].shape[-1]))
        )[0].flatten(1)
        for region, mask in zip(found, masks, strict=True):
            share = mask / mask.sum().clamp_min(1e-9)
            mean = values @ share
            deviation = (values.square() @ share - mean.square()).clamp_min(0).sqrt()
            region[layer] = torch.stack([mean, deviation]).float()
    return found
