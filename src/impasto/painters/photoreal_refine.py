"""The network-based part of ``photoreal``: classes, style features and refinement."""

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
from impasto.looks.clustering import LAYER, Classifier, cluster, of_regions, resize_input
from impasto.looks.grading import Subject, attenuate_noise, grade, replace_chroma, signal
from impasto.optim import Checkpoint, OptimizationResult
from impasto.parametrizations import BilateralGrid
from impasto.record import Watch

Array = NDArray[np.float32]
LEAST_KEPT = 0.25  # least fraction of the area of a class that its matte must cover to be used


def classes_of(
    job: PhotorealJob, pictures: Sequence[Array], *, backbone: Backbone
) -> tuple[Classifier, list[Regions]]:
    """Find the classes that all images have in common; return their classifier and regions."""
    features = [_compute_features(picture, backbone) for picture in pictures]
    found = cluster(pictures, features, count=job.classes, seed=job.seed)
    return found, [found.classify(p, f) for p, f in zip(pictures, features, strict=True)]


def classifier_of(pictures: Sequence[Array], regions: Sequence[Regions], *, backbone: Backbone) -> Classifier:
    """Return a classifier that finds the classes of given masks in other images."""
    return of_regions(pictures, [_compute_features(picture, backbone) for picture in pictures], regions)


def classify(look: Look, picture: Array, *, backbone: Backbone) -> Regions:
    """Classify an image with the classifier of a look."""
    assert look.classifier is not None
    return replace(look.classifier.classify(picture, _compute_features(picture, backbone)), names=look.names)


def _compute_features(picture: Array, backbone: Backbone) -> Array:
    """Compute the features ``(C, h, w)`` for classification."""
    device = backbone.device
    with torch.no_grad():
        found = backbone.features(tensors.from_array(picture).to(device), {LAYER})[LAYER]
    seen: Array = found[0].float().cpu().numpy()
    return seen


def with_features(
    picture: Array, regions: Regions, known: Sequence[Statistics | None], *, backbone: Backbone
) -> list[Statistics | None]:
    """Add feature statistics to those of each class and, last, of the whole image."""
    # Weighted by mattes, like the classes of the content image, so that both are comparable.
    mattes = Mattes.of(picture, regions.labels, len(regions.names), sure=regions.sure)
    size = (regions.labels.shape[0], regions.labels.shape[1])
    soft = torch.from_numpy(mattes.shrink(size))
    hard = torch.from_numpy(np.stack([regions.labels == i for i in range(len(soft))]).astype(np.float32))
    # A class without certain pixels has no matte: use its labels instead.
    lost = soft.sum((1, 2)) < LEAST_KEPT * hard.sum((1, 2))
    soft = torch.where(lost[:, None, None], hard, soft)
    small = resize_input(picture)
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
) -> tuple[BilateralGrid, OptimizationResult]:
    """Optimize the grids of a subject from the closed-form start."""
    grid = initial_grids(job, [subject.small], [mattes], given)
    targets = targets_of(subject.look.classes, subject.look.whole)
    return grid, methods.photoreal(grid, targets, backbone=backbone, watch=watch, checkpoint=checkpoint)


def initial_grids(
    job: PhotorealJob,
    pictures: Sequence[Array],
    mattes: Sequence[Mattes],
    given: Grade,
    *,
    steep: float = 0.0,
) -> BilateralGrid:
    """Return grids at the closed-form start, shared by small copies of an image or of several frames."""
    size = (pictures[0].shape[0], pictures[0].shape[1])
    quiet = [attenuate_noise(p, m.at(p), given.grain) for p, m in zip(pictures, mattes, strict=True)]
    return BilateralGrid(
        tensors.from_array(np.concatenate(quiet)),
        torch.from_numpy(np.concatenate([m.shrink(size) for m in mattes], axis=1)),
        torch.from_numpy(given.maps),
        ends=torch.from_numpy(given.ends),
        realism=job.realism,
        frames=len(pictures),
        steep=steep,
    )


def targets_of(classes: Sequence[Statistics | None], whole: Statistics) -> list[Mapping[str, Tensor] | None]:
    """Return the target features of each class; those of the whole for classes missing in the styles."""
    return [
        {
            layer: torch.from_numpy(values)
            for layer, values in (whole if one is None else one).features.items()
        }
        for one in classes
    ]


def render(grid: BilateralGrid, photo: Array, mattes: Mattes, given: Grade) -> Array:
    """Apply the grids to the content image ``(H, W, 3)`` at full size.

    A class that is too dark to have features keeps the colors of the closed form, and only its tone is
    refined: with nothing to go by, the optimization leaves color casts.
    """
    device = grid.grid.device
    alphas = mattes.at(photo)
    quiet = tensors.from_array(attenuate_noise(photo, alphas, given.grain))
    refined = tensors.to_array(grid.slice(quiet.to(device), torch.from_numpy(alphas).to(device)))
    unseen = 1 - signal(photo, alphas)
    if not unseen.any():
        return refined
    recolored = replace_chroma(refined, grade(photo, mattes, given))
    refined += np.tensordot(unseen, alphas, 1)[..., None] * (recolored - refined)
    return refined.clip(0, 1)
