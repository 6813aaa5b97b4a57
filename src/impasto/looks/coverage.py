"""How much of each picture each class covers, as a table a person can read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from impasto.looks.look import Look, Statistics


@dataclass(frozen=True)
class Coverage:
    """One class: shares of photo and style, 0..1, and whether it has a map of its own."""

    name: str
    photo: float
    style: float
    own: bool

    @property
    def words(self) -> str:
        """What becomes of the class."""
        if self.own:
            return ""
        if self.photo == 0:
            return "not in the photo: its colours are not used"
        return "not in the style: takes the map of the whole pictures"


def coverage(photo: Sequence[Statistics | None], look: Look) -> list[Coverage]:
    """The table of a photo's classes and a look's."""
    return [
        Coverage(
            name,
            0.0 if a is None else a.share,
            0.0 if b is None else b.share,
            a is not None and b is not None,
        )
        for name, a, b in zip(look.names, photo, look.classes, strict=True)
        if a is not None or b is not None
    ]


def table(rows: Sequence[Coverage]) -> str:
    """The rows as text."""
    width = max(5, *(len(row.name) for row in rows))
    lines = [f"{'class':{width}}  photo  style"]
    lines += [f"{r.name:{width}}  {r.photo:5.1%}  {r.style:5.1%}  {r.words}".rstrip() for r in rows]
    return "\n".join(lines)
