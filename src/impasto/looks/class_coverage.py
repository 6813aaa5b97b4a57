"""Table of the coverage of each class in content and style images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from impasto.looks.look import Look, Statistics
from impasto.looks.masks import Regions


@dataclass(frozen=True)
class Coverage:
    """One class: shares in content and style, 0..1, and how it is handled without statistics."""

    name: str
    photo: float
    style: float
    words: str = ""


def coverage(
    photo: Sequence[Statistics | None],
    look: Look,
    regions: Regions | None = None,
    styles: Sequence[Regions] = (),
) -> list[Coverage]:
    """Return the coverage table of a content image and a look.

    Args:
        photo: statistics of the content classes.
        look: the look.
        regions: regions of the content image, for classes too small for statistics.
        styles: regions of the style images, likewise.
    """
    here = [] if regions is None else [regions]
    thin = dict.fromkeys(name for one in (*here, *styles) for name in one.thin if name not in look.names)
    names = [*look.names, *thin]
    none = [None] * len(thin)
    rows = []
    for name, own, wanted in zip(names, [*photo, *none], [*look.classes, *none], strict=True):
        covers, wants = _share(own, here, name), _share(wanted, styles, name)
        if covers or wants:
            words = _words(
                "" if own is not None else _lack(here, name, covers),
                "" if wanted is not None else _lack(styles, name, wants),
            )
            rows.append(Coverage(name, covers, wants, words))
    return rows


def _share(found: Statistics | None, drawn: Sequence[Regions], name: str) -> float:
    if found is not None:
        return found.share
    shares = [dict(zip(one.names, one.shares, strict=True)) | dict(one.thin) for one in drawn]
    return float(max((own.get(name, 0.0) for own in shares), default=0.0))


def _lack(drawn: Sequence[Regions], name: str, share: float) -> str:
    """Return why an image has no statistics of a class."""
    return "too thin" if any(name in one.thin for one in drawn) else "too small" if share else "not"


def _words(photo: str, style: str) -> str:
    """Describe how a class missing in the content or style image is handled."""
    if photo == "too thin":
        return "too thin in the photo: merged into its neighbors"
    if photo == "not":
        return "not in the photo: its colors are not used"
    lack = f"{photo} in the photo" if photo else f"{style} in the style"
    return f"{lack}: uses the color transform of the whole images" if photo or style else ""


def table(rows: Sequence[Coverage]) -> str:
    """Format the rows as text."""
    width = max(5, *(len(row.name) for row in rows))
    lines = [f"{'class':{width}}  photo  style"]
    lines += [f"{r.name:{width}}  {r.photo:5.1%}  {r.style:5.1%}  {r.words}".rstrip() for r in rows]
    return "\n".join(lines)
