"""Recreate an image or video from the recipe in its metadata."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, overload

from impasto import files, image
from impasto.errors import InputError
from impasto.jobs import FILMS, LOOK
from impasto.painters import learned
from impasto.record import Progress, Recipe, Result, Watch, other_version, version
from impasto.session import Session
from impasto.verbs.run import VERBS, Outcome, run

if TYPE_CHECKING:
    from impasto.films import FilmResult

_log = logging.getLogger("impasto")

MOST_FILES = 20_000  # searched per folder, to bound a search from the root of a disk


def load_recipe(picture: str | Path) -> Recipe:
    """Return the recipe in the metadata of an image or video.

    Raises:
        InputError: the file is neither, or has no recipe.
    """
    if Path(picture).is_dir():
        raise InputError(f"{picture} is a folder: frames carry no recipe; replay a .mp4, .mov, .mkv or .webm")
    text = _comment(picture) if _is_film(picture) else image.read_recipe(picture)
    if text is None:
        raise InputError(
            f"{picture} carries no recipe: images, and .mp4, .mov, .mkv and .webm written by impasto have one"
        )
    return Recipe.from_json(text)


@overload
def replay(
    picture: str | Path,
    out: None = None,
    *,
    search: Sequence[str | Path] = (),
    watch: Watch | None = None,
    overwrite: bool = False,
) -> Result: ...
@overload
def replay(
    picture: str | Path,
    out: str | Path,
    *,
    search: Sequence[str | Path] = (),
    watch: Watch | None = None,
    overwrite: bool = False,
) -> Result | FilmResult: ...
def replay(
    picture: str | Path,
    out: str | Path | None = None,
    *,
    search: Sequence[str | Path] = (),
    watch: Watch | None = None,
    overwrite: bool = False,
) -> Result | FilmResult:
    """Recreate an image or a video with the settings and inputs of its recipe.

    Args:
        picture: an image or a video written by impasto.
        out: file to write; a video needs one.
        search: folders to search for inputs, in addition to the image's own and the current one; files are
            identified by content, whatever their names.
        watch: called after every step of an image.
        overwrite: replace an existing output.

    Raises:
        InputError: there is no recipe, or an input is not found.
        OutputError: the output cannot be written.

    Examples:
        >>> replay("out.png", search=["photos"]).save("again.png")  # doctest: +SKIP
    """
    session = Session(watch=watch, overwrite=overwrite)
    target = None if out is None else Path(out)
    found: Result | FilmResult = run_again(picture, target, search=search, session=session).value
    return found


def run_again(
    picture: str | Path, out: Path | None, *, search: Sequence[str | Path] = (), session: Session = Session()
) -> Outcome:
    """Run the job in a recipe again; arguments as for :func:`replay`."""
    found = load_recipe(picture)
    verb = VERBS.get(found.verb)
    if verb is None or not verb.replays:
        raise InputError(f"{picture} was made by '{found.verb}', which cannot be replayed")
    inputs = inputs_of(found, picture, search=search)
    if other := other_version(found.versions):
        _log.warning("%s was made by %s, and this is %s: the result may differ", picture, other, version())
    watch = _until(found.stopped, session.watch) if found.stopped else session.watch
    session = replace(session, watch=watch, pictures=inputs, threads=found.threads)
    return run(verb.job.parse(found.job), out, session)


def _until(steps: int, watch: Watch | None) -> Watch:
    """Return a watch that stops after ``steps`` steps, as the original run was stopped."""
    count = itertools.count(1)

    def report(progress: Progress) -> None:
        if watch:
            watch(progress)
        if next(count) >= steps:
            raise KeyboardInterrupt

    return report


def inputs_of(found: Recipe, picture: str | Path, *, search: Sequence[str | Path] = ()) -> dict[str, Path]:
    """Return the paths of a recipe's inputs by name, and check its learned styles.

    They are searched beside ``picture``, which has the recipe, and as for :func:`replay`.

    Raises:
        InputError: an input is not found.
    """
    folders = [Path(picture).resolve().parent, Path.cwd(), *map(Path, search)]
    styles = {name: digest for name, digest in found.inputs.items() if digest.startswith(learned.DIGEST)}
    learned.check(styles, network=found.job.get("network"), other=other_version(found.versions))
    others = {name: digest for name, digest in found.inputs.items() if name not in styles}
    return {name: find(name, digest, folders=folders) for name, digest in others.items()}


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
    for path in itertools.islice(sorted(folder.rglob("*")), MOST_FILES):
        if path.suffix.lower() in suffixes and path.is_file():
            yield path


def _is_film(path: str | Path) -> bool:
    return Path(path).suffix.lower() in FILMS


def _comment(film: str | Path) -> str | None:
    from impasto.media import FilmReader  # loads PyAV, which images do not need

    with FilmReader(film) as reader:
        text = reader.comment
    return text if text.startswith("{") else None
