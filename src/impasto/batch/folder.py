"""Many photos, one after the other: what is done is skipped, what is bad is told at the end."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from impasto import image
from impasto.errors import ImpastoError, InputError, OutputError
from impasto.jobs import FILMS

SHOWN = 3  # names of files that were passed over


@dataclass(frozen=True)
class Report:
    """What became of each photo: painted, skipped because its output was there, or refused with a reason."""

    painted: tuple[Path, ...]
    skipped: tuple[Path, ...]
    refused: tuple[tuple[Path, str], ...]


def photos(content: str) -> list[Path] | None:
    """The photos that a folder or a pattern stands for; None if ``content`` is a single file's name.

    Those of a folder are known by their first bytes where not by their suffix; a pattern names all it fits.

    Raises:
        InputError: nothing there looks like a picture.
    """
    path = Path(content)
    if path.is_dir():
        found, passed = image.pictures_among(path.iterdir())
    elif any(c in content for c in "*?[") and not path.exists():
        passed = []
        found = sorted(Path(p) for p in glob.iglob(content, recursive=True) if Path(p).is_file())  # noqa: PTH207 - absolute patterns too
    else:
        return None
    found = [p for p in found if not p.name.startswith(".")]
    if not found:
        others = f", but {len(passed)} other files" if passed else ""
        raise InputError(f"{content}: no pictures there{others}: give a folder with pictures in it")
    return found


def passed_over(content: str) -> str | None:
    """A line on the files of a folder that are no pictures; None where there are none."""
    passed = image.pictures_among(Path(content).iterdir()).passed if Path(content).is_dir() else []
    if not passed:
        return None
    names = [path.name for path in passed[:SHOWN]] + ["..."] * (len(passed) > SHOWN)
    films = "; impasto video paints films" if any(p.suffix.lower() in FILMS for p in passed) else ""
    count = "1 file that is no picture" if len(passed) == 1 else f"{len(passed)} files that are no pictures"
    return f"{content}: passed over {count} ({', '.join(names)}){films}"


def stems(sources: Sequence[Path]) -> dict[Path, str]:
    """What each photo's picture is called, without suffix: two of one name keep theirs to be told apart.

    Photos of several folders keep theirs as well, from the last one that all lie in.
    """
    count = Counter(source.with_name(source.stem) for source in sources)
    above = os.path.commonpath([source.parent for source in sources])
    found = {}
    for source in sources:
        plain = source.with_name(source.stem)
        named = source.with_name(f"{source.stem}-{source.suffix[1:]}") if count[plain] > 1 else plain
        found[source] = named.relative_to(above).as_posix()
    return found


def paint_each(
    sources: Sequence[Path],
    paint: Callable[[Path, Path], None],
    *,
    target: Callable[[Path], Path],
    overwrite: bool = False,
    told: Callable[[Path, str], None],
) -> Report:
    """Calls ``paint(source, target(source))`` for each photo whose output is not there yet.

    Args:
        sources: the photos.
        paint: paints one; an :class:`ImpastoError` from it is noted and the rest goes on.
        target: where a photo's picture goes.
        overwrite: paint also what is there already.
        told: called with each photo and what became of it, as it happens.

    Raises:
        OutputError: two photos would be written to one file.
    """
    targets = {source: target(source) for source in sources}
    if len(set(targets.values())) < len(targets):
        names = sorted({t.name for t in targets.values() if list(targets.values()).count(t) > 1})
        raise OutputError(
            f"several photos would be written to {', '.join(names)}: paint them into different folders"
        )
    painted, skipped, refused = [], [], []
    for source, out in targets.items():
        if out.exists() and not overwrite:
            skipped.append(source)
            told(source, "is done")
            continue
        try:
            paint(source, out)
        except ImpastoError as error:
            refused.append((source, str(error)))
            told(source, "refused")
        else:
            painted.append(source)
            told(source, "painted")
    return Report(tuple(painted), tuple(skipped), tuple(refused))
