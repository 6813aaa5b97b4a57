"""Neural neighbours: a picture made of what the painting is made of.

After Kolkin, Kucera, Paris, Sykora, Shechtman and Shakhnarovich 2022, *Neural Neighbor Style Transfer*
(arXiv 2203.13215): from coarse to fine, each place of the photo is given the feature of the painting's
nearest place, which stays its target for the size; a last pass does so layer by layer, with targets renewed
every few evaluations. Where it departs from the paper, and why:

- *L-BFGS* in place of Adam: the targets are fixed, so the loss is smooth, and a fifth of the evaluations do.
- *Lengths* of features count as well as directions (:mod:`impasto.losses.neighbors`); the paper's matching of
  colours at the end is not needed.
- *The start* is the photo in the painting's mean and covariance of colours, without its finest octaves:
  colours are then nearly right at once.
- *Moments at the coarsest size*: neighbours do not know what the whole painting is like, and use one corner
  of it for everything. Gram matrices beside them bring its large forms and the proportion of its colours; at
  finer sizes, most of what is compared with the painting is the picture as it is by then.
- *A little content*: without it eyes and towers dissolve into what the painting happens to have. It is that
  of the photo in the colours of the painting, so it holds shapes and not colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from impasto import tensors
from impasto.backbones import Backbone
from impasto.losses import ByStage, Content, LayerNeighbors, Loss, Neighbors
from impasto.methods.coarse_to_fine import Style, style_terms
from impasto.moments import mixture, moments, shares, transport
from impasto.optim import Checkpoint, Cut, Optimiser, Outcome, Schedule, Stage, minimize
from impasto.parametrizations import Pixels
from impasto.record import Watch
from impasto.tiles import Size

OCTAVES = 8  # how many times smaller the start is, before it is enlarged again
SEARCH = 0.8  # share of the picture as it is in what is compared with the painting, after the coarsest size
KEPT = ("relu1_2", "relu2_2", "relu3_3", "relu4_2")  # where the photo counts below strength 1
SHAPES, CONTENT = ("relu3_1", "relu4_1"), 0.6  # where things are held in their shapes, and how firmly
MOMENTS = 1.5  # weight of the Gram matrices at the coarsest size, in units of their value at the photo


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
    seed: int = 0,
    optimiser: Optimiser | None = None,
    tiling: Cut | None = None,
    watch: Watch | None = None,
    checkpoint: Checkpoint | None = None,
) -> Outcome:
    """Paints ``content (1, 3, H, W)`` in the given styles.

    Args:
        content: the photograph, at the size of the last stage of the schedule.
        styles: paintings with their shares, scales and masks.
        schedule: sizes, about twice as large from one to the next.
        rounds: evaluations of each round of the last pass.
        backbone: the network whose features are compared.
        strength: 0 returns the photograph; 1 is a painting.
        start: the picture to begin with; default: the photo in the painting's colours, blurred.
        turned: whether the paintings are also looked at turned by 90, 180 and 270 degrees.
        seed: which places are looked at, where there are too many.
        optimiser, tiling, watch, checkpoint: see :func:`impasto.optim.minimize`.
    """
    device = next(backbone.buffers()).device
    if strength == 0:
        return Outcome(content.to(device), (), 0, stopped=False)
    styles = [style for style in styles if style.weight > 0]
    begun = _begun(content, styles, schedule[0].size, strength) if start is None else start
    last = schedule[-1].size
    return minimize(
        objective(content, styles, stages=len(schedule), strength=strength, turned=turned, seed=seed),
        Pixels(begun, size=schedule[0].size).to(device),
        schedule=(*schedule, *(Stage(last, steps) for steps in rounds)),
        backbone=backbone,
        optimiser=optimiser,
        tiling=tiling,
        watch=watch,
        checkpoint=checkpoint,
    )


def objective(
    content: Tensor,
    styles: Sequence[Style],
    *,
    stages: int,
    strength: float = 1.0,
    turned: bool = True,
    seed: int = 0,
) -> ByStage:
    """The losses of ``stages`` sizes and of the last pass; arguments as of :func:`neural_neighbors`."""
    paintings, places = [style.picture for style in styles], _places(styles, turned, seed)
    kept = _content(content, styles, strength)
    forms = style_terms(content, styles, loss="gram") * (MOMENTS * max(1.0, strength))
    coarse = Neighbors(content, paintings, search=0.0, **places) + forms + kept
    fine = Neighbors(content, paintings, search=SEARCH, **places) + kept
    last = LayerNeighbors(content, paintings, **places) + kept
    return ByStage([coarse, *[fine] * (stages - 1), last])


def objective_of_a_following_frame(
    content: Tensor, styles: Sequence[Style], *, strength: float = 1.0, turned: bool = True, seed: int = 0
) -> Loss:
    """The loss of a film's frame that begins as the painted one before: so that is what is searched with.

    Arguments as of :func:`neural_neighbors`.
    """
    styles = [style for style in styles if style.weight > 0]
    places = _places(styles, turned, seed)
    found = Neighbors(content, [style.picture for style in styles], search=SEARCH, **places)
    return found + _content(content, styles, strength)


def _places(styles: Sequence[Style], turned: bool, seed: int) -> dict[str, Any]:
    return {
        "weights": [style.weight for style in styles],
        "scales": [style.scale for style in styles],
        "masks": [style.mask for style in styles],
        "turned": turned,
        "seed": seed,
    }


def _content(content: Tensor, styles: Sequence[Style], strength: float) -> Loss:
    """What holds things in their shapes; below strength 1 also what holds the photo itself."""
    heaviest = max(styles, key=lambda style: style.weight).picture
    shapes = Content(_in_their_colours(content, styles), SHAPES).relative(heaviest) * CONTENT
    if strength >= 1:
        return shapes
    return shapes + Content(content, KEPT).relative(heaviest) * (1 / strength - 1)


def _in_their_colours(photo: Tensor, styles: Sequence[Style]) -> Tensor:
    """The photo with the mean and the covariance of the paintings' colours."""
    palettes = [moments(style.picture.flatten(2)[0]) for style in styles]
    palette = mixture(palettes, shares([style.weight for style in styles], count=len(styles)))
    matrix, shift = transport(moments(photo.flatten(2)[0]), palette)
    return (torch.einsum("ij,bjhw->bihw", matrix, photo) + shift.view(1, 3, 1, 1)).clamp(0, 1)


def _begun(content: Tensor, styles: Sequence[Style], size: Size, strength: float) -> Tensor:
    """The photo in the colours of the paintings, without its finest octaves; below strength 1 less so."""
    photo = tensors.resize(content, size)
    small = (max(8, size[0] // OCTAVES), max(8, size[1] // OCTAVES))
    blurred = tensors.resize(tensors.resize(_in_their_colours(photo, styles), small), size)
    return torch.lerp(photo, blurred, min(1.0, strength)).clamp(0, 1)
