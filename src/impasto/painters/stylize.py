"""``stylize``: by optimization for style images, by a network for learned styles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from impasto import image
from impasto.image import Picture
from impasto.jobs import StylizeJob
from impasto.painters.inputs import LARGE, Inputs, sum_masks
from impasto.painters.style_folders import expand_folders
from impasto.record import Result
from impasto.session import Session

STRIP = 256  # rows blended at a time


def run(job: StylizeJob, session: Session = Session()) -> Result:
    """Run a job; ``session`` has the progress callback, the checkpoint, the threads and images in memory."""
    from impasto.painters import instant, learned

    job = expand_folders(job, session.pictures)
    if job.tune is not None:
        job = instant.tune_styles(job, session.pictures)
    inputs = Inputs(job, session.pictures)
    found = learned.find_all(job, inputs)
    if found:
        result = learned.paint(job, inputs, found, session)
    else:
        from impasto.painters.optimize import optimize

        result = optimize(job, inputs, session)
    if job.photoreal:
        result = _project_colors(result, inputs.read(job.content), realism=job.realism)
    if not job.strip:
        result = replace(result, metadata=image.read_metadata(inputs.source(job.content)))
    return _restore_content(result, job, inputs)


def _restore_content(result: Result, job: StylizeJob, inputs: Inputs) -> Result:
    """Restore the content image outside the masks."""
    painted = result.picture
    where = sum_masks(job, inputs, (painted.shape[0], painted.shape[1]))
    if where is None:
        return result
    plain = inputs.read_bytes(job.content, least=LARGE)
    photo = inputs.read(job.content).flat() if plain is None else plain
    if photo.shape != painted.shape:
        photo = image.resize(photo, (painted.shape[0], painted.shape[1]))
    found = np.empty_like(painted)
    for first in range(0, len(painted), STRIP):  # in strips, to avoid a float copy of a huge image
        part = slice(first, first + STRIP)
        own = image.floats(photo[part]).clip(0, 1)
        mixed = own + where[part, :, None] * (image.floats(painted[part]) - own)
        found[part] = mixed * 255 + 0.5 if found.dtype == np.uint8 else mixed
    return replace(result, picture=found)


def _project_colors(result: Result, photo: Picture, *, realism: float) -> Result:
    """Project the result to the light and color changes of a photograph."""
    from impasto.methods.projection import project

    painted = result.picture
    if painted.dtype == np.uint8:
        painted = painted.astype(np.float32) / np.float32(255)
    content = image.resize(photo.flat(), (painted.shape[0], painted.shape[1]))
    return replace(result, picture=project(content, painted, realism=realism))
