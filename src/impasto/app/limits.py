"""What the page takes from whoever can open it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from impasto.errors import InputError

SEEN = ".seen.jpg"  # what is added to a photo's name for a small picture of it


def kept(folder: Path) -> int:
    """How many files lie in a folder and below, small pictures of others not counted."""
    return sum(1 for path in folder.rglob("*") if path.is_file() and not path.name.endswith(SEEN))


@dataclass(frozen=True)
class Limits:
    """The most that one visit may ask for.

    Args:
        megabytes: of one upload.
        uploads: files that are kept at once, of all visits.
        pixels: of one picture.
        side: long side of what is painted, pixels.
        styles: pictures of style at once.
        film_seconds: length of a film.
        run_seconds: time for one painting; what there is by then is kept.
        waiting: visits that may wait for their turn.
    """

    megabytes: int = 200
    uploads: int = 500
    pixels: int = 60_000_000
    side: int = 2048
    styles: int = 6
    film_seconds: float = 120.0
    run_seconds: float = 1800.0
    waiting: int = 8

    def check_uploads(self, kept: int) -> None:
        """Refuses another upload where as many files as may be are kept."""
        if kept >= self.uploads:
            raise InputError(
                f"this page keeps {self.uploads} files at a time, and has them: try again tomorrow, or have "
                f"it started anew, perhaps with a higher --max-uploads"
            )

    def check_bytes(self, said: str) -> None:
        """Refuses an upload of more bytes, as its header says, than all styles at once may have."""
        most = self.megabytes * self.styles
        if not said.isdigit() or int(said) > most * 10**6:
            raise InputError(f"what is dropped at once must be {most} MB at most")

    def check_styles(
        self, styles: Sequence[str], mend: str = "click a learned style, or drop a painting"
    ) -> None:
        """Refuses none, and too many."""
        if not styles:
            raise InputError(f"no style is chosen: {mend}")
        if len(styles) > self.styles:
            raise InputError(f"{len(styles)} styles are too many: choose at most {self.styles}")

    def side_of(self, size: int | str | None, painted: int) -> int | str | None:
        """The size to paint at: as asked for; or the most, where nothing was and it would be more.

        Args:
            size: what was asked for.
            painted: long side of what that would paint, pixels.

        Raises:
            InputError: more was asked for than may be painted.
        """
        if painted <= self.side:
            return size
        if size is None:
            return self.side
        pixels = "" if isinstance(size, int) else f" ({painted} px)"
        raise InputError(f"size {size}{pixels} is more than this page paints: give at most {self.side}")

    def check_film(self, path: str | Path, seconds: float | None) -> None:
        """Refuses films that are too long, or do not say how long they are."""
        if seconds is None or seconds > self.film_seconds:
            long = "of unknown length" if seconds is None else f"of {seconds:.0f} s"
            raise InputError(
                f"{Path(path).name} is a film {long}, and this page takes {self.film_seconds:.0f} s: "
                "set start and end"
            )
