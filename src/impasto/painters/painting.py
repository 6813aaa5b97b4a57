"""``stylize``: a style is a picture, to be painted by optimisation, or a name, to be painted at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from impasto import image
from impasto.image import Picture, Source
from impasto.jobs import StylizeJob
from impasto.painters.inputs import LARGE, Inputs, masked
from impasto.painters.paintings import spread
from impasto.record import Result, Watch

STRIP = 256  # rows that are mixed at a time


def stylize(
    content: Source,
    styles: Source | Sequence[Source],
    *,
    watch: Watch | None = None,
    checkpoint: Path | None = None,
    save_every: int = 50,
    resume: bool = False,
    **settings: Any,
) -> Result:
    """Paints a photo in the style of one or several pictures, or of learned styles.

    Args:
        content: the photo: a path, PIL image, array ``(H, W, 3)`` or tensor ``(1, 3, H, W)``, 0..1.
        styles: one painting or a list of them, likewise; a folder of some; or names of learned styles.
        watch: called with a :class:`impasto.Progress` after every step; raise KeyboardInterrupt to keep what
            there is.
        checkpoint: a file to save the run in, every ``save_every`` evaluations; with ``resume``, a killed run
            goes on from it.
        **settings: the other fields of :class:`impasto.StylizeJob`: ``weights``, ``strength``, ``size``,
            ``preset``, ``blend``, ``mask``, ``color``, ``method``, ``seed``, ...

    Returns:
        The picture with the recipe and the history of the run; ``.save(path)`` writes it.

    Raises:
        InputError: a picture or a setting that cannot be used.

    Examples:
        >>> out = stylize("photo.jpg", ["starry.jpg", "scream.jpg"], weights=[0.7, 0.3])  # doctest: +SKIP
        >>> out.save("out.png")  # doctest: +SKIP
    """
    pictures, names = gathered(content, styles)
    job = StylizeJob.parse({**settings, **names})
    return run(
        job, pictures=pictures, watch=watch, checkpoint=checkpoint, save_every=save_every, resume=resume
    )


def gathered(content: Source, styles: Source | Sequence[Source]) -> tuple[dict[str, Source], dict[str, Any]]:
    """Pictures in memory by the names they are given, and the names of a photo and its styles."""
    pictures: dict[str, Source] = {}
    several = list(styles) if isinstance(styles, (list, tuple)) else [cast("Source", styles)]
    names = {
        "content": named(content, "content", pictures),
        "styles": [named(style, f"style-{i}", pictures) for i, style in enumerate(several, 1)],
    }
    return pictures, names


def named(source: Source, name: str, pictures: dict[str, Source]) -> str:
    """The path of a source, or a name under which a picture in memory is handed on."""
    if isinstance(source, (str, Path)):
        return str(source)
    pictures[name] = source
    return name


def run(
    job: StylizeJob,
    *,
    pictures: Mapping[str, Source] | None = None,
    watch: Watch | None = None,
    checkpoint: Path | None = None,
    save_every: int = 50,
    resume: bool = False,
    threads: int | None = None,
    budget: int | None = None,
) -> Result:
    """Runs a job.

    ``pictures`` hands in what the job's names stand for, where that is not a file of that name; ``threads``
    sets how many the engine computes with (sums depend on it in their last bits); ``budget`` the bytes to
    plan for where the job does not say, in place of all that are free. The rest is as for
    :func:`stylize`.
    """
    from impasto.painters import learned

    job = spread(job, pictures)
    inputs = Inputs(job, pictures or {})
    found = learned.find_all(job, inputs)
    if found:
        result = learned.paint(job, inputs, found, watch=watch, threads=threads)
    else:
        from impasto.painters.optimising import optimise

        result = optimise(
            job,
            inputs,
            watch=watch,
            checkpoint=checkpoint,
            save_every=save_every,
            resume=resume,
            threads=threads,
            budget=budget,
        )
    if job.photoreal:
        result = _projected(result, inputs.read(job.content), realism=job.realism)
    if not job.strip:
        result = replace(result, metadata=image.read_metadata(inputs.source(job.content)))
    return _kept(result, job, inputs)


def _kept(result: Result, job: StylizeJob, inputs: Inputs) -> Result:
    """The photo itself where no mask is white."""
    painted = result.picture
    where = masked(job, inputs, (painted.shape[0], painted.shape[1]))
    if where is None:
        return result
    plain = inputs.read_bytes(job.content, least=LARGE)
    photo = inputs.read(job.content).flat() if plain is None else plain
    if photo.shape != painted.shape:
        photo = image.resize(photo, (painted.shape[0], painted.shape[1]))
    found = np.empty_like(painted)
    for first in range(0, len(painted), STRIP):  # as floats a huge picture takes much memory
        part = slice(first, first + STRIP)
        own = image.floats(photo[part]).clip(0, 1)
        mixed = own + where[part, :, None] * (image.floats(painted[part]) - own)
        found[part] = mixed * 255 + 0.5 if found.dtype == np.uint8 else mixed
    return replace(result, picture=found)


def _projected(result: Result, photo: Picture, *, realism: float) -> Result:
    """The photo in the light of what was painted from it."""
    from impasto.methods.projection import project

    painted = result.picture
    if painted.dtype == np.uint8:
        painted = painted.astype(np.float32) / np.float32(255)
    content = image.resize(photo.flat(), (painted.shape[0], painted.shape[1]))
    return replace(result, picture=project(content, painted, realism=realism))
