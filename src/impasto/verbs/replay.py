"""Recreate an image or video from the recipe in its metadata."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from impasto import files, image, painters
from impasto.errors import InputError
from impasto.jobs import FILMS, LOOK, DreamJob, PhotorealJob, StylizeJob, VideoJob, VisualizeJob
from impasto.jobs.base import Job
from impasto.painters import learned, relighting
from impasto.record import Progress, Recipe, Result, Watch

if TYPE_CHECKING:
    from impasto.films import FilmResult
    from impasto.films.painting import Told

J = TypeVar("J", bound=Job)

MOST_FILES = 20_000  # searched per folder, to bound a search from the root of a disk


def recipe_of(picture: str | Path) -> Recipe:
    """Return the recipe in the metadata of an image or video.

    Raises:
        InputError: the file is neither, or has no recipe.
    """
    text = _comment(picture) if _is_film(picture) else image.read_recipe(picture)
    if text is None:
        raise InputError(
            f"{picture} carries no recipe: only images and videos written by impasto can be replayed"
        )
    return Recipe.from_json(text)


def replay(picture: str | Path, *, search: Sequence[str | Path] = (), watch: Watch | None = None) -> Result:
    """Recreate an image with the settings and inputs of its recipe.

    Args:
        picture: an image written by impasto.
        search: folders to search for inputs, in addition to the image's own and the current one; files are
            identified by content, whatever their names.
        watch: called after every step.

    Raises:
        InputError: there is no recipe, or an input is not found.

    Examples:
        >>> replay("out.png", search=["photos"]).save("again.png")  # doctest: +SKIP
    """
    if _is_film(picture):
        raise InputError(f"{picture} is a video: use impasto.verbs.replay.replay_film, or impasto replay")
    found = recipe_of(picture)
    if found.verb not in (StylizeJob.verb, PhotorealJob.verb, DreamJob.verb, VisualizeJob.verb):
        raise InputError(f"{picture} was made by '{found.verb}', which cannot be replayed")
    inputs = inputs_of(found, picture, search=search)
    watch = _until(found.stopped, watch) if found.stopped else watch
    if found.verb == PhotorealJob.verb:
        again = PhotorealJob.parse(dict(found.job))
        return relighting.run(again, pictures=inputs, watch=watch, threads=found.threads)
    if found.verb != StylizeJob.verb:
        return _replay_dream(found, inputs, watch)
    job = StylizeJob.parse(dict(found.job))
    return painters.run(job, pictures=inputs, watch=watch, threads=found.threads)


def replay_film(
    film: Path,
    *,
    out: Path,
    search: Sequence[str | Path] = (),
    overwrite: bool = False,
    told: Told | None = None,
) -> FilmResult:
    """Recreate a video with the settings and inputs of its recipe.

    Args:
        film: a video written by impasto, as MP4, MOV, MKV or WebM.
        out, overwrite, told: see :func:`impasto.films.paint_film`.
        search: see :func:`replay`.

    Raises:
        InputError: there is no recipe, or an input is not found.
        OutputError: the video cannot be written.
    """
    found = recipe_of(film)
    inputs = inputs_of(found, film, search=search)
    make = _maker(found, inputs, film)
    result: FilmResult = make(out=out, overwrite=overwrite, told=told, threads=found.threads)
    return result


def _maker(found: Recipe, inputs: Mapping[str, Path], film: Path) -> partial[FilmResult]:
    def again(kind: type[J]) -> J:
        """Return the job with the paths of its inputs."""
        return kind.parse(kind.renamed(found.job, lambda name: str(inputs.get(name, name))))

    if found.verb == VideoJob.verb:
        from impasto.films import paint_film  # loads PyAV, which images do not need

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


def _until(steps: int, watch: Watch | None) -> Watch:
    """Return a watch that stops after ``steps`` steps, as the original run was stopped."""
    count = itertools.count(1)

    def told(progress: Progress) -> None:
        if watch:
            watch(progress)
        if next(count) >= steps:
            raise KeyboardInterrupt

    return told


def inputs_of(found: Recipe, picture: str | Path, *, search: Sequence[str | Path] = ()) -> dict[str, Path]:
    """Return the paths of a recipe's inputs by name, and check its learned styles.

    Args:
        found: the recipe.
        picture: the file with the recipe; its folder is searched.
        search: see :func:`replay`.

    Raises:
        InputError: an input is not found.
    """
    folders = [Path(picture).resolve().parent, Path.cwd(), *map(Path, search)]
    styles = {name: digest for name, digest in found.inputs.items() if digest.startswith(learned.DIGEST)}
    learned.check(styles)
    return {
        name: find(name, digest, folders=folders)
        for name, digest in found.inputs.items()
        if name not in styles
    }


def _replay_dream(found: Recipe, inputs: Mapping[str, Path], watch: Watch | None) -> Result:
    from impasto.painters import dreaming  # loads PyTorch, which learned styles do not need

    if found.verb == DreamJob.verb:
        dream = DreamJob.parse(dict(found.job))
        return dreaming.run_dream(dream, pictures=inputs, watch=watch, threads=found.threads)
    return dreaming.run_visualize(VisualizeJob.parse(dict(found.job)), watch=watch, threads=found.threads)


def find(name: str, digest: str, *, folders: Iterable[Path]) -> Path:
    """Return the file with this SHA-256, preferably under its own name.

    Raises:
        InputError: it is in none of the folders.
    """
    places = list(dict.fromkeys(folders))
    for folder in places:
        path = folder / Path(name).name
        if path.is_file() and files.sha256(path) == digest:
            return path
    suffixes = FILMS if _is_film(name) else (*image.READABLE, LOOK)
    for folder in places:
        for path in _files(folder, suffixes):
            if files.sha256(path) == digest:
                return path
    looked = ", ".join(str(place) for place in places)
    raise InputError(f"the input {name} was not found in {looked}: name its folder with --search")


def _files(folder: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    for count, path in enumerate(sorted(folder.rglob("*"))):
        if count >= MOST_FILES:
            return
        if path.suffix.lower() in suffixes and path.is_file():
            yield path


def _is_film(path: str | Path) -> bool:
    return Path(path).suffix.lower() in FILMS


def _comment(film: str | Path) -> str | None:
    from impasto.video import FilmReader  # loads PyAV, which images do not need

    with FilmReader(film) as reader:
        text = reader.comment
    return text if text.startswith("{") else None
