"""The photos of a folder or a pattern, and the names of their outputs."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from impasto import image
from impasto.errors import InputError
from impasto.jobs import FILMS
from impasto.jobs.base import pluralize

SHOWN = 3  # names of ignored files to print


def photos(content: str) -> list[Path] | None:
    """Return the photos of a folder or a pattern; None if ``content`` is the name of a single file.

    Photos of a folder are recognized by suffix or by their first bytes; a pattern takes every match.

    Raises:
        InputError: there are no images.
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
        others = f", but {pluralize(len(passed), 'other file')}" if passed else ""
        raise InputError(f"{content} contains no images{others}: give a folder of images")
    return found


def clips(content: str) -> list[Path]:
    """Return the videos of a folder without images; none for anything else."""
    if not Path(content).is_dir():
        return []
    found, others = image.pictures_among(Path(content).iterdir())
    return [] if found else [path for path in others if image.is_film(path)]


def non_image_message(content: str) -> str | None:
    """Return a message on the files of a folder that are not images; None if there are none."""
    passed = image.pictures_among(Path(content).iterdir()).passed if Path(content).is_dir() else []
    if not passed:
        return None
    names = [path.name for path in passed[:SHOWN]] + ["..."] * (len(passed) > SHOWN)
    films = "; use impasto video for videos" if any(p.suffix.lower() in FILMS for p in passed) else ""
    count = pluralize(len(passed), "non-image file")
    return f"{content}: ignored {count} ({', '.join(names)}){films}"


def stems(sources: Sequence[Path]) -> dict[Path, str]:
    """Return the name of each photo's output, without suffix.

    Photos that differ only in their suffix get it appended. Photos of several folders keep their path
    relative to the common parent folder.
    """
    count = Counter(source.with_name(source.stem) for source in sources)
    above = os.path.commonpath([source.parent for source in sources])
    found = {}
    for source in sources:
        plain = source.with_name(source.stem)
        named = source.with_name(f"{source.stem}-{source.suffix[1:]}") if count[plain] > 1 else plain
        found[source] = named.relative_to(above).as_posix()
    return found
