"""Neural Neighbor Style Transfer (Kolkin, Kucera, Paris, Sykora, Shechtman and Shakhnarovich 2022).

arXiv 2203.13215. From coarse to fine, the target of each place of the content image is the nearest feature
vector of the style image, fixed for the size; a final pass matches each layer separately and renews the
targets every few evaluations. Differences from the paper, and reasons:

- *L-BFGS* instead of Adam: with fixed targets the loss is smooth, and a fifth of the evaluations is enough.
- *Norms* of features count as well as directions (:mod:`impasto.losses.neighbors`), so the color matching at
  the end of the paper's method is not needed.
- *The initial image* is the content image with the color mean and covariance of the style image, without
  the finest octaves: its colors are nearly right from the start.
- *Moments at the coarsest size*: nearest neighbors alone ignore the global statistics and can draw
  everything from one corner of the style image. Gram matrices add its large shapes and color proportions. At
  finer sizes the search uses mostly the current image.
- *All sizes at once*: from 448 pixels on, the losses of the reduced images stay, so the large forms are those
  of the small sizes, and strokes do not get finer with the size of the image.
- *A weak content term*: without it eyes and towers dissolve into strokes. It uses the content image in the
  colors of the style image, so it constrains shapes and not colors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from impasto import tensors
from impasto.backbones import Backbone
from impasto.losses import ByStage, Content, FeatureCache, LayerNeighbors, Loss, Neighbors, Pyramid
from impasto.methods.coarse_to_fine import Style, style_terms
from impasto.moments import mixture, moments, shares, transport
from impasto.optim import Checkpoint, Cut, OptimizationResult, Optimizer, Schedule, Stage, minimize
from impasto.parametrizations import Pixels
from impasto.record import Watch
from impasto.tiles import Size

OCTAVES = 8  # factor by which the initial image is reduced before it is enlarged again
SEARCH = 0.8  # share of the current image in the query of the search, after the coarsest size
KEPT = ("relu1_2", "relu2_2", "relu3_3", "relu4_2")  # content layers added below strength 1
SHAPES, CONTENT = ("relu3_1", "relu4_1"), 0.6  # layers and weight of the content term
MOMENTS = 1.5  # weight of the Gram matrices at the coarsest size, relative to the content image
SMALLER = 0.5  # weight of each reduced image
CACHED = 200**2  # largest size whose style features are kept, in pixels: it recurs as a reduced size
KEPT_FORMS = 0.3  # share of the Gram matrices that stays at the smallest size; more invents arches and clouds


def neural_neighbors(
    content: Tensor,
    styles: Sequence[Style],
    *,
    schedule: Schedule,
    rounds: Sequence[int],
    backbone: Backbone,
    strength: float = 1.0,
    start: Tensor | None = None,
    turned: bool = True,
    border: int = 0,
    seed: int = 0,
    optimiser: Optimizer | None = None,
    tiling: Cut | None = None,
    watch: Watch | None = None,
    checkpoint: Checkpoint | None = None,
) -> OptimizationResult:
    """Stylize ``content (1, 3, H, W)`` in the given styles.

    Args:
        content: content image, at the size of the last stage of the schedule.
        styles: style images with their weights, scales and masks.
        schedule: stages, each about twice as large as the previous one.
        rounds: evaluations of each round of the final pass.
        backbone: feature extractor.
        strength: 0 returns the content image; 1 is the usual strength.
        start: initial image; default: the blurred content image in the colors of the style images.
        turned: also search the style images rotated by 90, 180 and 270 degrees.
        border: pixels at each side of ``content`` that the weights of styles do not count.
        seed: random seed for sampling places and positions.
        optimiser, tiling, watch, checkpoint: see :func:`impasto.optim.minimize`.
    """
    if strength == 0:
        return OptimizationResult(content.to(backbone.device), (), 0, stopped=False)
    styles, first, last = select_styles(styles), schedule[0].size, schedule[-1].size
    begun = _initial_image(content, styles, first, strength, wraps=backbone.wraps) if start is None else start
    given: dict[str, Any] = {"turned": turned, "border": border, "seed": seed}
    return minimize(
        objective(content, styles, stages=len(schedule), strength=strength, **given),
        Pixels(begun, size=first, wraps=backbone.wraps),
        schedule=(*schedule, *(Stage(last, steps) for steps in rounds)),
        backbone=backbone,
        optimiser=optimiser,
        tiling=tiling,
        watch=watch,
        checkpoint=checkpoint,
        seen=FeatureCache([style.picture for style in styles], most=CACHED),
    )


def objective(
    content: Tensor,
    styles: Sequence[Style],
    *,
    stages: int,
    strength: float = 1.0,
    turned: bool = True,
    border: int = 0,
    seed: int = 0,
) -> ByStage:
    """Return the losses of ``stages`` sizes and the final pass; arguments as for :func:`neural_neighbors`."""
    paintings, places = [style.picture for style in styles], _places(styles, turned, seed, border)
    shapes, forms = _shapes(content, styles), _forms(content, styles, strength)
    coarse = _add_content_term(Neighbors(content, paintings, search=0.0, **places), content, styles, strength)
    layers = LayerNeighbors(content, paintings, **places)
    search = Neighbors(content, paintings, search=SEARCH, later=layers, **places)
    fine, last = (_add_content_term(loss, content, styles, strength) for loss in (search, layers))
    smaller = Pyramid(fine, forms * KEPT_FORMS) * SMALLER
    return ByStage(
        [coarse + shapes + forms, *[fine + shapes + smaller] * (stages - 1), last + shapes + smaller]
    )


def objective_of_a_following_frame(
    content: Tensor, styles: Sequence[Style], *, strength: float = 1.0, border: int = 0
) -> Loss:
    """Return the loss of a video frame that starts from the warped previous result.

    The search uses mostly the current image. Arguments as for :func:`neural_neighbors`.
    """
    styles = select_styles(styles)
    paintings, places = [style.picture for style in styles], _places(styles, border=border)
    fine = _add_content_term(
        Neighbors(content, paintings, search=SEARCH, **places), content, styles, strength
    )
    smaller = Pyramid(fine, _forms(content, styles, strength) * KEPT_FORMS) * SMALLER
    return fine + _shapes(content, styles) + smaller


def select_styles(styles: Sequence[Style]) -> list[Style]:
    """Return the styles with a weight above 0.

    Raises:
        InputError: a weight is negative or infinite, or all are zero.
    """
    parts = shares([style.weight for style in styles], count=len(styles))
    return [style for style, part in zip(styles, parts, strict=True) if part > 0]


def _places(styles: Sequence[Style], turned: bool = True, seed: int = 0, border: int = 0) -> dict[str, Any]:
    return {
        "weights": [style.weight for style in styles],
        "scales": [style.scale for style in styles],
        "masks": [style.mask for style in styles],
        "border": border,
        "turned": turned,
        "seed": seed,
    }


def _shapes(content: Tensor, styles: Sequence[Style]) -> Loss:
    """Return the content term for shapes, of the content image in the colors of the style images."""
    return Content(_in_their_colors(content, styles), SHAPES).relative(_heaviest(styles)) * CONTENT


def _forms(content: Tensor, styles: Sequence[Style], strength: float) -> Loss:
    """Return the Gram matrices of the smallest size."""
    return style_terms(content, styles, loss="gram") * (MOMENTS * max(1.0, strength))


def _add_content_term(loss: Loss, content: Tensor, styles: Sequence[Style], strength: float) -> Loss:
    """Below strength 1, add the content term of the content image itself."""
    if strength >= 1:
        return loss
    return loss + Content(content, KEPT).relative(_heaviest(styles)) * (1 / strength - 1)


def _heaviest(styles: Sequence[Style]) -> Tensor:
    return max(styles, key=lambda style: style.weight).picture


def _in_their_colors(photo: Tensor, styles: Sequence[Style]) -> Tensor:
    """Return the content image with the color mean and covariance of the style images."""
    palettes = [moments(style.picture.flatten(2)[0]) for style in styles]
    palette = mixture(palettes, shares([style.weight for style in styles], count=len(styles)))
    matrix, shift = transport(moments(photo.flatten(2)[0]), palette)
    return (torch.einsum("ij,bjhw->bihw", matrix, photo) + shift.view(1, 3, 1, 1)).clamp(0, 1)


def _initial_image(
    content: Tensor, styles: Sequence[Style], size: Size, strength: float, *, wraps: bool = False
) -> Tensor:
    """Return the initial image: recolored and blurred, less so below strength 1."""
    photo = tensors.resize(content, size, wraps=wraps)
    small = (max(8, size[0] // OCTAVES), max(8, size[1] // OCTAVES))
    blurred = tensors.resize(_in_their_colors(photo, styles), small, wraps=wraps)
    blurred = tensors.resize(blurred, size, wraps=wraps)
    return torch.lerp(photo, blurred, min(1.0, strength)).clamp(0, 1)
