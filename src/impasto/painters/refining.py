"""The part of ``photoreal`` that looks with a network: classes, features of styles, and the refinement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto import methods, tensors
from impasto.backbones import Backbone
from impasto.jobs import PhotorealJob
from impasto.looks import FEATURE_LAYERS, Grade, Look, Mattes, Regions, Statistics
from impasto.looks.clustering import LAYER, Classifier, cluster, looked_at, of_regions
from impasto.looks.grading import quieted
from impasto.looks.subject import Subject
from impasto.optim import Checkpoint, Outcome
from impasto.parametrizations import BilateralGrid
from impasto.record import Watch

__all__ = [
    "Checkpoint",
    "classes_of",
    "classified",
    "classifier_of",
    "refine",
    "rendered",
    "with_features",
]

Array = NDArray[np.float32]
LEAST_KEPT = 0.25  # of a class's area that its matte must keep to speak for it


def classes_of(
    job: PhotorealJob, pictures: Sequence[Array], *, backbone: Backbone
) -> tuple[Classifier, list[Regions]]:
    """Classes that the photo and its styles have in common."""
    features = [_seen(picture, backbone) for picture in pictures]
    found = cluster(pictures, features, count=job.classes, seed=job.seed)
    return found, [found.classify(p, f) for p, f in zip(pictures, features, strict=True)]


def classifier_of(pictures: Sequence[Array], regions: Sequence[Regions], *, backbone: Backbone) -> Classifier:
    """What finds the classes of masks in pictures that have none."""
    return of_regions(pictures, [_seen(picture, backbone) for picture in pictures], regions)


def classified(look: Look, picture: Array, *, backbone: Backbone) -> Regions:
    """The classes of a look in a photo."""
    assert look.classifier is not None
    return replace(look.classifier.classify(picture, _seen(picture, backbone)), names=look.names)


def _seen(picture: Array, backbone: Backbone) -> Array:
    """Features ``(C, h, w)`` that classes are found by."""
    device = next(backbone.buffers()).device
    with torch.no_grad():
        found = backbone.features(tensors.from_array(picture).to(device), {LAYER})[LAYER]
    seen: Array = found[0].float().cpu().numpy()
    return seen


def with_features(
    picture: Array, regions: Regions, known: Sequence[Statistics | None], *, backbone: Backbone
) -> list[Statistics | None]:
    """Statistics of classes, and last of the whole, with what the network sees there."""
    # Through mattes, as the photo's classes are: what is compared is then alike, border and all.
    mattes = Mattes.of(picture, regions.labels, len(regions.names), sure=regions.sure)
    size = (regions.labels.shape[0], regions.labels.shape[1])
    soft = torch.from_numpy(mattes.shrunk(size))
    hard = torch.from_numpy(np.stack([regions.labels == i for i in range(len(soft))]).astype(np.float32))
    # A class of which nothing is sure has no matte: then its own pixels stand for it.
    lost = soft.sum((1, 2)) < LEAST_KEPT * hard.sum((1, 2))
    soft = torch.where(lost[:, None, None], hard, soft)
    small = looked_at(picture)
    alphas = torch.cat([soft, torch.ones_like(soft[:1])])
    found = methods.region_statistics(
        tensors.from_array(small), alphas, backbone=backbone, layers=tuple(FEATURE_LAYERS)
    )
    return [
        None if one is None else replace(one, features={k: v.numpy() for k, v in more.items()})
        for one, more in zip(known, found, strict=True)
    ]


def refine(
    job: PhotorealJob,
    subject: Subject,
    mattes: Mattes,
    given: Grade,
    *,
    backbone: Backbone,
    watch: Watch | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[BilateralGrid, Outcome]:
    """The grids of a subject, begun at the closed form."""
    grid = begun(job, [subject.small], [mattes], given)
    targets = targets_of(subject.look.classes, subject.look.whole)
    return grid, methods.photoreal(grid, targets, backbone=backbone, watch=watch, checkpoint=checkpoint)


def begun(
    job: PhotorealJob,
    pictures: Sequence[Array],
    mattes: Sequence[Mattes],
    given: Grade,
    *,
    steep: float = 0.0,
) -> BilateralGrid:
    """Grids at the closed form, which small copies of a photo, or of some frames of a film, share."""
    size = (pictures[0].shape[0], pictures[0].shape[1])
    quiet = [quieted(p, m.at(p), given.grain) for p, m in zip(pictures, mattes, strict=True)]
    return BilateralGrid(
        tensors.from_array(np.concatenate(quiet)),
        torch.from_numpy(np.concatenate([m.shrunk(size) for m in mattes], axis=1)),
        torch.from_numpy(given.maps),
        ends=torch.from_numpy(given.ends),
        realism=job.realism,
        frames=len(pictures),
        steep=steep,
    )


def targets_of(classes: Sequence[Statistics | None], whole: Statistics) -> list[Mapping[str, Tensor] | None]:
    """What each class shall look like to the network; those that the styles lack, like the whole."""
    return [
        {
            layer: torch.from_numpy(values)
            for layer, values in (whole if one is None else one).features.items()
        }
        for one in classes
    ]


def rendered(grid: BilateralGrid, photo: Array, mattes: Mattes, given: Grade) -> Array:
    """The grids on the photo ``(H, W, 3)`` at its full size."""
    device = grid.grid.device
    alphas = mattes.at(photo)
    quiet = tensors.from_array(quieted(photo, alphas, given.grain))
    return tensors.to_array(grid.slice(quiet.to(device), torch.from_numpy(alphas).to(device)))
