"""Limits of the page: what its users may upload and run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from impasto.errors import InputError
from impasto.jobs.base import pluralize

SEEN = ".seen.jpg"  # suffix of a photo's preview image


def count_files(folder: Path) -> int:
    """Return the number of files in a folder and its subfolders, without preview images."""
    return sum(1 for path in folder.rglob("*") if path.is_file() and not path.name.endswith(SEEN))


@dataclass(frozen=True)
class Limits:
    """Upper limits for one session.

    Args:
        megabytes: size of an upload.
        uploads: number of stored files, of all sessions.
        side: long side of a result, in pixels.
        film_seconds: length of a video.
        run_seconds: time per job; its result so far is then kept.
        waiting: number of jobs in the queue.
        away_seconds: time for which the job and the results of a closed page are kept, for a reload.
    """

    megabytes: int = 200
    uploads: int = 500
    pixels: int = 60_000_000
    side: int = 2048
    styles: int = 6
    film_seconds: float = 120.0
    run_seconds: float = 1800.0
    waiting: int = 8
    away_seconds: float = 120.0

    def check_uploads(self, kept: int) -> None:
        """Raise InputError if ``kept`` files reach the upload limit."""
        if kept >= self.uploads:
            raise InputError(
                f"upload limit reached ({pluralize(self.uploads, 'file')}): try again later, or restart the "
                f"server with a higher --max-uploads"
            )

    def check_bytes(self, said: str) -> None:
        """Raise InputError if an upload's content length exceeds the limit for all styles together."""
        most = self.megabytes * self.styles
        if not said.isdigit() or int(said) > most * 10**6:
            raise InputError(f"an upload must not exceed {most} MB: choose fewer or smaller files")

    def check_styles(
        self, styles: Sequence[str], mend: str = "click a learned style, or drop a style image"
    ) -> None:
        """Raise InputError if there are no styles, or too many."""
        if not styles:
            raise InputError(f"no style is chosen: {mend}")
        if len(styles) > self.styles:
            raise InputError(f"{pluralize(len(styles), 'style')} are too many: choose at most {self.styles}")

    def side_of(self, size: int | str | None, painted: int) -> int | str | None:
        """Return the size to process at: the requested one, or the limit if none was requested.

        Args:
            painted: long side of the result at that size, in pixels.

        Raises:
            InputError: the requested size exceeds the limit.
        """
        if painted <= self.side:
            return size
        if size is None:
            return self.side
        pixels = "" if isinstance(size, int) else f" ({painted} px)"
        raise InputError(f"size {size}{pixels} exceeds the limit of this page: give at most {self.side}")

    def check_film(self, path: str | Path, seconds: float | None) -> None:
        """Raise InputError if a video is too long, or its length is unknown."""
        if seconds is None or seconds > self.film_seconds:
            long = "of unknown length" if seconds is None else f"of {seconds:.0f} s"
            raise InputError(
                f"{Path(path).name} is a video {long}, and this page accepts at most "
                f"{self.film_seconds:.0f} s: set start and end to a shorter part"
            )
