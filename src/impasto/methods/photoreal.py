"""Photorealistic transfer: light and colour of the style, class by class, through grids of affine maps.

After Luan et al. 2017 ("Deep Photo Style Transfer": masked statistics, locally affine in colour) and Xia et
al. 2020 ("Joint Bilateral Learning": a bilateral grid). Departures, and why:

- the result is affine in colour by construction, so there is no matting term to weigh;
- the grid is optimised for the pair, begun at a closed form: no decoder, nothing trained;
- one grid a class, joined by mattes: a grid over luma alone has halos where a white tower meets a white sky;
- means and deviations of shallow layers, not Gram matrices: a grid cannot paint texture, and would buy
  its statistics with contrast and noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto import tensors
from impasto.backbones import Backbone
from impasto.losses import Content, RegionMoments
from impasto.optim import Checkpoint, Lbfgs, Outcome, Stage, minimize
from impasto.parametrizations import BilateralGrid
from impasto.record import Watch

LAYERS = {"relu1_1": 1.0, "relu2_1": 1.0, "relu3_1": 1.0}
CONTENT_LAYER, CONTENT_WEIGHT = "relu3_1", 0.3
STYLE_WEIGHT = 2.0
STEPS = 40
FIRST_STEP, LONGEST_STEP = 0.002, 0.02  # of the entries of the maps, root mean square


def photoreal(
    grid: BilateralGrid,
    targets: Sequence[Mapping[str, Tensor] | None],
    *,
    backbone: Backbone,
    steps: int = STEPS,
    watch: Watch | None = None,
    checkpoint: Checkpoint | None = None,
) -> Outcome:
    """Moves the grids until the classes have the statistics they should.

    Args:
        grid: the photograph under its grids, begun at the closed form; on return it holds the result.
        targets: for each class the means and deviations of ``LAYERS``, ``(2, C)`` each; None leaves it alone.
        backbone: the network whose features are compared.
        steps: evaluations of loss and gradient.
        watch, checkpoint: see :func:`impasto.optim.minimize`.
    """
    size = (grid.photo.shape[-2], grid.photo.shape[-1])
    style = RegionMoments(targets, grid.alphas, LAYERS)
    loss = Content(grid.photo, CONTENT_LAYER) * CONTENT_WEIGHT + style * STYLE_WEIGHT
    return minimize(
        loss,
        grid.to(next(backbone.buffers()).device),
        schedule=(Stage(size, steps),),
        backbone=backbone,
        # It never accepts a raised loss: a photo that is its own style stays as it is, to the last bit.
        optimiser=Lbfgs(first_step=FIRST_STEP, longest_step=LONGEST_STEP),
        watch=watch,
        checkpoint=checkpoint,
    )


def region_statistics(
    picture: Tensor, alphas: Tensor, *, backbone: Backbone, layers: Sequence[str] = tuple(LAYERS)
) -> list[dict[str, Tensor]]:
    """Means and deviations ``(2, C)`` of each layer in each region of ``picture (1, 3, H, W)``.

    Args:
        picture: RGB, 0..1.
        alphas: ``(K, H, W)``, 0..1.
        backbone: the network.
        layers: names of its layers.

    Returns:
        One mapping a region.
    """
    device = next(backbone.buffers()).device
    with torch.no_grad():
        features = backbone.features(picture.to(device), layers)
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
