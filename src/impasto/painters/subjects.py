"""The subject of a ``photoreal`` job: its images read, their classes found, and what is said of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from impasto import looks
from impasto.errors import InputError
from impasto.jobs import PhotorealJob
from impasto.looks import Look, Regions, Statistics
from impasto.looks.class_coverage import table
from impasto.looks.clustering import Classifier, resize_input
from impasto.looks.grading import HARDLY, Subject, without_signal
from impasto.looks.look import blend, statistics
from impasto.looks.night_to_day import clear_night_sky
from impasto.painters.inputs import Inputs

if TYPE_CHECKING:
    import torch

    from impasto.backbones import Vgg

Array = NDArray[np.float32]
Log = Callable[[str], None]

MADE_UP = 0.02  # fraction of the result without signal in the content image that triggers a warning

_log = logging.getLogger("impasto")


class LazyBackbone:
    """Lazily loaded backbone.

    ``threads`` is the number of threads as given or, after loading, as it was at that time. Classes depend on
    it through rounding.
    """

    def __init__(self, job: PhotorealJob, threads: int | None = None) -> None:
        self.job, self.threads = job, threads

    @cached_property
    def device(self) -> torch.device:
        """Device of the backbone."""
        from impasto.backbones.devices import choose_device

        return choose_device(self.job.device)

    @cached_property
    def backbone(self) -> Vgg:
        """Backbone of the job; loading it imports PyTorch."""
        from impasto import backbones
        from impasto.backbones.devices import use_threads

        self.threads = use_threads(self.threads)
        return backbones.load(self.job.backbone, device=self.device, precision=self.job.precision)


def prepare(
    job: PhotorealJob,
    inputs: Inputs,
    *,
    eyes: LazyBackbone,
    features: bool,
    keep: bool = False,
    log: Log | None = None,
) -> Subject:
    """Read the inputs of a job, find the classes, and compute the style statistics.

    Args:
        job: the job.
        inputs: its input images.
        eyes: the backbone, loaded if needed.
        features: whether the look needs feature statistics.
        keep: store a classifier in the look that finds the classes of masks in other images.
        log: called with warnings; default: the log.

    Raises:
        InputError: an image, a mask or a look is not valid.
    """
    picture = inputs.read(job.content)
    rgb = inputs.read_at(job.content, job.size)
    # Classify at a fixed size, so that the classes do not depend on the output size.
    small = resize_input(rgb)
    seen = small if rgb.shape[:2] == picture.size else resize_input(picture.flat())
    if job.look is not None:
        look = looks.load(str(inputs.source(job.look)))
        look, own = _classes_of(job, inputs, look, seen, eyes=eyes, features=features, log=log)
        own = own.resize((small.shape[0], small.shape[1]))
        return _by_day(job, Subject(rgb, small, own, look), log)
    large = [inputs.read(name).flat() for name in job.styles]
    styles = [resize_input(picture) for picture in large]
    classifier, regions = _find_regions(job, inputs, [seen, *styles], eyes=eyes, keep=keep)
    found = [statistics(p, r) for p, r in zip(styles, regions[1:], strict=True)]
    if features:
        from impasto.painters.photoreal_refine import with_features

        found = [
            with_features(p, r, f, backbone=eyes.backbone)
            for p, r, f in zip(large, regions[1:], found, strict=True)
        ]
    *classes, whole = (blend(parts, _shares(job)) for parts in zip(*found, strict=True))
    assert whole is not None
    backbone = job.backbone if features or classifier is not None else None
    look = Look(regions[0].names, tuple(classes), whole, classifier, backbone, drawn=job.masks is not None)
    own = regions[0].resize((small.shape[0], small.shape[1]))
    return _by_day(job, Subject(rgb, small, own, look, tuple(regions[1:])), log)


def _by_day(job: PhotorealJob, subject: Subject, log: Log | None) -> Subject:
    """Return the subject of a night that becomes day without lamps in its sky, and say so."""
    if job.night is not None or subject.look.night is not None:
        return subject
    done = clear_night_sky(subject)
    if done is not subject:
        name = Path(str(job.content)).name
        (log or _log.info)(f"{name}: night sky detected; street lamps in it are removed")
    return done


def _find_regions(
    job: PhotorealJob, inputs: Inputs, pictures: list[Array], *, eyes: LazyBackbone, keep: bool
) -> tuple[Classifier | None, list[Regions]]:
    """Find the regions of content and style images, and the classifier for other images."""
    if job.masks is None and job.classes == 1:
        return None, [Regions(np.zeros(p.shape[:2], np.int16), ("whole",)) for p in pictures]
    if job.masks is None:
        from impasto.painters.photoreal_refine import classes_of

        return classes_of(job, pictures, backbone=eyes.backbone)
    sizes = [inputs.read(name).size for name in (job.content, *job.styles)]
    regions = looks.read_masks([inputs.source(name) for name in job.masks], sizes)
    regions = [r.resize((p.shape[0], p.shape[1])) for r, p in zip(regions, pictures, strict=True)]
    if not keep:
        return None, regions
    from impasto.painters.photoreal_refine import classifier_of

    return classifier_of(pictures, regions, backbone=eyes.backbone), regions


def _shares(job: PhotorealJob) -> list[float]:
    weights = job.weights or (1.0,) * len(job.styles)
    if min(weights) < 0 or not sum(weights) > 0:
        raise InputError(
            f"style weights must not be negative, nor all zero: got {', '.join(map(str, weights))}"
        )
    return [weight / sum(weights) for weight in weights]


def _classes_of(
    job: PhotorealJob,
    inputs: Inputs,
    look: Look,
    small: Array,
    *,
    eyes: LazyBackbone,
    features: bool,
    log: Log | None,
) -> tuple[Look, Regions]:
    """Return a saved look and its classes in the content image."""
    name = Path(str(job.look)).name
    if features and not look.has_features:
        raise InputError(f"{name} contains colors only: add --fast, or save it again without --fast")
    finds = look.classifier is not None and job.masks is None
    if look.backbone != job.backbone and (features or finds):
        raise InputError(f"{name} was made with backbone {look.backbone}: add --backbone {look.backbone}")
    if job.masks is not None:
        if look.classifier is not None and not look.drawn:
            raise InputError(f"{name} finds its classes itself and takes no masks: leave out --masks")
        size = inputs.read(job.content).size
        found = looks.read_masks([inputs.source(job.masks[0])], [size])[0]
        strange = [n for n in found.names if n not in look.names]
        if len(strange) == len(found.names):
            raise InputError(
                f"the mask has none of the classes of {name}: use {', '.join(look.names)}, not "
                f"{', '.join(found.names)}"
            )
        # A class that the look does not have gets no statistics; the table reports it.
        names = (*look.names, *strange)
        index = np.array([names.index(n) for n in found.names], np.int16)
        own = Regions(index[found.labels], names, thin=found.thin)
        own = own.resize((small.shape[0], small.shape[1]))
        return Look(names, (*look.classes, *(None for _ in strange)), look.whole), own
    if look.classifier is not None:
        from impasto.painters.photoreal_refine import classify

        if look.drawn:
            (log or _log.warning)(
                f"warning: {name} has classes from masks ({', '.join(look.names)}); they are detected "
                f"automatically, as there is no mask of {Path(job.content).name}"
            )
        return look, classify(look, small, backbone=eyes.backbone)
    if len(look.names) == 1:
        return look, Regions(np.zeros(small.shape[:2], np.int16), look.names)
    raise InputError(
        f"{name} has classes from masks ({', '.join(look.names)}): give a mask of the photo with --masks"
    )


def say_classes(
    job: PhotorealJob, subject: Subject, own: Sequence[Statistics | None], *, log: Log | None
) -> None:
    """Report the coverage of each class, and how classes missing on one side are handled."""
    rows = looks.coverage(own, subject.look, subject.regions, subject.styles)
    found, lines = len(subject.look.names), [table(rows)]
    searched = job.look is None and job.masks is None and job.classes > 1
    if searched and found == 1:
        lines.append("warning: only one class in common: using one color transform for the whole image")
    elif searched and found < job.classes:
        lines.append(f"{job.classes} classes requested, {found} found in all pictures")
    odd = any(row.words for row in rows) or (searched and found == 1)
    (log or (_log.warning if odd else _log.info))("\n".join(lines))


def say_signal(photo: Array, result: Array, *, log: Log | None) -> None:
    """Warn if the result is visible where the content image has little or no signal."""
    share = without_signal(photo, result)
    if share > MADE_UP:
        dim = without_signal(photo, result, least=HARDLY)
        (log or _log.warning)(
            f"warning: {share:.0%} of the result is light where the photo is too dark to show anything, "
            f"{dim:.0%} where it does not show much: the result is unreliable there"
        )
