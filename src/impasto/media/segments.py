"""Writing of a video in parts, so that a killed run loses no more than its current part.

Each part is a video file of its own beside the target; the last step joins their packets with those of the
sound. Parts are deleted only after the finished video is in place: a run that is killed while joining joins
again. An uninterrupted run writes the same parts, so the results are equal.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from impasto import files
from impasto.errors import InputError, OutputError
from impasto.media.joining import STATE, Whole
from impasto.media.levels import pixels_of, top
from impasto.media.reading import USUAL
from impasto.media.spans import WHOLE, Film, Span
from impasto.media.writing import CODECS, PARTS, RAW, FilmWriter
from impasto.record import MADE_BY, other_version, version

Bytes = NDArray[np.uint8]
State = Mapping[str, NDArray[Any]]

PART_FRAMES = 240
PICTURES = (".gif", ".webp", "")  # targets of images; "" is a folder
LOSSLESS = "libx264rgb"
PLACING = "placing"  # file with the key of the run that is moving its video into place


def parts_of(target: Path) -> Path:
    """Return the folder for the parts of a video."""
    return target.with_name(target.name + ".parts")


def check_target(target: Path, *, overwrite: bool, key: str | None = None) -> None:
    """Check before long work that a video can be written to ``target``.

    An output of a run that was killed before it deleted its parts may be replaced by a run with the same
    ``key``, or if ``key`` is None.

    Raises:
        OutputError: the suffix is not supported, the target exists, or its folder cannot be written to.
    """
    suffix, sign = target.suffix.lower(), parts_of(target) / PLACING
    if sign.is_file() and key in (None, sign.read_text(encoding="utf-8")):
        overwrite = True
    if suffix not in CODECS and suffix not in PICTURES:
        names = ", ".join([*CODECS, ".gif", ".webp"])
        raise OutputError(
            f"cannot write {target}: its suffix must be one of {names}, or none for a folder of images"
        )
    if suffix or not target.is_dir():
        files.check_output(target, overwrite=overwrite)
    elif any(target.iterdir()) and not overwrite:
        raise OutputError(f"{target} is not empty: choose another folder, or allow --overwrite")


@dataclass
class Segments:
    """Parts of a video in progress.

    Args:
        target: the output video; without a suffix, a folder of numbered images.
        key: identity of the run: it resumes from parts with the same key and version, and refuses others.
        size: (height, width) of the frames.
        restart: discard existing parts.
        length: frames per part.
        rate: mean frame rate.

    Raises:
        InputError: there are parts of another run or another version of impasto, or parts are missing.
    """

    target: Path
    key: str
    size: tuple[int, int]
    restart: bool = False
    length: int = PART_FRAMES
    rate: Fraction = USUAL
    frames: int = 0  # in finished parts
    bytes: int = 0  # size of finished parts
    _writer: FilmWriter | None = field(default=None, repr=False)
    _state: dict[str, NDArray[Any]] = field(default_factory=dict, repr=False)
    _ends: Fraction = field(default=Fraction(0), repr=False)  # end time of the newest frame
    _clear: bool = False  # whether a frame had transparent pixels

    def __post_init__(self) -> None:
        record = self.folder / STATE
        if self.restart or not record.exists():
            forget(self.folder)  # parts without a state are unusable
            return
        tensors, meta = files.load_arrays(record)
        if other := other_version(meta):
            raise InputError(
                f"{self.folder} holds partial work of {other}, and this is {version()}: discard it with "
                f"--restart, or finish it with the version that began it"
            )
        if meta.get("key") != self.key:
            raise InputError(
                f"{self.folder} holds partial work of a run with other settings: resume with those settings, "
                f"or discard it with --restart"
            )
        self.frames, self.bytes = int(meta["frames"]), int(meta["bytes"])
        self._clear = bool(meta.get("clear"))
        self._state = dict(tensors)
        if sum(path.stat().st_size for path in self.parts) != self.bytes:
            raise InputError(
                f"{self.folder} lacks a part, or has a changed one: discard its work with --restart"
            )

    @property
    def folder(self) -> Path:
        """Folder of the parts."""
        return parts_of(self.target)

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """State given with the last finished part."""
        return {k: v for k, v in self._state.items() if k != "none"}

    @property
    def waiting(self) -> int:
        """Number of frames in the unfinished part."""
        return 0 if self._writer is None else self._writer.frames

    @property
    def full(self) -> bool:
        """Whether :meth:`finish_part` is due."""
        return self.waiting >= self.length

    def write(self, rgb: Bytes, time: Fraction, duration: Fraction) -> None:
        """Write a frame that is shown for ``duration`` seconds.

        Args:
            rgb: ``(H, W, 3)``, or ``(H, W, 4)`` with alpha; uint8, or uint16 for a folder. All frames of a
                run are of one kind.
            time, duration: in seconds.

        Raises:
            OutputError: the disk is full or unavailable.
        """
        if self._writer is None:
            plain = rgb.shape[2] == 3 and top(rgb) == 255
            codec = CODECS.get(self.target.suffix.lower(), LOSSLESS) if plain else RAW
            self.folder.mkdir(parents=True, exist_ok=True)  # not before there is a frame
            path = self.folder / f"{self.frames:09d}{PARTS}"
            self._writer = FilmWriter(
                path, self.size, suffix=PARTS, codec=codec, rate=self.rate, pixels=pixels_of(rgb)
            )
        self._writer.write(rgb, time, duration)
        self._clear = self._clear or (rgb.shape[2] == 4 and bool(rgb[..., 3].min() < top(rgb)))
        self._ends = time + duration

    def finish_part(self, state: State) -> None:
        """End the part, and save it with the state for the next frame."""
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        writer.close()
        self.frames += writer.frames
        self.bytes += writer.path.stat().st_size
        kept = dict(state) or {"none": np.zeros(1, np.float32)}
        numbers: dict[str, files.JSON] = {"key": self.key, "frames": self.frames, "bytes": self.bytes}
        numbers |= {"ends": str(self._ends), "clear": self._clear, MADE_BY: version()}
        files.save_checkpoint(self.folder / STATE, kept, numbers)

    def abandon(self) -> None:
        """Close a part that will not be finished."""
        if self._writer is not None:
            with contextlib.suppress(av.FFmpegError, OSError, OutputError):
                self._writer.container.close()

    def join(
        self, source: Film | None, *, spans: Sequence[Span] = WHOLE, overwrite: bool = False, recipe: str = ""
    ) -> None:
        """Write the video with the sound of ``source``, and delete the parts.

        Raises:
            OutputError: it cannot be written; the parts are kept.
        """
        whole = Whole(self.target, self.size, spans=spans, recipe=recipe)
        sign = self.folder / PLACING
        known = sign.is_file() and sign.read_text(encoding="utf-8") == self.key

        def placing() -> None:
            check_target(self.target, overwrite=overwrite or known)
            sign.write_text(self.key, encoding="utf-8")

        whole.join(self.parts, source, overwrite=overwrite or known, placing=placing)
        forget(self.folder)

    @property
    def parts(self) -> list[Path]:
        """Paths of finished parts, without one that a kill left unfinished."""
        found = sorted(self.folder.glob(f"*{PARTS}"))
        return [path for path in found if int(path.stem) < self.frames]


def of_other_version(target: Path) -> bool:
    """Return whether another version of impasto left parts of a video.

    Raises:
        InputError: their state is damaged.
    """
    record = parts_of(target) / STATE
    return record.exists() and bool(other_version(files.describe_checkpoint(record)))


def forget(folder: Path) -> None:
    """Delete parts, the state first, so that a kill in between leaves nothing to resume from."""
    (folder / STATE).unlink(missing_ok=True)
    if folder.exists():
        shutil.rmtree(folder)
