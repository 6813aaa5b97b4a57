"""Films painted again from the recipe in their metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from impasto import recipes
from impasto.errors import InputError
from impasto.films.painting import FilmResult, Told, paint_film
from impasto.jobs import DreamJob, PhotorealJob, VideoJob
from impasto.record import Recipe

# Settings that name files.
FILES = ("film", "styles", "mask", "processed", "content", "guide", "style")


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
    settings = {k: _placed(v, inputs) if k in FILES else v for k, v in found.job.items()}
    make = _maker(found, settings, film)
    result: FilmResult = make(out=out, overwrite=overwrite, told=told, threads=found.threads)
    return result


def _maker(found: Recipe, settings: Mapping[str, Any], film: Path) -> partial[FilmResult]:
    if found.verb == VideoJob.verb:
        return partial(paint_film, VideoJob.parse(settings))
    if found.verb == PhotorealJob.verb:
        from impasto.films.grading import grade_film

        return partial(grade_film, PhotorealJob.parse(settings))
    if found.verb != DreamJob.verb:
        raise InputError(f"{film} was made by '{found.verb}', which cannot be replayed")
    from impasto.films.dreaming import dream_film
    from impasto.films.zooming import zoom

    job = DreamJob.parse(settings)
    return partial(zoom if job.zoom else dream_film, job)


def _placed(value: Any, inputs: Mapping[str, Path]) -> Any:
    """A setting with the files that were found in place of their names."""
    if isinstance(value, list):
        return [_placed(item, inputs) for item in value]
    return str(inputs[value]) if value in inputs else value
