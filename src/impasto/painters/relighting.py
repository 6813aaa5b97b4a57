"""``photoreal``: photorealistic transfer of a job. With masks and ``fast`` it needs no PyTorch."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from impasto import image, looks
from impasto.errors import InputError
from impasto.image import Source
from impasto.jobs import PhotorealJob
from impasto.looks import Look, Mattes, Regions, Statistics
from impasto.looks.clustering import Classifier, looked_at
from impasto.looks.coverage import table
from impasto.looks.grading import HARDLY, mixed, without_signal
from impasto.looks.look import blend, statistics
from impasto.looks.subject import Subject
from impasto.painters.inputs import Inputs, key_of
from impasto.painters.painting import gathered, named
from impasto.record import Point, Result, Watch

if TYPE_CHECKING:
    import torch

    from impasto.backbones import Vgg

Array = NDArray[np.float32]
Told = Callable[[str], None]

MADE_UP = 0.02  # fraction of the result without signal in the content image that triggers a warning

_log = logging.getLogger("impasto")


def photoreal(
    content: Source,
    styles: Source | Sequence[Source],
    *,
    masks: Sequence[Source] | None = None,
    save_look: Path | None = None,
    save_masks: Path | None = None,
    overwrite: bool = False,
    watch: Watch | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    told: Told | None = None,
    **settings: Any,
) -> Result:
    """Transfer light and colour of other photographs by semantic class, with a photorealistic result.

    Args:
        content: content image: a path, PIL image, array ``(H, W, 3)`` or tensor ``(1, 3, H, W)``, 0..1.
        styles: a photograph or a list of them, likewise; or the path of a saved ``.look``.
        masks: one mask of the content image, then one of each style image: the nine flat colours of
            ``impasto.looks.masks.COLOURS``, or ids in a grey image. Default: find the classes automatically.
        save_look: file for the statistics of the styles, which can be used as a style later.
        save_masks: folder for the class masks of content and style images, in the format of ``masks``.
        overwrite: replace existing files of ``save_look`` and ``save_masks``.
        watch: called with a :class:`impasto.Progress` after every step.
        checkpoint: checkpoint file; with ``resume``, the run resumes from it.
        told: called with the table of classes, and with warnings; default: the log.
        **settings: ``weights``, ``fast``, ``strength``, ``realism``, ``classes``, ``size``, ``seed``, ...

    Returns:
        The image with the recipe of the run; ``.save(path)`` writes it.

    Raises:
        InputError: an image, a mask, a look or a setting is not valid.
    """
    pictures, names = gathered(content, styles)
    if masks is not None:
        names["masks"] = [named(mask, f"mask-{i}", pictures) for i, mask in enumerate(masks)]
    job = PhotorealJob.parse({**settings, **names})
    return run(
        job,
        pictures=pictures,
        save_look=save_look,
        save_masks=save_masks,
        overwrite=overwrite,
        watch=watch,
        checkpoint=checkpoint,
        resume=resume,
        told=told,
    )


def run(
    job: PhotorealJob,
    *,
    pictures: Mapping[str, Source] | None = None,
    save_look: Path | None = None,
    save_masks: Path | None = None,
    overwrite: bool = False,
    watch: Watch | None = None,
    checkpoint: Path | None = None,
    save_every: int = 50,
    resume: bool = False,
    threads: int | None = None,
    told: Told | None = None,
) -> Result:
    """Run a job; arguments as for :func:`photoreal` and ``painters.run``."""
    start = time.monotonic()
    inputs = Inputs(job, pictures or {})
    eyes = Eyes(job, threads)
    saves = save_look is not None
    subject = prepare(job, inputs, eyes=eyes, features=not job.fast or saves, keep=saves, told=told)
    if save_look is not None:
        looks.save(subject.look, save_look, overwrite=overwrite)
    if save_masks is not None:
        _save_masks(subject, save_masks, overwrite=overwrite)
    given, own = looks.shift(subject.small, subject.regions, subject.look)
    say_classes(job, subject, own, told=told)
    mattes = Mattes.of(
        subject.photo, subject.regions.labels, len(subject.look.names), sure=subject.regions.sure, told=told
    )
    photo = inputs.read(job.content)
    history: tuple[Point, ...] = ()
    stopped = False
    if job.fast:
        recipe = inputs.recipe("cpu", engine="numpy", threads=eyes.threads or os.cpu_count() or 1)
        painted = looks.grade(subject.photo, mattes, given, strength=job.strength)
        history = (Point(time.monotonic() - start, 1, 0.0, {}),)
    else:
        from impasto.backbones.devices import use_threads
        from impasto.painters.refining import Checkpoint, refine, rendered

        threads = use_threads(eyes.threads)
        recipe = inputs.recipe(str(next(eyes.backbone.buffers()).device), engine="torch", threads=threads)
        keeper = None
        if checkpoint is not None:
            keeper = Checkpoint(checkpoint, every=save_every, key=key_of(recipe), resume=resume)
        grid, outcome = refine(
            job, subject, mattes, given, backbone=eyes.backbone, watch=watch, checkpoint=keeper
        )
        painted = mixed(subject.photo, rendered(grid, subject.photo, mattes, given), job.strength)
        history, stopped = outcome.history, outcome.stopped
    say_signal(subject.small, looked_at(painted), told=told)
    alpha = None if photo.alpha is None else image.resize(photo.alpha, (painted.shape[0], painted.shape[1]))
    bits = 16 if photo.bits == 16 else 8
    kept = None if job.strip else image.read_metadata(inputs.source(job.content))
    return Result(
        painted,
        recipe,
        history,
        alpha=alpha,
        bits=bits,  # type: ignore[arg-type]
        stopped=stopped,
        metadata=kept,
    )


class Eyes:
    """Lazily loaded backbone.

    ``threads`` is the number of threads as given or, after loading, as it was at that time. Classes depend on
    it through rounding, and a later import may change it.
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
    eyes: Eyes,
    features: bool,
    keep: bool = False,
    told: Told | None = None,
) -> Subject:
    """Read the inputs of a job, find the classes, and compute the style statistics.

    Args:
        job: the job.
        inputs: its input images.
        eyes: the backbone, loaded if needed.
        features: whether the look needs feature statistics.
        keep: store a classifier in the look that finds the classes of masks in other images.
        told: called with warnings; default: the log.

    Raises:
        InputError: an image, a mask or a look is not valid.
    """
    picture = inputs.read(job.content)
    size = image.fit(picture.size, job.size) if isinstance(job.size, int) else picture.size
    rgb = picture.flat() if size == picture.size else image.resize(picture.flat(), size)
    # Classify at a fixed size, so that the classes do not depend on the output size.
    small, seen = looked_at(rgb), looked_at(picture.flat())
    if job.look is not None:
        look = looks.load(str(inputs.source(job.look)))
        look, own = _classes_of(job, inputs, look, seen, eyes=eyes, features=features, told=told)
        return Subject(rgb, small, own.resized((small.shape[0], small.shape[1])), look)
    large = [inputs.read(name).flat() for name in job.styles]
    styles = [looked_at(picture) for picture in large]
    classifier, regions = _found(job, inputs, [seen, *styles], eyes=eyes, keep=keep)
    found = [statistics(p, r) for p, r in zip(styles, regions[1:], strict=True)]
    if features:
        from impasto.painters.refining import with_features

        found = [
            with_features(p, r, f, backbone=eyes.backbone)
            for p, r, f in zip(large, regions[1:], found, strict=True)
        ]
    *classes, whole = (blend(parts, _shares(job)) for parts in zip(*found, strict=True))
    assert whole is not None
    backbone = job.backbone if features or classifier is not None else None
    look = Look(regions[0].names, tuple(classes), whole, classifier, backbone, drawn=job.masks is not None)
    own = regions[0].resized((small.shape[0], small.shape[1]))
    return Subject(rgb, small, own, look, tuple(regions[1:]))


def _found(
    job: PhotorealJob, inputs: Inputs, pictures: list[Array], *, eyes: Eyes, keep: bool
) -> tuple[Classifier | None, list[Regions]]:
    """Find the regions of content and style images, and the classifier for other images."""
    if job.masks is None and job.classes == 1:
        return None, [Regions(np.zeros(p.shape[:2], np.int16), ("whole",)) for p in pictures]
    if job.masks is None:
        from impasto.painters.refining import classes_of

        return classes_of(job, pictures, backbone=eyes.backbone)
    sizes = [inputs.read(name).size for name in (job.content, *job.styles)]
    regions = looks.read_masks([inputs.source(name) for name in job.masks], sizes)
    regions = [r.resized((p.shape[0], p.shape[1])) for r, p in zip(regions, pictures, strict=True)]
    if not keep:
        return None, regions
    from impasto.painters.refining import classifier_of

    return classifier_of(pictures, regions, backbone=eyes.backbone), regions


def _save_masks(subject: Subject, folder: Path, *, overwrite: bool) -> None:
    """Write the classes as masks: ``photo.png``, and ``style.png``, or ``style-1.png`` and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    several = len(subject.styles) > 1
    names = [
        f"style-{number}.png" if several else "style.png" for number in range(1, len(subject.styles) + 1)
    ]
    for name, regions in zip(["photo.png", *names], [subject.regions, *subject.styles], strict=True):
        image.write(folder / name, looks.drawn(regions), overwrite=overwrite)


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
    eyes: Eyes,
    features: bool,
    told: Told | None,
) -> tuple[Look, Regions]:
    """Return a saved look and its classes in the content image."""
    name = Path(str(job.look)).name
    if features and not look.has_features:
        raise InputError(f"{name} contains colours only: add --fast, or save it again without --fast")
    finds = look.classifier is not None and job.masks is None
    if look.backbone != job.backbone and (features or finds):
        raise InputError(f"{name} was made with backbone {look.backbone}: add --backbone {look.backbone}")
    if job.masks is not None:
        if look.classifier is not None and not look.drawn:
            raise InputError(f"{name} has a classifier and takes no masks: leave out --masks")
        size = inputs.read(job.content).size
        found = looks.read_masks([inputs.source(job.masks[0])], [size])[0]
        strange = [n for n in found.names if n not in look.names]
        if len(strange) == len(found.names):
            raise InputError(
                f"the mask has {', '.join(found.names)}, {name} only {', '.join(look.names)}: use those"
            )
        # A class that the look does not have gets no statistics; the table reports it.
        names = (*look.names, *strange)
        index = np.array([names.index(n) for n in found.names], np.int16)
        own = Regions(index[found.labels], names, thin=found.thin)
        own = own.resized((small.shape[0], small.shape[1]))
        return Look(names, (*look.classes, *(None for _ in strange)), look.whole), own
    if look.classifier is not None:
        from impasto.painters.refining import classified

        if look.drawn:
            (told or _log.warning)(
                f"warning: {name} has classes from masks ({', '.join(look.names)}); they are detected "
                f"automatically, as there is no mask of {Path(job.content).name}"
            )
        return look, classified(look, small, backbone=eyes.backbone)
    if len(look.names) == 1:
        return look, Regions(np.zeros(small.shape[:2], np.int16), look.names)
    raise InputError(
        f"{name} has classes from masks ({', '.join(look.names)}): give a mask of the photo with --masks"
    )


def say_classes(
    job: PhotorealJob, subject: Subject, own: Sequence[Statistics | None], *, told: Told | None
) -> None:
    """Report the coverage of each class, and how classes missing on one side are handled."""
    rows = looks.coverage(own, subject.look, subject.regions, subject.styles)
    found, lines = len(subject.look.names), [table(rows)]
    searched = job.look is None and job.masks is None and job.classes > 1
    if searched and found == 1:
        lines.append("warning: only one class in common: using one map for the whole picture")
    elif searched and found < job.classes:
        lines.append(f"{job.classes} classes requested, {found} found in all pictures")
    odd = any(row.words for row in rows) or (searched and found == 1)
    (told or (_log.warning if odd else _log.info))("\n".join(lines))


def say_signal(photo: Array, result: Array, *, told: Told | None) -> None:
    """Warn if the result is visible where the content image has little or no signal."""
    share = without_signal(photo, result)
    if share > MADE_UP:
        dim = without_signal(photo, result, least=HARDLY)
        (told or _log.warning)(
            f"warning: {share:.0%} of the photo is too dark to show anything, and {dim:.0%} to show much: "
            f"the result is unreliable there"
        )
