"""Films painted again from the recipe in their metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from impasto import recipes
from impasto.errors import InputError
from impasto.films.painting import FilmResult, Told, paint_film
from impasto.jobs import DreamJob, PhotorealJob, VideoJob
from impasto.jobs.base import Job
from impasto.record import Recipe

J = TypeVar("J", bound=Job)


def replay_film(
    film: Path,
    *,
    out: Path,
    search: Sequence[str | Path] = (),
    overwrite: bool = False,
    told: Told | None = None,
) -> FilmResult:
    """Paints a film again, with the settings and the inputs of the first time.

    Args:
        film: one written by impasto, as MP4, MOV, MKV or WebM.
        out, overwrite, told: see :func:`impasto.films.paint_film`.
        search: see :func:`impasto.replay`.

    Raises:
        InputError: no recipe, or an input that cannot be found.
        OutputError: the film cannot be written.
    """
    found = recipes.recipe_of(film)
    inputs = recipes.inputs_of(found, film, search=search)
    make = _maker(found, inputs, film)
    result: FilmResult = make(out=out, overwrite=overwrite, told=told, threads=found.threads)
    return result


def _maker(found: Recipe, inputs: Mapping[str, Path], film: Path) -> partial[FilmResult]:
    def again(kind: type[J]) -> J:
        """The job, with the files that were found in place of their names."""
        return kind.parse(kind.renamed(found.job, lambda name: str(inputs.get(name, name))))

    if found.verb == VideoJob.verb:
        return partial(paint_film, again(VideoJob))
    if found.verb == PhotorealJob.verb:
        from impasto.films.grading import grade_film

        return partial(grade_film, again(PhotorealJob))
    if found.verb != DreamJob.verb:
        raise InputError(f"{film} was made by '{found.verb}', which cannot be replayed")
    from impasto.films.dreaming import dream_film
    from impasto.films.zooming import zoom

    job = again(DreamJob)
    return partial(zoom if job.zoom else dream_film, job)
